/**
 * Splits questions and records over messages that fit one frame (RFC 6762 §17).
 *
 * A record larger than that goes alone, in a message as large as it must be.
 */
import { utf8 } from "../bytes.ts";
import { type DnsMessage, type DnsQuestion, type DnsRecord, EMPTY_MESSAGE } from "./message.ts";
import type { DnsName } from "./name.ts";
import { recordKey } from "./record.ts";

/** One Ethernet frame less the headers of IPv6 and UDP, and some room for tunnels. */
export const FRAME_BYTES = 1440;
const HEADER_BYTES = 12;
const POINTER_BYTES = 2;
/** Well below what a receiver of ours would refuse. */
const ITEMS_PER_MESSAGE_MAX = 256;

/** What is to stand in one message, or not at all where it is no answer. */
export interface Parcel {
  readonly questions?: readonly DnsQuestion[];
  readonly answers?: readonly DnsRecord[];
  readonly authorities?: readonly DnsRecord[];
  /** Left out where they stand in the message already, or where it would be too large for a frame. */
  readonly additionals?: readonly DnsRecord[];
}

/** How many bytes a message takes, names compressed as `NameWriter` does. */
class MessageSize {
  bytes = HEADER_BYTES;
  readonly #suffixes = new Set<string>();

  add(items: readonly (DnsQuestion | DnsRecord)[]): void {
    for (const item of items) this.bytes += this.#itemBytes(item);
  }

  #itemBytes(item: DnsQuestion | DnsRecord): number {
    const nameBytes = this.#nameBytes(item.name);
    return "type" in item ? nameBytes + 10 + this.#dataBytes(item) : nameBytes + 4;
  }

  #dataBytes(record: DnsRecord): number {
    switch (record.type) {
      case "ptr":
        return this.#nameBytes(record.target);
      case "srv":
        return 6 + this.#nameBytes(record.target);
      case "txt":
        return Math.max(
          1,
          record.strings.reduce((sum, text) => sum + 1 + text.length, 0),
        );
      case "a":
        return 4;
      case "aaaa":
        return 16;
      case "nsec":
        return this.#nameBytes(record.next) + record.bitmaps.length;
      case "other":
        return record.bytes.length;
    }
  }

  #nameBytes(name: DnsName): number {
    let bytes = 0;
    for (const [index, label] of name.entries()) {
      const suffix = JSON.stringify(name.slice(index));
      if (this.#suffixes.has(suffix)) return bytes + POINTER_BYTES;
      this.#suffixes.add(suffix);
      bytes += 1 + utf8(label).length;
    }
    return bytes + 1;
  }
}

/** One message as it fills. */
class Packet {
  readonly questions: DnsQuestion[] = [];
  readonly answers: DnsRecord[] = [];
  readonly authorities: DnsRecord[] = [];
  readonly additionals: DnsRecord[] = [];
  readonly #size = new MessageSize();
  readonly #keys = new Set<string>();
  #items = 0;

  get isEmpty(): boolean {
    return this.#items === 0;
  }

  get isFull(): boolean {
    return this.#size.bytes > FRAME_BYTES || this.#items > ITEMS_PER_MESSAGE_MAX;
  }

  put({ questions = [], answers = [], authorities = [], additionals = [] }: Parcel): void {
    this.questions.push(...questions);
    this.answers.push(...answers);
    this.authorities.push(...authorities);
    for (const record of answers) this.#keys.add(recordKey(record));
    const news = additionals.filter((record) => !this.#keys.has(recordKey(record)));
    for (const record of news) this.#keys.add(recordKey(record));
    this.additionals.push(...news);
    const added = [...questions, ...answers, ...authorities, ...news];
    this.#items += added.length;
    this.#size.add(added);
  }

  finish(head: Partial<DnsMessage>): DnsMessage {
    const answered = new Set(this.answers.map(recordKey));
    return {
      ...EMPTY_MESSAGE,
      ...head,
      questions: this.questions,
      answers: this.answers,
      authorities: this.authorities,
      additionals: this.additionals.filter((record) => !answered.has(recordKey(record))),
    };
  }
}

/**
 * Puts parcels into as few messages as their order allows.
 *
 * @param head what all messages have in common
 */
export function packMessages(
  parcels: readonly Parcel[],
  head: Partial<DnsMessage> = {},
): DnsMessage[] {
  const messages: DnsMessage[] = [];
  let waiting: Parcel[] = [];
  const flush = (): void => {
    const packet = new Packet();
    for (const parcel of waiting) packet.put(parcel);
    if (!packet.isEmpty) messages.push(packet.finish(head));
    waiting = [];
  };
  let trial = new Packet();
  for (const parcel of parcels) {
    trial.put(parcel);
    if (trial.isFull && waiting.length > 0) {
      flush();
      trial = new Packet();
      trial.put(parcel);
    }
    if (trial.isFull) {
      const { additionals: _, ...bare } = parcel;
      waiting.push(bare);
      flush();
      trial = new Packet();
    } else waiting.push(parcel);
  }
  flush();
  return messages;
}

/**
 * Questions with the answers known to them, over several messages where they must: all but the last
 * are marked as truncated (RFC 6762 §7.2).
 */
export function packQuery(
  questions: readonly DnsQuestion[],
  known: readonly DnsRecord[],
): DnsMessage[] {
  const messages = packMessages([
    ...questions.map((question) => ({ questions: [question] })),
    ...known.map((record) => ({ answers: [record] })),
  ]);
  const end = messages.length - 1;
  return messages.map((message, i) => ({ ...message, isTruncated: i < end }));
}
