import { describe, expect, it } from "vitest";
import {
  HostSetMachine,
  STATEMENT_GOOD_FOR_MS,
  type HostSetAction,
} from "../../../overlay/subnet/host-set-machine.ts";
import { HOSTS_ANNOUNCED_MAX, nextVersion } from "../../../overlay/subnet/host-set.ts";
import { plainHost } from "./statements.ts";
import { nameAll } from "./virtual-link.ts";

const [one, two, three] = [plainHost(1), plainHost(2), plainHost(3)];

/** Ticks whenever the machine asks for it, up to a time. */
function run(machine: HostSetMachine, untilMs: number): HostSetAction[] {
  const actions: HostSetAction[] = [];
  while (machine.wakeAtMs <= untilMs)
    actions.push(...machine.step({ type: "tick" }, machine.wakeAtMs));
  return actions;
}

function published(actions: readonly HostSetAction[]): string[] {
  return actions.flatMap((one) => (one.type === "publish" ? [nameAll(one.hosts)] : []));
}

/** A machine that has published its first set. */
function started(own = one, version = 0n): HostSetMachine {
  const machine = new HostSetMachine(own, version);
  run(machine, 0);
  return machine;
}

describe("HostSetMachine", () => {
  it("publishes itself at once when it starts alone, above what was known", () => {
    const known = 7n << 16n;
    const machine = new HostSetMachine(one, known);
    expect(machine.wakeAtMs).toBe(0);
    const [action] = machine.step({ type: "tick" }, 0);
    expect(action).toEqual({ type: "publish", version: nextVersion(known, [one]), hosts: [one] });
    expect(machine.version).toBe(nextVersion(known, [one]));
    expect(machine.wakeAtMs).toBe(Infinity);
  });

  it("publishes hosts that come together once", () => {
    const machine = started();
    expect(machine.step({ type: "host-up", host: two }, 100)).toEqual([{ type: "live-changed" }]);
    machine.step({ type: "host-up", host: three }, 105);
    expect(published(run(machine, 1_000))).toEqual(["1/1 2/1 3/1"]);
  });

  it("leaves it to smaller keys, each rank a second more", () => {
    const machine = started(three);
    machine.step({ type: "host-up", host: one }, 100);
    machine.step({ type: "host-up", host: two }, 100);
    expect(published(run(machine, 1_100))).toEqual([]);
    expect(published(run(machine, 2_200))).toEqual(["1/1 2/1 3/1"]);
  });

  it("adopts a newer set and publishes nothing when it agrees", () => {
    const machine = started(two);
    machine.step({ type: "host-up", host: one }, 100);
    const version = nextVersion(machine.version, [one, two]);
    const event = { type: "set-heard", version, hosts: [one, two] } as const;
    expect(machine.step(event, 120)).toEqual([{ type: "adopt", version }]);
    expect(machine.version).toBe(version);
    expect(machine.wakeAtMs).toBe(Infinity);
    expect(machine.step(event, 130)).toEqual([]); // heard again
    expect(machine.step({ ...event, version: version - 1n }, 140)).toEqual([]);
  });

  it("believes hosts that it has not met, until their statement runs out", () => {
    const machine = started();
    const hosts = [one, two];
    const version = nextVersion(machine.version, hosts);
    machine.step({ type: "set-heard", version, hosts }, 1_000);
    expect(nameAll(machine.hosts)).toBe("1/1 2/1");
    const endsMs = 1_000 + STATEMENT_GOOD_FOR_MS;
    expect(machine.wakeAtMs).toBe(endsMs);
    expect(run(machine, endsMs - 1)).toEqual([]);
    expect(published(run(machine, endsMs + 100))).toEqual(["1/1"]);
  });

  it("lets go of a believed host that a newer set does not name, never of one it has met", () => {
    const machine = started();
    machine.step({ type: "host-up", host: two }, 0);
    run(machine, 100);
    const heard = (hosts: readonly (typeof one)[], nowMs: number): void => {
      const version = nextVersion(machine.version, hosts);
      machine.step({ type: "set-heard", version, hosts }, nowMs);
    };
    heard([one, two, three], 200);
    expect(nameAll(machine.hosts)).toBe("1/1 2/1 3/1");
    heard([one], 300);
    expect(nameAll(machine.hosts)).toBe("1/1 2/1");
    expect(published(run(machine, 60_000))).toEqual(["1/1 2/1"]); // contradicts what it knows better
  });

  it("keeps a host in that is met again by its believed statement", () => {
    const machine = started();
    const hosts = [one, two];
    machine.step({ type: "set-heard", version: nextVersion(machine.version, hosts), hosts }, 0);
    expect(machine.step({ type: "host-up", host: two }, 10)).toEqual([]);
    expect(machine.wakeAtMs).toBe(Infinity); // direct: it does not run out
  });

  it("does not believe a host back that it saw go, but for a newer statement or 20 s", () => {
    const machine = started();
    machine.step({ type: "host-up", host: two }, 0);
    run(machine, 100);
    machine.step({ type: "host-down", id: two.id }, 1_000);
    expect(published(run(machine, 2_000))).toEqual(["1/1"]);
    const heard = (sequence: number, nowMs: number): string => {
      const hosts = [one, plainHost(2, sequence)];
      const version = nextVersion(machine.version, hosts);
      machine.step({ type: "set-heard", version, hosts }, nowMs);
      return nameAll(machine.hosts);
    };
    expect(heard(1, 3_000)).toBe("1/1");
    expect(heard(2, 4_000)).toBe("1/1 2/2");
    machine.step({ type: "host-down", id: two.id }, 5_000);
    expect(heard(2, 24_999)).toBe("1/1");
    expect(heard(2, 25_001)).toBe("1/1 2/2");
  });

  it("takes a host back at its hello, whatever it saw before", () => {
    const machine = started();
    machine.step({ type: "host-up", host: two }, 0);
    machine.step({ type: "host-down", id: two.id }, 10);
    machine.step({ type: "host-up", host: two }, 20);
    expect(nameAll(machine.hosts)).toBe("1/1 2/1");
  });

  it("takes back an intention when the change is undone before it is due", () => {
    const machine = started();
    machine.step({ type: "host-up", host: two }, 100);
    machine.step({ type: "host-down", id: two.id }, 105);
    expect(published(run(machine, 10_000))).toEqual([]);
  });

  it("publishes a sibling's new statement, and ignores an older one", () => {
    const machine = started();
    machine.step({ type: "host-up", host: plainHost(2, 5) }, 0);
    run(machine, 100);
    machine.step({ type: "host-up", host: plainHost(2, 4) }, 200);
    expect(published(run(machine, 1_000))).toEqual([]);
    machine.step({ type: "host-up", host: plainHost(2, 6) }, 2_000);
    expect(published(run(machine, 3_000))).toEqual(["1/1 2/6"]);
  });

  it("never takes itself for gone", () => {
    const machine = started();
    expect(machine.step({ type: "host-down", id: one.id }, 10)).toEqual([]);
    machine.step({ type: "set-heard", version: 9n << 16n, hosts: [two] }, 20);
    expect(nameAll(machine.hosts)).toBe("1/1 2/1");
    expect(published(run(machine, 10_000))).toEqual(["1/1 2/1"]);
  });

  it("waits longer each time its set is contradicted, and is calm again after a minute", () => {
    const machine = started();
    machine.step({ type: "host-up", host: two }, 0);
    run(machine, 100);
    let nowMs = 1_000;
    const waits: number[] = [];
    const contradict = (): void => {
      const version = nextVersion(machine.version, [one]);
      machine.step({ type: "set-heard", version, hosts: [one] }, nowMs);
      waits.push(machine.wakeAtMs - nowMs);
      nowMs = machine.wakeAtMs;
      expect(published(run(machine, nowMs))).toEqual(["1/1 2/1"]);
      nowMs += 10;
    };
    for (let i = 0; i < 7; i++) contradict();
    expect(waits).toEqual([60, 2_000, 4_000, 8_000, 16_000, 32_000, 32_000]);
    nowMs += 61_000;
    contradict();
    expect(waits.at(-1)).toBe(60);
  });

  it("announces 16 hosts at most, the smallest keys", () => {
    const machine = started();
    for (let i = 2; i <= 20; i++) machine.step({ type: "host-up", host: plainHost(i) }, 0);
    const [action] = run(machine, 1_000).filter(({ type }) => type === "publish");
    if (action?.type !== "publish") throw new Error("nothing published");
    expect(action.hosts.map((host) => host.key[0])).toEqual(
      Array.from({ length: HOSTS_ANNOUNCED_MAX }, (_, i) => i + 1),
    );
    expect(machine.hosts).toHaveLength(20);
  });

  const crowd = (size: number): HostSetMachine => {
    const machine = started();
    for (let i = 2; i <= size; i++) machine.step({ type: "host-up", host: plainHost(i) }, 0);
    run(machine, 1_000);
    return machine;
  };
  const named = (actions: readonly HostSetAction[]): number[][] =>
    actions.flatMap((one) =>
      one.type === "publish" ? [one.hosts.map((host) => host.key[0]!)] : [],
    );

  it("names others of 40 hosts each minute, all of them as often within 20 minutes", () => {
    const sets = named(run(crowd(40), 20 * 60_000));
    expect(sets).toHaveLength(20);
    const times = new Map<number, number>();
    for (const key of sets.flat()) times.set(key, (times.get(key) ?? 0) + 1);
    expect(times.size).toBe(40);
    expect(Math.max(...times.values())).toBeLessThanOrEqual(10); // 8 on average
  });

  it("names no host of 17 to 40 twice as often as the average", () => {
    for (const size of [17, 20, 24, 31, 33]) {
      const sets = named(run(crowd(size), 60 * 60_000));
      const times = Array.from({ length: size }, (_, i) => {
        return sets.filter((set) => set.includes(i + 1)).length;
      });
      const average = times.reduce((sum, one) => sum + one, 0) / size;
      expect(Math.max(...times) / average, `${size} hosts`).toBeLessThan(2);
      expect(Math.min(...times), `${size} hosts`).toBeGreaterThan(0);
    }
  });

  it("says nothing when a host comes or goes that is not named", () => {
    const machine = crowd(20);
    machine.step({ type: "host-up", host: plainHost(21) }, 2_000);
    machine.step({ type: "host-down", id: plainHost(18).id }, 3_000);
    machine.step({ type: "host-up", host: plainHost(19, 2) }, 4_000);
    expect(published(run(machine, 30_000))).toEqual([]);
  });

  it("names another in the place of one that goes, and leaves the rest as they are", () => {
    const machine = crowd(20);
    machine.step({ type: "host-down", id: plainHost(3).id }, 2_000);
    const [set] = named(run(machine, 30_000));
    expect(set).toEqual([1, 2, ...Array.from({ length: 14 }, (_, i) => i + 4)]);
  });

  it("gives others their turn though statements are renewed all the time", () => {
    const machine = crowd(40);
    const sets: number[][] = [];
    for (let i = 1; i <= 20; i++) {
      sets.push(...named(run(machine, 1_000 + i * 9_000)));
      machine.step({ type: "host-up", host: plainHost(1 + (i % 16), 1 + i) }, 1_000 + i * 9_000);
    }
    expect(new Set(sets.flat()).size).toBeGreaterThan(32);
  });
});
