import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { downLab, openLab, parseLabSpec, readRecord, upLab } from "../../daemon/lab/lab.ts";
import { findLabProcesses, processState } from "../../daemon/lab/processes.ts";
import { labDirectory, labNamespaces, planLab } from "../../daemon/lab/record.ts";
import { LAB_MISSING, ownLabName } from "./lab-requirements.ts";

const MODULE = join(import.meta.dirname, "../../daemon/lab/lab.ts");
const SITES = `sites:
  - { name: alpha, hosts: 2, switch: ovs, avahi: true, uplink: { delay: 5ms, rate: 50mbit } }
  - { name: beta, hosts: 2, disk: 4MiB }
  - { name: home, nat: { portMapping: both } }`;
const SPEC = parseLabSpec(SITES, "test");
const [ONE, TWO] = [ownLabName("a"), ownLabName("b")];
const SETTING = "/proc/sys/net/core/rmem_default";
/** What the machine has, or "held" while labs other than ours hold it. */
function setting(): string {
  const holders = "/run/causeway-lab/.settings/net.core.rmem_default/holders";
  const all = existsSync(holders) ? readdirSync(holders) : [];
  const others = all.filter((name) => name !== ONE && name !== TWO);
  return others.length > 0 ? "held" : readFileSync(SETTING, "utf8").trim();
}

/** All that a lab called `name` has left on this machine. */
function traces(name: string): string[] {
  const names = labNamespaces(planLab(SPEC, name, { pid: 1, startTime: "1" }));
  const namespaces = names.map((one) => `/run/netns/${one}`).filter((path) => existsSync(path));
  const directory = labDirectory(name);
  const processes = findLabProcesses({ namespaces, mark: directory }).map(
    (pid) => `process ${pid}`,
  );
  return [...namespaces, ...processes, ...(existsSync(directory) ? [directory] : [])];
}

/** Interfaces of ours outside any namespace, where there should never be one. */
const links = (): string[] =>
  readdirSync("/sys/class/net").filter((name) => /^(?:alpha|beta|home)/.test(name));

describe.skipIf(LAB_MISSING !== undefined)("taking a lab away", () => {
  afterEach(async () => {
    for (const name of [ONE, TWO]) await downLab(name).catch(() => {});
  });

  it("leaves nothing, whatever runs inside", async () => {
    const before = { links: links(), setting: setting() };
    const lab = await upLab(SPEC, ONE);
    expect(readFileSync(SETTING, "utf8").trim()).toBe("16777216");
    const inside = lab.spawn("alpha-1", ["sleep", "600"], { stdio: "ignore", detached: true });
    const ended = once(inside, "exit");
    await lab.down();
    await ended;
    expect(traces(ONE)).toEqual([]);
    expect({ links: links(), setting: setting() }).toEqual(before);
    await expect(downLab(ONE)).rejects.toMatchObject({ code: "ERR_LAB_ABSENT" });
  });

  it("keeps two labs of the same file apart, and the setting until both are gone", async () => {
    const before = setting();
    const [one, two] = await Promise.all([upLab(SPEC, ONE), upLab(SPEC, TWO)]);
    const reaches = async (lab: typeof one): Promise<number> =>
      (await lab.exec("alpha-1", ["ping", "-c", "1", "-W", "2", lab.address("beta-2")])).status;
    expect(await Promise.all([reaches(one), reaches(two)])).toEqual([0, 0]);
    await one.link("beta", { isCut: true });
    expect(await Promise.all([reaches(one), reaches(two)])).toEqual([1, 0]);
    await one.down();
    expect(await reaches(two)).toBe(0);
    expect(readFileSync(SETTING, "utf8").trim()).toBe("16777216");
    await two.down();
    expect([...traces(ONE), ...traces(TWO)]).toEqual([]);
    expect(setting()).toBe(before);
  });

  it("refuses a second lab of one name and leaves the first alone", async () => {
    const lab = await upLab(SPEC, ONE);
    await expect(upLab(SPEC, ONE)).rejects.toMatchObject({ code: "ERR_LAB_EXISTS" });
    expect((await lab.exec("alpha-1", ["true"])).status).toBe(0);
  });

  it("undoes what was made when making fails", async () => {
    const before = setting();
    const broken = parseLabSpec("sites: [{ name: alpha, switch: ovs }, { name: lo }]", "test");
    await expect(upLab(broken, ONE)).rejects.toMatchObject({ code: "ERR_LAB_COMMAND" });
    expect(traces(ONE)).toEqual([]);
    expect(setting()).toBe(before);
  });

  it("does not touch a lab that another process is making", async () => {
    const maker = startMaker(ONE);
    const ended = once(maker, "exit");
    while (readRecord(ONE) === undefined) await sleep(1);
    await expect(downLab(ONE)).rejects.toMatchObject({ code: "ERR_LAB_BUSY" });
    await ended;
    expect((await openLab(ONE).exec("beta-1", ["true"])).status).toBe(0);
  });

  it("cleans up after kill -9 at any moment of making", async () => {
    const before = { links: links(), setting: setting() };
    const moments = [];
    for (let afterMs = 0; afterMs <= 900; afterMs += 60) {
      const maker = startMaker(ONE);
      const ended = once(maker, "exit");
      const marked = { pid: maker.pid!, startTime: "" };
      while (!existsSync(labDirectory(ONE)) && maker.exitCode === null) await sleep(1);
      await sleep(afterMs);
      const isReady = readRecord(ONE)?.isReady ?? false;
      maker.kill("SIGKILL");
      await ended;
      expect(processState(marked)).toBe("gone");
      await downLab(ONE);
      await sleep(50);
      expect({ afterMs, traces: traces(ONE) }).toEqual({ afterMs, traces: [] });
      expect({ links: links(), setting: setting() }).toEqual(before);
      moments.push(isReady);
    }
    expect(moments).toContain(false); // else nothing was interrupted
  });
});

function startMaker(name: string) {
  const program = `
    import { upLab, parseLabSpec } from ${JSON.stringify(MODULE)};
    await upLab(parseLabSpec(${JSON.stringify(SITES)}, "test"), ${JSON.stringify(name)});
    setTimeout(() => {}, 300);`;
  return spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: "inherit" });
}
