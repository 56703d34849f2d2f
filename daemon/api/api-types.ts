/**
 * What goes over the local API, as both ends see it.
 *
 * Times are milliseconds, keys 64 hexadecimal digits, ids and publishers base32 in lower case.
 */
import type {
  Finding,
  Health,
  HostView,
  OverlayStatus,
  PendingHostView,
  RevocationResult,
} from "../../overlay/index.ts";

/** A value over this is refused; the overlay has the same bound. */
export const VALUE_BYTES_MAX = 4096;
/** Longest name of a slot, in bytes of UTF-8. */
export const SLOT_BYTES_MAX = 64;
/** Shortest and longest lifetime of a record, and of a token. */
export const TTL_MS_MIN = 1000;
export const TTL_MS_MAX = 24 * 3_600_000;
/** Most copies that a put may name. */
export const COPIES_MAX = 16;

export interface StatusAnswer extends OverlayStatus {
  readonly daemon: {
    readonly pid: number;
    readonly version: string;
    readonly uptimeMs: number;
    readonly state: string;
    readonly socket: string;
  };
}

export interface HealthAnswer {
  readonly health: Health;
  readonly reason: string;
}

export interface HostJson extends HostView {
  /** Base32 id of the subnet it is in. */
  readonly subnet: string;
}

export interface HostsAnswer {
  readonly hosts: readonly HostJson[];
}

export interface SubnetJson {
  readonly id: string;
  readonly isSelf: boolean;
  /** A number as text, since it may pass 2^53. */
  readonly hostSetVersion: string;
  readonly hosts: readonly HostView[];
}

export interface SubnetsAnswer {
  readonly subnets: readonly SubnetJson[];
}

export interface ExplainAnswer {
  readonly findings: readonly Finding[];
}

export interface RecordJson {
  readonly publisher: string;
  readonly slot: string;
  /** Text only when it is 2^53 or more. */
  readonly version: number | string;
  /** The value when it is UTF-8; else `valueBase64` has it. */
  readonly value?: string;
  readonly valueBase64?: string;
  readonly expiresInMs: number;
}

export interface GetAnswer {
  readonly key: string;
  readonly records: readonly RecordJson[];
  readonly tookMs: number;
}

export interface PutAnswer {
  readonly key: string;
  readonly version: number | string;
  readonly storedOn: readonly string[];
  readonly tookMs: number;
}

export interface RemoveAnswer {
  readonly key: string;
  readonly removed: boolean;
}

export interface LookupStepJson {
  readonly role: "holder" | "cached";
  readonly subnet: string;
  readonly host: string;
  readonly ms: number;
  readonly result: "found" | "absent" | "failed";
  readonly resolvedBy: "local" | "sibling" | "multicast" | "none";
  readonly error?: string;
}

export interface LookupAnswer {
  readonly key: string;
  /** How many records the query found. */
  readonly records: number;
  readonly tookMs: number;
  readonly path: readonly LookupStepJson[];
}

/** One line of the stream that `watch` reads. */
export type WatchLine =
  | ({ readonly type: "put"; readonly key: string } & RecordJson)
  | {
      readonly type: "remove" | "expire";
      readonly key: string;
      readonly publisher: string;
      readonly slot: string;
      readonly version: number | string;
    }
  | { readonly type: "error"; readonly code: string; readonly message: string };

export interface PingRequest {
  /** Host id, whole; or the name or the beginning of the id of a known host. */
  readonly host: string;
  /** Bytes to send after the round trip is measured. Default 0. */
  readonly bytes?: number;
}

export interface PingAnswer {
  readonly host: string;
  readonly way: "direct" | "relayed";
  readonly connectMs: number;
  readonly roundTripMs: number;
  readonly bytes: number;
  /** For those bytes and the other end's word that they are whole. */
  readonly tookMs: number;
}

export interface TokenRequest {
  readonly mayAdmit?: boolean;
  readonly ttlMs?: number;
}

export interface TokenAnswer {
  readonly token: string;
  readonly mayAdmit: boolean;
  readonly expiresInMs: number;
}

export interface PendingAnswer {
  readonly pending: readonly PendingHostView[];
}

export interface AdmitRequest {
  /** Id, the beginning of it, or name. */
  readonly host: string;
  readonly mayAdmit?: boolean;
}

export interface AdmitAnswer {
  readonly admitted: PendingHostView;
  readonly mayAdmit: boolean;
}

export interface RevokeRequest {
  /** Id, the beginning of it, or name. */
  readonly host: string;
  readonly withAdmitted?: boolean;
}

export interface RevokeAnswer {
  readonly revoked: RevocationResult;
}

export interface BackupAnswer {
  /** Own records as the backup file has them, in base64. */
  readonly entries: string;
}

export interface BackupNotedAnswer {
  readonly backedUpAtMs: number;
}

/** First line of the answer to `down` and `leave`; the stream ends with the daemon. */
export interface StopAnswer {
  readonly stopping: true;
  readonly pid: number;
}

/** Last line of that answer, when the daemon has let go of everything. */
export interface StoppedLine {
  readonly stopped: boolean;
  /** What did not work while stopping. */
  readonly problem?: string;
}

export interface ReloadAnswer {
  /** Keys whose new value holds now. */
  readonly changed: readonly string[];
  /** Keys whose new value needs a restart. */
  readonly needRestart: readonly string[];
}

export interface ErrorAnswer {
  readonly error: { readonly code: string; readonly message: string };
}
