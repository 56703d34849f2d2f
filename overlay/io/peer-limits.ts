/**
 * How much one peer may ask of this host: a token bucket for each peer and kind of question, so
 * that no member, however busy or ill-willed, keeps it from the others.
 *
 * The rates are what an honest host at full speed does not reach on its own; a peer keeps its
 * buckets when it connects anew. Strangers, whose keys cost nothing, are counted by address.
 */
import type { Clock } from "../../platform/clock.ts";
import type { Logger } from "../../platform/logger.ts";
import { OverlayError } from "../errors.ts";
import { parseAddress } from "../../platform/address.ts";
import { TokenBucket, type TokenRate } from "../../platform/token-bucket.ts";
import { CALL, NOTICE } from "../schema/methods.ts";

/** What is counted apart. */
export type AskedKind = "admit" | "put" | "get" | "host-set" | "notice" | "other" | "stranger";
export type PeerRates = Readonly<Record<AskedKind, TokenRate>>;

/** A put counts as one, and one more for each 4 KiB; everything else as one. */
export const PEER_RATES: PeerRates = {
  admit: { perSecond: 2, burst: 20 },
  put: { perSecond: 1_000, burst: 10_000 },
  get: { perSecond: 2_000, burst: 10_000 },
  // Up to 16 statements to verify in each.
  "host-set": { perSecond: 100, burst: 1_000 },
  notice: { perSecond: 2_000, burst: 10_000 },
  other: { perSecond: 20, burst: 200 },
  stranger: { perSecond: 5, burst: 50 },
};

const KINDS: ReadonlyMap<string, AskedKind> = new Map<string, AskedKind>([
  [CALL.admit, "admit"],
  [CALL.adopt, "admit"],
  [CALL.renew, "admit"],
  [CALL.signClaim, "admit"],
  [CALL.put, "put"],
  [CALL.get, "get"],
  [CALL.watch, "get"],
  [CALL.hostSetPull, "host-set"],
  [NOTICE.hostSet, "host-set"],
  [NOTICE.statement, "host-set"],
  [NOTICE.watchEvent, "notice"],
  [NOTICE.interest, "notice"],
  [NOTICE.changed, "notice"],
]);

const PUT_UNIT_BYTES = 4096;
/** Peers whose buckets are kept; beyond, the one unheard for longest begins anew. */
const PEERS_MAX = 4096;
const IPV6_BYTES = 16;
const IPV6_SITE_BYTES = 8;

export class PeerLimits {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #rates: PeerRates;
  readonly #buckets = new Map<string, Map<AskedKind, TokenBucket>>();
  #refused = 0;

  constructor(clock: Clock, log: Logger, rates: PeerRates = PEER_RATES) {
    this.#clock = clock;
    this.#log = log;
    this.#rates = rates;
  }

  /** Calls, notices and strangers turned away since the start. */
  get refused(): number {
    return this.#refused;
  }

  /** @throws {OverlayError} ERR_OVERLAY_QUOTA when that peer asks too often */
  checkCall(hostId: string, method: string, body: Uint8Array): void {
    const kind = KINDS.get(method) ?? "other";
    const units = kind === "put" ? 1 + Math.floor(body.length / PUT_UNIT_BYTES) : 1;
    if (!this.#take(hostId, kind, units)) throw this.#tooMuch(kind);
  }

  /** Whether to hear a notice: what is too much is passed over. */
  allowsNotice(hostId: string, method: string): boolean {
    return this.#take(hostId, KINDS.get(method) ?? "other", 1);
  }

  /**
   * @param address where a host without a membership dialled from
   * @throws {OverlayError} ERR_OVERLAY_QUOTA when too many came from there
   */
  checkStranger(address: string): void {
    if (!this.#take(siteOf(address), "stranger", 1)) throw this.#tooMuch("stranger");
  }

  #take(peer: string, kind: AskedKind, units: number): boolean {
    const kinds = this.#buckets.get(peer) ?? new Map<AskedKind, TokenBucket>();
    this.#buckets.delete(peer); // so that the map is in order of the last word
    this.#buckets.set(peer, kinds);
    if (this.#buckets.size > PEERS_MAX) this.#buckets.delete(this.#buckets.keys().next().value!);
    const bucket = kinds.get(kind) ?? new TokenBucket(this.#rates[kind]);
    kinds.set(kind, bucket);
    if (bucket.take(this.#clock.monotonicMs(), units)) return true;
    this.#refused++;
    this.#log.warn("peer asks too much", { peer, kind });
    return false;
  }

  #tooMuch(kind: AskedKind): OverlayError {
    const { perSecond } = this.#rates[kind];
    const what = kind === "stranger" ? "newcomers from this address" : `questions (${kind})`;
    return new OverlayError(
      "ERR_OVERLAY_QUOTA",
      `too many ${what}: ${perSecond} a second in the long run; try again in a few seconds`,
    );
  }
}

/** One site has as many IPv6 addresses as it likes, under one prefix of 64 bits. */
function siteOf(address: string): string {
  const bytes = parseAddress(address);
  if (bytes?.length !== IPV6_BYTES) return address;
  return Buffer.from(bytes.subarray(0, IPV6_SITE_BYTES)).toString("hex");
}
