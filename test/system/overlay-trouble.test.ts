import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openBed, type Bed } from "../../daemon/bench/bed.ts";
import { findAll, putRecords } from "../../daemon/bench/overlay/records-set.ts";
import { LAB_MISSING, ownLabName } from "./lab-requirements.ts";
import { endDaemon, explains, runDaemon } from "./overlay-bed.ts";

const LISTENER = `require("node:net").createServer().listen(Number(process.argv[1]), () => console.log("ready"))`;
const SKEWED = `data:text/javascript,const now = Date.now; Date.now = () => now() + 120_000;`;

describe.skipIf(LAB_MISSING !== undefined)("a daemon in trouble", () => {
  let bed: Bed;
  let mounted: string | undefined;

  beforeAll(async () => {
    const sites = [
      "{ name: alpha, hosts: 3, uplink: { delay: 5ms } }",
      "{ name: beta, hosts: 2, uplink: { delay: 5ms } }",
    ];
    bed = await openBed({ name: ownLabName("ill"), sites });
    await bed.start(["alpha-1"]);
  });

  afterAll(async () => {
    if (mounted !== undefined) {
      if (bed.lab.daemonState("beta-1") !== "gone") await bed.lab.kill(["beta-1"]);
      execFileSync("umount", [mounted]);
    }
    await bed?.close();
  });

  it("is refused when another one has its state, and leaves that one alone", async () => {
    const second = runDaemon(bed, "alpha-1");
    expect(await second.ended).toBe(1);
    expect(second.log()).toMatch(/causeway: a daemon already runs on the state directory/);
    expect((await bed.status("alpha-1")).health).toBe("healthy");
  });

  it.each([4777, 4778])("says so when port %i is taken", async (port) => {
    bed.wipe("alpha-2");
    const listener = bed.lab.spawn("alpha-2", [process.execPath, "-e", LISTENER, String(port)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(listener.stdout!, "data");
    try {
      const daemon = runDaemon(bed, "alpha-2");
      expect(await daemon.ended).toBe(1);
      expect(daemon.log()).toContain(String(port));
      expect(daemon.log()).toMatch(/taken.*"port"/);
    } finally {
      listener.kill("SIGKILL");
    }
  });

  it("explains that it sees no multicast", async () => {
    bed.wipe("alpha-2");
    const rule = "type filter hook input priority 0; udp dport 5353 drop";
    const table = `table inet t {
 chain c {
 ${rule}
 }
}
`;
    const dropped = await bed.lab.exec("alpha-2", ["nft", "-f", "-"], { input: table });
    expect(dropped).toMatchObject({ status: 0, stderr: "" });
    const daemon = runDaemon(bed, "alpha-2");
    try {
      await bed.pause(2_000); // at first nobody can know
      expect(await explains(bed, "alpha-2", "no-multicast")).toBe(true);
    } finally {
      await endDaemon(daemon);
      await bed.lab.exec("alpha-2", ["nft", "delete", "table", "inet", "t"]);
    }
  });

  it("explains that the link has hosts of another overlay", async () => {
    bed.wipe("alpha-2");
    const made = await bed.lab.exec("alpha-2", ["causeway", "init", "--name", "other"]);
    expect(made.status).toBe(0);
    const daemon = runDaemon(bed, "alpha-2");
    try {
      expect(await explains(bed, "alpha-2", "foreign-overlay")).toBe(true);
      expect(await explains(bed, "alpha-1", "foreign-overlay")).toBe(true);
      expect((await bed.status("alpha-1")).subnet.hosts).toHaveLength(1);
    } finally {
      await endDaemon(daemon);
      bed.wipe("alpha-2");
    }
  });

  it("waits as pending on a locked link, and explains how to admit it", async () => {
    expect((await bed.lab.exec("alpha-1", ["causeway", "token"])).status).toBe(0);
    const daemon = runDaemon(bed, "alpha-2");
    try {
      expect(await explains(bed, "alpha-2", "pending")).toBe(true);
      const { status, stderr } = await bed.lab.exec("alpha-2", ["causeway", "get", "k"]);
      expect(status).toBe(1);
      expect(stderr).toMatch(/this host is in no subnet/);
    } finally {
      await endDaemon(daemon);
    }
  });

  it("explains that no address of its token answers", async () => {
    const { stdout } = await bed.lab.exec("alpha-1", ["causeway", "token"]);
    const { directory } = bed.lab.paths("beta-2");
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, "given"), stdout, { mode: 0o600 });
    await bed.lab.link("alpha", { isCut: true });
    const daemon = runDaemon(bed, "beta-2", ["--join", `@${join(directory, "given")}`]);
    try {
      expect(await explains(bed, "beta-2", "unreachable-bootstrap")).toBe(true);
      await bed.lab.heal("alpha");
      const isHealthy = async (): Promise<boolean> =>
        (await bed.status("beta-2")).health === "healthy";
      expect(await bed.until(isHealthy, 60_000, 250)).toBeLessThan(60_000);
    } finally {
      await bed.lab.heal("alpha");
      await endDaemon(daemon);
    }
  });

  it("explains that its clock is off", async () => {
    const { stdout } = await bed.lab.exec("alpha-1", ["causeway", "token"]);
    const { directory } = bed.lab.paths("alpha-3");
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, "given"), stdout, { mode: 0o600 });
    const daemon = runDaemon(bed, "alpha-3", ["--join", `@${join(directory, "given")}`], {
      NODE_OPTIONS: `--import=${JSON.stringify(SKEWED)}`,
    });
    try {
      expect(await explains(bed, "alpha-3", "clock-skew")).toBe(true);
    } finally {
      await endDaemon(daemon);
    }
  });

  it("refuses a value over 4 KiB, at the command and at the socket", async () => {
    const value = "x".repeat(4097);
    const put = await bed.lab.exec("alpha-1", ["causeway", "put", "large", "-"], { input: value });
    expect(put.status).toBe(2);
    expect(put.stderr).toMatch(/4096/);
    await expect(bed.put("alpha-1", "large", value)).rejects.toMatchObject({
      code: "ERR_REQUEST_TOO_LARGE",
    });
    await bed.put("alpha-1", "large", "x".repeat(4096));
    expect(await bed.finds("alpha-1", "large", "x".repeat(4096))).toBe(true);
  });

  it("goes on with a full disk, says so, and recovers with room", async () => {
    const { state } = bed.lab.paths("beta-1");
    mkdirSync(state, { recursive: true });
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "none", state]);
    mounted = state;
    await bed.start(["beta-1"]);
    await bed.put("beta-1", "before it is full", "kept", { copies: "all" });
    spawnSync("dd", ["if=/dev/zero", `of=${join(state, "fill")}`, "bs=4k"]); // until it is full
    let refused = 0;
    for (let i = 0; i < 24; i++)
      await bed.put("beta-1", `full ${i}`, "x".repeat(4096)).catch((error: unknown) => {
        expect(error).toMatchObject({ code: "ERR_OVERLAY_STORAGE" });
        refused++;
      });
    expect(refused).toBeGreaterThan(0);
    expect(bed.lab.daemonState("beta-1")).toBe("running");
    for (const host of ["alpha-1", "beta-1"])
      expect(await bed.finds(host, "before it is full", "kept")).toBe(true);
    rmSync(join(state, "fill"));
    const hasRoom = async (): Promise<boolean> =>
      bed.put("beta-1", "after", "room again").then(() => true);
    expect(await bed.until(hasRoom, 30_000, 500)).toBeLessThan(30_000);
    expect(await bed.finds("alpha-1", "after", "room again")).toBe(true);
  });

  it("starts with a damaged record store, and has what the others keep", async () => {
    const records = await putRecords(bed, "damage", "2", 16, ["alpha-1"]);
    await bed.start(["alpha-2"]);
    await bed.settle(2, 3);
    await bed.lab.kill(["alpha-2"]);
    const store = join(bed.lab.paths("alpha-2").state, "records");
    for (const file of readdirSync(store))
      if (/^(?:MANIFEST|CURRENT|.*\.log$|.*\.ldb$)/.test(file))
        writeFileSync(join(store, file), "no database at all");
    await bed.start(["alpha-2"]);
    expect(readFileSync(bed.lab.paths("alpha-2").log, "utf8")).toContain("damaged");
    expect(await findAll(bed, records, ["alpha-1", "alpha-2"])).toMatchObject({ lost: [] });
  });

  it.each(["host.key", "overlay.json", "subnet.json", "contacts.bin"])(
    "names a damaged %s, or does without it, and never crashes",
    async (file) => {
      await bed.lab.stop(["alpha-2"]);
      const path = join(bed.lab.paths("alpha-2").state, file);
      const kept = readFileSync(path);
      writeFileSync(path, "no such thing {");
      const daemon = runDaemon(bed, "alpha-2");
      const isUp = async (): Promise<boolean> => (await bed.status("alpha-2")).health === "healthy";
      const how = await Promise.race([
        daemon.ended.then((status) => ({ status })),
        bed.until(isUp, 20_000, 200).then((ms) => ({ isUp: ms < Infinity })),
      ]);
      if ("isUp" in how) {
        expect(how.isUp).toBe(true);
        await endDaemon(daemon);
      } else {
        expect(how.status).toBe(1);
        expect(daemon.log()).toContain(file);
        expect(daemon.log()).not.toContain("    at ");
      }
      writeFileSync(path, kept);
      await bed.start(["alpha-2"]);
    },
  );

  it("starts after its contacts are lost", async () => {
    await bed.lab.stop(["alpha-2"]);
    const path = join(bed.lab.paths("alpha-2").state, "contacts.bin");
    if (existsSync(path)) rmSync(path);
    await bed.start(["alpha-2"]);
    expect((await bed.status("alpha-2")).health).toBe("healthy");
  });
});
