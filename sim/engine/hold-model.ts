/**
 * The hold model: what a queue of events does with nothing around it.
 *
 * Each step takes the next event and puts it back later, so that as many are pending as before. Delays
 * are those of an overlay: most are messages of 50 ms and half-normal jitter, the rest timers of 1 s.
 *
 * After Jones 1986, "An empirical comparison of priority-queue and event-set implementations".
 */
import { NS_PER_S } from "./delay.ts";
import { draw, mix } from "./dice.ts";
import { COLUMN, EventSlab, ROW } from "./event-slab.ts";
import { halfNormalQuantiles, quantileAt, truncatedNormalQuantiles } from "./quantiles.ts";
import { TimingWheel } from "./timing-wheel.ts";

/** Delays are drawn beforehand, so that drawing them is not what is measured. */
const DELAYS = 1 << 16;
const MESSAGES = 0.85;
const BASE_NS = 0.05 * NS_PER_S;
const JITTER_NS = 0.005 * NS_PER_S;
const TIMER_NS = NS_PER_S;
const TIMER_DEVIATION = 0.1;

export class HoldModel {
  readonly #slab: EventSlab;
  readonly #queue: TimingWheel;
  readonly #delays = drawDelays();
  #next = 0;

  constructor(pending: number) {
    this.#slab = new EventSlab(pending);
    this.#queue = new TimingWheel(this.#slab);
    for (let i = 0; i < pending; i++) {
      const event = this.#slab.take();
      const at = event * ROW;
      this.#slab.words.fill(0, at, at + ROW);
      this.#slab.words[at + COLUMN.to] = i;
      this.#slab.times[event] = this.#delays[i % DELAYS]!;
      this.#queue.push(event);
    }
  }

  get pending(): number {
    return this.#queue.size;
  }

  /**
   * Takes an event and puts it back, so many times.
   *
   * @returns a sum over what came out, which says in which order it did
   */
  hold(times: number): number {
    const queue = this.#queue;
    const { times: due, words } = this.#slab;
    const delays = this.#delays;
    let next = this.#next;
    let sum = 0;
    for (let i = 0; i < times; i++) {
      const event = queue.pop(Infinity);
      sum = mix(sum ^ words[event * ROW + COLUMN.to]!);
      due[event] = due[event]! + delays[next]!;
      next = (next + 1) & (DELAYS - 1);
      queue.push(event);
    }
    this.#next = next;
    return sum;
  }
}

function drawDelays(): Float64Array {
  const jitter = halfNormalQuantiles();
  const timer = truncatedNormalQuantiles(TIMER_DEVIATION);
  return Float64Array.from({ length: DELAYS }, (_, i) => {
    const share = (draw(1, i, 0) >>> 0) * 2 ** -32;
    const value = (draw(1, i, 1) >>> 0) * 2 ** -32;
    return Math.round(
      share < MESSAGES
        ? BASE_NS + JITTER_NS * quantileAt(jitter, value)
        : TIMER_NS * quantileAt(timer, value),
    );
  });
}
