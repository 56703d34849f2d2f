import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openBed, type Bed } from "../../daemon/bench/bed.ts";
import { LAB_MISSING, ownLabName } from "./lab-requirements.ts";

const HOSTS = ["alpha-1", "alpha-2", "alpha-3"];
const POLICIES = ["one", "demand", "1", "2", "all"] as const;

describe.skipIf(LAB_MISSING !== undefined)("a record that is removed or replaced", () => {
  let bed: Bed;

  beforeAll(async () => {
    bed = await openBed({ name: ownLabName("return"), sites: ["{ name: alpha, hosts: 3 }"] });
    await bed.start();
    await bed.settle(1, 3);
  });

  afterAll(async () => {
    await bed?.close();
  });

  const values = async (host: string, key: string): Promise<unknown[]> =>
    (await bed.get(host, key)).answer.records.map(({ value }) => value);

  async function publish(prefix: string): Promise<void> {
    for (const copies of POLICIES)
      for (const key of ["removed", "replaced"])
        await bed.put("alpha-1", `${prefix} ${key} ${copies}`, "old", { copies });
  }

  /** A host that is asked so often keeps a copy of what has the policy `demand`. */
  async function ask(host: string, prefix: string): Promise<void> {
    for (let times = 0; times < 70; times++)
      for (const key of ["removed", "replaced"])
        expect(await values(host, `${prefix} ${key} demand`)).toEqual(["old"]);
  }

  /** From the publisher's own host, which some holders do not hear just now. */
  async function change(prefix: string): Promise<void> {
    for (const copies of POLICIES) {
      await bed.remove("alpha-1", `${prefix} removed ${copies}`);
      await bed.put("alpha-1", `${prefix} replaced ${copies}`, "new", { copies });
    }
  }

  /** Asked of each host, one after the other: none may give out what it kept while it was away. */
  async function oldOnes(prefix: string): Promise<string[]> {
    const found: string[] = [];
    for (const host of HOSTS)
      for (const copies of POLICIES) {
        const removed = await values(host, `${prefix} removed ${copies}`);
        const replaced = await values(host, `${prefix} replaced ${copies}`);
        if (removed.length > 0) found.push(`${host} has what was removed, policy ${copies}`);
        if (replaced.join() !== "new") found.push(`${host} has "${replaced.join()}", ${copies}`);
      }
    return found;
  }

  async function expectSettled(prefix: string): Promise<void> {
    await bed.until(async () => (await oldOnes(prefix)).length === 0, 10_000);
    expect(await oldOnes(prefix)).toEqual([]);
  }

  it("does not come back with a holder that was off", async () => {
    await publish("off");
    await ask("alpha-2", "off");
    await bed.lab.kill(["alpha-2", "alpha-3"]);
    await bed.settle(1, 1);
    await change("off");
    await bed.start(["alpha-2", "alpha-3"]);
    await bed.settle(1, 3);
    await expectSettled("off");
  });

  it("does not come back when a link that was cut in two heals", async () => {
    await publish("cut");
    await ask("alpha-3", "cut");
    await bed.lab.link("alpha", { split: ["alpha-3"] });
    const isApart = async (): Promise<boolean> =>
      (await bed.status("alpha-1")).subnet.hosts.length === 2;
    expect(await bed.until(isApart, 15_000)).toBeLessThan(15_000);
    await change("cut");
    await bed.lab.heal("alpha");
    await bed.settle(1, 3, 60_000);
    await expectSettled("cut");
  });
});
