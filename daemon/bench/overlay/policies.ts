/**
 * What each copy policy costs in a subnet of four hosts (mDHT §3.3.5).
 *
 * The records come from another site, so that the subnet only holds them. One policy at a time; its
 * records are removed before the next.
 */
import { decode } from "dns-packet";
import { bedOf, withBed, type Bed } from "../bed.ts";
import type { Packet } from "../capture.ts";
import {
  createFigure,
  type BenchRun,
  type Figure,
  type FigureTable,
  type SectionResult,
} from "../figure.ts";
import { mapLimited } from "../limited.ts";
import { median } from "../statistics.ts";

const SECTION = "policies";
const HOLDERS = ["alpha-1", "alpha-2", "alpha-3", "alpha-4"] as const;
const JOINER = "alpha-5";
const PUBLISHER = "beta-1";
const HOLDER_PREFIX = "10.1.0.";
/** The subnet's own messages go between host nodes. */
const HOST_PORT = 4778;
const MULTICAST_PORT = 5353;
const QUIET_MS = 4_000;
const SETTLE_MS = 2_000;
/** Records asked for again and again, and how often all together at each host. */
const HOT_KEYS = 2;
const HOT_ASKS = 100;
export const POLICIES = ["one", "2", "all", "demand"] as const;
export type Policy = (typeof POLICIES)[number];

export interface PolicyCost {
  readonly policy: Policy;
  readonly records: number;
  /** TCP segments with content between hosts of the subnet, per put, idle traffic taken off. */
  readonly messagesPerPut: number;
  readonly copiesPerRecord: number;
  /** Multicast DNS questions for keys, per get. */
  readonly questionsPerGet: number;
  /** Of the gets at hosts of the subnet: answered by the host itself, by a sibling, by multicast. */
  readonly resolved: Readonly<Record<"local" | "sibling" | "multicast" | "none", number>>;
  /** What a host without a copy needs to find one, median; NaN when every host has one. */
  readonly missMs: number;
  /** Copies of a record that is asked for fifty times at every host; only `demand` grows. */
  readonly copiesWhenAsked: number;
  /** Share of the records that a joining host copies, per cent. */
  readonly copiedOnJoinPercent: number;
}

export async function runPolicies(run: BenchRun): Promise<SectionResult> {
  const sites = ["{ name: alpha, hosts: 5 }", "{ name: beta, hosts: 1, uplink: { delay: 20ms } }"];
  return withBed({ ...bedOf(run, SECTION), sites }, async (bed) => {
    await bed.start([...HOLDERS, PUBLISHER]);
    await bed.settle(2, 5);
    const idlePerSecond = await measureIdleMessages(bed);
    const costs: PolicyCost[] = [];
    for (const policy of POLICIES) {
      run.progress(`policy ${policy}`);
      costs.push(await measurePolicy(bed, policy, run.isQuick ? 16 : 32, idlePerSecond));
    }
    return { figures: judge(costs), tables: [costTable(costs)] };
  });
}

/** The bars are what the paper says in words: one copy and a search, or copies and none. */
function judge(costs: readonly PolicyCost[]): Figure[] {
  const of = (policy: Policy): PolicyCost => costs.find((cost) => cost.policy === policy)!;
  const figure = (
    name: string,
    { records }: PolicyCost,
    measured: number,
    bar: number,
    sense: "at-most" | "at-least" = "at-most",
  ): Figure =>
    createFigure({ section: SECTION, name, unit: "count", sense, bar, measured, n: records });
  const [one, two, all, demand] = POLICIES.map(of) as [
    PolicyCost,
    PolicyCost,
    PolicyCost,
    PolicyCost,
  ];
  return [
    figure("one: copies of a record", one, one.copiesPerRecord, 1),
    figure(
      "one: records found elsewhere by asking the link",
      one,
      one.resolved.multicast,
      1,
      "at-least",
    ),
    figure("2: copies of a record", two, two.copiesPerRecord, 2, "at-least"),
    figure("2: multicast questions per get", two, two.questionsPerGet, 0),
    figure("all: copies of a record", all, all.copiesPerRecord, HOLDERS.length, "at-least"),
    figure("all: multicast questions per get", all, all.questionsPerGet, 0),
    figure("demand: copies of a record at first", demand, demand.copiesPerRecord, 1),
    figure(
      "demand: copies of a record that is asked for",
      demand,
      demand.copiesWhenAsked,
      2,
      "at-least",
    ),
    figure(
      "gets that found nothing, any policy",
      one,
      costs.reduce((sum, cost) => sum + cost.resolved.none, 0),
      0,
    ),
  ];
}

function costTable(costs: readonly PolicyCost[]): FigureTable {
  const number = (value: number): string => (Number.isNaN(value) ? "-" : value.toFixed(1));
  return {
    title: `cost of a record in a subnet of ${HOLDERS.length} hosts`,
    head: [
      ...["policy", "copies", "segments/put", "questions/get", "local", "sibling", "multicast"],
      ...["ms at a non-holder", "copies when asked", "copied by a joiner"],
    ],
    rows: costs.map((cost) => [
      cost.policy,
      number(cost.copiesPerRecord),
      number(cost.messagesPerPut),
      number(cost.questionsPerGet),
      String(cost.resolved.local),
      String(cost.resolved.sibling),
      String(cost.resolved.multicast),
      number(cost.missMs),
      number(cost.copiesWhenAsked),
      `${number(cost.copiedOnJoinPercent)} %`,
    ]),
  };
}

/** Heartbeats and the like, per second, to be taken off the puts. */
async function measureIdleMessages(bed: Bed): Promise<number> {
  const capture = await bed.capture("alpha");
  await bed.pause(QUIET_MS);
  return (insideMessages(await capture.stop()) * 1000) / QUIET_MS;
}

export async function measurePolicy(
  bed: Bed,
  policy: Policy,
  records: number,
  idlePerSecond: number,
): Promise<PolicyCost> {
  const keys = Array.from({ length: records }, (_, i) => `policy ${policy} ${i}`);
  const held = async (): Promise<number> => {
    const all = await Promise.all(HOLDERS.map((host) => bed.status(host)));
    return all.reduce((sum, status) => sum + status.records.copies, 0);
  };
  const before = await held();
  const putting = await bed.capture("alpha");
  const putMs = performance.now();
  await mapLimited(keys, 2, (key) => bed.put(PUBLISHER, key, key, { copies: policy }));
  const putPackets = await putting.stop();
  const idleMessages = (idlePerSecond * (performance.now() - putMs)) / 1000;
  const copiesPerRecord = ((await held()) - before) / records;
  const asking = await bed.capture("alpha");
  const asked = await askEverywhere(bed, keys);
  const questions = keyQuestions(await asking.stop()).length;
  const hot = keys.slice(0, HOT_KEYS);
  const cold = await held();
  await mapLimited(
    Array.from({ length: HOT_ASKS }, (_, i) => hot[i % hot.length]!),
    4,
    async (key) => Promise.all(HOLDERS.map((host) => bed.get(host, key))),
  );
  const copiesWhenAsked = copiesPerRecord + ((await held()) - cold) / hot.length;
  const joined = await copiedOnJoin(bed);
  await mapLimited(keys, 4, (key) => bed.remove(PUBLISHER, key));
  const left = (await held()) / HOLDERS.length; // what is there all the time, admissions and the like
  return {
    policy,
    records,
    messagesPerPut: Math.max(0, insideMessages(putPackets) - idleMessages) / records,
    copiesPerRecord,
    questionsPerGet: questions / (records * HOLDERS.length),
    ...asked,
    copiesWhenAsked,
    copiedOnJoinPercent: (100 * Math.max(0, joined - left)) / records,
  };
}

/** Every key at every host of the subnet: who of the subnet had it, and how long others needed. */
async function askEverywhere(
  bed: Bed,
  keys: readonly string[],
): Promise<Pick<PolicyCost, "resolved" | "missMs">> {
  const resolved = { local: 0, sibling: 0, multicast: 0, none: 0 };
  const missMs: number[] = [];
  for (const host of HOLDERS) {
    const own = (await bed.status(host)).subnet.id ?? "";
    for (const key of keys) {
      const { answer } = await bed.lookup(host, key);
      const step = answer.path.find((one) => one.subnet === own);
      resolved[step?.resolvedBy ?? "none"]++;
      if (step !== undefined && step.resolvedBy !== "local") missMs.push(step.ms);
    }
  }
  return { resolved, missMs: median(missMs) };
}

/** A fifth host joins with an empty state: how many records it has after a moment. */
async function copiedOnJoin(bed: Bed): Promise<number> {
  bed.wipe(JOINER);
  await bed.start([JOINER]);
  await bed.pause(SETTLE_MS);
  const { copies } = (await bed.status(JOINER)).records;
  await bed.lab.stop([JOINER]);
  await bed.settle(2, 5);
  await bed.pause(SETTLE_MS);
  return copies;
}

function insideMessages(packets: readonly Packet[]): number {
  return packets.filter(
    ({ type, source, destination, sourcePort, destinationPort, payload }) =>
      type === "tcp" &&
      payload.length > 0 &&
      (sourcePort === HOST_PORT || destinationPort === HOST_PORT) &&
      source.startsWith(HOLDER_PREFIX) &&
      destination.startsWith(HOLDER_PREFIX),
  ).length;
}

/** Names of the keys that were asked for by multicast over IPv4, each asking once. */
export function keyQuestions(packets: readonly Packet[]): string[] {
  return packets
    .filter((one) => one.type === "udp" && one.destinationPort === MULTICAST_PORT)
    .filter((one) => !one.source.includes(":"))
    .flatMap(({ payload }) => {
      const message = decode(Buffer.from(payload));
      return message.type === "query" ? (message.questions ?? []) : [];
    })
    .map(({ name }) => name)
    .filter((name) => name.endsWith("._key._causeway._tcp.local"));
}
