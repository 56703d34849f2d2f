/** What is counted while a simulation runs: numbers for each sample, and over all of it. */

/** Cells of a histogram of latencies: 32 for each doubling, from 1 µs on. */
const CELLS_A_DOUBLING = 32;
const CELLS = CELLS_A_DOUBLING * 28;

/** Columns of a sample. */
export const COUNT = {
  sent: 0,
  delivered: 1,
  correct: 2,
  hops: 3,
  messages: 4,
  present: 5,
  joined: 6,
  accurate: 7,
  /** Requests that a second host of a node was asked, or a later one. */
  retries: 8,
  /** Contacts taken into tables, or out of them. */
  changes: 9,
} as const;
const COUNTS = 10;
/** Types of messages: the engine's, a protocol's, and their answers. */
export const TYPES = 64;

/** What a thread counted, as it can be passed to another. */
export type Counted = Pick<
  Probes,
  "counts" | "latencies" | "messages" | "bytes" | "lanMessages" | "lanBytes" | "events"
>;

/** One thread's counts; those of several add up. */
export class Probes {
  /** COUNTS numbers a sample. */
  readonly counts: Float64Array;
  /** A histogram of latencies for each sample. */
  readonly latencies: Int32Array;
  readonly messages: Float64Array = new Float64Array(TYPES);
  readonly bytes: Float64Array = new Float64Array(TYPES);
  /** Those inside a LAN, which are not among the others. */
  readonly lanMessages: Float64Array = new Float64Array(TYPES);
  readonly lanBytes: Float64Array = new Float64Array(TYPES);
  events = 0;
  #sample = 0;
  readonly #totals = new Map<number, number>();

  constructor(samples: number) {
    this.counts = new Float64Array(samples * COUNTS);
    this.latencies = new Int32Array(samples * CELLS);
  }

  /** What happens from now on is of this sample. */
  enter(sample: number): void {
    this.#sample = sample;
  }

  add(column: number, amount: number): void {
    this.counts[this.#sample * COUNTS + column]! += amount;
  }

  at(sample: number, column: number): number {
    return this.counts[sample * COUNTS + column]!;
  }

  /** What there is of something so far: this sample counts what came since the last one. */
  noteTotal(column: number, total: number): void {
    this.add(column, total - (this.#totals.get(column) ?? 0));
    this.#totals.set(column, total);
  }

  /** A message was sent, not inside a LAN. */
  sent(type: number, bytes: number): void {
    this.messages[type]!++;
    this.bytes[type]! += bytes;
    this.counts[this.#sample * COUNTS + COUNT.messages]!++;
  }

  /** Messages were sent inside a LAN. @param bytes of each */
  sentInside(type: number, bytes: number, messages = 1): void {
    this.lanMessages[type]! += messages;
    this.lanBytes[type]! += bytes * messages;
  }

  delivered(hops: number, latencyUs: number): void {
    this.add(COUNT.delivered, 1);
    this.add(COUNT.hops, hops);
    this.latencies[this.#sample * CELLS + cellOf(latencyUs)]!++;
  }

  merge(other: Counted): void {
    for (let i = 0; i < this.counts.length; i++) this.counts[i]! += other.counts[i]!;
    for (let i = 0; i < this.latencies.length; i++) this.latencies[i]! += other.latencies[i]!;
    for (let i = 0; i < TYPES; i++) {
      this.messages[i]! += other.messages[i]!;
      this.bytes[i]! += other.bytes[i]!;
      this.lanMessages[i]! += other.lanMessages[i]!;
      this.lanBytes[i]! += other.lanBytes[i]!;
    }
    this.events += other.events;
  }

  /** Milliseconds that a share of the deliveries of some samples stayed under; null when there were none. */
  latencyMs(share: number, fromSample: number, toSample: number): number | null {
    let total = 0;
    const cells = new Float64Array(CELLS);
    for (let sample = fromSample; sample < toSample; sample++)
      for (let cell = 0; cell < CELLS; cell++) {
        const count = this.latencies[sample * CELLS + cell]!;
        cells[cell]! += count;
        total += count;
      }
    if (total === 0) return null;
    let left = share * total;
    for (let cell = 0; cell < CELLS; cell++) {
      left -= cells[cell]!;
      if (left <= 0) return middleOf(cell) / 1000;
    }
    return middleOf(CELLS - 1) / 1000;
  }
}

/** Linear within a doubling, so that no logarithm is needed. @param latencyUs 0 or more */
function cellOf(latencyUs: number): number {
  const whole = Math.min(latencyUs | 0, 2 ** 27);
  if (whole < CELLS_A_DOUBLING) return whole;
  const doubling = 31 - Math.clz32(whole) - 5;
  return CELLS_A_DOUBLING * doubling + (whole >> doubling);
}

function middleOf(cell: number): number {
  if (cell < 2 * CELLS_A_DOUBLING) return cell;
  const doubling = Math.floor(cell / CELLS_A_DOUBLING) - 1;
  return (cell - CELLS_A_DOUBLING * doubling + 0.5) * 2 ** doubling;
}

/** How unequal numbers are: 0 when all are equal, towards 1 when one has everything. */
export function giniOf(numbers: Float64Array): number {
  const sorted = numbers.toSorted();
  let sum = 0;
  let weighted = 0;
  for (let i = 0; i < sorted.length; i++) {
    sum += sorted[i]!;
    weighted += (i + 1) * sorted[i]!;
  }
  if (sum === 0) return 0;
  return (2 * weighted) / (sorted.length * sum) - (sorted.length + 1) / sorted.length;
}
