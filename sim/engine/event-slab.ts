/**
 * Storage of events: numbers in typed arrays, an event being the handle of its row.
 *
 * A simulation has millions of events pending and makes millions a second; none of them is an object.
 */

/** Columns of a row. */
export const COLUMN = {
  /** The next row of a chain; free rows are a chain too. */
  next: 0,
  to: 1,
  from: 2,
  /** The sender's count of what it sent: with time and sender it orders events of one node. */
  sequence: 3,
  type: 4,
  /** Of a call: its row and its serial number at the caller; the answer brings them back. */
  call: 5,
  serial: 6,
  a: 7,
  b: 8,
  c: 9,
  /** A row of `Lists`, or NONE. */
  list: 10,
  /** Of nodes with several hosts: `HostSets` says what. */
  hosts: 11,
} as const;
/** Words a row. */
export const ROW = 12;
export const NONE = -1;

export class EventSlab {
  /** Of each event, in nanoseconds: whole numbers, exact up to 104 days. */
  times: Float64Array;
  /** ROW words an event. */
  words: Int32Array;
  #free = NONE;
  #used = 0;
  #made = 0;

  constructor(capacity = 1024) {
    this.times = new Float64Array(capacity);
    this.words = new Int32Array(capacity * ROW);
  }

  /** Events that are taken. */
  get used(): number {
    return this.#used;
  }

  /** A row whose words the caller sets, all of them. Both arrays may be other ones afterwards. */
  take(): number {
    this.#used++;
    const event = this.#free;
    if (event !== NONE) {
      this.#free = this.words[event * ROW]!;
      return event;
    }
    if (this.#made === this.times.length) this.#grow();
    return this.#made++;
  }

  release(event: number): void {
    this.words[event * ROW] = this.#free;
    this.#free = event;
    this.#used--;
  }

  #grow(): void {
    const capacity = this.times.length + Math.max(1024, this.times.length >> 1);
    const times = new Float64Array(capacity);
    times.set(this.times);
    const words = new Int32Array(capacity * ROW);
    words.set(this.words);
    this.times = times;
    this.words = words;
  }
}

/**
 * Whether an event comes before another: by time, then receiver, sender and the sender's count, so
 * that the order is the same however the events came to be queued.
 */
export function isBefore(slab: EventSlab, left: number, right: number): boolean {
  const { times, words } = slab;
  const difference = times[left]! - times[right]!;
  if (difference !== 0) return difference < 0;
  const l = left * ROW;
  const r = right * ROW;
  const to = words[l + COLUMN.to]! - words[r + COLUMN.to]!;
  if (to !== 0) return to < 0;
  const from = words[l + COLUMN.from]! - words[r + COLUMN.from]!;
  if (from !== 0) return from < 0;
  return words[l + COLUMN.sequence]! < words[r + COLUMN.sequence]!;
}
