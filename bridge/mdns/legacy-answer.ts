/** Answers for plain DNS clients, such as `dig -p 5353` (RFC 6762 §6.7). */
import { type DnsMessage, type DnsRecord, EMPTY_MESSAGE } from "../../platform/dns/message.ts";
import { packMessages } from "../../platform/dns/packing.ts";
import { answersTo, parcelsOf } from "./answers.ts";
import type { OwnRecord, RecordBook } from "./record-book.ts";

const TTL_MAX_S = 10;

/**
 * One message with the asker's id and questions, nothing in it living long or flushing a cache.
 *
 * @returns `undefined` when nothing is asked of us; truncated when one frame does not hold all
 */
export function legacyAnswer(
  book: RecordBook,
  { id, questions }: DnsMessage,
): DnsMessage | undefined {
  const answers = new Set(questions.flatMap((question) => answersTo(book, question)));
  if (answers.size === 0) return undefined;
  const { parcels } = parcelsOf(book, answers, new Set(), plain);
  const messages = packMessages([{ questions }, ...parcels], { id, isResponse: true });
  const [first = EMPTY_MESSAGE, ...others] = messages;
  return { ...first, isTruncated: others.length > 0 };
}

function plain({ record }: OwnRecord): DnsRecord {
  return { ...record, isFlush: false, ttlS: Math.min(record.ttlS, TTL_MAX_S) };
}
