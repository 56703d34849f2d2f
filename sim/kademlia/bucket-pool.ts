/** Buckets of k contacts, least recently seen first, and their replacement caches. */
import { NONE } from "../engine/event-slab.ts";

/** Words before the contacts: how many there are, how many replacements, when last looked up. */
const COUNT = 0;
const SPARE = 1;
const USED = 2;
const HEAD = 3;
const BUCKETS_FIRST = 1024;
/** Address space that a pool takes at most, of which only what is filled is memory. */
const RESERVED_BYTES_MAX = 2 ** 33;

export class BucketPool {
  readonly #k: number;
  readonly #replacements: number;
  readonly #width: number;
  #words: Int32Array;
  /** It grows where it is: a copy would need both at once, and this is most of a large run's memory. */
  readonly #memory: SharedArrayBuffer;
  #free = NONE;
  #made = 0;

  /**
   * @param replacements contacts kept for when one of the k fails; 0 for none
   * @param most         buckets that there may be
   */
  constructor(k: number, replacements: number, most: number) {
    this.#k = k;
    this.#replacements = replacements;
    this.#width = HEAD + k + replacements;
    const words = this.#width * BUCKETS_FIRST;
    const maxByteLength = Math.min(
      RESERVED_BYTES_MAX,
      this.#width * Math.max(BUCKETS_FIRST, most) * 4,
    );
    this.#memory = new SharedArrayBuffer(words * 4, { maxByteLength });
    this.#words = new Int32Array(this.#memory, 0, words);
  }

  /** An empty bucket. */
  take(): number {
    let bucket = this.#free;
    if (bucket === NONE) {
      bucket = this.#made++;
      if (this.#made * this.#width > this.#words.length) this.#grow();
    } else this.#free = this.#words[bucket * this.#width]!;
    this.#words.fill(0, bucket * this.#width, bucket * this.#width + HEAD);
    return bucket;
  }

  release(bucket: number): void {
    this.#words[bucket * this.#width] = this.#free;
    this.#free = bucket;
  }

  countOf(bucket: number): number {
    return this.#words[bucket * this.#width + COUNT]!;
  }

  at(bucket: number, index: number): number {
    return this.#words[bucket * this.#width + HEAD + index]!;
  }

  /** Seconds at which a lookup last went through it. */
  usedS(bucket: number): number {
    return this.#words[bucket * this.#width + USED]!;
  }

  touch(bucket: number, nowS: number): void {
    this.#words[bucket * this.#width + USED] = nowS;
  }

  /** To the end, if it is there and live; else there too, if there is room. @returns whether it is new */
  add(bucket: number, contact: number, isLive: boolean): boolean {
    const words = this.#words;
    const base = bucket * this.#width;
    const first = base + HEAD;
    const count = words[base + COUNT]!;
    for (let at = first; at < first + count; at++) {
      if (words[at] !== contact) continue;
      if (isLive) this.#moveToEnd(at, first + count - 1);
      return false;
    }
    if (count < this.#k) {
      words[first + count] = contact;
      words[base + COUNT] = count + 1;
      return true;
    }
    if (isLive && this.#replacements > 0) this.#keepSpare(base, contact);
    return false;
  }

  /** The replacement that was seen last takes its place. @returns whether it was there */
  remove(bucket: number, contact: number): boolean {
    const words = this.#words;
    const base = bucket * this.#width;
    const first = base + HEAD;
    const count = words[base + COUNT]!;
    for (let at = first; at < first + count; at++) {
      if (words[at] !== contact) continue;
      this.#moveToEnd(at, first + count - 1);
      if (words[base + SPARE]! > 0) {
        words[base + SPARE]!--;
        words[first + count - 1] = words[first + this.#k + words[base + SPARE]!]!;
      } else words[base + COUNT] = count - 1;
      return true;
    }
    return false;
  }

  #moveToEnd(at: number, last: number): void {
    const words = this.#words;
    const contact = words[at]!;
    for (let to = at; to < last; to++) words[to] = words[to + 1]!;
    words[last] = contact;
  }

  #keepSpare(base: number, contact: number): void {
    const words = this.#words;
    const first = base + HEAD + this.#k;
    const count = words[base + SPARE]!;
    for (let at = first; at < first + count; at++)
      if (words[at] === contact) return this.#moveToEnd(at, first + count - 1);
    if (count === this.#replacements) {
      this.#moveToEnd(first, first + count - 1);
      words[first + count - 1] = contact;
    } else {
      words[first + count] = contact;
      words[base + SPARE] = count + 1;
    }
  }

  #grow(): void {
    const buckets = Math.floor(this.#words.length / this.#width);
    const length = (buckets + Math.max(BUCKETS_FIRST, buckets >> 1)) * this.#width;
    const room = this.#memory.maxByteLength / 4;
    if (this.#words.length < room) {
      const words = Math.min(length, room);
      this.#memory.grow(words * 4);
      this.#words = new Int32Array(this.#memory, 0, words);
      return;
    }
    const words = new Int32Array(length);
    words.set(this.#words);
    this.#words = words;
  }
}
