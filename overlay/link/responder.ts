/**
 * Announces this host and answers questions about it (RFC 6762 §6, §8.3, §10.1).
 *
 * The RFC allows a record once a second; answers here may come in a burst of eight before that
 * rate holds, because a site that is switched on has many newcomers within one second, and each
 * has to find its subnet at once. Not supported: probing and conflict resolution (names are unique
 * by construction), NSEC, unicast answers to QU questions (they get multicast, which §5.4 allows).
 */
import type { Random } from "../../platform/random.ts";
import type { LinkAddressing } from "../../platform/address.ts";
import {
  type AnnouncementRecords,
  type HostAnnouncement,
  OTHER_TTL_S,
  SERVICE_TYPE,
  encodeAnnouncement,
  hostName,
  hostTagOf,
} from "./announcement.ts";
import {
  CLASS_ANY,
  CLASS_IN,
  type DnsMessage,
  type DnsQuestion,
  type DnsRecord,
  EMPTY_MESSAGE,
  RECORD_CODE,
} from "../../platform/dns/message.ts";
import { type DnsName, isSameName } from "../../platform/dns/name.ts";
import { TokenBucket } from "../../platform/token-bucket.ts";

/** RFC 6763 §9: the list of the service types on a link. */
const ALL_SERVICES: DnsName = ["_services", "_dns-sd", "_udp", "local"];

const ANNOUNCEMENTS = 2;
const ANNOUNCE_EVERY_MS = 1000;
const ANNOUNCE_JITTER_MS = 20;
/** RFC 6762 §6: hosts that share a record do not answer all at once. */
const SHARED_DELAY_MS = [20, 120] as const;
/** RFC 6762 §7.2: the rest of a known-answer list is awaited. */
const TRUNCATED_DELAY_MS = [400, 500] as const;
const ANSWER_RATE = { perSecond: 1, burst: 8 } as const;
const LEGACY_RATE = { perSecond: 10, burst: 20 } as const;
/** RFC 6762 §8.4: no more than ten updates a minute. */
const UPDATE_RATE = { perSecond: 10 / 60, burst: 6 } as const;
/** RFC 6762 §6.7. */
const LEGACY_TTL_S = 10;

type Group = "services" | "ptr" | "srv" | "txt" | "addresses";
const SHARED: ReadonlySet<Group> = new Set<Group>(["services", "ptr"]);

export class Responder {
  readonly #random: Random;
  readonly #answerRate = new TokenBucket(ANSWER_RATE);
  readonly #legacyRate = new TokenBucket(LEGACY_RATE);
  readonly #updateRate = new TokenBucket(UPDATE_RATE);
  /** What is to be answered, and when. */
  readonly #due = new Map<Group, number>();
  #host: HostAnnouncement | null = null;
  #records: AnnouncementRecords | undefined;
  #announceAtMs = Infinity;
  #announcementsLeft = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Own tag; `undefined` while nothing is announced. */
  get hostTag(): string | undefined {
    return this.#host?.hostTag;
  }

  get wakeAtMs(): number {
    return Math.min(this.#announceAtMs, ...this.#due.values());
  }

  /**
   * Takes on a new announcement (or none) or new addresses, and announces it.
   *
   * @returns the goodbye to the former tag, where it goes away
   */
  become(host: HostAnnouncement | null, link: LinkAddressing, nowMs: number): DnsMessage[] {
    const farewell = host?.hostTag === this.#host?.hostTag ? [] : this.goodbye();
    this.#host = host;
    this.#announcementsLeft = host === null ? 0 : ANNOUNCEMENTS;
    this.#due.clear();
    if (host === null) {
      this.#records = undefined;
      this.#announceAtMs = Infinity;
      return farewell;
    }
    const addresses = link.addresses.map(({ address }) => address);
    this.#records = encodeAnnouncement({ ...host, addresses });
    const jitterMs = this.#random.between(0, ANNOUNCE_JITTER_MS);
    this.#announceAtMs = Math.max(nowMs + jitterMs, this.#updateRate.readyAtMs(nowMs));
    return farewell;
  }

  /** All records with TTL 0; nothing when nothing is announced. */
  goodbye(): DnsMessage[] {
    if (this.#records === undefined) return [];
    const answers = allRecords(this.#records).map((record) => ({ ...record, ttlS: 0 }));
    return [{ ...EMPTY_MESSAGE, isResponse: true, answers }];
  }

  /** Notes what a question wants of us; `tick` answers. */
  hearQuery(message: DnsMessage, nowMs: number): void {
    if (this.#records === undefined) return;
    this.#suppress(message.answers);
    const ours = message.questions.map((question) => this.#groupsOf(question));
    const groups = new Set(ours.flat());
    for (const known of this.#knownTo(message.answers)) groups.delete(known);
    const isOursAlone = ours.every(
      (asked) => asked.length > 0 && !asked.some((g) => SHARED.has(g)),
    );
    let delayMs = 0;
    if (message.isTruncated) delayMs = this.#random.between(...TRUNCATED_DELAY_MS);
    else if (!isOursAlone) delayMs = this.#random.between(...SHARED_DELAY_MS);
    for (const group of groups) this.#answerAt(group, nowMs + delayMs);
  }

  /** RFC 6762 §6.7: the answer to a plain DNS client (`dig -p 5353`), to be sent to it alone. */
  answerLegacy(message: DnsMessage, nowMs: number): DnsMessage | undefined {
    if (this.#records === undefined) return undefined;
    const groups = new Set(message.questions.flatMap((question) => this.#groupsOf(question)));
    if (groups.size === 0 || !this.#legacyRate.take(nowMs)) return undefined;
    const { answers, additionals } = respond(this.#records, groups);
    return {
      ...EMPTY_MESSAGE,
      id: message.id,
      isResponse: true,
      questions: message.questions,
      answers: answers.map(asLegacy),
      additionals: additionals.map(asLegacy),
    };
  }

  /** Rescues own records that somebody says goodbye to, and leaves out what was just answered. */
  hearResponse(records: readonly DnsRecord[], nowMs: number): void {
    const ownTag = this.#host?.hostTag;
    if (this.#records === undefined || ownTag === undefined) return;
    for (const record of records) {
      const group = groupOf(record, ownTag);
      if (group === "services" && record.ttlS >= OTHER_TTL_S / 2) this.#due.delete(group);
      // RFC 6762 §6.6, §10.1. Shared by all: only our own instance is ours to rescue.
      else if (group !== undefined && group !== "services" && record.ttlS === 0)
        this.#answerAt(group, nowMs + this.#random.between(...SHARED_DELAY_MS));
    }
  }

  /** Whether a record claims our tag for something else than we announce. */
  isConflict(record: DnsRecord): boolean {
    const own = this.#records?.srv;
    if (own?.type !== "srv" || record.type !== "srv" || record.ttlS === 0) return false;
    if (!isSameName(record.name, own.name)) return false;
    return record.port !== own.port || !isSameName(record.target, own.target);
  }

  tick(nowMs: number): DnsMessage[] {
    const messages: DnsMessage[] = [];
    if (this.#records === undefined) return messages;
    if (nowMs >= this.#announceAtMs) messages.push(this.#announce(this.#records, nowMs));
    if ([...this.#due.values()].some((dueAtMs) => nowMs >= dueAtMs)) {
      const groups = new Set(this.#due.keys());
      this.#due.clear();
      if (this.#answerRate.take(nowMs))
        messages.push({ ...EMPTY_MESSAGE, isResponse: true, ...respond(this.#records, groups) });
      else for (const group of groups) this.#due.set(group, this.#answerRate.readyAtMs(nowMs));
    }
    return messages;
  }

  #announce(records: AnnouncementRecords, nowMs: number): DnsMessage {
    if (this.#announcementsLeft === ANNOUNCEMENTS) this.#updateRate.take(nowMs);
    this.#announcementsLeft--;
    this.#announceAtMs = this.#announcementsLeft > 0 ? nowMs + ANNOUNCE_EVERY_MS : Infinity;
    // An announcement answers whatever was asked of the same records.
    for (const group of this.#due.keys()) if (group !== "services") this.#due.delete(group);
    return { ...EMPTY_MESSAGE, isResponse: true, answers: allRecords(records) };
  }

  #answerAt(group: Group, atMs: number): void {
    this.#due.set(group, Math.min(atMs, this.#due.get(group) ?? Infinity));
  }

  /** RFC 6762 §7.2: a later part of a known-answer list takes back what was to be answered. */
  #suppress(known: readonly DnsRecord[]): void {
    for (const group of this.#knownTo(known)) this.#due.delete(group);
  }

  /** RFC 6762 §7.1: what the asker knows for at least half its lifetime. */
  #knownTo(answers: readonly DnsRecord[]): Group[] {
    const ownTag = this.#host!.hostTag;
    return answers
      .filter((record) => record.type === "ptr" && record.ttlS >= OTHER_TTL_S / 2)
      .map((record) => groupOf(record, ownTag))
      .filter((group) => group !== undefined);
  }

  #groupsOf({ name, code, class: askedClass }: DnsQuestion): Group[] {
    if (askedClass !== CLASS_IN && askedClass !== CLASS_ANY) return [];
    const isAsked = (wanted: number): boolean => code === wanted || code === RECORD_CODE.any;
    const { hostTag } = this.#host!;
    if (isSameName(name, ALL_SERVICES)) return isAsked(RECORD_CODE.ptr) ? ["services"] : [];
    if (isSameName(name, SERVICE_TYPE)) return isAsked(RECORD_CODE.ptr) ? ["ptr"] : [];
    if (hostTagOf(name) === hostTag) {
      const srv: Group[] = isAsked(RECORD_CODE.srv) ? ["srv"] : [];
      return isAsked(RECORD_CODE.txt) ? [...srv, "txt"] : srv;
    }
    const isAddress = isAsked(RECORD_CODE.a) || isAsked(RECORD_CODE.aaaa);
    return isAddress && isSameName(name, hostName(hostTag)) ? ["addresses"] : [];
  }
}

/** Which group of our own records this one stands for. */
function groupOf(record: DnsRecord, ownTag: string): Group | undefined {
  if (record.type === "ptr") {
    if (isSameName(record.name, SERVICE_TYPE))
      return hostTagOf(record.target) === ownTag ? "ptr" : undefined;
    const isServices =
      isSameName(record.name, ALL_SERVICES) && isSameName(record.target, SERVICE_TYPE);
    return isServices ? "services" : undefined;
  }
  if (record.type === "srv" || record.type === "txt")
    return hostTagOf(record.name) === ownTag ? record.type : undefined;
  return undefined;
}

/** RFC 6762 §6.7: a short life, and no flush bit, which plain DNS does not know. */
function asLegacy(record: DnsRecord): DnsRecord {
  return { ...record, isFlush: false, ttlS: Math.min(record.ttlS, LEGACY_TTL_S) };
}

function allRecords({ ptr, srv, txt, addresses }: AnnouncementRecords): DnsRecord[] {
  return [ptr, srv, txt, ...addresses];
}

/** RFC 6763 §12: what an answer will make the asker ask for next comes with it. */
function respond(
  records: AnnouncementRecords,
  asked: ReadonlySet<Group>,
): { readonly answers: DnsRecord[]; readonly additionals: DnsRecord[] } {
  const services: DnsRecord = {
    name: ALL_SERVICES,
    ttlS: OTHER_TTL_S,
    isFlush: false,
    type: "ptr",
    target: SERVICE_TYPE,
  };
  const isFollowing = (group: Group): boolean =>
    !asked.has(group) && (asked.has("ptr") || (group === "addresses" && asked.has("srv")));
  const pick = (isWanted: (group: Group) => boolean): DnsRecord[] => [
    ...(isWanted("services") ? [services] : []),
    ...(isWanted("ptr") ? [records.ptr] : []),
    ...(isWanted("srv") ? [records.srv] : []),
    ...(isWanted("txt") ? [records.txt] : []),
    ...(isWanted("addresses") ? records.addresses : []),
  ];
  return {
    answers: pick((group) => asked.has(group)),
    additionals: pick((group) => group !== "services" && isFollowing(group)),
  };
}
