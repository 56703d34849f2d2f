/**
 * Messages from one thread to another, in memory that both see.
 *
 * The writer fills it while a window runs, and the reader empties it after both have come to its end;
 * by turns there are two of them, so that neither waits for the other's reading.
 */
import { COLUMN, NONE, ROW } from "./event-slab.ts";
import type { Lists } from "./lists.ts";

/** Of the words: how many messages there are, how many changes, where these begin, and records behind them. */
const MESSAGES = 0;
const CHANGES = 1;
const CHANGES_AT = 2;
const STORED = 3;
const HEAD = 4;
const WORDS_FIRST = 1 << 16;
/** Address space, of which only what is filled is memory. */
const BYTES_MAX = 2 ** 30;

/** What all partitions are to know at the end of a window. */
export interface Notes {
  /** Nodes that joined, and as `~node` those that went. */
  readonly changes: readonly number[];
  /** Records that were stored. */
  readonly stored: readonly number[];
}

/** Buffers of a mailbox, as threads pass them. */
export interface MailboxMemory {
  readonly words: SharedArrayBuffer;
  readonly times: SharedArrayBuffer;
}

export function createMailboxMemory(): MailboxMemory {
  return {
    words: new SharedArrayBuffer(WORDS_FIRST * 4, { maxByteLength: BYTES_MAX }),
    times: new SharedArrayBuffer(WORDS_FIRST, { maxByteLength: BYTES_MAX / 4 }),
  };
}

/** The writer's end. */
export class MailboxWriter {
  readonly #memory: MailboxMemory;
  #words: Int32Array;
  #times: Float64Array;
  #messages = 0;
  #used = HEAD;

  constructor(memory: MailboxMemory) {
    this.#memory = memory;
    this.#words = wordsOf(memory);
    this.#times = timesOf(memory);
  }

  /** Begins a window. */
  clear(): void {
    this.#messages = 0;
    this.#used = HEAD;
  }

  put(timeNs: number, words: Int32Array, at: number, lists: Lists): void {
    const list = words[at + COLUMN.list]!;
    const first = list * lists.width;
    const length = list === NONE ? 0 : lists.words[first]! + 1;
    this.#reserve(ROW + length, 1);
    const to = this.#used;
    for (let i = 0; i < ROW; i++) this.#words[to + i] = words[at + i]!;
    for (let i = 0; i < length; i++) this.#words[to + ROW + i] = lists.words[first + i]!;
    this.#used += ROW + length;
    this.#times[this.#messages++] = timeNs;
  }

  /** Ends a window. */
  close({ changes, stored }: Notes): void {
    this.#reserve(changes.length + stored.length, 0);
    const words = this.#words;
    words[MESSAGES] = this.#messages;
    words[CHANGES] = changes.length;
    words[CHANGES_AT] = this.#used;
    words[STORED] = stored.length;
    words.set(changes, this.#used);
    words.set(stored, this.#used + changes.length);
  }

  #reserve(words: number, times: number): void {
    const { words: wordBytes, times: timeBytes } = this.#memory;
    if (this.#used + words > this.#words.length) {
      wordBytes.grow(grownBytes(wordBytes, (this.#used + words) * 4));
      this.#words = wordsOf(this.#memory);
    }
    if (this.#messages + times > this.#times.length) {
      timeBytes.grow(grownBytes(timeBytes, (this.#messages + times) * 8));
      this.#times = timesOf(this.#memory);
    }
  }
}

/** The reader's end: hands every message over. @returns what else there is */
export function readMailbox(
  memory: MailboxMemory,
  accept: (timeNs: number, words: Int32Array, at: number) => void,
): Notes {
  const words = wordsOf(memory);
  const times = timesOf(memory);
  const messages = words[MESSAGES]!;
  let at = HEAD;
  for (let i = 0; i < messages; i++) {
    accept(times[i]!, words, at);
    at += ROW + (words[at + COLUMN.list] === NONE ? 0 : words[at + ROW]! + 1);
  }
  const first = words[CHANGES_AT]!;
  const second = first + words[CHANGES]!;
  return {
    changes: [...words.subarray(first, second)],
    stored: [...words.subarray(second, second + words[STORED]!)],
  };
}

/** Half as much again, or what is needed; whole numbers of 8 bytes. */
function grownBytes({ byteLength, maxByteLength }: SharedArrayBuffer, needed: number): number {
  const wanted = Math.max(needed, byteLength + (byteLength >> 1));
  return Math.min(maxByteLength, (wanted + 7) & ~7);
}

// Of a length of their own: views that follow the buffer's are slower.
function wordsOf({ words }: MailboxMemory): Int32Array {
  return new Int32Array(words, 0, words.byteLength >> 2);
}

function timesOf({ times }: MailboxMemory): Float64Array {
  return new Float64Array(times, 0, times.byteLength >> 3);
}
