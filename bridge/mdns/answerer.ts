/**
 * Answers questions at their time: who asked, what they know, what others said meanwhile
 * (RFC 6762 §5.4, §6, §7).
 */
import type { Random } from "../../platform/random.ts";
import type { DnsMessage, DnsRecord } from "../../platform/dns/message.ts";
import { packMessages } from "../../platform/dns/packing.ts";
import { recordKey } from "../../platform/dns/record.ts";
import { AnswerQueue, type Endpoint, type Reply } from "./answer-queue.ts";
import { answersTo, knownKeys, parcelsOf } from "./answers.ts";
import type { OwnRecord, RecordBook } from "./record-book.ts";
import { type SendAction, sendAll } from "./types.ts";

/** §6: hosts that share a record do not answer all at once. */
const SHARED_DELAY_MS = [20, 120] as const;
/** §7.2: the rest of a known-answer list is awaited. */
const TRUNCATED_DELAY_MS = [400, 500] as const;
/** §6: a record is multicast once a second, or, against a probe, four times. */
const MULTICAST_GAP_MS = 1_000;
const DEFENCE_GAP_MS = 250;
/** A question comes by both address families, and so did what answered the first of them. */
const TWIN_MS = 50;
/** §5.4: what was multicast within a quarter of its lifetime may go to one asker. */
const FRESH_SHARE = 0.25;

export class Answerer {
  readonly #book: RecordBook;
  readonly #random: Random;
  readonly #queue = new AnswerQueue();

  constructor(book: RecordBook, random: Random) {
    this.#book = book;
    this.#random = random;
  }

  get wakeAtMs(): number {
    return this.#queue.wakeAtMs;
  }

  clear(): void {
    this.#queue.clear();
  }

  hearQuery(message: DnsMessage, from: Endpoint, nowMs: number): void {
    const known = knownKeys(this.#book, message.answers);
    this.#queue.learn(from.address, known);
    const isProbe = message.authorities.length > 0;
    const multicast = new Set<string>();
    const unicast = new Set<string>();
    let isSole = true;
    for (const question of message.questions) {
      const answers = answersTo(this.#book, question);
      isSole &&= answers.length > 0 && answers.every((own) => this.#book.isSole(own));
      for (const own of answers) {
        if (known.has(own.key)) continue;
        const isFresh = nowMs - own.lastSentMs <= own.record.ttlS * 1000 * FRESH_SHARE;
        // §5.4; a probe is answered for everyone, who may have the same name in mind.
        (question.isUnicast && isFresh && !isProbe ? unicast : multicast).add(own.key);
      }
    }
    let delayMs = 0;
    if (message.isTruncated) delayMs = this.#random.between(...TRUNCATED_DELAY_MS);
    else if (!isSole && !isProbe) delayMs = this.#random.between(...SHARED_DELAY_MS);
    const reply = {
      from: from.address,
      heardAtMs: nowMs,
      dueAtMs: nowMs + delayMs,
      gapMs: isProbe ? DEFENCE_GAP_MS : MULTICAST_GAP_MS,
    };
    this.#queue.add({ ...reply, keys: multicast, known: new Set(known), to: null });
    this.#queue.add({ ...reply, keys: unicast, known: new Set(known), to: from });
  }

  /** Somebody else sends records of ours: enough for all (§7.4), or too little (§6.6). */
  hearRecords(records: readonly DnsRecord[], nowMs: number): void {
    const rescued = new Set<OwnRecord>();
    for (const record of records) {
      const own = this.#book.get(recordKey(record));
      if (own === undefined || record.type === "nsec") continue;
      if (record.ttlS >= own.record.ttlS) this.#queue.hear(own.key);
      if (record.ttlS < own.record.ttlS / 2) rescued.add(own);
    }
    const isSole = [...rescued].every((own) => this.#book.isSole(own));
    this.#queue.add({
      from: "",
      heardAtMs: nowMs,
      dueAtMs: nowMs + (isSole ? 0 : this.#random.between(...SHARED_DELAY_MS)),
      keys: new Set([...rescued].map(({ key }) => key)),
      known: new Set(),
      to: null,
      gapMs: DEFENCE_GAP_MS,
    });
  }

  tick(nowMs: number): SendAction[] {
    const actions: SendAction[] = [];
    const everyone = new Set<OwnRecord>();
    const known: ReadonlySet<string>[] = [];
    for (const reply of this.#queue.due(nowMs)) {
      if (reply.to === null) {
        for (const own of this.#ready(reply, nowMs)) everyone.add(own);
        known.push(reply.known);
        continue;
      }
      const records = [...reply.keys].flatMap((key) => this.#book.get(key) ?? []);
      const { parcels } = this.#parcels(records, reply.known);
      actions.push(...sendAll(packMessages(parcels, { isResponse: true }), reply.to));
    }
    // Only what all askers know need not stand beside the answers.
    const [first = new Set<string>(), ...others] = known;
    const knownToAll = others.reduce((all, one) => all.intersection(one), first);
    const { parcels, sent } = this.#parcels(everyone, knownToAll);
    for (const own of sent) own.lastSentMs = nowMs;
    return [...actions, ...sendAll(packMessages(parcels, { isResponse: true }))];
  }

  /** What may be multicast now; the rest waits until it may, or was sent since it was asked for. */
  #ready(reply: Reply, nowMs: number): OwnRecord[] {
    const later = new Map<number, Set<string>>();
    const ready = [...reply.keys].flatMap((key) => {
      const own = this.#book.get(key);
      if (own === undefined || own.lastSentMs >= reply.heardAtMs - TWIN_MS) return [];
      const atMs = own.lastSentMs + reply.gapMs;
      if (atMs <= nowMs) return own;
      later.set(atMs, (later.get(atMs) ?? new Set()).add(key));
      return [];
    });
    for (const [dueAtMs, keys] of later) this.#queue.add({ ...reply, dueAtMs, keys });
    return ready;
  }

  #parcels(own: Iterable<OwnRecord>, known: ReadonlySet<string>): ReturnType<typeof parcelsOf> {
    return parcelsOf(this.#book, own, known, (one) => this.#book.wire(one));
  }
}
