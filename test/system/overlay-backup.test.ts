import { rmSync, statSync } from "node:fs";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openBed, type Bed } from "../../daemon/bench/bed.ts";
import { LAB_MISSING, ownLabName } from "./lab-requirements.ts";

const SITES = [
  "{ name: alpha, hosts: 1, uplink: { delay: 5ms } }",
  "{ name: beta, hosts: 2, uplink: { delay: 5ms } }",
  "{ name: gamma, hosts: 1, uplink: { delay: 5ms } }",
];

describe.skipIf(LAB_MISSING !== undefined)("the host that made the overlay", () => {
  const directory = mkdtempSync(join(tmpdir(), "causeway-backup-"));
  const file = join(directory, "alpha-1.backup");
  const phrase = join(directory, "phrase");
  let bed: Bed;

  const causeway = async (host: string, ...args: string[]): Promise<string> => {
    const { status, stdout, stderr } = await bed.lab.exec(host, ["causeway", ...args]);
    expect({ args, status, stderr: status === 0 ? "" : stderr }).toMatchObject({ status: 0 });
    return stdout;
  };
  const hasWarning = async (code: string): Promise<boolean> =>
    (await bed.explain("alpha-1")).some((finding) => finding.code === code);

  beforeAll(async () => {
    writeFileSync(phrase, "correct horse battery");
    bed = await openBed({ name: ownLabName("backup"), sites: SITES });
    await bed.start();
    await bed.settle(3, 4);
  });

  afterAll(async () => {
    await bed?.close();
    rmSync(directory, { recursive: true });
  });

  it("backs up while it runs, and is warned no more", async () => {
    for (const key of ["kept", "removed", "replaced", "gone"])
      await bed.put("alpha-1", key, `${key} 1`, { ttlMs: 86_400_000 });
    expect(await hasWarning("authority-not-backed-up")).toBe(true);
    await causeway("alpha-1", "backup", file, "--passphrase-file", phrase);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(await hasWarning("authority-not-backed-up")).toBe(false);
  });

  it("is lost, comes back from its backup, and brings nothing back that is over", async () => {
    const { id } = (await bed.status("alpha-1")).host;
    await bed.remove("alpha-1", "removed");
    await bed.put("alpha-1", "replaced", "replaced 2", { ttlMs: 86_400_000 });
    // Its holders remember no more than the version of this one.
    await bed.put("alpha-1", "gone", "gone 2", { ttlMs: 1_000 });
    await bed.pause(1_500);
    await bed.lab.kill(["alpha-1"]);
    bed.wipe("alpha-1");
    const args = ["--passphrase-file", phrase];
    await causeway("alpha-1", "restore", file, "--state", bed.lab.paths("alpha-1").state, ...args);
    await bed.start(["alpha-1"]);
    await bed.settle(3, 4);
    expect((await bed.status("alpha-1")).host.id).toBe(id);
    const isDone = async (): Promise<boolean> => !(await hasWarning("restored-records-wait"));
    expect(await bed.until(isDone, 30_000)).toBeLessThan(30_000);
    for (const host of bed.hosts()) {
      expect(await bed.finds(host, "kept", "kept 1")).toBe(true);
      expect(await bed.finds(host, "replaced", "replaced 2")).toBe(true);
      for (const key of ["removed", "gone"])
        expect((await bed.get(host, key)).answer.records).toEqual([]);
    }
    // What it published after the backup is its own again.
    expect(await bed.remove("alpha-1", "replaced")).toMatchObject({ removed: true });
    const isGone = async (): Promise<boolean> =>
      (await bed.get("gamma-1", "replaced")).answer.records.length === 0;
    expect(await bed.until(isGone, 5_000)).toBeLessThan(5_000);
  });

  it("admits others as before", async () => {
    expect(await causeway("alpha-1", "token")).toMatch(/^causeway1\./);
    expect(await hasWarning("authority-not-backed-up")).toBe(false);
  });
});
