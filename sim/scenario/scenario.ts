/**
 * What a simulation is told: one resolved scenario, with nothing left to a default.
 *
 * Names and units are those of the YAML file and of `--set`; `schema.ts` checks and completes it.
 */

export type Kind = "bootstrap" | "churn" | "mdht" | "load" | "records";
export type ProtocolName = "chord" | "kademlia";

export interface Scenario {
  readonly kind: Kind;
  readonly protocol: ProtocolName;
  /** How many nodes arrive in all. */
  readonly nodes: number;
  /** Nodes that arrive a second, on average. */
  readonly rate: number;
  /** Simulated seconds. Default: nodes / rate, and 15 s (Kademlia) or 20 s (Chord). */
  readonly durationS: number;
  readonly seed: number;
  /** 1 or 2; the results are the same. */
  readonly threads: number;
  /** Length of a sample, in seconds. Default 5, as in thesis §2.4. */
  readonly sampleS: number;
  readonly delay: DelayScenario;
  readonly server: ServerScenario;
  readonly churn: ChurnScenario;
  readonly hosts: HostScenario;
  readonly workload: WorkloadScenario;
  readonly records: RecordScenario;
  readonly adversary: AdversaryScenario;
  readonly chord: ChordScenario;
  readonly kademlia: KademliaScenario;
}

/** How long a message is under way. */
export interface DelayScenario {
  readonly model: "jittered" | "coordinates" | "matrix" | "classes";
  /** One way, in milliseconds, without jitter; of `coordinates`, between the farthest two. */
  readonly baseMs: number;
  /** Standard deviation of the normal jitter as a share of the base; only added, never taken off. */
  readonly jitter: number;
  /** One jitter for each ordered pair of nodes, instead of one for each message. */
  readonly isStable: boolean;
  /** Share by which the two ways between a pair may differ from their mean; 0 to 1. */
  readonly asymmetry: number;
  /** Share of messages that are lost; 0 to 1. */
  readonly loss: number;
  /** Of `matrix`: rows of one-way milliseconds, as CSV; nodes take rows in turn. */
  readonly matrixFile: string | null;
  /** Of `classes`: nodes of a site, which share a LAN; at most so many when there are several sites. */
  readonly perSite: number;
  /** Of `classes`: share of the sites behind a slow access line, which adds so much each way. */
  readonly slowShare: number;
  readonly slowMs: number;
  /** One way in a LAN, in milliseconds: between nodes of a site, and between hosts of a subnet. */
  readonly lanMs: number;
  /** Share of the messages between nodes of a site that are lost; `loss` is that of the others. */
  readonly lanLoss: number;
  /** From then on every delay is so many times as long. In order of time. */
  readonly changes: readonly { readonly atS: number; readonly factor: number }[];
  /** Between the times, the first `share` of the nodes and the others do not hear each other. */
  readonly partitions: readonly {
    readonly fromS: number;
    readonly toS: number;
    readonly share: number;
  }[];
}

/** The bootstrap server: a node that gives newcomers a contact. */
export interface ServerScenario {
  /** How many there are; a newcomer asks one by chance. */
  readonly count: number;
  /** Answers and learns at once, without messages. */
  readonly isInstant: boolean;
  /** Requests a second that one serves; `null`: any number. */
  readonly capacity: number | null;
  /** Requests that wait at one; what comes beyond is dropped. */
  readonly queueMax: number;
  /** It is dead between these; `null`: never. */
  readonly downFromS: number | null;
  readonly downToS: number | null;
  /** How many of them, the first ones; `null`: all. */
  readonly downCount: number | null;
  /** A newcomer that got no answer asks again after so long. */
  readonly retryMs: number;
}

/** How nodes go and come. */
export interface ChurnScenario {
  readonly model: "none" | "exponential" | "weibull" | "pareto" | "trace";
  /** Mean time that a node is there. */
  readonly sessionS: number;
  /** Mean time that it is away. */
  readonly absenceS: number;
  /** Shape of Weibull and of the shifted Pareto. */
  readonly shape: number;
  /** No node leaves before this. */
  readonly startS: number;
  /** Of `trace`: lines `seconds,node,up|down`. */
  readonly traceFile: string | null;
  /** So many more nodes at this time, at this rate; part of `nodes`. */
  readonly flashCrowd: {
    readonly atS: number;
    readonly nodes: number;
    readonly rate: number;
  } | null;
  /** A share of the nodes crashes at once and for good. */
  readonly massFailure: { readonly atS: number; readonly share: number } | null;
  /** A share reboots at once; each is back within `spreadS`. */
  readonly reboot: {
    readonly atS: number;
    readonly share: number;
    readonly spreadS: number;
  } | null;
}

/** Nodes that are subnets (mDHT §3.3); churn is that of their hosts then. */
export interface HostScenario {
  /** Hosts of a subnet, 1 to 16; 1: a node is a host, and what follows means nothing. */
  readonly perSubnet: number;
  /** `skewed`: from 1 to 16, most of them small (shifted Pareto, shape 1.5); 4 is 2.5 on average. */
  readonly sizes: "equal" | "skewed";
  /** Nodes of a subnet for each of its hosts, at least one in all; 0: one, whatever its size. */
  readonly virtualNodes: number;
  /** Until its siblings notice that a host is gone, or has come. */
  readonly noticeMs: number;
  /** After so long a host has no answer to a question that none of its siblings could answer. */
  readonly questionMs: number;
  /** A host that has not answered for so long gets company: another one of its set is asked too. */
  readonly staggerMs: number;
  /** Contacts that are told of a change of the host set at once. */
  readonly told: number;
}

/** What nodes do besides keeping the overlay. */
export interface WorkloadScenario {
  /** Whose the intervals are, those of gets too: each subnet's, with all of its nodes, or each host's. */
  readonly by: "node" | "host";
  /** Mean time between a node's queries; 0: none. */
  readonly queryIntervalS: number;
  /** Standard deviation of it, as a share. */
  readonly queryDeviation: number;
  /**
   * `random`: a key by chance, as in thesis §2.3; `node`: the id of an honest node that has joined;
   * `victim`: the id of the adversary's victim.
   */
  readonly target: "random" | "node" | "victim";
}

/** Nodes that lie, all in one hand. They send no queries, and no probe counts them as owners. */
export interface AdversaryScenario {
  /**
   * `sybil`: they name nobody but each other, and the one of them nearest to a key as its owner.
   * `eclipse`: they do so only for keys near the id of one node, and choose ids near it.
   */
  readonly kind: "none" | "sybil" | "eclipse";
  /** Share of the nodes; 0 to 1. */
  readonly share: number;
  /** They begin to lie then; before it they are as the others. */
  readonly fromS: number;
  /** The number of the node that `eclipse` is about; nodes count from 0 in the order of arrival. */
  readonly victim: number;
  /** Bits that a liar's id has in common with the victim's; 0 to 32. */
  readonly prefixBits: number;
}

/** Records that nodes put and get. */
export interface RecordScenario {
  /** How many there are; 0: none. */
  readonly count: number;
  /** They are put from this time on, evenly over `putSpreadS`, by nodes that have joined. */
  readonly putAtS: number;
  readonly putSpreadS: number;
  /** Nodes that keep a record: its owner and those next to it. */
  readonly replicas: number;
  /** Hosts of a subnet that keep it; as many as there are when that is fewer. */
  readonly copies: number;
  /** `two-choices`: each record has two keys, and is kept under the one whose owner has less a host. */
  readonly placement: "plain" | "two-choices";
  readonly bytes: number;
  /** Mean time between a node's gets, once all are put; 0: none. */
  readonly getIntervalS: number;
  /** Exponent of the records' popularity; 0: all alike. */
  readonly zipf: number;
  /** How often a node compares what it keeps with those that should keep it too. */
  readonly repairS: number;
}

export interface ChordScenario {
  /** Thesis §2.3.2: the owner tells the joiner's predecessor at once. */
  readonly isAggressive: boolean;
  readonly routing: "iterative" | "recursive";
  readonly successors: number;
  /** From and to: each time is drawn anew between them; equal ones are constant. */
  readonly stabilizeMs: readonly [number, number];
  readonly fixFingersMs: readonly [number, number];
  /** A JOIN without an answer is sent again after so long. */
  readonly joinDelayMs: number;
  /** Failed JOINs after which another contact is fetched. */
  readonly joinRetries: number;
}

export interface KademliaScenario {
  /** Contacts in a bucket. */
  readonly k: number;
  /** Requests of one lookup under way at once. */
  readonly alpha: number;
  /** Bits a digit. */
  readonly b: number;
  /** Nodes that are responsible for a key. */
  readonly siblings: number;
  /** Nodes kept beside the buckets as neighbours: this many times `siblings`. */
  readonly siblingFactor: number;
  /** Contacts kept for when one in the bucket fails; 0: none. */
  readonly replacements: number;
  /** A joining node's lookups go on until all of the closest have answered. */
  readonly isExhaustive: boolean;
  /** Paths of a query that share no node. */
  readonly disjointPaths: number;
  /** Whose answer counts: whom most paths name, or the nearest to the key that any path names. */
  readonly pathVerdict: "frequent" | "nearest";
  /** Contacts that one answer names. */
  readonly redundantNodes: number;
  readonly refreshMs: number;
  /** A node pings its nearest `siblings` so often; 0: never, as in OverSim unless told otherwise. */
  readonly siblingPingMs: number;
}
