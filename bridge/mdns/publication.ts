/** One registration on its way: asked for, probed, announced, renamed. */
import { compareProposals, recordCode, recordKey } from "../../platform/dns/record.ts";
import { type DnsRecord, RECORD_CODE } from "../../platform/dns/message.ts";
import { type DnsName, isSameName, nameKey } from "../../platform/dns/name.ts";
import { TokenBucket } from "../../platform/token-bucket.ts";
import { nextInstance, isInstanceLabel } from "../zeroconf/instance-name.ts";
import type { ServiceId, ZeroconfService } from "../zeroconf/service.ts";
import { type ClaimedRecord, addressRecords, serviceRecords } from "./own-records.ts";

/** RFC 6762 §8.1: 15 conflicts within 10 s, and each further attempt waits 5 s. */
const CONFLICTS_MAX = 15;
const CONFLICTS_WITHIN_MS = 10_000;
const THROTTLED_WAIT_MS = 5_000;
const THROTTLED_UNTIL_QUIET_MS = 60_000;
/** RFC 6762 §8.4: no more than ten updates a minute. */
const UPDATE_RATE = { perSecond: 10 / 60, burst: 6 } as const;
/** A host name has no second one to try: it is asked for again after this, then twice, to 8 s. */
const HOST_RETRY_MS = 1_000;
const HOST_RETRY_MAX_MS = 8_000;
/** Candidates that do not fit are passed over, but not for ever. */
const CANDIDATES_MAX = 1_000;

export type Subject =
  | {
      readonly type: "service";
      readonly service: ZeroconfService;
      readonly isShared: boolean;
      readonly candidates: Iterator<string>;
    }
  | { readonly type: "host"; readonly host: DnsName; readonly addresses: readonly string[] };

/** A name that must be nobody else's, with what we would have there. */
export interface Claim {
  readonly name: DnsName;
  readonly records: readonly DnsRecord[];
}

export class Publication {
  readonly id: number;
  /** Announced without probing (RFC 6762 §8.1), until there is a conflict. */
  isTakeover: boolean;
  state: "probing" | "established" = "probing";
  /** Under which name it was last announced; `undefined` until then. */
  established: ServiceId | "host" | undefined;
  /** The key of the instance's name, which no other registration of ours has. */
  heldName: string | undefined;
  probesSent = 0;
  probeAtMs = Infinity;
  announcementsLeft = 0;
  announceAtMs = Infinity;
  readonly updates = new TokenBucket(UPDATE_RATE);
  #subject: Subject;
  #claimed: readonly ClaimedRecord[];
  #conflictsMs: number[] = [];
  #isThrottled = false;
  #retryMs = HOST_RETRY_MS;

  constructor(id: number, subject: Subject, isTakeover: boolean) {
    this.id = id;
    this.isTakeover = isTakeover;
    this.#subject = subject;
    this.#claimed = claimedBy(subject);
  }

  get subject(): Subject {
    return this.#subject;
  }

  get claimed(): readonly ClaimedRecord[] {
    return this.#claimed;
  }

  get isShared(): boolean {
    return this.#subject.type === "service" && this.#subject.isShared;
  }

  /** Name and type; `undefined` of a host. */
  get serviceId(): ServiceId | undefined {
    return this.#subject.type === "service" ? this.#subject.service : undefined;
  }

  become(subject: Subject): void {
    this.#subject = subject;
    this.#claimed = claimedBy(subject);
  }

  claims(): Claim[] {
    const claims = new Map<string, { name: DnsName; records: DnsRecord[] }>();
    for (const { record, isUnique } of this.#claimed) {
      if (!isUnique) continue;
      const key = nameKey(record.name);
      const claim = claims.get(key) ?? { name: record.name, records: [] };
      claim.records.push(record);
      claims.set(key, claim);
    }
    return [...claims.values()];
  }

  /** Goes on to the next name that could be. @returns `false` when there is none */
  becomeNext(): boolean {
    const subject = this.#subject;
    if (subject.type === "host") return false;
    const { candidates, service } = subject;
    for (let tries = 0; tries < CANDIDATES_MAX; tries++) {
      const next = candidates.next();
      if (next.done === true) break;
      if (!isInstanceLabel(next.value) || next.value === service.instance) continue;
      this.become({ ...subject, service: { ...service, instance: next.value } });
      return true;
    }
    // Whoever asked for it is gone by now, so a name is made up.
    if (this.established === undefined) return false;
    const instance = nextInstance(service.instance);
    this.become({ ...subject, service: { ...service, instance } });
    return true;
  }

  /** Notes a conflict. @returns how long to wait for the next probe, 0 while there were few */
  conflict(nowMs: number): number {
    const quietMs = nowMs - (this.#conflictsMs.at(-1) ?? -Infinity);
    if (quietMs > THROTTLED_UNTIL_QUIET_MS) this.#isThrottled = false;
    this.#conflictsMs = [...this.#conflictsMs, nowMs].slice(-CONFLICTS_MAX);
    const isMany = this.#conflictsMs.length === CONFLICTS_MAX;
    this.#isThrottled ||= isMany && nowMs - this.#conflictsMs[0]! < CONFLICTS_WITHIN_MS;
    return this.#isThrottled ? THROTTLED_WAIT_MS : 0;
  }

  /** How long until a host's name is tried again. */
  retryWaitMs(): number {
    const waitMs = this.#retryMs;
    this.#retryMs = Math.min(this.#retryMs * 2, HOST_RETRY_MAX_MS);
    return waitMs;
  }

  settle(): void {
    this.state = "established";
    this.established = this.serviceId ?? "host";
    this.probeAtMs = Infinity;
    this.#retryMs = HOST_RETRY_MS;
  }

  /**
   * Whether another host's records of one of our names contradict ours (RFC 6762 §8.1, §9).
   *
   * Equal records never do. Of a shared service only one at another host is another service: its
   * TXT or port may be a version ahead or behind.
   *
   * @param heard all records of one message with that name, goodbyes left out
   */
  isContradicted(heard: readonly DnsRecord[]): boolean {
    const [first] = heard;
    if (first === undefined) return false;
    const mine = this.#claimed.filter(
      ({ record, isUnique }) => isUnique && isSameName(record.name, first.name),
    );
    if (mine.length === 0) return false;
    if (this.isShared) return this.#isElsewhere(heard);
    const keys = new Set(mine.map(({ record }) => recordKey(record)));
    const codes = new Set(mine.map(({ record }) => recordCode(record)));
    const isSomeEqual = heard.some((record) => keys.has(recordKey(record)));
    return heard.some((record) => {
      if (keys.has(recordKey(record))) return false;
      if (codes.has(recordCode(record))) return true;
      // Any type shows that the name is taken, unless it is by an equal of ours.
      const isDenial = recordCode(record) === RECORD_CODE.nsec;
      return this.state === "probing" && !isSomeEqual && !isDenial;
    });
  }

  /** RFC 6762 §8.2: whether to yield to what another host proposes for the name. */
  yieldsTo(name: DnsName, proposed: readonly DnsRecord[]): boolean {
    if (this.isShared && !this.#isElsewhere(proposed)) return false;
    const mine = this.claims().find((claim) => isSameName(claim.name, name));
    return mine !== undefined && compareProposals(mine.records, proposed) < 0;
  }

  #isElsewhere(records: readonly DnsRecord[]): boolean {
    if (this.#subject.type !== "service") return true;
    const { host } = this.#subject.service;
    return records.some((record) => record.type === "srv" && !isSameName(record.target, host));
  }
}

function claimedBy(subject: Subject): readonly ClaimedRecord[] {
  return subject.type === "service"
    ? serviceRecords(subject.service, subject.isShared)
    : addressRecords(subject.host, subject.addresses, false);
}
