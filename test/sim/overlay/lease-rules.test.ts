import { describe, expect, it } from "vitest";
import { LeaseRules } from "../../../sim/overlay/checkers/lease-rules.ts";
import { settle } from "../../../sim/overlay/io/settle.ts";
import { Network } from "../../../sim/overlay/network.ts";
import { Scheduler } from "../../../sim/overlay/scheduler.ts";
import { Trace } from "../../../sim/overlay/trace.ts";
import type { SimHost } from "../../../sim/overlay/sim-host.ts";
import { createRandom } from "../../../platform/random.ts";

/** Hosts of one link, as far as these rules look at them: who acts for slot 0. */
function rulesOf(names: readonly string[]) {
  const scheduler = new Scheduler(settle);
  const network = new Network(scheduler, new Trace(false), createRandom(1));
  const acting = new Set<string>();
  const alive = new Set(names);
  const found: string[] = [];
  const hosts = names.map((name, i) => {
    const lease = {
      isRunning: true,
      acts: (slot: number) =>
        slot === 0 ? acting.has(name) : name === names[0] || !alive.has(names[0]!),
    };
    return {
      ...{ name, key: { id: name }, isUp: true, isPaused: false, session: { subnetId: "s" } },
      place: { name, link: 0, ip: `10.1.0.${i}` },
      process: { lease: { ...lease, hears: () => true } },
    } as unknown as SimHost;
  });
  const rules = new LeaseRules({
    network,
    running: () => hosts.filter(({ name }) => alive.has(name)),
    tell: (violations) => found.push(...violations.map(({ promise }) => promise)),
  });
  const pass = (ms: number): void => {
    for (const endMs = scheduler.nowMs + ms; scheduler.nowMs < endMs; scheduler.nowMs += 200)
      rules.look();
  };

  return { rules, acting, alive, found, pass };
}

describe("what a slot's holder told", () => {
  const told = (tenure: number, count = 0) => ({ tenure, count });

  it("is not overwritten by what an ancestor of its tenure told, nor by older words of the same", () => {
    const { rules, found } = rulesOf(["a"]);
    const first = rules.take("a", 0, 0, []);
    const second = rules.take("b", 0, first, []);
    const third = rules.take("c", 0, second, []);
    rules.hear("d", 0, told(first), told(third));
    rules.hear("d", 0, told(second, 2), told(second, 3));
    expect(found).toEqual([]);
    rules.hear("d", 0, told(third), told(first, 7));
    rules.hear("d", 0, told(second, 3), told(second, 2));
    expect(found).toEqual(["lease-stale", "lease-stale"]);
  });

  it("may be overwritten by what the other side of a cut link told", () => {
    const { rules, found } = rulesOf(["a"]);
    const first = rules.take("a", 0, 0, []);
    const [here, there] = [rules.take("b", 0, first, []), rules.take("c", 0, first, [])];
    rules.hear("d", 0, told(here), told(there));
    rules.hear("d", 0, told(there), told(here));
    expect(found).toEqual([]);
  });

  it("is known to whoever takes the slot while it hears somebody who knows", () => {
    const { rules, found } = rulesOf(["a"]);
    const first = rules.take("a", 0, 0, []);
    const second = rules.take("b", 0, first, [first, 0]);
    expect(found).toEqual([]);
    rules.take("a", 0, first, [second]);
    expect(found).toEqual(["lease-stale"]);
  });
});

describe("a slot", () => {
  it("has a holder again within 2 s of the former one's death", () => {
    const { acting, alive, found, pass } = rulesOf(["a", "b"]);
    acting.add("a");
    pass(10_000);
    alive.delete("a");
    pass(1_800);
    acting.add("b");
    pass(10_000);
    expect(found).toEqual([]);
    acting.clear();
    pass(1_800);
    expect(found).toEqual([]);
    pass(800);
    expect(found).toEqual(["lease-held"]);
  });

  it("has not two holders that hear each other for long", () => {
    const { acting, found, pass } = rulesOf(["a"]);
    acting.add("a");
    pass(20_000);
    expect(found).toEqual([]);
    const both = rulesOf(["a", "b"]);
    for (const name of ["a", "b"]) both.acting.add(name);
    both.pass(2_800);
    both.acting.delete("b");
    both.pass(10_000);
    expect(both.found).toEqual([]);
    both.acting.add("b");
    both.pass(5_000);
    expect(both.found).toEqual(["lease-one"]);
  });
});
