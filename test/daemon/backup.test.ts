import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openStateDirectory } from "../../daemon/state-directory.ts";
import { runCaptured, type CapturedRun } from "./fixtures/captured-run.ts";

const directory = mkdtempSync(join(tmpdir(), "causeway-backup-"));
const state = join(directory, "state");
const file = join(directory, "host.backup");
const phrase = join(directory, "phrase");
const noSocket = ["--socket", join(directory, "none.sock")];

const run = (...args: string[]): Promise<CapturedRun> => runCaptured(args);

function filesOf(path: string): Record<string, string> {
  const names = ["host.key", "overlay.json", "state-version"];
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(path, name), "utf8")]));
}

beforeAll(async () => {
  writeFileSync(phrase, "correct horse battery\n");
  expect((await run("init", "--state", state)).status).toBe(0);
});

afterAll(() => rmSync(directory, { recursive: true }));

describe("backup", () => {
  it("writes one file for its owner only, says when it is not sealed, and is noted", async () => {
    const { status, text, err } = await run("backup", file, "--state", state);
    expect({ status, text }).toMatchObject({ status: 0, text: expect.stringContaining(file) });
    expect(err).toMatch(/--passphrase-file/);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const { backedUpAtMs } = JSON.parse(filesOf(state)["overlay.json"]!) as Record<string, unknown>;
    expect(Math.abs(Number(backedUpAtMs) - Date.now())).toBeLessThan(60_000);
    const sealed = await run("backup", file, "--state", state, "--passphrase-file", phrase);
    expect(sealed).toMatchObject({ status: 0, err: "" });
    expect(readFileSync(file).includes(filesOf(state)["host.key"]!.trim())).toBe(false);
    expect(readdirSync(directory).filter((name) => name.endsWith(".new"))).toEqual([]);
  });

  it("replaces a backup and nothing else", async () => {
    const letter = join(directory, "letter");
    writeFileSync(letter, "dear host");
    expect(await run("backup", letter, "--state", state)).toMatchObject({
      status: 2,
      err: expect.stringMatching(/is no backup; choose another name/),
    });
    expect(readFileSync(letter, "utf8")).toBe("dear host");
    const short = join(directory, "short");
    writeFileSync(short, "1234567\n");
    expect(await run("backup", file, "--state", state, "--passphrase-file", short)).toMatchObject({
      status: 2,
      err: expect.stringMatching(/8 characters/),
    });
  });

  it("says where the state may be, when there is none and no daemon", async () => {
    const missing = join(directory, "missing");
    const { status, err } = await run("backup", file, "--state", missing, ...noSocket);
    expect({ status, err }).toMatchObject({ status: 1, err: expect.stringMatching(/--socket/) });
    expect(readdirSync(directory)).not.toContain("missing");
  });
});

describe("restore", () => {
  it("makes the same host again, in an empty place", async () => {
    const elsewhere = join(directory, "elsewhere");
    mkdirSync(elsewhere);
    const args = ["--state", elsewhere, "--passphrase-file", phrase, "--json"];
    const { status, text, err } = await run("restore", file, ...args);
    expect({ status, err }).toMatchObject({ status: 0, err: expect.stringMatching(/causeway up/) });
    expect(JSON.parse(text)).toMatchObject({ state: elsewhere, records: 0, movedAside: null });
    const [before, after] = [filesOf(state), filesOf(elsewhere)];
    expect(after["host.key"]).toBe(before["host.key"]);
    const overlay = (json: string) => ({ ...(JSON.parse(json) as object), backedUpAtMs: 0 });
    expect(overlay(after["overlay.json"]!)).toEqual(overlay(before["overlay.json"]!));
    openStateDirectory(elsewhere).close();
    expect((await run("backup", `${file}2`, "--state", elsewhere)).status).toBe(0);
  });

  it("leaves a state that is there alone, unless it is told to move it aside", async () => {
    const args = ["restore", file, "--passphrase-file", phrase, "--state", state];
    const before = filesOf(state);
    expect(await run(...args)).toMatchObject({ status: 1, err: expect.stringMatching(/--force/) });
    const lock = openStateDirectory(state);
    expect(await run(...args, "--force")).toMatchObject({
      status: 1,
      err: expect.stringMatching(/already runs.*causeway down/),
    });
    lock.close();
    expect(filesOf(state)).toEqual(before);
    expect(await run(...args, "--force")).toMatchObject({ status: 0 });
    expect(filesOf(`${state}.before-1`)).toEqual(before);
    const foreign = join(directory, "foreign");
    mkdirSync(foreign);
    writeFileSync(join(foreign, "thesis"), "x");
    expect(await run(...args.slice(0, -1), foreign, "--force")).toMatchObject({
      status: 1,
      err: expect.stringMatching(/not Causeway's/),
    });
  });

  it("changes nothing when the file is not usable", async () => {
    const before = filesOf(state);
    const attempt = async (bytes: Uint8Array, ...args: string[]): Promise<string> => {
      const bad = join(directory, "bad");
      writeFileSync(bad, bytes);
      const { status, err } = await run("restore", bad, "--state", state, "--force", ...args);
      expect(status).toBe(1);
      expect(filesOf(state)).toEqual(before);
      return err;
    };
    const sealed = readFileSync(file);
    expect(await attempt(sealed)).toMatch(/--passphrase-file/);
    const other = join(directory, "other");
    writeFileSync(other, "wrong horse battery");
    expect(await attempt(sealed, "--passphrase-file", other)).toMatch(/not the passphrase/);
    expect(await attempt(sealed.subarray(0, 400), "--passphrase-file", phrase)).toMatch(/damaged/);
    expect(readdirSync(directory).filter((name) => /restoring|before-2/.test(name))).toEqual([]);
  });
});
