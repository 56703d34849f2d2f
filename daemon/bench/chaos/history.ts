/**
 * What happened in a chaos run, as the checker reads it: operations, faults, watches and, once all
 * is mended, what every host says.
 *
 * Times are ms since the run's load began, on the clock of the one process that drives it.
 */
import type { FaultType } from "./fault-types.ts";

/** A daemon with its state: a host whose disk was wiped comes back as another one. */
export interface Speaker {
  readonly host: string;
  /** How often its disk was wiped before. */
  readonly incarnation: number;
}

/**
 * `acknowledged`: the daemon said so. `refused`: it never took the call. `unknown`: an error or no
 * answer; it may have happened, now or later.
 */
export type Outcome = "acknowledged" | "refused" | "unknown";

interface Invocation extends Speaker {
  readonly id: number;
  /** Who asked. */
  readonly client: string;
  readonly key: string;
  readonly invokedMs: number;
  readonly returnedMs: number;
  readonly outcome: Outcome;
  /** Code of the error; empty without one. */
  readonly error: string;
}

export interface PutOperation extends Invocation {
  readonly type: "put";
  /** `one`, `all`, `demand` or a number, as the API has it. */
  readonly copies: string;
  readonly ttlMs: number;
  /** Of the answer; 0 without one. */
  readonly version: number;
  /** Subnets that confirmed it. */
  readonly storedOn: readonly string[];
}

export interface RemoveOperation extends Invocation {
  readonly type: "remove";
  /** Whether there was something to remove; true while unknown. */
  readonly hasRemoved: boolean;
}

export interface GetOperation extends Invocation {
  readonly type: "get";
  readonly records: readonly SeenRecord[];
}

export type Operation = PutOperation | RemoveOperation | GetOperation;
export type WriteOperation = PutOperation | RemoveOperation;

export interface SeenRecord {
  /** Base32 of the key that signed it. */
  readonly publisher: string;
  readonly value: string;
  readonly version: number;
}

/** The value that a put writes: it tells which put it was. */
export function valueOf(putId: number): string {
  return `put ${putId}`;
}

/** @returns `undefined` for a value that no put of a run writes */
export function putIdOf(value: string): number | undefined {
  const id = /^put (\d+)$/.exec(value)?.[1];
  return id === undefined ? undefined : Number(id);
}

export interface FaultEntry {
  readonly type: FaultType;
  readonly site: string;
  readonly hosts: readonly string[];
  /** The second site of a fault between two; else empty. */
  readonly other: string;
  readonly fromMs: number;
  /** When it was undone; Infinity while it lasts. */
  readonly toMs: number;
  /** What did not go as meant; empty for nothing. */
  readonly note: string;
}

/** A disk that was wiped, and with it the host's copies. */
export interface DiskLoss extends Speaker {
  readonly atMs: number;
  /** Subnet that the host was in; empty when nobody knows. */
  readonly subnet: string;
  /** It left in good order first, so what it had is elsewhere. */
  readonly isHandedOver: boolean;
}

export interface WatchLineSeen {
  readonly atMs: number;
  readonly type: "put" | "remove" | "expire";
  readonly publisher: string;
  readonly version: number;
  /** Of a put; else empty. */
  readonly value: string;
}

/** One watch at one daemon, from its opening until the daemon went or the run ended. */
export interface WatchSession extends Speaker {
  readonly key: string;
  readonly openedMs: number;
  /** Infinity: it lived to the end. */
  readonly endedMs: number;
  readonly lines: readonly WatchLineSeen[];
}

/** A daemon that ended by itself. */
export interface DaemonEnd {
  readonly host: string;
  readonly atMs: number;
}

/** A line of a daemon's log that tells of a bug. */
export interface BugLine {
  readonly host: string;
  readonly line: string;
}

export interface RunHistory {
  readonly operations: readonly Operation[];
  readonly faults: readonly FaultEntry[];
  readonly diskLosses: readonly DiskLoss[];
  readonly watches: readonly WatchSession[];
  readonly daemonEnds: readonly DaemonEnd[];
  /** Site that each subnet was seen in. */
  readonly siteOfSubnet: ReadonlyMap<string, string>;
}

/** What a host says of the overlay. */
export interface HostReport {
  readonly host: string;
  readonly site: string;
  readonly hostId: string;
  readonly subnet: string;
  /** Every subnet it knows, with the ids of its hosts. */
  readonly subnets: readonly { readonly id: string; readonly hosts: readonly string[] }[];
  /** Subnets in its routing table. */
  readonly table: readonly string[];
}

/** One key read at one host. */
export interface KeyRead {
  readonly key: string;
  readonly host: string;
  readonly atMs: number;
  readonly records: readonly SeenRecord[];
  /** Code of the error; empty when it was answered. */
  readonly error: string;
}

/** Which of a key's holders have it, as a lookup from one host shows. */
export interface HolderRead {
  readonly key: string;
  readonly host: string;
  /** Subnets that answered that they have nothing under the key. */
  readonly lacking: readonly string[];
}

/** A fresh put and its get at another host, after everything is mended. */
export interface Probe {
  readonly from: string;
  readonly at: string;
  /** Infinity: it did not work. */
  readonly tookMs: number;
  readonly error: string;
}

export interface FinalState {
  readonly atMs: number;
  readonly hosts: readonly HostReport[];
  /** Hosts that do not answer, with the reason. */
  readonly silent: readonly { readonly host: string; readonly reason: string }[];
  readonly reads: readonly KeyRead[];
  readonly holders: readonly HolderRead[];
  readonly probes: readonly Probe[];
  /** Keys of long life read again while one host of every subnet is dead. */
  readonly auditReads: readonly KeyRead[];
  readonly bugLines: readonly BugLine[];
}
