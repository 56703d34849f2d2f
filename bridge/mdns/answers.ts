/** Which of our records answer a message, and what goes with them. */
import {
  CLASS_ANY,
  CLASS_IN,
  type DnsQuestion,
  type DnsRecord,
  RECORD_CODE,
} from "../../platform/dns/message.ts";
import type { Parcel } from "../../platform/dns/packing.ts";
import { recordCode, recordKey } from "../../platform/dns/record.ts";
import { type OwnRecord, type RecordBook, isAddress } from "./record-book.ts";

const ADDRESS_CODES: readonly number[] = [RECORD_CODE.a, RECORD_CODE.aaaa];

/** What a question asks of us; of a unique name that lacks the type, that it does (RFC 6762 §6.1). */
export function answersTo(
  book: RecordBook,
  { name, code, class: asked }: DnsQuestion,
): readonly OwnRecord[] {
  if (asked !== CLASS_IN && asked !== CLASS_ANY) return [];
  const all = book.at(name);
  if (code === RECORD_CODE.any) return all;
  const found = all.filter(({ record }) => recordCode(record) === code);
  if (found.length > 0) return found;
  const denial = book.nsecAt(name);
  return denial === undefined ? [] : [denial];
}

/**
 * Records that the asker knows well enough (RFC 6762 §7.1): for at least half their lifetime.
 *
 * A unique set is known when all of it is, since the cache-flush bit speaks of the whole.
 */
export function knownKeys(book: RecordBook, answers: readonly DnsRecord[]): Set<string> {
  const heard = new Set<string>();
  for (const record of answers) {
    const key = recordKey(record);
    const own = book.get(key);
    if (own !== undefined && record.ttlS >= own.record.ttlS / 2) heard.add(key);
  }
  return new Set(
    [...heard].filter((key) => book.setOf(book.get(key)!).every((one) => heard.has(one.key))),
  );
}

/** What the asker will want next (RFC 6763 §12), and which address family there is not. */
export function additionalsTo(book: RecordBook, own: OwnRecord): OwnRecord[] {
  const { record } = own;
  switch (record.type) {
    case "ptr":
      return book
        .at(record.target)
        .filter((one) => one.record.type === "srv" || one.record.type === "txt")
        .flatMap((one) => [one, ...additionalsTo(book, one)]);
    case "srv":
      return withDenial(book, book.at(record.target).filter(isAddress));
    case "a":
    case "aaaa":
      return withDenial(book, book.at(record.name).filter(isAddress)).filter((one) => one !== own);
    default:
      return [];
  }
}

function withDenial(book: RecordBook, addresses: readonly OwnRecord[]): OwnRecord[] {
  const [first] = addresses;
  if (first === undefined) return [];
  const codes = new Set(addresses.map(({ record }) => recordCode(record)));
  const denial = ADDRESS_CODES.every((code) => codes.has(code))
    ? undefined
    : book.nsecAt(first.record.name);
  return denial === undefined ? [...addresses] : [...addresses, denial];
}

/**
 * Makes messages' parts of answers: a unique set stays together, its additionals beside it.
 *
 * @param known keys that need not be sent along
 */
export function parcelsOf(
  book: RecordBook,
  answers: Iterable<OwnRecord>,
  known: ReadonlySet<string>,
  wire: (own: OwnRecord) => DnsRecord,
): { readonly parcels: Parcel[]; readonly sent: ReadonlySet<OwnRecord> } {
  const sent = new Set<OwnRecord>();
  const parcels: Parcel[] = [];
  const answered = new Set<OwnRecord>();
  for (const own of answers) {
    if (answered.has(own)) continue;
    const set = book.setOf(own);
    for (const one of set) answered.add(one);
    const additionals = set
      .flatMap((one) => additionalsTo(book, one))
      .filter(({ key }) => !known.has(key));
    for (const one of [...set, ...additionals]) sent.add(one);
    parcels.push({ answers: set.map(wire), additionals: additionals.map(wire) });
  }
  return { parcels, sent };
}
