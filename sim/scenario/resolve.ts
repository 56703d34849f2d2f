/** From what was given to a whole scenario, or to why there can be no such thing. */
import { ConfigError } from "../../platform/errors.ts";
import { settle } from "./assignments.ts";
import type { Assignment } from "./assignments.ts";
import type { ChurnScenario, Scenario } from "./scenario.ts";
import { FIELD_PATHS, OPTIONAL_GROUPS, SCHEMA } from "./schema.ts";
import { TIME_MAX_S } from "./times.ts";

/** After the last node has arrived: what the thesis gives the slowest to join. */
const SETTLING_S = { kademlia: 15, chord: 20 } as const;
/** How long churn is watched unless said otherwise. */
const CHURN_S = 300;
/** Hosts of a subnet where subnets are studied; and nodes of a site where nodes are hosts. */
const HOSTS = 4;
/** Records where they are studied. */
const RECORDS = 1000;

/**
 * Completes and checks a scenario; later values win.
 *
 * @throws {ConfigError} with path, value and what is allowed
 */
export function resolveScenario(given: readonly Assignment[]): Scenario {
  const values = new Map<string, unknown>();
  const groups = new Set<string>();
  for (const one of settle(given)) {
    if (one.type === "absent") {
      groups.delete(one.group);
      for (const path of FIELD_PATHS) if (path.startsWith(`${one.group}.`)) values.delete(path);
    } else {
      values.set(one.path, one.value);
      const group = optionalGroupOf(one.path);
      if (group !== undefined) groups.add(group);
    }
  }
  const scenario = complete(build(values, groups), values);
  refuseImpossible(scenario);
  return scenario;
}

function optionalGroupOf(path: string): string | undefined {
  return OPTIONAL_GROUPS.find((group) => path.startsWith(`${group}.`));
}

/** Nested as the type is; of groups that nobody gave, `null`. */
function build(values: ReadonlyMap<string, unknown>, groups: ReadonlySet<string>): Scenario {
  const root: Record<string, unknown> = {};
  for (const path of FIELD_PATHS) {
    const group = optionalGroupOf(path);
    const isAbsent = group !== undefined && !groups.has(group);
    const value = values.has(path) ? values.get(path) : SCHEMA[path].initial;
    place(root, (isAbsent ? group : path).split("."), isAbsent ? null : value);
  }
  // The schema's type has every path of `Scenario` with its type.
  return root as unknown as Scenario;
}

function place(root: Record<string, unknown>, names: readonly string[], value: unknown): void {
  let at = root;
  for (const name of names.slice(0, -1)) at = (at[name] ??= {}) as Record<string, unknown>;
  at[names.at(-1)!] = value;
}

/** Defaults that depend on other values. */
function complete(scenario: Scenario, values: ReadonlyMap<string, unknown>): Scenario {
  const { kind, protocol, nodes, rate, churn } = scenario;
  const settledS = nodes / rate + SETTLING_S[protocol];
  const isLong = kind !== "bootstrap";
  const hasChurn = isLong && kind !== "load";
  const hasRecords = kind === "records" || kind === "load";
  const hasHosts = kind === "mdht" || kind === "load";
  const model = hasChurn && !values.has("churn.model") ? "exponential" : churn.model;
  const given = <T>(path: string, otherwise: T): T =>
    values.get(path) === undefined || values.get(path) === null
      ? otherwise
      : (values.get(path) as T);
  const perSubnet = given("hosts.perSubnet", hasHosts ? HOSTS : 1);
  return {
    ...scenario,
    durationS: given("durationS", settledS + (isLong ? CHURN_S : 0)),
    delay: {
      ...scenario.delay,
      perSite: given("delay.perSite", perSubnet > 1 ? 1 : HOSTS),
    },
    hosts: {
      ...scenario.hosts,
      perSubnet,
      sizes: kind === "load" && !values.has("hosts.sizes") ? "skewed" : scenario.hosts.sizes,
    },
    records: {
      ...scenario.records,
      count: given("records.count", hasRecords ? RECORDS : 0),
      putAtS: given("records.putAtS", settledS),
    },
    churn: {
      ...churn,
      model,
      shape: given("churn.shape", model === "pareto" ? 3 : 0.5),
      startS: given("churn.startS", settledS),
    },
  };
}

/** Each value may be fine, and the whole still be impossible. */
function refuseImpossible(scenario: Scenario): void {
  const { durationS, sampleS, delay, server } = scenario;
  if (durationS > TIME_MAX_S)
    refuse(
      "durationS",
      `the default, ${Math.round(durationS)} s, is over ${TIME_MAX_S}; give a higher rate`,
    );
  if (sampleS > durationS)
    refuse("sampleS", `${sampleS} is longer than the run of ${durationS} s; allowed: at most that`);
  if (delay.model === "matrix" && delay.matrixFile === null)
    refuse("delay.matrixFile", "is null; delay.model matrix needs a file");
  for (const [i, { atS }] of delay.changes.entries())
    if (i > 0 && atS < (delay.changes[i - 1]?.atS ?? 0))
      refuse("delay.changes", `entry ${i + 1} is before the one above; put them in order of time`);
  for (const [i, { fromS, toS }] of delay.partitions.entries())
    if (fromS >= toS)
      refuse("delay.partitions", `entry ${i + 1}: fromS ${fromS} is not before toS ${toS}`);
  if (server.downToS !== null && server.downFromS === null)
    refuse("server.downFromS", `is null; server.downToS ${server.downToS} needs one`);
  if (server.downFromS !== null && server.downToS !== null && server.downFromS >= server.downToS)
    refuse("server.downToS", `${server.downToS} is not after downFromS ${server.downFromS}`);
  if (server.isInstant && server.capacity !== null)
    refuse(
      "server.capacity",
      `${server.capacity}: a server that is instant has none; leave it out`,
    );
  if (server.isInstant && scenario.threads > 1)
    refuse("threads", "a server that is instant runs on one thread; allowed: 1");
  refuseHosts(scenario);
  refuseAdversary(scenario);
  refuseChurn(scenario.churn, scenario);
}

function refuseHosts(scenario: Scenario): void {
  const { perSubnet, virtualNodes } = scenario.hosts;
  const { delay } = scenario;
  if (delay.model === "classes" && perSubnet > 1 && delay.perSite > 1)
    refuse(
      "delay.perSite",
      `${delay.perSite} is not allowed where nodes are subnets, each a LAN of its own; allowed: 1`,
    );
  if (virtualNodes > 0 && perSubnet === 1)
    refuse(
      "hosts.virtualNodes",
      `${virtualNodes} is for subnets, and nodes are hosts; give hosts.perSubnet 2 to 16`,
    );
  if (perSubnet > 1 && scenario.threads > 1)
    refuse("threads", `subnets of ${perSubnet} hosts run on one thread; allowed: 1`);
  if (perSubnet > 1 && scenario.protocol === "chord" && scenario.chord.routing === "recursive")
    refuse(
      "chord.routing",
      `recursive is for one host a node, not ${perSubnet}; allowed: iterative`,
    );
  const { count, placement } = scenario.records;
  if (count > 0 && placement === "two-choices" && scenario.threads > 1)
    refuse("threads", "records are placed by two choices on one thread; allowed: 1");
}

function refuseAdversary(scenario: Scenario): void {
  const { adversary, protocol, chord, workload, nodes, hosts } = scenario;
  const { kind, victim } = adversary;
  if (kind === "none" && workload.target === "victim")
    refuse("workload.target", "victim: nobody is one; give adversary.kind sybil or eclipse");
  if (kind === "none") return;
  if (protocol === "chord" && chord.routing === "recursive")
    refuse("chord.routing", `recursive is not for adversary.kind ${kind}; allowed: iterative`);
  if (hosts.virtualNodes > 0)
    refuse("hosts.virtualNodes", `${hosts.virtualNodes} is not for nodes that lie; allowed: 0`);
  if (victim >= nodes)
    refuse("adversary.victim", `${victim} is not one of the ${nodes} nodes, which count from 0`);
}

function refuseChurn(churn: ChurnScenario, { kind, nodes, durationS }: Scenario): void {
  const { model, flashCrowd, massFailure, reboot } = churn;
  if (model === "trace" && churn.traceFile === null)
    refuse("churn.traceFile", "is null; churn.model trace needs a file");
  if (model === "pareto" && churn.shape <= 1)
    refuse("churn.shape", `${churn.shape} is not allowed for pareto; allowed: more than 1`);
  if (flashCrowd !== null && flashCrowd.nodes >= nodes)
    refuse(
      "churn.flashCrowd.nodes",
      `${flashCrowd.nodes} is not allowed; it is a part of nodes, ${nodes}, and one must be there before`,
    );
  for (const [name, event] of Object.entries({ flashCrowd, massFailure, reboot }))
    if (event !== null && event.atS >= durationS)
      refuse(`churn.${name}.atS`, `${event.atS} is after the end of the run, ${durationS} s`);
  if (kind !== "churn" && kind !== "mdht") return;
  if (model === "none" && flashCrowd === null && massFailure === null && reboot === null)
    refuse("churn.model", "none: nothing comes or goes; give another model, or an event");
}

function refuse(path: string, problem: string): never {
  throw new ConfigError(path, problem);
}
