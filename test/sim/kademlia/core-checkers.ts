/**
 * What holds of Kademlia's core, found out from outside: by what nodes know, say and find.
 *
 * Each checker runs a small overlay, or fills a table, and tells what is wrong.
 */
import { draw } from "../../../sim/engine/dice.ts";
import { PROTOCOL_TYPE, type NodeIds } from "../../../sim/engine/protocol.ts";
import { createIds, createWorld, Simulation } from "../../../sim/engine/simulation.ts";
import type { Trace } from "../../../sim/engine/trace-hash.ts";
import type { Scenario } from "../../../sim/scenario/scenario.ts";
import { scenarioOf } from "../scenarios.ts";
import type { Core } from "./mutant-core.ts";

const { churn, delay, kademlia, workload } = scenarioOf();
const exhaustive = { ...kademlia, isExhaustive: true };
const FIND_NODE = PROTOCOL_TYPE + 1;

export type Checker = (core: Core) => readonly string[];

/** Bits that two ids have in common at their beginning, up to 32. */
function sharedBits(ids: NodeIds, a: number, b: number): number {
  return Math.clz32(ids.high[a]! ^ ids.high[b]!);
}

interface Overlay {
  readonly simulation: Simulation;
  readonly ids: NodeIds;
  readonly scenario: Scenario;
}

function simulate(
  core: Core,
  changes: Partial<Scenario>,
  watch: { readonly trace?: Trace; onSecond?(second: number, overlay: Overlay): void } = {},
): Overlay {
  const scenario = scenarioOf({ nodes: 150, durationS: 15, ...changes });
  const world = createWorld(scenario);
  const { trace, onSecond } = watch;
  const parts = { scenario, protocol: core.KADEMLIA, matrix: [], churnTrace: [], trace };
  const overlay = { simulation: new Simulation(parts, world), ids: world.ids, scenario };
  for (const { simulatedS } of overlay.simulation.run()) onSecond?.(simulatedS, overlay);
  return overlay;
}

function lastOf({ simulation }: Overlay) {
  return simulation.outcome().samples.at(-1)!;
}

/** Of a node: contacts beyond its neighbours, which are those in buckets. */
function inBuckets({ simulation, ids, scenario }: Overlay, node: number): readonly number[] {
  const { siblings, siblingFactor } = scenario.kademlia;
  const distance = (contact: number): number => (ids.high[contact]! ^ ids.high[node]!) >>> 0;
  return simulation.partition.protocol
    .contacts(node)
    .toSorted((a, b) => distance(a) - distance(b))
    .slice(siblings * siblingFactor);
}

/** A query for the id of a node ends there. */
function findsOwners(core: Core): readonly string[] {
  const target = { ...workload, target: "node" as const };
  const last = lastOf(simulate(core, { workload: target, kademlia: exhaustive }));
  return last.correctDelivery! > 0.97 ? [] : [`only ${last.correctDelivery} reach the owner`];
}

/** Whoever knows some of the network knows somebody at each distance at which there is anybody. */
function coversDistances(core: Core): readonly string[] {
  const settings = { ...kademlia, siblings: 2, siblingFactor: 2 };
  const quiet = { ...workload, queryIntervalS: 0 };
  const overlay = simulate(core, { nodes: 300, workload: quiet, kademlia: settings });
  const { nodes } = overlay.scenario;
  let gaps = 0;
  let ranges = 0;
  for (let node = 0; node < nodes; node++) {
    const contacts = overlay.simulation.partition.protocol.contacts(node);
    const known = new Set(contacts.map((contact) => sharedBits(overlay.ids, node, contact)));
    // Deeper ones hold a handful of nodes, which a lookup may miss.
    for (let bits = 0; bits < 4; bits++) {
      ranges++;
      if (!known.has(bits)) gaps++;
    }
  }
  return gaps / ranges < 0.05 ? [] : [`${gaps} of ${ranges} distances without a contact`];
}

/** A contact in a bucket that lives is not displaced by a newcomer. */
function keepsTheOld(core: Core): readonly string[] {
  const before = new Map<number, readonly number[]>();
  const settings = { ...kademlia, k: 4, siblings: 2, siblingFactor: 2 };
  const wrong: string[] = [];
  simulate(
    core,
    { nodes: 300, kademlia: settings },
    {
      onSecond(second, overlay) {
        if (second === 5)
          for (let node = 0; node < 100; node++) before.set(node, inBuckets(overlay, node));
        if (second < 15) return;
        for (const [node, contacts] of before) {
          const now = new Set(overlay.simulation.partition.protocol.contacts(node));
          const lost = contacts.filter((contact) => !now.has(contact));
          if (lost.length > 0) wrong.push(`node ${node} gave up ${lost.length} that live`);
        }
      },
    },
  );
  return wrong;
}

/** Who is gone is no longer anybody's nearest neighbour after a while. */
function forgetsTheDead(core: Core): readonly string[] {
  const failing = { ...churn, massFailure: { atS: 10, share: 0.4 } };
  const settings = { ...exhaustive, siblingPingMs: 2000 };
  const changes = { durationS: 30, churn: failing, kademlia: settings };
  const { accuracy } = lastOf(simulate(core, changes));
  return accuracy! > 0.95 ? [] : [`only ${accuracy} know their nearest neighbour`];
}

/** A node names the nearest of its contacts, whatever the key. */
function namesTheNearest(core: Core): readonly string[] {
  const wrong: string[] = [];
  for (const b of [1, 3]) {
    const ids = createIds(3, 400);
    const scenario = { ...kademlia, b, k: 16, siblings: 2, siblingFactor: 2 };
    const table = new core.RoutingTable(scenario, ids, 1, 9);
    for (let contact = 1; contact < 400; contact++) table.add(0, contact);
    const contacts = table.contactsOf(0);
    const closest = new core.Closest(ids);
    for (let i = 0; i < 200; i++) {
      // Half of the keys are anywhere, the others ever nearer to the node.
      const key = i % 2 === 0 ? draw(7, i, 0) : ids.high[0]! ^ (draw(7, i, 1) >>> (i % 12));
      closest.begin(key, 0, 8);
      table.collect(0, key, closest);
      closest.finish();
      const distance = (contact: number): number => (ids.high[contact]! ^ key) >>> 0;
      const nearest = contacts.toSorted((x, y) => distance(x) - distance(y)).slice(0, 8);
      const named = [...closest.nodes.subarray(0, closest.count)];
      if (named.join() !== nearest.join()) wrong.push(`b ${b}, key ${key}: not the nearest`);
    }
  }
  return wrong;
}

/** A bucket takes contacts until it has k. */
function fillsBuckets(core: Core): readonly string[] {
  const wrong: string[] = [];
  const k = 8;
  for (const b of [1, 3]) {
    const ids = createIds(4, 400);
    const scenario = { ...kademlia, b, k, siblings: 1, siblingFactor: 1 };
    const table = new core.RoutingTable(scenario, ids, 1, 9);
    for (let contact = 1; contact < 400; contact++) table.add(0, contact);
    const contacts = new Set(table.contactsOf(0));
    const there = new Map<string, number[]>();
    for (let contact = 1; contact < 400; contact++) {
      const distance = ((ids.high[contact]! ^ ids.high[0]!) >>> 0).toString(2).padStart(32, "0");
      const level = Math.floor(distance.indexOf("1") / b);
      const digits = distance.slice(0, (level + 1) * b);
      there.set(digits, [...(there.get(digits) ?? []), contact]);
    }
    for (const [digits, nodes] of there) {
      const known = nodes.filter((node) => contacts.has(node)).length;
      // The only sibling is one more, wherever it is.
      const isFull = known === Math.min(k, nodes.length) || known === k + 1;
      if (!isFull) wrong.push(`b ${b}, ${digits}: ${known} of ${nodes.length}`);
    }
  }
  return wrong;
}

/** Whoever was cut off until it had forgotten everybody takes part again when it can. */
function joinsAnew(core: Core): readonly string[] {
  const cut = { ...delay, partitions: [{ fromS: 5, toS: 45, share: 0.02 }] };
  const seen: number[] = [];
  const overlay = simulate(
    core,
    {
      ...{ nodes: 50, rate: 50, durationS: 60, delay: cut },
      kademlia: { ...kademlia, siblings: 2, siblingFactor: 2, siblingPingMs: 500 },
    },
    {
      onSecond: (_, { simulation }) => seen.push(simulation.partition.protocol.contacts(0).length),
    },
  );
  const { protocol } = overlay.simulation.partition;
  const { high, low } = overlay.ids;
  const wrong = [];
  if (Math.min(...seen.slice(5)) > 0) wrong.push("it never forgot everybody");
  if (seen.at(-1)! < 5) wrong.push(`it knows ${seen.at(-1)} nodes`);
  if (!protocol.isResponsible(0, high[0]!, low[0]!))
    wrong.push("it does not answer for its own id");
  return wrong;
}

/** No two paths of a query ask the same node. */
function keepsPathsApart(core: Core): readonly string[] {
  const asked = new Set<string>();
  const wrong: string[] = [];
  simulate(
    core,
    { durationS: 8, kademlia: { ...exhaustive, disjointPaths: 4 } },
    {
      trace(_timeNs, to, from, type, a, b, c) {
        if (type !== FIND_NODE || c !== 1) return;
        const request = `${from} asks ${to} for ${a} ${b}`;
        if (asked.has(request)) wrong.push(`${request} again`);
        asked.add(request);
      },
    },
  );
  return asked.size < 200 ? [...wrong, "hardly any requests"] : wrong;
}

export const CHECKERS = {
  findsOwners,
  coversDistances,
  keepsTheOld,
  forgetsTheDead,
  joinsAnew,
  fillsBuckets,
  namesTheNearest,
  keepsPathsApart,
} satisfies Readonly<Record<string, Checker>>;
