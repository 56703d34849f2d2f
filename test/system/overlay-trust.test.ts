import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AdmitAnswer, PendingAnswer, WatchLine } from "../../daemon/api/api-types.ts";
import { openBed, type Bed } from "../../daemon/bench/bed.ts";
import { findAll, putRecords } from "../../daemon/bench/overlay/records-set.ts";
import { LAB_MISSING, ownLabName } from "./lab-requirements.ts";
import { endDaemon, explains, runDaemon, type RunningDaemon } from "./overlay-bed.ts";

const SITES = [
  "{ name: alpha, hosts: 4, uplink: { delay: 5ms } }",
  "{ name: beta, hosts: 2, uplink: { delay: 5ms } }",
  "{ name: gamma, hosts: 1, uplink: { delay: 5ms } }",
];
const FOUNDERS = ["alpha-1", "alpha-2", "alpha-3", "beta-1", "gamma-1"];

/** Runs `causeway` on a host; its standard output, parsed. */
async function causeway<Answer>(bed: Bed, host: string, ...args: string[]): Promise<Answer> {
  const argv = ["causeway", ...args, "--json"];
  const { status, stdout, stderr } = await bed.lab.exec(host, argv);
  expect({ status, stderr: status === 0 ? "" : stderr }).toEqual({ status: 0, stderr: "" });
  return JSON.parse(stdout) as Answer;
}

/** Whether these hosts see this many hosts in all, none of them the one removed. */
async function seesNothingOf(
  bed: Bed,
  hosts: readonly string[],
  removed: string,
  total: number,
): Promise<boolean> {
  const views = await Promise.all(hosts.map((host) => bed.subnets(host)));
  return views.every((view) => {
    const all = view.flatMap((subnet) => subnet.hosts);
    return all.length === total && all.every(({ id }) => id !== removed);
  });
}

async function subnetOf(bed: Bed, host: string): Promise<string | null> {
  return (await bed.status(host)).subnet.id;
}

describe.skipIf(LAB_MISSING !== undefined)("a locked overlay", () => {
  let bed: Bed;
  let newcomer: RunningDaemon | undefined;

  beforeAll(async () => {
    bed = await openBed({ name: ownLabName("trust"), sites: SITES });
    await bed.start(FOUNDERS);
    await bed.settle(3, 5);
  });

  afterAll(async () => {
    await bed?.close();
  });

  it("lets a waiting host in from any host of its link that may admit", async () => {
    newcomer = runDaemon(bed, "alpha-4", ["--name", "desk"]);
    expect(await explains(bed, "alpha-4", "pending")).toBe(true);
    const { id } = (await bed.status("alpha-4")).host;
    const [finding] = await bed.explain("alpha-4");
    expect(finding?.what).toContain(`causeway admit ${id.slice(0, 8)}`);
    expect(finding?.what).toMatch(/on .*alpha-[123]/);
    for (const host of ["alpha-1", "alpha-2", "alpha-3"]) {
      const { pending } = await causeway<PendingAnswer>(bed, host, "hosts", "--pending");
      expect(pending).toMatchObject([{ id, name: "desk" }]);
    }
    const none = await bed.lab.exec("beta-1", ["causeway", "admit", "desk"]);
    expect(none.stderr).toMatch(/no host "desk" waits on this link/);
    const { admitted } = await causeway<AdmitAnswer>(bed, "alpha-2", "admit", id.slice(0, 8));
    expect(admitted).toMatchObject({ id, name: "desk" });
    const isIn = async (): Promise<boolean> => (await bed.status("alpha-4")).health === "healthy";
    expect(await bed.until(isIn, 5_000)).toBeLessThan(5_000);
    await bed.settle(3, 6);
    expect((await causeway<PendingAnswer>(bed, "alpha-1", "hosts", "--pending")).pending).toEqual(
      [],
    );
  });

  it("removes a live host everywhere, changes its subnet's key, and loses nothing", async () => {
    const others = ["alpha-1", "alpha-2", "alpha-3", "beta-1", "gamma-1"];
    const { id } = (await bed.status("alpha-4")).host;
    const before = await subnetOf(bed, "alpha-1");
    const records = await putRecords(bed, "kept", "2", 30, others);
    await bed.put("alpha-4", "of the removed", "gone");
    expect(await bed.finds("gamma-1", "of the removed", "gone")).toBe(true);
    const ending = new AbortController();
    const seen: WatchLine[] = [];
    const watching = (async () => {
      for await (const line of bed.watch("alpha-2", "watched", ending.signal)) seen.push(line);
    })().catch(() => {});
    await bed.put("beta-1", "watched", "before");
    let puts = 0;
    const failed: unknown[] = [];
    const putting = (async () => {
      for (; !ending.signal.aborted; puts++)
        await bed
          .put("alpha-1", `going on ${puts}`, "x")
          .catch((error: unknown) => failed.push(error));
    })();
    await causeway(bed, "alpha-1", "revoke", "desk");
    const isGone = (): Promise<boolean> => seesNothingOf(bed, others, id, 5);
    expect(await bed.until(isGone, 15_000)).toBeLessThan(15_000);
    const isRotated = async (): Promise<boolean> => {
      const after = await Promise.all(
        ["alpha-1", "alpha-2", "alpha-3"].map((host) => subnetOf(bed, host)),
      );
      const views = await Promise.all(others.map((host) => bed.subnets(host)));
      const known = views.flat().map((subnet) => subnet.id);
      return new Set(after).size === 1 && after[0] !== before && !known.includes(before!);
    };
    expect(await bed.until(isRotated, 15_000)).toBeLessThan(15_000);
    await bed.settle(3, 5);
    await bed.put("gamma-1", "watched", "after");
    const isTold = async (): Promise<boolean> =>
      seen.some((line) => line.type === "put" && line.value === "after");
    expect(await bed.until(isTold, 10_000)).toBeLessThan(10_000);
    ending.abort();
    await Promise.all([watching, putting]);
    expect(failed).toEqual([]);
    expect(puts).toBeGreaterThan(10);
    const found = async (): Promise<boolean> =>
      (await findAll(bed, records, others)).lost.length === 0;
    expect(await bed.until(found, 20_000, 500)).toBeLessThan(20_000);
    for (const host of others) expect(await bed.finds(host, "of the removed", "gone")).toBe(false);
    // The removed host knows.
    expect(await explains(bed, "alpha-4", "removed")).toBe(true);
    expect((await bed.status("alpha-4")).subnet.id).toBeNull();
  });

  it("does not take the removed host back with its old state, nor its key by admission", async () => {
    await endDaemon(newcomer!);
    newcomer = runDaemon(bed, "alpha-4", ["--name", "desk"]);
    expect(await explains(bed, "alpha-4", "removed")).toBe(true);
    await endDaemon(newcomer);
    // It forgets that it was told, and comes with its old keys.
    const { state } = bed.lab.paths("alpha-4");
    expect(existsSync(join(state, "revocations.bin"))).toBe(true);
    await bed.lab.exec("alpha-4", ["rm", join(state, "revocations.bin")]);
    newcomer = runDaemon(bed, "alpha-4", ["--name", "desk"]);
    expect(await explains(bed, "alpha-4", "removed")).toBe(true);
    await bed.settle(3, 5);
    await endDaemon(newcomer);
    // Its key with a fresh token: refused too, and the reason is told.
    await bed.lab.exec("alpha-4", [
      "rm",
      join(state, "revocations.bin"),
      join(state, "overlay.json"),
    ]);
    const { stdout } = await bed.lab.exec("alpha-1", ["causeway", "token"]);
    const run = ["sh", "-c", "causeway up --interface eth0 --join - 2>&1 <<TOKEN\n$0\nTOKEN"];
    const again = bed.lab.spawn("alpha-4", [...run, stdout.trim()], { stdio: "ignore" });
    const isRefused = async (): Promise<boolean> =>
      /removed from the overlay for good/.test((await bed.status("alpha-4")).reason);
    expect(await bed.until(isRefused, 20_000, 200)).toBeLessThan(20_000);
    await bed.lab.exec("alpha-4", ["causeway", "down"]);
    again.kill("SIGKILL");
  });

  it("removes a host that is cut off with a sibling, and keeps it out when the cut heals", async () => {
    const others = ["alpha-1", "alpha-2", "beta-1", "gamma-1"];
    const { id } = (await bed.status("alpha-3")).host;
    const before = await subnetOf(bed, "alpha-1");
    const records = await putRecords(bed, "cut", "2", 20, others);
    await bed.lab.link("alpha", { split: ["alpha-2", "alpha-3"] });
    await bed.until(async () => (await bed.status("alpha-1")).subnet.hosts.length === 1, 20_000);
    await causeway(bed, "beta-1", "revoke", "alpha-3");
    const isRotated = async (): Promise<boolean> => (await subnetOf(bed, "alpha-1")) !== before;
    expect(await bed.until(isRotated, 20_000)).toBeLessThan(20_000);
    expect(await subnetOf(bed, "alpha-2")).toBe(before);
    await bed.lab.heal("alpha");
    const isHealed = async (): Promise<boolean> => {
      const [one, two] = await Promise.all(
        ["alpha-1", "alpha-2"].map((host) => subnetOf(bed, host)),
      );
      const views = (await Promise.all(others.map((host) => bed.subnets(host)))).flat();
      const isOldGone = views.every((subnet) => subnet.id !== before);
      return (
        one === two && one !== before && isOldGone && (await seesNothingOf(bed, others, id, 4))
      );
    };
    expect(await bed.until(isHealed, 60_000, 200)).toBeLessThan(60_000);
    expect(await explains(bed, "alpha-3", "removed")).toBe(true);
    const found = async (): Promise<boolean> =>
      (await findAll(bed, records, others)).lost.length === 0;
    expect(await bed.until(found, 20_000, 500)).toBeLessThan(20_000);
    // Under a new key, with a token, its machine may come back.
    const left = await bed.lab.exec("alpha-3", ["causeway", "leave", "--forget"]);
    expect(left.status).toBe(0);
    await bed.start(["alpha-3"]);
    expect((await bed.status("alpha-3")).host.id).not.toBe(id);
    await bed.settle(3, 5);
    await bed.lab.stop(["alpha-3"]);
  });

  it("gives a site another key whose hosts may not admit, with the help of another site", async () => {
    const { stdout } = await bed.lab.exec("alpha-1", ["causeway", "token", "--no-admit"]);
    const run = [
      "sh",
      "-c",
      "causeway up --interface eth0 --join - 2>/dev/null <<TOKEN\n$0\nTOKEN",
    ];
    bed.lab.spawn("beta-2", [...run, stdout.trim()], { stdio: "ignore" });
    await bed.until(async () => (await bed.status("beta-2")).health === "healthy", 20_000);
    const before = await subnetOf(bed, "beta-2");
    const refused = await bed.lab.exec("beta-2", ["causeway", "revoke", "beta-1"]);
    expect(refused.stderr).toMatch(/run "causeway revoke beta-1" on .*beta-1/);
    await causeway(bed, "alpha-1", "revoke", "beta-1");
    const isRotated = async (): Promise<boolean> => {
      const { subnet, health } = await bed.status("beta-2");
      return subnet.id !== null && subnet.id !== before && health === "healthy";
    };
    expect(await bed.until(isRotated, 20_000)).toBeLessThan(20_000);
    expect(await explains(bed, "beta-1", "removed")).toBe(true);
    await bed.lab.kill(["beta-1"]);
    const views = async (): Promise<boolean> =>
      (
        await Promise.all(
          ["alpha-1", "alpha-2", "gamma-1", "beta-2"].map((one) => bed.subnets(one)),
        )
      ).every((view) => view.length === 3 && view.every((subnet) => subnet.id !== before));
    expect(await bed.until(views, 30_000, 200)).toBeLessThan(30_000);
  });

  it("goes on admitting when the authority's host is lost for ever", async () => {
    await bed.lab.kill(["alpha-1"]);
    bed.wipe("alpha-4");
    newcomer = runDaemon(bed, "alpha-4", ["--name", "desk two"]);
    expect(await explains(bed, "alpha-4", "pending")).toBe(true);
    await causeway(bed, "alpha-2", "admit", "desk two");
    const isIn = async (): Promise<boolean> => (await bed.status("alpha-4")).health === "healthy";
    expect(await bed.until(isIn, 20_000)).toBeLessThan(20_000);
    const { stdout, status } = await bed.lab.exec("alpha-4", ["causeway", "token"]);
    expect({ status, isToken: stdout.startsWith("causeway1.") }).toEqual({
      status: 0,
      isToken: true,
    });
    await endDaemon(newcomer);
  });
});

describe.skipIf(LAB_MISSING !== undefined)("an open link", () => {
  let bed: Bed;
  const daemons = new Map<string, RunningDaemon>();

  beforeAll(async () => {
    bed = await openBed({ name: ownLabName("topen"), sites: SITES });
  });

  afterAll(async () => {
    await bed?.close();
  });

  async function start(host: string): Promise<void> {
    daemons.set(host, runDaemon(bed, host));
    const isIn = async (): Promise<boolean> => (await bed.status(host)).health === "healthy";
    expect(await bed.until(isIn, 20_000)).toBeLessThan(20_000);
  }

  it("is locked by a removal, and its guests stay members under the next key", async () => {
    for (const host of ["alpha-1", "alpha-2", "alpha-3"]) await start(host);
    const names = async (host: string): Promise<string[]> =>
      (await bed.status(host)).subnet.hosts.map(({ name }) => name).toSorted();
    await bed.until(async () => (await names("alpha-2")).length === 3, 20_000);
    await bed.put("alpha-2", "of a guest", "kept", { copies: "all" });
    const refused = await bed.lab.exec("alpha-2", ["causeway", "revoke", "alpha-3"]);
    expect(refused.stderr).toMatch(/run "causeway revoke alpha-3" on alpha-1/);
    const before = await subnetOf(bed, "alpha-1");
    await causeway(bed, "alpha-1", "revoke", "alpha-3");
    const isRotated = async (): Promise<boolean> => {
      const [one, two] = await Promise.all(
        ["alpha-1", "alpha-2"].map((host) => subnetOf(bed, host)),
      );
      const isPair = (await names("alpha-2")).join() === "alpha-1,alpha-2";
      return one === two && one !== null && one !== before && isPair;
    };
    expect(await bed.until(isRotated, 20_000)).toBeLessThan(20_000);
    expect(await explains(bed, "alpha-3", "removed")).toBe(true);
    expect((await bed.status("alpha-2")).overlay.isLocked).toBe(true);
    for (const host of ["alpha-1", "alpha-2"])
      expect(await bed.finds(host, "of a guest", "kept")).toBe(true);
    // A guest comes back under the next key too, and so does one that was off meanwhile.
    expect(await endDaemon(daemons.get("alpha-2")!)).toBe(0);
    await start("alpha-2");
    await bed.until(async () => (await names("alpha-1")).length === 2, 20_000);
    expect(await names("alpha-1")).toEqual(["alpha-1", "alpha-2"]);
    expect((await bed.status("alpha-2")).health).toBe("healthy");
  });

  it("takes a guest back that was off while the key changed", async () => {
    await endDaemon(daemons.get("alpha-2")!);
    bed.wipe("alpha-4");
    daemons.set("alpha-4", runDaemon(bed, "alpha-4"));
    expect(await explains(bed, "alpha-4", "pending")).toBe(true);
    await causeway(bed, "alpha-1", "admit", "alpha-4");
    const isIn = async (): Promise<boolean> => (await bed.status("alpha-4")).health === "healthy";
    expect(await bed.until(isIn, 20_000)).toBeLessThan(20_000);
    const before = await subnetOf(bed, "alpha-1");
    await causeway(bed, "alpha-1", "revoke", "alpha-4");
    const isRotated = async (): Promise<boolean> => (await subnetOf(bed, "alpha-1")) !== before;
    expect(await bed.until(isRotated, 20_000)).toBeLessThan(20_000);
    await start("alpha-2");
    const isOne = async (): Promise<boolean> =>
      (await subnetOf(bed, "alpha-2")) === (await subnetOf(bed, "alpha-1"));
    expect(await bed.until(isOne, 20_000)).toBeLessThan(20_000);
    const isPair = async (): Promise<boolean> =>
      (await bed.subnets("alpha-1")).flatMap(({ hosts }) => hosts).length === 2;
    expect(await bed.until(isPair, 20_000)).toBeLessThan(20_000);
  });
});

describe.skipIf(LAB_MISSING !== undefined)("memberships that have ended", () => {
  let bed: Bed;

  beforeAll(async () => {
    bed = await openBed({ name: ownLabName("told"), sites: SITES });
    await bed.start(["alpha-1", "alpha-2", "beta-1"]);
    await bed.settle(2, 3);
  });

  afterAll(async () => {
    await bed?.close();
  });

  it("are renewed by themselves when all hosts come back after more than a year", async () => {
    const hosts = ["alpha-1", "alpha-2", "beta-1"];
    await bed.lab.stop(hosts);
    const later = `data:text/javascript,const now = Date.now; Date.now = () => now() + ${400 * 24 * 3_600_000};`;
    const environment = `NODE_OPTIONS='--import=${JSON.stringify(later)}'`;
    const program = ["sh", "-c", `${environment} exec causeway "$@"`, "causeway"];
    // beta-1 alone on its link, before anybody could renew it.
    await bed.guard(bed.lab.start(["beta-1"], { program, waitMs: 4_000 }).catch(() => {}));
    expect(await explains(bed, "beta-1", "expired-certificate")).toBe(true);
    await bed.guard(bed.lab.start(["alpha-1", "alpha-2"], { program, waitMs: 30_000 }));
    await bed.settle(2, 3, 60_000);
    for (const host of hosts) {
      const codes = (await bed.explain(host)).map(({ code }) => code);
      expect(codes).not.toContain("expired-certificate");
      expect(readFileSync(bed.lab.paths(host).log, "utf8")).toContain("membership renewed");
    }
    expect(await causeway(bed, "alpha-2", "put", "still", "here")).toBeDefined();
    expect(await bed.finds("beta-1", "still", "here")).toBe(true);
  });
});
