/**
 * Compares the rules of two hosts of a subnet over one host stream, `bridge-rules/1`.
 *
 * The one that dials says its subnet and the digest of its rules. When the other's differ, that one
 * gives its stamps, gets what it lacks and what is wanted of it, and sends that: three lines and
 * one, and the stream ends. When nothing changed, it is one line each.
 */
import type { HostStream } from "../../overlay/index.ts";
import { errorMessage, WireError } from "../../platform/errors.ts";
import { BridgeError } from "../errors.ts";
import type { RuleBook, RuleEntry } from "../rules/rule-book.ts";
import { decodeSyncMessage, encodeSyncMessage, type SyncMessage } from "../rules/rule-text.ts";

export const RULES_PROTOCOL = "bridge-rules/1";
const LINE_BYTES_MAX = 4 * 2 ** 20;
const EXCHANGE_TIMEOUT_MS = 10_000;

/** One side's rules. A subnet that changes meanwhile makes `merge` do nothing. */
export interface ExchangeSide {
  /** Base32 id. */
  readonly subnet: string;
  readonly book: RuleBook;
  /** Takes over what is newer. */
  merge(entries: readonly RuleEntry[]): void;
}

/** The side that dialled. @throws whatever the stream throws; {BridgeError}; {WireError} */
export function offerRules(stream: HostStream, side: ExchangeSide): Promise<void> {
  return bounded(stream, async (lines) => {
    const { subnet, book } = side;
    await say(stream, { type: "hello", subnet, digest: book.digest });
    const answer = await next(lines);
    if (answer.type === "same") return;
    const { stamps } = expect(answer, "stamps");
    const [entries, wants] = [book.newerThan(stamps), book.missingFrom(stamps)];
    await say(stream, { type: "entries", entries, wants });
    side.merge(expect(await next(lines), "entries").entries);
  });
}

/**
 * The side that was dialled, after who dialled was found to be of this subnet.
 *
 * @throws as `offerRules`
 */
export function answerRules(stream: HostStream, side: ExchangeSide): Promise<void> {
  return bounded(stream, async (lines) => {
    const { subnet, book } = side;
    const hello = expect(await next(lines), "hello");
    if (hello.subnet !== subnet)
      throw new BridgeError("ERR_BRIDGE_REFUSED", "it speaks for another subnet");
    if (hello.digest === book.digest) return say(stream, { type: "same" });
    await say(stream, { type: "stamps", stamps: book.entries });
    const { entries, wants } = expect(await next(lines), "entries");
    side.merge(entries);
    const wanted = book.entries.filter(({ id }) => wants.includes(id));
    await say(stream, { type: "entries", entries: wanted, wants: [] });
  });
}

async function bounded(
  stream: HostStream,
  talk: (lines: AsyncIterator<string>) => Promise<void>,
): Promise<void> {
  const timer = setTimeout(
    () => stream.abort(new BridgeError("ERR_BRIDGE_UNREACHABLE", "it does not answer")),
    EXCHANGE_TIMEOUT_MS,
  );
  try {
    await talk(readLines(stream.bytes));
    await stream.closeWrite();
  } catch (error) {
    stream.abort(error instanceof Error ? error : new Error(errorMessage(error)));
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

async function say(stream: HostStream, message: SyncMessage): Promise<void> {
  await stream.write(Buffer.from(`${encodeSyncMessage(message)}\n`));
}

async function next(lines: AsyncIterator<string>): Promise<SyncMessage> {
  const line = await lines.next();
  if (line.done === true)
    throw new BridgeError("ERR_BRIDGE_UNREACHABLE", "it broke off the comparison of rules");
  return decodeSyncMessage(line.value);
}

function expect<Type extends SyncMessage["type"]>(
  message: SyncMessage,
  type: Type,
): Extract<SyncMessage, { readonly type: Type }> {
  if (message.type !== type) throw new WireError(`"${message.type}" where "${type}" belongs`);
  return message as Extract<SyncMessage, { readonly type: Type }>;
}

async function* readLines(parts: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let pending: Uint8Array[] = [];
  let pendingBytes = 0;
  for await (const part of parts) {
    let from = 0;
    for (let end = part.indexOf(10); end >= 0; end = part.indexOf(10, from)) {
      yield Buffer.concat([...pending, part.subarray(from, end)]).toString("utf8");
      pending = [];
      pendingBytes = 0;
      from = end + 1;
    }
    pending.push(part.slice(from));
    pendingBytes += part.length - from;
    if (pendingBytes > LINE_BYTES_MAX) throw new WireError("a line that does not end");
  }
}
