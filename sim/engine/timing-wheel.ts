/**
 * A timing wheel that sorts a slot when it comes to it, and suits its slots to the traffic.
 *
 * An event is put at the head of its slot's chain; the chain of one slot, some dozens of events, is
 * sorted in arrays that stay in the cache. What is due after the last slot waits in a 4-ary heap.
 *
 * After Varghese and Lauck 1987 (scheme 6), with the sorting of a calendar queue (Brown 1988).
 */
import { EventHeap } from "./event-heap.ts";
import type { EventQueue } from "./event-queue.ts";
import { isBefore, NONE, ROW, type EventSlab } from "./event-slab.ts";

/** Slots; with 16384 of them their heads take 64 KiB. */
const SLOTS = 1 << 14;
const MASK = SLOTS - 1;
/** Events of a slot that was opened, on average, beyond which slots get other widths. */
const CROWDED = 128;
const SPARSE = 8;
/** Opened slots between two looks at that. */
const REVIEW = 1024;
/** Widths as powers of two, in nanoseconds: 0.5 µs to 1 ms. */
const WIDTH_BITS_MIN = 9;
const WIDTH_BITS_MAX = 20;
/** Up to so many events are sorted by insertion. */
const INSERTION_MAX = 24;

export class TimingWheel implements EventQueue {
  readonly #slab: EventSlab;
  readonly #heads = new Int32Array(SLOTS).fill(NONE);
  readonly #far: EventHeap;
  #bits = 17;
  #perSlot = 2 ** -17;
  /** Number of the slot that is open, counted from time 0. */
  #open = 0;
  /** The open slot's events in order, and how many of them were popped. */
  #sorted = new Int32Array(256);
  #sortedTimes = new Float64Array(256);
  #count = 0;
  #popped = 0;
  /** In chains. */
  #chained = 0;
  #opened = 0;
  #openedEvents = 0;

  constructor(slab: EventSlab) {
    this.#slab = slab;
    this.#far = new EventHeap(slab);
  }

  get size(): number {
    return this.#chained + this.#far.size + this.#count - this.#popped;
  }

  push(event: number): void {
    const slot = Math.floor(this.#slab.times[event]! * this.#perSlot);
    const ahead = slot - this.#open;
    if (ahead >= SLOTS) this.#far.push(event);
    else if (ahead > 0) this.#chain(event, slot);
    else this.#insert(event);
  }

  pop(beforeNs: number): number {
    for (;;) {
      if (this.#popped < this.#count) {
        if (this.#sortedTimes[this.#popped]! >= beforeNs) return NONE;
        return this.#sorted[this.#popped++]!;
      }
      if (!this.#advance(beforeNs)) return NONE;
    }
  }

  #chain(event: number, slot: number): void {
    const head = slot & MASK;
    this.#slab.words[event * ROW] = this.#heads[head]!;
    this.#heads[head] = event;
    this.#chained++;
  }

  /** Into the open slot: what has no delay, or hardly one. */
  #insert(event: number): void {
    if (this.#count === this.#sorted.length) this.#widen();
    const sorted = this.#sorted;
    const times = this.#sortedTimes;
    const timeNs = this.#slab.times[event]!;
    let at = this.#count++;
    for (; at > this.#popped; at--) {
      const before = sorted[at - 1]!;
      if (times[at - 1]! < timeNs || isBefore(this.#slab, before, event)) break;
      sorted[at] = before;
      times[at] = times[at - 1]!;
    }
    sorted[at] = event;
    times[at] = timeNs;
  }

  /** Opens the next slot that has events. @returns false when none does before that time */
  #advance(beforeNs: number): boolean {
    const last = Math.ceil(beforeNs * this.#perSlot) - 1;
    for (;;) {
      if (this.#chained === 0) {
        // Nothing but the far future is left: straight to it.
        const farNs = this.#far.nextNs;
        if (farNs >= beforeNs) return false;
        this.#open = Math.max(this.#open, Math.floor(farNs * this.#perSlot) - 1);
      }
      if (this.#open >= last) return false;
      this.#open++;
      this.#bringNear();
      const head = this.#heads[this.#open & MASK]!;
      if (head === NONE) continue;
      this.#heads[this.#open & MASK] = NONE;
      this.#unchain(head);
      if (++this.#opened >= REVIEW) this.#review();
      return true;
    }
  }

  /** What the far future held and the wheel reaches by now. */
  #bringNear(): void {
    const reachNs = (this.#open + SLOTS) * 2 ** this.#bits;
    while (this.#far.nextNs < reachNs) {
      const event = this.#far.pop(Infinity);
      const slot = Math.floor(this.#slab.times[event]! * this.#perSlot);
      this.#chain(event, slot);
    }
  }

  #unchain(head: number): void {
    const { words, times } = this.#slab;
    let count = 0;
    for (let event = head; event !== NONE; event = words[event * ROW]!) {
      if (count === this.#sorted.length) this.#widen();
      this.#sorted[count] = event;
      this.#sortedTimes[count++] = times[event]!;
    }
    this.#count = count;
    this.#popped = 0;
    this.#chained -= count;
    this.#openedEvents += count;
    this.#sortRoughly(0, count - 1);
    // Over all of it: events of the same time may be on both sides of where it was parted.
    this.#sortByInsertion(0, count - 1);
  }

  /** All but runs of INSERTION_MAX, and among equal times. */
  #sortRoughly(from: number, to: number): void {
    let low = from;
    let high = to;
    while (high - low > INSERTION_MAX) {
      const middle = this.#partition(low, high);
      if (middle - low < high - middle) {
        this.#sortRoughly(low, middle);
        low = middle + 1;
      } else {
        this.#sortRoughly(middle + 1, high);
        high = middle;
      }
    }
  }

  /** Hoare's, by time alone; equal times are put right by the insertion that follows. */
  #partition(low: number, high: number): number {
    const events = this.#sorted;
    const times = this.#sortedTimes;
    const pivot = times[(low + high) >> 1]!;
    let left = low - 1;
    let right = high + 1;
    for (;;) {
      do left++;
      while (times[left]! < pivot);
      do right--;
      while (times[right]! > pivot);
      if (left >= right) return right;
      const event = events[left]!;
      const time = times[left]!;
      events[left] = events[right]!;
      times[left] = times[right]!;
      events[right] = event;
      times[right] = time;
    }
  }

  #sortByInsertion(from: number, to: number): void {
    const events = this.#sorted;
    const times = this.#sortedTimes;
    for (let next = from + 1; next <= to; next++) {
      const event = events[next]!;
      const timeNs = times[next]!;
      let at = next;
      for (; at > from; at--) {
        const beforeNs = times[at - 1]!;
        if (beforeNs < timeNs) break;
        if (beforeNs === timeNs && !isBefore(this.#slab, event, events[at - 1]!)) break;
        events[at] = events[at - 1]!;
        times[at] = beforeNs;
      }
      events[at] = event;
      times[at] = timeNs;
    }
  }

  #widen(): void {
    const sorted = new Int32Array(this.#sorted.length * 2);
    sorted.set(this.#sorted);
    const times = new Float64Array(sorted.length);
    times.set(this.#sortedTimes);
    this.#sorted = sorted;
    this.#sortedTimes = times;
  }

  /** Slots of another width when they are too full or too empty; the order of events is the same. */
  #review(): void {
    const mean = this.#openedEvents / this.#opened;
    this.#opened = 0;
    this.#openedEvents = 0;
    const bits = mean > CROWDED ? this.#bits - 1 : mean < SPARSE ? this.#bits + 1 : this.#bits;
    if (bits === this.#bits || bits < WIDTH_BITS_MIN || bits > WIDTH_BITS_MAX) return;
    const chained: number[] = [];
    for (let slot = 0; slot < SLOTS; slot++) {
      for (let event = this.#heads[slot]!; event !== NONE;) {
        chained.push(event);
        event = this.#slab.words[event * ROW]!;
      }
      this.#heads[slot] = NONE;
    }
    this.#chained = 0;
    const openNs = this.#open * 2 ** this.#bits;
    this.#bits = bits;
    this.#perSlot = 2 ** -bits;
    // Everything that is due in what is open now must be sorted in, whatever its width.
    this.#open = Math.floor(openNs * this.#perSlot);
    for (const event of chained) this.push(event);
  }
}
