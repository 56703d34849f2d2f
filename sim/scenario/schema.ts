/**
 * The table of all that a scenario may say: what files and `--set` are checked against, what
 * `--print` shows, and what the reference in `docs/simulation.md` is made from.
 */
import { choice, flag, integer, optionalInteger, optionalText } from "../../platform/setting.ts";
import type { Setting } from "../../platform/setting.ts";
import { number, optionalNumber, rows, span } from "./kinds.ts";
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
export const KINDS = ["bootstrap", "churn", "mdht"] as const satisfies readonly Kind[];

/** Groups that are `null` unless something in them is given. */
export const OPTIONAL_GROUPS = ["churn.flashCrowd", "churn.massFailure", "churn.reboot"] as const;

/** Simulated time is an integer of nanoseconds, which a double holds up to some 104 days. */
export const TIME_MAX_S = 9_000_000;
const TIME_MAX_MS = TIME_MAX_S * 1000;
const PATH = /^[^\0]{1,4096}$/;

const TIME = { min: 0, max: TIME_MAX_S };

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
        "until all have arrived (`nodes / rate`), and 15 s (Kademlia) or 20 s (Chord) more; with `kind: churn` and `mdht` another 300 s",
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

const DELAY = {
  "delay.model": choice(
    {
      doc: "How long a message is under way: `jittered` the same base between any two, `coordinates` by the distance of two points of a plane, `matrix` by a file.",
      initial: "jittered",
    },
    ["jittered", "coordinates", "matrix"],
  ),
  "delay.baseMs": number(
    {
      doc: "One way, in milliseconds, without jitter; with `coordinates` that between the farthest two.",
      initial: 50,
    },
    0.001,
    60_000,
  ),
  "delay.jitter": number(
    {
      doc: "Standard deviation of the normal jitter as a share of the base; only added, never taken off.",
      initial: 0.1,
    },
    0,
    10,
  ),
  "delay.isStable": flag({
    doc: "One jitter for each ordered pair of nodes, instead of one for each message.",
    initial: false,
  }),
  "delay.asymmetry": number(
    { doc: "Share by which the two ways between a pair may differ from their mean.", initial: 0 },
    0,
    0.99,
  ),
  "delay.loss": number({ doc: "Share of the messages that are lost.", initial: 0 }, 0, 1),
  "delay.matrixFile": optionalText(
    {
      doc: "Of `matrix`: a CSV file with a row of one-way milliseconds for each place; nodes take places in turn.",
      initial: null,
    },
    "a path",
    PATH,
  ),
  "delay.changes": rows(
    {
      doc: "From `atS` on every delay is `factor` times as long as at first. In order of time.",
      initial: [],
    },
    { atS: TIME, factor: { min: 0.001, max: 1000 } },
  ),
  "delay.partitions": rows(
    {
      doc: "Between the times, the first `share` of the nodes and the others do not hear each other.",
      initial: [],
    },
    { fromS: TIME, toS: TIME, share: { min: 0, max: 1 } },
  ),
} as const;

const SERVER = {
  "server.count": integer(
    { doc: "Bootstrap servers; a newcomer asks one by chance.", initial: 1 },
    1,
    10_000,
  ),
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
      defaultDoc: "`none`; with `kind: churn` and `mdht` `exponential`",
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

const HOSTS = {
  "hosts.perSubnet": optionalInteger(
    {
      doc: "Hosts of a node, which is a subnet then; churn is that of hosts. 1: nodes are hosts, and the rest of `hosts` means nothing.",
      initial: null,
      defaultDoc: "1; with `kind: mdht` 4",
    },
    1,
    16,
  ),
  "hosts.noticeMs": number(
    { doc: "Until its siblings notice that a host is gone, or has come.", initial: 1200 },
    0,
    TIME_MAX_MS,
  ),
  "hosts.staggerMs": number(
    {
      doc: "When a host has not answered for so long, another one of its subnet is asked too.",
      initial: 300,
    },
    1,
    TIME_MAX_MS,
  ),
  "hosts.told": integer(
    { doc: "Contacts that are told of a change of the host set at once.", initial: 8 },
    0,
    1000,
  ),
} as const;

const WORKLOAD = {
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
      doc: "What is asked for: `random` a key by chance (thesis §2.3), `node` the id of a node that has joined.",
      initial: "random",
    },
    ["random", "node"],
  ),
} as const;

const CHORD = {
  "chord.isAggressive": flag({
    doc: "Aggressive join: the owner tells the joiner's predecessor at once (thesis §2.3.2).",
    initial: true,
  }),
  "chord.routing": choice({ doc: "Who forwards a lookup.", initial: "iterative" }, [
    "iterative",
    "recursive",
  ]),
  "chord.successors": integer({ doc: "Length of the successor list.", initial: 8 }, 1, 64),
  "chord.stabilizeMs": span(
    {
      doc: "Time between two rounds of STABILIZE; of two numbers each time is drawn anew between them.",
      initial: [5000, 5000],
    },
    1,
    TIME_MAX_MS,
  ),
  "chord.fixFingersMs": span(
    { doc: "The same for FIXFINGERS.", initial: [10_000, 10_000] },
    1,
    TIME_MAX_MS,
  ),
  "chord.joinDelayMs": number(
    { doc: "A JOIN without an answer is sent again after so long.", initial: 5000 },
    1,
    TIME_MAX_MS,
  ),
  "chord.joinRetries": integer(
    { doc: "Failed JOINs after which another contact is fetched.", initial: 2 },
    0,
    1000,
  ),
} as const;

const KADEMLIA = {
  "kademlia.k": integer({ doc: "Contacts in a bucket.", initial: 16 }, 1, 255),
  "kademlia.alpha": integer(
    { doc: "Requests of one lookup under way at once.", initial: 1 },
    1,
    32,
  ),
  "kademlia.b": integer({ doc: "Bits a digit.", initial: 1 }, 1, 8),
  "kademlia.siblings": integer({ doc: "Nodes that are responsible for a key.", initial: 8 }, 1, 64),
  "kademlia.siblingFactor": integer(
    {
      doc: "Nodes kept beside the buckets as neighbours: this many times `siblings`.",
      initial: 5,
    },
    1,
    16,
  ),
  "kademlia.replacements": integer(
    { doc: "Contacts kept for when one in the bucket fails; 0: none.", initial: 0 },
    0,
    255,
  ),
  "kademlia.isExhaustive": flag({
    doc: "A joining node's lookups go on until all of the closest have answered.",
    initial: false,
  }),
  "kademlia.disjointPaths": integer(
    {
      doc: "Lookups of one key that share no node; the most frequent answer counts.",
      initial: 1,
    },
    1,
    16,
  ),
  "kademlia.redundantNodes": integer(
    { doc: "Contacts that one answer names.", initial: 16 },
    1,
    64,
  ),
  "kademlia.refreshMs": number(
    {
      doc: "A bucket in which nothing was looked up for so long is refreshed.",
      initial: 1_000_000,
    },
    1,
    TIME_MAX_MS,
  ),
} as const;

export const SCHEMA: Schema = {
  ...GENERAL,
  ...DELAY,
  ...SERVER,
  ...CHURN,
  ...HOSTS,
  ...WORKLOAD,
  ...CHORD,
  ...KADEMLIA,
};

export const FIELD_PATHS = Object.keys(SCHEMA) as readonly FieldPath[];
