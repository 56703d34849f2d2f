import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { format } from "prettier";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROUTES } from "../../daemon/api/routes.ts";
import { findCommand, loadCommands } from "../../daemon/cli/commands.ts";
import { SHELLS, renderCompletion } from "../../daemon/cli/completion-script.ts";
import { loadConfig } from "../../daemon/config/load.ts";
import { startDaemon } from "../../daemon/daemon.ts";
import type { Daemon } from "../../daemon/daemon.ts";
import { SILENT } from "../../platform/logger.ts";
import { readFileSync } from "node:fs";
import { runCaptured, runJsonCaptured, type CapturedRun } from "./fixtures/captured-run.ts";
import { createFakeOverlay } from "./fixtures/fake-overlay.ts";

const directory = mkdtempSync(join(tmpdir(), "causeway-cli-"));
const socket = join(directory, "api.sock");
const state = join(directory, "state");
const overlay = createFakeOverlay();
let daemon: Daemon;

beforeAll(async () => {
  const config = loadConfig({ flags: { socket, state } });
  daemon = await startDaemon(
    { config, token: null, reread: () => config },
    {
      log: { ...SILENT, setLevel: () => {} },
      startOverlay: () => Promise.resolve(overlay),
      startBridge: undefined,
      forgetState: async () => {},
    },
  );
});

afterAll(async () => {
  await daemon.stop("down");
  await daemon.stopped;
  rmSync(directory, { recursive: true });
});

const run = (...args: string[]): Promise<CapturedRun> => runCaptured(args);

/** Runs against the daemon above and reads the one line of JSON. */
function runJson(...args: string[]): Promise<Record<string, unknown>> {
  return runJsonCaptured([...args, "--socket", socket]);
}

describe("commands", () => {
  it("put, get, lookup and remove", async () => {
    expect(await runJson("put", "k", "v", "--ttl", "5m", "--slot", "s")).toMatchObject({
      version: 1,
    });
    expect(overlay.puts.at(-1)).toEqual({
      ttlMs: 300_000,
      slot: "s",
      copies: { type: "copies", count: 2 },
    });
    await runJson("put", "k", "v2", "--copies", "demand", "--slot", "s");
    expect(overlay.puts.at(-1)?.copies).toEqual({ type: "demand" });
    const got = await runJson("get", "k");
    expect(got["records"]).toMatchObject([{ slot: "s", value: "v2", version: 2 }]);
    expect(got["tookMs"]).toBeTypeOf("number");
    expect((await runJson("lookup", "k"))["path"]).toMatchObject([{ role: "holder" }]);
    expect(await runJson("remove", "k", "--slot", "s")).toMatchObject({ removed: true });
    expect(await runJson("remove", "k", "--slot", "s")).toMatchObject({ removed: false });
    expect((await runJson("get", "k"))["records"]).toEqual([]);
  });

  it("status, hosts, subnets, explain and token", async () => {
    expect(await runJson("status")).toMatchObject({
      health: "healthy",
      bootstrap: { contacts: 0 },
    });
    expect((await runJson("hosts"))["hosts"]).toHaveLength(1);
    expect((await runJson("subnets"))["subnets"]).toHaveLength(1);
    expect((await runJson("explain"))["findings"]).toHaveLength(1);
    expect((await runJson("token", "--no-admit"))["token"]).toBe("token-false-86400000");
  });

  it("speaks to people without --json", async () => {
    for (const name of ["status", "hosts", "subnets", "explain", "token"]) {
      const { status, text } = await run(name, "--socket", socket);
      expect(status).toBe(0);
      expect(text).not.toContain("{");
      expect(text.length).toBeGreaterThan(10);
    }
    expect((await run("get", "nothing", "--socket", socket)).text).toBe("no records");
  });

  it("hosts --pending, admit and revoke", async () => {
    expect((await runJson("hosts", "--pending"))["pending"]).toMatchObject([{ name: "newcomer" }]);
    const { text } = await run("hosts", "--pending", "--socket", socket);
    expect(text).toMatch(/newcomer +d{52} +10\.0\.0\.9 +2 s/);
    expect((await runJson("admit", "newcomer", "--no-admit"))["mayAdmit"]).toBe(false);
    const admitted = await run("admit", "newcomer", "--socket", socket);
    expect(admitted.text).toBe(`admitted newcomer  ${"d".repeat(52)}`);
    const revoked = await run("revoke", "desk", "--socket", socket);
    expect(revoked.text).toBe(`revoked desk  ${"a".repeat(52)}`);
    expect(revoked.err).toMatch(/2 hosts that it let in stay/);
    expect(revoked.err).toMatch(/could answer in kind/);
    const all = await run("revoke", "desk", "--with-admitted", "--socket", socket);
    expect(all.err).toMatch(/2 hosts that it let in were taken out too/);
  });

  it("finds the daemon by environment and by the configuration file", async () => {
    process.env["CAUSEWAY_SOCKET"] = socket;
    expect((await run("status")).status).toBe(0);
    delete process.env["CAUSEWAY_SOCKET"];
    const file = join(directory, "causeway.yaml");
    writeFileSync(file, `socket: ${socket}\n`);
    process.env["CAUSEWAY_CONFIG"] = file;
    expect((await run("status")).status).toBe(0);
    writeFileSync(file, `socket: [\n`);
    expect((await run("status")).err).toMatch(/no daemon at/);
    delete process.env["CAUSEWAY_CONFIG"];
  });
});

describe("user mistakes end with 2", () => {
  it.each([
    [[], /which command/],
    [["stauts"], /"stauts": no such command; did you mean status\?/],
    [["__proto__"], /no such command/],
    [["status", "--jsno"], /--jsno: unknown option; did you mean --json/],
    [["status", "now"], /this command takes no operands/],
    [["get"], /KEY: is missing/],
    [["admit"], /HOST: is missing/],
    [["revoke"], /HOST: is missing/],
    [["put", "k"], /VALUE: is missing/],
    [["put", "k", "v", "--ttl", "2d"], /--ttl: "2d" is not allowed/],
    [["put", "k", "v", "--copies", "0"], /--copies: "0" is not allowed/],
    [["put", "k", "v", "--slot", "s".repeat(65)], /--slot: has 65 bytes/],
    [["put", "k", "x".repeat(4097)], /VALUE: has 4097 bytes/],
    [["put", "k", "@/no/file"], /cannot be read/],
    [["up", "--join", "sometoken"], /takes the token from @FILE/],
    [["up", "--port", "http"], /port: "http" is not allowed/],
    [["up", "--config", "/no/such.yaml"], /\/no\/such\.yaml: cannot be read/],
    [["completion", "tcsh"], /SHELL: "tcsh" is not allowed; allowed: bash, zsh, fish/],
    [["help", "nothing"], /no such command/],
    [["leave", "--forget", "--state", directory], /is not a state directory of Causeway/],
  ])("mistake %#", async (args, message) => {
    const env = { ...process.env };
    process.env["CAUSEWAY_SOCKET"] = join(directory, "absent.sock");
    const { status, err, out } = await run(...args);
    process.env = env;
    expect(err).toMatch(/^causeway: /);
    expect(err).toMatch(message);
    expect(err.split("\n")).toHaveLength(1);
    expect({ status, out }).toEqual({ status: 2, out: [] });
  });
});

describe("failures end with 1", () => {
  const absent = join(directory, "absent.sock");

  it.each(["status", "hosts", "down", "leave", "token"])("%s without a daemon", async (name) => {
    const { status, err } = await run(name, "--socket", absent);
    expect({ status, err }).toEqual({
      status: 1,
      err: `causeway: no daemon at ${absent}; start one with "causeway up"`,
    });
  });

  it("explain makes a finding of it", async () => {
    const { status, out } = await run("explain", "--json", "--socket", absent);
    expect(status).toBe(1);
    expect(JSON.parse(out[0] ?? "")).toMatchObject({
      findings: [
        { code: "no-daemon", severity: "problem", advice: 'start one with "causeway up"' },
      ],
    });
  });
});

describe("help", () => {
  it("lists every command and explains each", async () => {
    const { text } = await run("help");
    for (const { name, summary } of await loadCommands()) {
      expect(text).toContain(summary);
      const one = await run(name, "--help");
      expect(one.status).toBe(0);
      expect(one.text).toContain(name);
    }
    expect((await run("--help")).text).toBe(text);
    expect((await run("help", "put")).text).toBe((await findCommand("put")).usage);
  });

  it("tells the version", async () => {
    expect((await run("--version")).text).toMatch(/^\d+\.\d+\.\d+$/);
  });

  it("stands in docs/cli.md", async () => {
    const commands = (await loadCommands()).filter(({ name }) => !["lab", "bench"].includes(name));
    const sections = commands.map(
      ({ name, usage }) => `## ${name}\n\n\`\`\`text\n${usage}\n\`\`\`\n`,
    );
    const text = [
      "# Command line",
      "",
      "<!-- Made from the commands' own tables; `npx vitest run test/daemon/cli.test.ts -u` writes it anew. -->",
      "",
      "Exit status: 0 done, 1 it did not work, 2 a mistake in the command line or the configuration.",
      "Results go to standard output, errors and progress to standard error. With `--json` a result is",
      "one line. Clients find the daemon by `--socket`, `$CAUSEWAY_SOCKET`, the configuration file, or in",
      "the usual place (docs/configuration.md).",
      "",
      "A key is any text, whose SHA-256 is used, or `0x` and 64 hexadecimal digits. Durations are written",
      "`500ms`, `30s`, `5m`, `2h`, `1d`.",
      "",
      ...sections,
    ].join("\n");
    const formatted = await format(text, { parser: "markdown", printWidth: 100 });
    await expect(formatted).toMatchFileSnapshot("../../docs/cli.md");
  });
});

describe("completion", () => {
  it.each(SHELLS)("makes a script that %s can read", async (shell) => {
    const script = renderCompletion(shell, await loadCommands());
    const file = join(directory, `completion.${shell}`);
    writeFileSync(file, script);
    const { status, error, stderr } = spawnSync(shell, ["-n", file], { encoding: "utf8" });
    // zsh and fish are rarely there; bash is, and must agree.
    if (error === undefined || shell === "bash")
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(script).toContain("no-wan");
  });

  it("completes commands, options and their values in bash", async () => {
    const file = join(directory, "complete.bash");
    writeFileSync(file, renderCompletion("bash", await loadCommands()));
    const complete = (...words: string[]): string =>
      execFileSync(
        "bash",
        [
          "-c",
          `. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _causeway; echo "\${COMPREPLY[@]}"`,
          file,
          "causeway",
          ...words,
        ],
        { encoding: "utf8" },
      ).trim();
    expect(complete("sta")).toBe("status");
    expect(complete("put", "k", "v", "--co")).toBe("--copies");
    expect(complete("completion", "z")).toBe("zsh");
    expect(complete("status", "--socket", `${directory}/comp`)).toContain("complete.bash");
  });
});

it("documents every route in docs/api.md", () => {
  const text = readFileSync(new URL("../../docs/api.md", import.meta.url), "utf8");
  for (const { method, path } of ROUTES)
    expect(text).toContain(`\`${method} ${path.replace(":key", "KEY")}`);
});
