/**
 * Who on this link holds a record? (mDHT §3.3.5: resolution by link-local multicast.)
 *
 * The question is TXT of `<label>._key._causeway._tcp.local`, where the label stands for the
 * record's key. Each holder answers at once, for there is mostly one, with `host=<its tag>`: a
 * shared record, since two holders may have different records of one key, and both count. Answers
 * live for 10 s in the caches of others; none is kept here, because holders change.
 */
import { utf8 } from "../../platform/bytes.ts";
import { SERVICE_TYPE, isHostTag } from "./announcement.ts";
import {
  CLASS_IN,
  type DnsMessage,
  type DnsQuestion,
  type DnsRecord,
  EMPTY_MESSAGE,
  RECORD_CODE,
} from "../../platform/dns/message.ts";
import { type DnsName, isSameName } from "../../platform/dns/name.ts";
import { TokenBucket, type TokenRate } from "../../platform/token-bucket.ts";
import type { LinkAction, LinkCounters } from "./types.ts";

/** 32 bytes in base32. */
const LABEL = /^[a-z2-7]{52}$/;
const KEY_DOMAIN: DnsName = ["_key", ...SERVICE_TYPE];
const ANSWER_TTL_S = 10;
const RETRANSMIT_AFTER_MS = 80;
/** After the first answer, others have this long to come. */
const SETTLE_MS = 30;
const ASKS_MAX = 256;
const ANSWERS_MAX = 16;
const ASK_RATE = { perSecond: 20, burst: 40 } as const;

/** Both address families bring the same question. */
const TWIN_MS = 20;
const HEARD_MAX = 512;
const SOURCES_MAX = 256;
const HEARD_RATE = { perSecond: 400, burst: 800 } as const;
const SOURCE_RATE = { perSecond: 40, burst: 80 } as const;
/** How late a holder may still say that it holds the record. */
const HOLD_WITHIN_MS = 1000;

interface Ask {
  readonly label: string;
  readonly waiters: { readonly id: number; readonly deadlineMs: number }[];
  readonly hostTags: Set<string>;
  sentAtMs: number;
  retransmitAtMs: number;
  settleAtMs: number;
}

interface Heard {
  heardAtMs: number;
  isAnswered: boolean;
}

export function isKeyLabel(text: string): boolean {
  return LABEL.test(text);
}

export class KeyQuestions {
  readonly #counters: LinkCounters;
  readonly #asks = new Map<string, Ask>();
  readonly #askRate = new TokenBucket(ASK_RATE);
  readonly #heard = new Map<string, Heard>();
  readonly #heardRate = new TokenBucket(HEARD_RATE);
  readonly #sourceRates = new Map<string, TokenBucket>();

  constructor(counters: LinkCounters) {
    this.#counters = counters;
  }

  get wakeAtMs(): number {
    let wakeAtMs = Infinity;
    for (const ask of this.#asks.values())
      wakeAtMs = Math.min(
        wakeAtMs,
        ask.retransmitAtMs,
        ask.settleAtMs,
        ...ask.waiters.map(({ deadlineMs }) => deadlineMs),
      );
    return wakeAtMs;
  }

  /** Asks, or joins those who wait for the same label. */
  ask(
    { id, label, timeoutMs }: { id: number; label: string; timeoutMs: number },
    nowMs: number,
  ): { readonly message: DnsMessage | undefined; readonly actions: LinkAction[] } {
    const pending = this.#asks.get(label);
    const isSentLately = pending !== undefined && nowMs - pending.sentAtMs < RETRANSMIT_AFTER_MS;
    const isFull = pending === undefined && this.#asks.size >= ASKS_MAX;
    if (isFull || (!isSentLately && !this.#askRate.take(nowMs))) {
      this.#counters.asksLimited++;
      return {
        message: undefined,
        actions: [{ type: "asked", id, hostTags: [], isLimited: true }],
      };
    }
    const ask = pending ?? createAsk(label);
    ask.waiters.push({ id, deadlineMs: nowMs + timeoutMs });
    this.#asks.set(label, ask);
    if (isSentLately) return { message: undefined, actions: [] };
    ask.sentAtMs = nowMs;
    ask.retransmitAtMs = nowMs + RETRANSMIT_AFTER_MS;
    return { message: keyQuestion(label), actions: [] };
  }

  /** Takes note of answers to what is asked here. */
  hearResponse(records: readonly DnsRecord[], nowMs: number): LinkAction[] {
    const actions: LinkAction[] = [];
    for (const record of records) {
      if (record.type !== "txt" || record.ttlS === 0) continue;
      const label = labelOf(record.name);
      const ask = label === undefined ? undefined : this.#asks.get(label);
      const hostTag = hostTagIn(record.strings);
      if (ask === undefined || hostTag === undefined) continue;
      if (ask.hostTags.has(hostTag) || ask.hostTags.size >= ANSWERS_MAX) continue;
      ask.hostTags.add(hostTag);
      ask.settleAtMs = Math.min(ask.settleAtMs, nowMs + SETTLE_MS);
      ask.retransmitAtMs = Infinity;
      actions.push({ type: "answer-heard", label: ask.label, hostTag });
    }
    return actions;
  }

  /** Passes on what others ask, as far as the limits allow. */
  hearQuery(questions: readonly DnsQuestion[], from: string, nowMs: number): LinkAction[] {
    const actions: LinkAction[] = [];
    for (const { name, code } of questions) {
      const label = labelOf(name);
      if (label === undefined || (code !== RECORD_CODE.txt && code !== RECORD_CODE.any)) continue;
      const heard = this.#heard.get(label);
      if (heard !== undefined && nowMs - heard.heardAtMs < TWIN_MS) continue;
      if (!this.#sourceRate(from).take(nowMs) || !this.#heardRate.take(nowMs)) {
        this.#counters.questionsLimited++;
        continue;
      }
      // Set anew, so that the map stays ordered by time.
      this.#heard.delete(label);
      if (this.#heard.size >= HEARD_MAX) this.#heard.delete(firstKey(this.#heard));
      this.#heard.set(label, { heardAtMs: nowMs, isAnswered: false });
      actions.push({ type: "question-heard", label });
    }
    return actions;
  }

  /** @returns the answer, once per question heard */
  hold(label: string, hostTag: string, nowMs: number): DnsMessage | undefined {
    const heard = this.#heard.get(label);
    if (heard === undefined || heard.isAnswered) return undefined;
    if (nowMs - heard.heardAtMs > HOLD_WITHIN_MS) return undefined;
    heard.isAnswered = true;
    const answer: DnsRecord = {
      name: keyName(label),
      ttlS: ANSWER_TTL_S,
      isFlush: false,
      type: "txt",
      strings: [utf8(`host=${hostTag}`)],
    };
    return { ...EMPTY_MESSAGE, isResponse: true, answers: [answer] };
  }

  tick(nowMs: number): { readonly messages: DnsMessage[]; readonly actions: LinkAction[] } {
    const messages: DnsMessage[] = [];
    const actions: LinkAction[] = [];
    for (const ask of this.#asks.values()) {
      const isSettled = nowMs >= ask.settleAtMs;
      const ended = ask.waiters.filter(({ deadlineMs }) => isSettled || nowMs >= deadlineMs);
      for (const { id } of ended)
        actions.push({ type: "asked", id, hostTags: [...ask.hostTags], isLimited: false });
      if (ended.length === ask.waiters.length) {
        this.#asks.delete(ask.label);
        continue;
      }
      for (const waiter of ended) ask.waiters.splice(ask.waiters.indexOf(waiter), 1);
      if (nowMs < ask.retransmitAtMs) continue;
      ask.retransmitAtMs = Infinity;
      ask.sentAtMs = nowMs;
      messages.push(keyQuestion(ask.label));
    }
    return { messages, actions };
  }

  /** Ends every ask, answered or not. */
  stop(): LinkAction[] {
    const asks = [...this.#asks.values()];
    this.#asks.clear();
    return asks.flatMap(({ waiters, hostTags }) =>
      waiters.map(({ id }): LinkAction => ({
        type: "asked",
        id,
        hostTags: [...hostTags],
        isLimited: false,
      })),
    );
  }

  #sourceRate(from: string): TokenBucket {
    const known = this.#sourceRates.get(from);
    if (known !== undefined) return known;
    if (this.#sourceRates.size >= SOURCES_MAX)
      this.#sourceRates.delete(firstKey(this.#sourceRates));
    const made = new TokenBucket(SOURCE_RATE satisfies TokenRate);
    this.#sourceRates.set(from, made);
    return made;
  }
}

function createAsk(label: string): Ask {
  return {
    label,
    waiters: [],
    hostTags: new Set(),
    sentAtMs: -Infinity,
    retransmitAtMs: Infinity,
    settleAtMs: Infinity,
  };
}

function firstKey(map: ReadonlyMap<string, unknown>): string {
  return map.keys().next().value ?? "";
}

function keyName(label: string): DnsName {
  return [label, ...KEY_DOMAIN];
}

function keyQuestion(label: string): DnsMessage {
  const question: DnsQuestion = {
    name: keyName(label),
    code: RECORD_CODE.txt,
    class: CLASS_IN,
    isUnicast: false,
  };
  return { ...EMPTY_MESSAGE, questions: [question] };
}

function labelOf(name: DnsName): string | undefined {
  if (name.length !== KEY_DOMAIN.length + 1) return undefined;
  if (!isSameName(name.slice(1), KEY_DOMAIN)) return undefined;
  const label = name[0]!.toLowerCase();
  return isKeyLabel(label) ? label : undefined;
}

const TEXT = new TextDecoder();

function hostTagIn(strings: readonly Uint8Array[]): string | undefined {
  const prefix = "host=";
  for (const bytes of strings) {
    const text = TEXT.decode(bytes).toLowerCase();
    if (!text.startsWith(prefix)) continue;
    const hostTag = text.slice(prefix.length);
    return isHostTag(hostTag) ? hostTag : undefined;
  }
  return undefined;
}
