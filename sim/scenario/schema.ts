/**
 * The table of all that a scenario may say: what files and `--set` are checked against, what
 * `--print` shows, and what the reference in `docs/simulation.md` is made from.
 */
import { choice, flag, integer, optionalInteger, optionalText } from "../../platform/setting.ts";
import type { Setting } from "../../platform/setting.ts";
import { ADVERSARY } from "./adversary-fields.ts";
import { DELAY } from "./delay-fields.ts";
import { HOSTS } from "./host-fields.ts";
import { number, optionalNumber } from "./kinds.ts";
import { CHORD, KADEMLIA } from "./protocol-fields.ts";
import { TIME_MAX_MS, TIME_MAX_S } from "./times.ts";
import type { Kind, Scenario } from "./scenario.ts";

/** Dotted names of the values in `T`: `kademlia.k`, `churn.reboot.atS`. */
type PathsOf<T, Prefix extends string = ""> = {
  [Name in keyof T & string]: NonNullable<T[Name]> extends
    string | number | boolean | readonly unknown[]
    ? `${Prefix}${Name}`
    : PathsOf<NonNullable<T[Name]>, `${Prefix}${Name}.`>;
}[keyof T & string];

type ValueAt<T, Path extends string> = Path extends `${infer Head}.${infer Tail}`
  ? Head extends keyof T
    ? ValueAt<NonNullable<T[Head]>, Tail>
    : never
  : Path extends keyof T
    ? T[Path]
    : never;

export type FieldPath = PathsOf<Scenario>;

/** Every value of a scenario; `null` where `complete.ts` works the default out. */
export type Schema = {
  readonly [Path in FieldPath]:
    Setting<ValueAt<Scenario, Path>> | Setting<ValueAt<Scenario, Path> | null>;
};

/** What there is an engine for. */
export const KINDS = [
  "bootstrap",
  "churn",
  "mdht",
  "load",
  "records",
] as const satisfies readonly Kind[];

/** Groups that are `null` unless something in them is given. */
export const OPTIONAL_GROUPS = ["churn.flashCrowd", "churn.massFailure", "churn.reboot"] as const;

const PATH = /^[^\0]{1,4096}$/;

const GENERAL = {
  kind: choice({ doc: "What is studied.", initial: "bootstrap" }, KINDS),
  protocol: choice({ doc: "The overlay's protocol.", initial: "kademlia" }, ["chord", "kademlia"]),
  nodes: integer({ doc: "How many nodes arrive in all.", initial: 1000 }, 1, 100_000_000),
  rate: number({ doc: "Nodes that arrive a second, on average.", initial: 1000 }, 0, 1e9, true),
  durationS: optionalNumber(
    {
      doc: "Simulated seconds.",
      initial: null,
      defaultDoc:
        "until all have arrived (`nodes / rate`), and 15 s (Kademlia) or 20 s (Chord) more; with other kinds than `bootstrap` another 300 s",
    },
    0,
    TIME_MAX_S,
    true,
  ),
  seed: integer({ doc: "Of all chance in the run.", initial: 1 }, 0, 2 ** 32 - 1),
  threads: integer(
    { doc: "Worker threads of one run; the results are the same.", initial: 1 },
    1,
    2,
  ),
  sampleS: number(
    { doc: "Length of a sample in seconds (thesis §2.4).", initial: 5 },
    0,
    TIME_MAX_S,
    true,
  ),
} as const;

const SERVER = {
  "server.count": integer(
    { doc: "Bootstrap servers; a newcomer asks one by chance.", initial: 1 },
    1,
    10_000,
  ),
  "server.isInstant": flag({
    doc: "Answers and learns at once, without messages, as OverSim's does.",
    initial: false,
  }),
  "server.capacity": optionalNumber(
    { doc: "Requests a second that one server serves; null: any number.", initial: null },
    0,
    1e9,
    true,
  ),
  "server.queueMax": integer(
    { doc: "Requests that wait at one server; what comes beyond is dropped.", initial: 1000 },
    0,
    10_000_000,
  ),
  "server.downFromS": optionalNumber(
    { doc: "The servers are dead from then on; null: never.", initial: null },
    0,
    TIME_MAX_S,
  ),
  "server.downToS": optionalNumber(
    { doc: "And until then; null: to the end.", initial: null },
    0,
    TIME_MAX_S,
  ),
  "server.downCount": optionalNumber(
    { doc: "How many of the servers are dead then, the first ones; null: all.", initial: null },
    0,
    10_000,
  ),
  "server.retryMs": number(
    { doc: "A newcomer that got no answer asks again after so long.", initial: 1500 },
    1,
    TIME_MAX_MS,
  ),
} as const;

const CHURN = {
  "churn.model": choice(
    {
      doc: "How nodes go and come. `pareto` is the shifted Pareto distribution; `trace` reads a file.",
      initial: "none",
      defaultDoc: "`none`; with `kind: churn`, `mdht` and `records` `exponential`",
    },
    ["none", "exponential", "weibull", "pareto", "trace"],
  ),
  "churn.sessionS": number(
    { doc: "Mean time that a node is there.", initial: 600 },
    0,
    TIME_MAX_S,
    true,
  ),
  "churn.absenceS": number({ doc: "Mean time that it is away.", initial: 60 }, 0, TIME_MAX_S, true),
  "churn.shape": optionalNumber(
    {
      doc: "Shape of Weibull and of the shifted Pareto, which needs more than 1 to have a mean.",
      initial: null,
      defaultDoc: "0.5; of Pareto 3",
    },
    0,
    100,
    true,
  ),
  "churn.startS": optionalNumber(
    {
      doc: "No node leaves before this.",
      initial: null,
      defaultDoc: "`nodes / rate`, and 15 s (Kademlia) or 20 s (Chord) more",
    },
    0,
    TIME_MAX_S,
  ),
  "churn.traceFile": optionalText(
    {
      doc: "Of `trace`: a file with lines `seconds,node,up` or `seconds,node,down`, in order of time; nodes are numbered from 0.",
      initial: null,
    },
    "a path",
    PATH,
  ),
  "churn.flashCrowd.atS": number({ doc: "When a crowd comes.", initial: 60 }, 0, TIME_MAX_S),
  "churn.flashCrowd.nodes": integer(
    { doc: "How many of `nodes` come with it.", initial: 100 },
    1,
    100_000_000,
  ),
  "churn.flashCrowd.rate": number(
    { doc: "How many of them a second.", initial: 1000 },
    0,
    1e9,
    true,
  ),
  "churn.massFailure.atS": number(
    { doc: "When a share of the nodes crashes at once and for good.", initial: 60 },
    0,
    TIME_MAX_S,
  ),
  "churn.massFailure.share": number({ doc: "That share.", initial: 0.5 }, 0, 1),
  "churn.reboot.atS": number({ doc: "When a share reboots at once.", initial: 60 }, 0, TIME_MAX_S),
  "churn.reboot.share": number({ doc: "That share.", initial: 0.5 }, 0, 1),
  "churn.reboot.spreadS": number(
    { doc: "Each of them is back within so long.", initial: 30 },
    0,
    TIME_MAX_S,
  ),
} as const;

const WORKLOAD = {
  "workload.by": choice(
    {
      doc: "Whose the intervals of queries and of gets are, where nodes are subnets: each subnet's, however many nodes it has, or each `host`'s.",
      initial: "node",
    },
    ["node", "host"],
  ),
  "workload.queryIntervalS": number(
    { doc: "Mean time between a node's queries; 0: none.", initial: 1 },
    0,
    TIME_MAX_S,
  ),
  "workload.queryDeviation": number(
    { doc: "Standard deviation of it, as a share.", initial: 0.1 },
    0,
    1,
  ),
  "workload.target": choice(
    {
      doc: "What is asked for: `random` a key by chance (thesis §2.3), `node` the id of an honest node that has joined, `victim` that of the adversary's victim.",
      initial: "random",
    },
    ["random", "node", "victim"],
  ),
} as const;

const RECORDS = {
  "records.count": optionalInteger(
    {
      doc: "How many records there are; 0: none.",
      initial: null,
      defaultDoc: "0; with `kind: records` and `load` 1000",
    },
    0,
    1_000_000,
  ),
  "records.putAtS": optionalNumber(
    {
      doc: "They are put from this time on, by nodes that have joined.",
      initial: null,
      defaultDoc: "when all have arrived and had 15 or 20 s",
    },
    0,
    TIME_MAX_S,
  ),
  "records.putSpreadS": number({ doc: "Evenly over so long.", initial: 10 }, 0, TIME_MAX_S),
  "records.replicas": integer(
    { doc: "Nodes that keep a record: its owner and those next to it.", initial: 3 },
    1,
    16,
  ),
  "records.copies": integer(
    { doc: "Hosts of a subnet that keep it; fewer when there are not so many.", initial: 2 },
    1,
    16,
  ),
  "records.placement": choice(
    {
      doc: "`two-choices`: each record has two keys, and is kept under the one whose owner keeps less a host.",
      initial: "plain",
    },
    ["plain", "two-choices"],
  ),
  "records.bytes": integer({ doc: "Of one record.", initial: 500 }, 0, 4096),
  "records.getIntervalS": number(
    { doc: "Mean time between a node's gets, once all are put; 0: none.", initial: 10 },
    0,
    TIME_MAX_S,
  ),
  "records.zipf": number(
    { doc: "Exponent of their popularity; 0: all alike.", initial: 0.8 },
    0,
    10,
  ),
  "records.repairS": number(
    {
      doc: "How often a node compares what it keeps with those that should keep it too.",
      initial: 30,
    },
    0,
    TIME_MAX_S,
    true,
  ),
} as const;

export const SCHEMA: Schema = {
  ...GENERAL,
  ...DELAY,
  ...SERVER,
  ...CHURN,
  ...HOSTS,
  ...WORKLOAD,
  ...RECORDS,
  ...ADVERSARY,
  ...CHORD,
  ...KADEMLIA,
};

export const FIELD_PATHS = Object.keys(SCHEMA) as readonly FieldPath[];
