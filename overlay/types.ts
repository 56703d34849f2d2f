/** What the other folders see of the overlay, and what the daemon needs to run and show one. */

/** How many hosts inside a subnet keep a record (mDHT §3.3.5). */
export type CopyPolicy =
  /** The host that received it; siblings find it by link-local multicast. */
  | { readonly type: "one" }
  /** `count` hosts by rendezvous hashing over the live ones. */
  | { readonly type: "copies"; readonly count: number }
  /** Every host. */
  | { readonly type: "all" }
  /** One host at first, more as queries come. */
  | { readonly type: "demand" };

/** A record as a reader gets it: verified, newest of its publisher and slot, not expired. */
export interface RecordView {
  /** 32 bytes. */
  readonly key: Uint8Array;
  /** 32-byte Ed25519 key of the host that signed it. */
  readonly publisher: Uint8Array;
  /** Up to 64 bytes of UTF-8; one publisher may keep several slots under one key. */
  readonly slot: string;
  /** Grows with each put of this publisher and slot. */
  readonly version: bigint;
  /** At most 4096 bytes. */
  readonly value: Uint8Array;
  /** Lifetime left. */
  readonly expiresInMs: number;
}

export interface PutOptions {
  /** Lifetime in ms, 1 s to 24 h. Default 1 h. */
  readonly ttlMs: number;
  /** Default `""`. */
  readonly slot: string;
  /** Default two copies. */
  readonly copies: CopyPolicy;
}

export interface PutResult {
  readonly version: bigint;
  /** Subnets (base32 ids) that confirmed the record as stored. */
  readonly storedOn: readonly string[];
  readonly tookMs: number;
}

export interface GetResult {
  /** Empty when the key has no record. */
  readonly records: readonly RecordView[];
  readonly tookMs: number;
  /** Where the answer came from: a path a query took, for `causeway lookup`. */
  readonly path: readonly LookupStep[];
}

/** One question of a lookup and what came of it. */
export interface LookupStep {
  /** `holder`: one of the closest subnets; `cached`: a holder known from before. */
  readonly role: "holder" | "cached";
  readonly subnet: string;
  /** Host id that answered, or the last one that failed. */
  readonly host: string;
  readonly tookMs: number;
  readonly result: "found" | "absent" | "failed";
  /** How that subnet found it: in the asked host, at a sibling, or by asking the link. */
  readonly resolvedBy: "local" | "sibling" | "multicast" | "none";
  /** Why it failed. */
  readonly error?: string;
}

export type WatchEvent =
  | { readonly type: "put"; readonly record: RecordView }
  | {
      readonly type: "remove" | "expire";
      readonly key: Uint8Array;
      readonly publisher: Uint8Array;
      readonly slot: string;
      readonly version: bigint;
    };

/** Signed, expiring, multi-valued records of the whole overlay. */
export interface Directory {
  /** @throws {OverlayError} when no subnet stored it */
  put(key: Uint8Array, value: Uint8Array, options?: Partial<PutOptions>): Promise<PutResult>;
  /** Absent keys give no records, not an error. */
  get(key: Uint8Array, signal?: AbortSignal): Promise<GetResult>;
  /** The present records as `put` events first, then each change until `signal` aborts. */
  watch(key: Uint8Array, signal: AbortSignal): AsyncIterable<WatchEvent>;
  /** Removes this host's own record; `false` when it had none. */
  remove(key: Uint8Array, slot?: string): Promise<boolean>;
}

export interface HostView {
  /** Base32 of the host key. */
  readonly id: string;
  readonly name: string;
  /** `ADDRESS:PORT`, an IPv6 address in brackets. */
  readonly addresses: readonly string[];
  readonly isSelf: boolean;
}

export interface SubnetView {
  readonly id: string;
  readonly hosts: readonly HostView[];
  readonly isSelf: boolean;
  /** Version of the host set as known here. */
  readonly hostSetVersion: bigint;
}

export type JoinedVia = "created" | "link" | "merged" | "resumed";
export type Health = "joining" | "pending" | "isolated" | "healthy";

export type SubnetEvent = { readonly type: "hosts"; readonly hosts: readonly HostView[] };

/** The hosts of this link that act as one node. */
export interface Subnet {
  readonly id: string | undefined;
  /**
   * Id of the subnet that goes on as this one: it merged into it on its link, or got another key.
   * `undefined` when the host came from elsewhere, or was in none before.
   */
  readonly follows?: string | undefined;
  readonly hosts: readonly HostView[];
  events(signal: AbortSignal): AsyncIterable<SubnetEvent>;
}

/** A byte stream between two hosts: noise-encrypted, ordered, with back-pressure. */
export interface HostStream {
  /** Host id of the other end, proven by its certificate. */
  readonly peer: string;
  /** Through a host that relays, because neither end could dial the other. */
  readonly isRelayed: boolean;
  /** Resolves when more may be written. */
  write(bytes: Uint8Array): Promise<void>;
  /** Ends our own writing; reading goes on. */
  closeWrite(): Promise<void>;
  abort(reason: Error): void;
  readonly bytes: AsyncIterable<Uint8Array>;
}

/** Streams to and from any host of the overlay, whatever subnet it is in. */
export interface HostStreams {
  dial(hostId: string, protocol: string, signal: AbortSignal): Promise<HostStream>;
  handle(protocol: string, handler: (stream: HostStream) => Promise<void>): () => void;
}

/** A newcomer that waits for admission at a locked link. */
export interface PendingHostView {
  readonly id: string;
  /** What it calls itself; anybody may call itself anything. */
  readonly name: string;
  /** Where it asked from. */
  readonly address: string;
  readonly waitingMs: number;
}

/** What became of a removal. */
export interface RevocationResult {
  readonly id: string;
  /** Empty when the host was not known. */
  readonly name: string;
  /** Hosts let in by it directly that stay. */
  readonly kept: number;
  /** Hosts let in by it that were removed too. */
  readonly alsoRemoved: number;
  /** It stands as near to the authority as this host, and its own word could count as much. */
  readonly isContestable: boolean;
}

/** What the router of the link maps to this host's subnet node. */
export interface MappingView {
  readonly protocol: "nat-pmp" | "upnp";
  /** `ADDRESS:PORT` beyond the router, of the subnet's node. */
  readonly outer: string;
  /** The same of the host's own node; null while that port is not mapped. */
  readonly outerHost: string | null;
  /** Whether another subnet has dialled this host there; before that nobody is told of it. */
  readonly isProven: boolean;
  /** Until the router forgets it, were it not renewed. */
  readonly expiresInMs: number;
}

/** One finding of `causeway explain`. */
export interface Finding {
  /** Stable name, such as `no-multicast` or `clock-skew`. */
  readonly code: string;
  readonly severity: "ok" | "warning" | "problem";
  readonly what: string;
  /** What to do now; empty when nothing. */
  readonly advice: string;
}

export interface OverlayStatus {
  readonly host: { readonly id: string; readonly name: string };
  readonly subnet: {
    readonly id: string | null;
    readonly hosts: readonly HostView[];
    readonly joinedVia: JoinedVia | null;
    readonly hostSetVersion: string;
  };
  readonly overlay: {
    readonly id: string | null;
    readonly name: string | null;
    readonly isLocked: boolean;
    /** Subnets known to live, this one included. */
    readonly subnets: number;
  };
  readonly routing: {
    readonly entries: readonly { readonly subnet: string; readonly hosts: readonly string[] }[];
    /** Entries added plus removed since start. */
    readonly changes: number;
  };
  /** Token addresses dialled since start. */
  readonly bootstrap: { readonly contacts: number };
  readonly records: { readonly owned: number; readonly copies: number };
  readonly reachability: {
    /** Whether other subnets can dial this host. */
    readonly state: "unknown" | "reachable" | "unreachable";
    /** Ids of the hosts that pass connections on to it when they cannot. */
    readonly relays: readonly string[];
    /** Null where the router maps nothing, or was not asked. */
    readonly mapping: MappingView | null;
  };
  readonly link: {
    readonly interface: string | null;
    readonly addresses: readonly string[];
    readonly multicastPacketsSent: number;
    readonly multicastPacketsReceived: number;
  };
  readonly health: Health;
  /** Why the health is not `healthy`; empty when it is. */
  readonly reason: string;
}

export interface Overlay {
  readonly directory: Directory;
  readonly subnet: Subnet;
  readonly streams: HostStreams;
  status(): OverlayStatus;
  /** All subnets known, this one first. */
  subnets(): readonly SubnetView[];
  explain(): Promise<readonly Finding[]>;
  /** Makes a one-time token and thereby locks the overlay. */
  createToken(options: { readonly mayAdmit: boolean; readonly ttlMs: number }): Promise<string>;
  /** Newcomers that wait on this link, the longest waiting first. */
  pendingHosts(): readonly PendingHostView[];
  /**
   * Lets a waiting host in.
   *
   * @param host its id, the beginning of that, or its name
   * @throws {OverlayError} when nobody waits by that name, or this host may not admit
   */
  admit(host: string, options: { readonly mayAdmit: boolean }): Promise<PendingHostView>;
  /**
   * Takes a host out of the overlay for good; its subnet gets another key. Locks the overlay.
   *
   * @param host id, the beginning of one, or name of a known host; or any whole id
   * @throws {OverlayError} when it is not known, or this host may not remove it
   */
  revoke(host: string, options: { readonly keepsAdmitted: boolean }): Promise<RevocationResult>;
  /**
   * Opens what was sealed to this host (`sealTo`).
   *
   * @throws {WireError} when the box is another's, or was touched
   */
  unseal(box: Uint8Array): Uint8Array;
  /** This host's own records as a backup holds them; it holds the keys of the state directory, too. */
  backupRecords(): Uint8Array;
  /** A backup with this host's keys was made. @param atMs wall clock */
  noteBackup(atMs: number): Promise<void>;
  /** Resigns from the overlay: hands records over, says goodbye, forgets membership and subnet. */
  leave(): Promise<void>;
  /** Hands over and says goodbye, keeping keys and state for the next start. */
  stop(): Promise<void>;
}
