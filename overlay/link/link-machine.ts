/**
 * The hosts of one link find each other, and the holders of records, by multicast DNS.
 *
 * mDHT §3.3 (hosts of a link form a subnet; §3.3.5 resolution by link-local multicast) over RFC
 * 6762 and 6763. There is no polling: hosts announce themselves twice, ask for others with waits
 * that grow from one second to one hour, and say goodbye. An idle host sends next to nothing.
 *
 * Sources that are off the link are refused by their address. RFC 6762 §11 would have the IP TTL
 * of 255 checked instead, which Node cannot read: a router that lets a forged on-link source in
 * from outside defeats this. What is heard is a hint only, so the harm is a vain connection.
 */
import assert from "node:assert/strict";
import { WireError } from "../../platform/errors.ts";
import type { Machine, Tick } from "../../platform/machine.ts";
import type { Random } from "../../platform/random.ts";
import { type LinkAddressing, isOnLink } from "../../platform/address.ts";
import { type HostAnnouncement, SERVICE_TYPE, isHostTag } from "./announcement.ts";
import {
  CLASS_IN,
  type DnsMessage,
  type DnsQuestion,
  type DnsRecord,
  EMPTY_MESSAGE,
  RECORD_CODE,
  decodeMessage,
  encodeMessage,
} from "../../platform/dns/message.ts";
import { isSameName } from "../../platform/dns/name.ts";
import { KeyQuestions, isKeyLabel } from "./key-questions.ts";
import { PeerTable } from "./peer-table.ts";
import { Responder } from "./responder.ts";
import { TokenBucket } from "../../platform/token-bucket.ts";
import {
  type LinkAction,
  type LinkCounters,
  type LinkEvent,
  type LinkPeer,
  createCounters,
} from "./types.ts";

const MDNS_PORT = 5353;
/**
 * RFC 6762 §5.2 wants 20-120 ms, so that hosts that boot together do not ask together. A program's
 * start is spread more than that by itself, and has a second for everything; a changed link is seen
 * by all its hosts at once.
 */
const BROWSE_DELAY_MS = 20;
const BROWSE_FIRST_WAIT_MS = 1000;
const BROWSE_WAIT_GROWTH = 3;
const BROWSE_WAIT_MAX_MS = 3_600_000;
/** RFC 6762 §17: one Ethernet frame, for both address families. */
const FRAME_BYTES = 1400;
const KNOWN_ANSWER_BYTES = 20;
const QUESTIONS_PER_MESSAGE = 32;
/** Refresh questions; more than that only a flood of announcements would want. */
const REFRESH_RATE = { perSecond: 4, burst: 16 } as const;

export class LinkMachine implements Machine<LinkEvent, LinkAction> {
  readonly counters: Readonly<LinkCounters>;
  readonly #counters = createCounters();
  readonly #random: Random;
  readonly #responder: Responder;
  readonly #peers: PeerTable;
  readonly #keys: KeyQuestions;
  readonly #refreshRate = new TokenBucket(REFRESH_RATE);
  #link: LinkAddressing = { name: "", addresses: [] };
  #announcement: HostAnnouncement | null = null;
  #hushedAtMs = 0;
  #isStarted = false;
  #browseAtMs = Infinity;
  #browseWaitMs = BROWSE_FIRST_WAIT_MS;
  #wakeAtMs = Infinity;

  constructor(random: Random) {
    this.counters = this.#counters;
    this.#random = random;
    this.#responder = new Responder(random);
    this.#peers = new PeerTable(random, this.#counters);
    this.#keys = new KeyQuestions(this.#counters);
  }

  get wakeAtMs(): number {
    return this.#wakeAtMs;
  }

  peers(): LinkPeer[] {
    return this.#peers.peers();
  }

  step(event: LinkEvent | Tick, nowMs: number): readonly LinkAction[] {
    const actions = this.#apply(event, nowMs);
    if (this.#isStarted) actions.push(...this.#tick(nowMs));
    this.#wakeAtMs = this.#isStarted
      ? Math.min(
          this.#browseAtMs,
          this.#responder.wakeAtMs,
          this.#peers.wakeAtMs,
          this.#keys.wakeAtMs,
        )
      : Infinity;
    return actions;
  }

  #apply(event: LinkEvent | Tick, nowMs: number): LinkAction[] {
    if (!this.#isStarted && event.type !== "start") return this.#refuse(event);
    switch (event.type) {
      case "start":
        this.#isStarted = true;
        return this.#onLink(event.link, event.announcement, nowMs);
      case "link-changed":
        return this.#onLink(event.link, this.#announcement, nowMs);
      case "hush":
        this.#announcement = null;
        this.#hushedAtMs = nowMs;
        this.#responder.become(null, this.#link, nowMs); // its goodbye is for nobody
        return [];
      case "renew":
        return this.#peers.forgetBefore(this.#hushedAtMs);
      case "announce":
        return this.#onAnnounce(event.announcement, nowMs);
      case "packet":
        return this.#onPacket(event, nowMs);
      case "confirm":
        this.#peers.confirm(event.hostTag, nowMs);
        return [];
      case "ask":
        return this.#onAsk(event, nowMs);
      case "hold":
        return this.#onHold(event.label, nowMs);
      case "stop":
        this.#isStarted = false;
        return [...this.#send(this.#responder.goodbye()), ...this.#keys.stop()];
      case "tick":
        return [];
      default:
        return event satisfies never;
    }
  }

  /** Before the start and after the stop nobody is asked, and no ask is left open. */
  #refuse(event: LinkEvent | Tick): LinkAction[] {
    return event.type === "ask"
      ? [{ type: "asked", id: event.id, hostTags: [], isLimited: false }]
      : [];
  }

  #onLink(
    link: LinkAddressing,
    announcement: HostAnnouncement | null,
    nowMs: number,
  ): LinkAction[] {
    this.#link = link;
    const isStart = this.#browseAtMs === Infinity;
    this.#browseAtMs = nowMs + (isStart ? 0 : this.#random.between(0, BROWSE_DELAY_MS));
    this.#browseWaitMs = BROWSE_FIRST_WAIT_MS;
    return [...this.#peers.becomeLink(link), ...this.#onAnnounce(announcement, nowMs)];
  }

  #onAnnounce(announcement: HostAnnouncement | null, nowMs: number): LinkAction[] {
    assert(announcement === null || isHostTag(announcement.hostTag), "not a host tag");
    this.#announcement = announcement;
    return this.#send(this.#responder.become(announcement, this.#link, nowMs));
  }

  #onPacket(
    { bytes, from, port }: Extract<LinkEvent, { type: "packet" }>,
    nowMs: number,
  ): LinkAction[] {
    this.#counters.messagesReceived++;
    if (!isOnLink(from, this.#link)) {
      this.#counters.offLink++;
      return [];
    }
    let message: DnsMessage;
    try {
      message = decodeMessage(bytes);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#counters.malformed++;
      return [];
    }
    if (message.isResponse) {
      // RFC 6762 §6: responses come from port 5353 or are none.
      return port === MDNS_PORT ? this.#onResponse(message, from, nowMs) : [];
    }
    if (port === MDNS_PORT) return this.#onQuery(message, from, nowMs);
    const answer = this.#responder.answerLegacy(message, nowMs);
    return answer === undefined ? [] : this.#send([answer], { address: from, port });
  }

  #onQuery(message: DnsMessage, from: string, nowMs: number): LinkAction[] {
    this.#responder.hearQuery(message, nowMs);
    this.#skipBrowse(message, from, nowMs);
    return this.#keys.hearQuery(message.questions, from, nowMs);
  }

  #onResponse({ answers, additionals }: DnsMessage, from: string, nowMs: number): LinkAction[] {
    const records = [...answers, ...additionals];
    this.#counters.conflicts += records.filter((r) => this.#responder.isConflict(r)).length;
    this.#responder.hearResponse(records, nowMs);
    return [
      ...this.#peers.hear(records, from, this.#responder.hostTag, nowMs),
      ...this.#keys.hearResponse(records, nowMs),
    ];
  }

  #onAsk(event: Extract<LinkEvent, { type: "ask" }>, nowMs: number): LinkAction[] {
    assert(isKeyLabel(event.label), "not a key label");
    const { message, actions } = this.#keys.ask(event, nowMs);
    return message === undefined ? actions : [...actions, ...this.#send([message])];
  }

  #onHold(label: string, nowMs: number): LinkAction[] {
    const { hostTag } = this.#responder;
    const answer = hostTag === undefined ? undefined : this.#keys.hold(label, hostTag, nowMs);
    return answer === undefined ? [] : this.#send([answer]);
  }

  #tick(nowMs: number): LinkAction[] {
    const keys = this.#keys.tick(nowMs);
    const peers = this.#peers.tick(nowMs);
    return [
      ...keys.actions,
      ...peers.actions,
      ...this.#send([
        ...this.#responder.tick(nowMs),
        ...this.#browse(nowMs),
        ...this.#refresh(peers.questions.flat(), nowMs),
        ...keys.messages,
      ]),
    ];
  }

  #browse(nowMs: number): DnsMessage[] {
    if (nowMs < this.#browseAtMs) return [];
    this.#browseLater(nowMs);
    const question: DnsQuestion = {
      name: SERVICE_TYPE,
      code: RECORD_CODE.ptr,
      class: CLASS_IN,
      isUnicast: false,
    };
    const answers = fitKnownAnswers(this.#peers.knownAnswers(nowMs));
    return [{ ...EMPTY_MESSAGE, questions: [question], answers }];
  }

  #browseLater(nowMs: number): void {
    this.#browseAtMs = nowMs + this.#browseWaitMs;
    this.#browseWaitMs = Math.min(this.#browseWaitMs * BROWSE_WAIT_GROWTH, BROWSE_WAIT_MAX_MS);
  }

  /**
   * RFC 6762 §7.3: what another host asked just before our own turn need not be asked again.
   *
   * That host does not answer its own question, so it must be known already.
   */
  #skipBrowse({ questions, answers, isTruncated }: DnsMessage, from: string, nowMs: number): void {
    const isFirst = this.#browseWaitMs === BROWSE_FIRST_WAIT_MS;
    if (isFirst || isTruncated || this.#browseAtMs - nowMs > BROWSE_FIRST_WAIT_MS) return;
    const isAsked = questions.some(
      ({ name, code }) => code === RECORD_CODE.ptr && isSameName(name, SERVICE_TYPE),
    );
    if (!isAsked || !this.#peers.hasAddress(from)) return;
    // Only if it suppresses no answer that we need.
    const known = this.#peers.knownAnswers(nowMs);
    const isCovered = answers.every((record) => known.some((own) => isSamePointer(own, record)));
    if (isCovered) this.#browseLater(nowMs);
  }

  #refresh(questions: readonly DnsQuestion[], nowMs: number): DnsMessage[] {
    const messages: DnsMessage[] = [];
    for (let from = 0; from < questions.length; from += QUESTIONS_PER_MESSAGE) {
      if (!this.#refreshRate.take(nowMs)) break;
      const some = questions.slice(from, from + QUESTIONS_PER_MESSAGE);
      messages.push({ ...EMPTY_MESSAGE, questions: some });
    }
    return messages;
  }

  #send(
    messages: readonly DnsMessage[],
    to: { readonly address: string; readonly port: number } | null = null,
  ): LinkAction[] {
    this.#counters.messagesSent += messages.length;
    return messages.map((message) => ({ type: "send", bytes: encodeMessage(message), to }));
  }
}

/**
 * As many known answers as fit one frame.
 *
 * The rest is not sent in further messages (RFC 6762 §7.2): those hosts answer once more than
 * needed, at waits that grow to an hour.
 */
function fitKnownAnswers(known: readonly DnsRecord[]): DnsRecord[] {
  let bytes = 64;
  return known.filter((record) => {
    bytes += KNOWN_ANSWER_BYTES + (record.type === "ptr" ? (record.target[0]?.length ?? 0) : 0);
    return bytes <= FRAME_BYTES;
  });
}

function isSamePointer(a: DnsRecord, b: DnsRecord): boolean {
  return a.type === "ptr" && b.type === "ptr" && isSameName(a.target, b.target);
}
