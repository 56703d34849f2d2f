/**
 * Links and the wide area between them: who reaches whom, how long it takes, what is lost.
 *
 * A link can be cut in two, two links parted from each other, and everything be slow and lossy. A
 * multicast packet may be lost or come twice; a frame of a stream is only late, as TCP has it.
 */
import type { Random } from "../../platform/random.ts";
import type { Scheduler } from "./scheduler.ts";
import type { Trace } from "./trace.ts";

/** Where a host stands. */
export interface Place {
  readonly name: string;
  readonly link: number;
  /** IPv4 text. */
  readonly ip: string;
}

export interface Trouble {
  /** Share of multicast packets that one receiver does not get. */
  readonly multicastLoss: number;
  /** Share that comes twice. */
  readonly duplicates: number;
  /** Share of a stream's frames that have to be sent again. */
  readonly frameLoss: number;
  readonly linkDelayMaxMs: number;
  readonly wideDelayMaxMs: number;
}

export const CALM: Trouble = {
  multicastLoss: 0,
  duplicates: 0,
  frameLoss: 0,
  linkDelayMaxMs: 1.5,
  wideDelayMaxMs: 40,
};

const LINK_DELAY_MIN_MS = 0.15;
const WIDE_DELAY_MIN_MS = 8;
/** A lost segment is sent again after this long at least. */
const RESEND_MIN_MS = 200;
export const RESEND_MAX_MS = 900;

export class Network {
  readonly scheduler: Scheduler;
  readonly trace: Trace;
  trouble: Trouble = CALM;
  readonly #random: Random;
  /** Hosts on the far side of a cut link, by link. */
  readonly #farSides = new Map<number, ReadonlySet<string>>();
  readonly #parted = new Set<string>();
  /** When anything was last cut or mended. */
  #mendedMs = -Infinity;
  readonly #ears = new Map<string, (bytes: Uint8Array, from: string) => void>();

  constructor(scheduler: Scheduler, trace: Trace, random: Random) {
    this.scheduler = scheduler;
    this.trace = trace;
    this.#random = random;
  }

  /** Since when nothing was cut or mended. */
  get quietSinceMs(): number {
    return this.#mendedMs;
  }

  cutLink(link: number, far: ReadonlySet<string>): void {
    this.#farSides.set(link, far);
    this.#mendedMs = this.scheduler.nowMs;
  }

  part(a: number, b: number): void {
    this.#parted.add(pairOf(a, b));
    this.#mendedMs = this.scheduler.nowMs;
  }

  mend(a: number, b?: number): void {
    if (b === undefined) this.#farSides.delete(a);
    else this.#parted.delete(pairOf(a, b));
    this.#mendedMs = this.scheduler.nowMs;
  }

  isReachable(a: Place, b: Place): boolean {
    if (a.link !== b.link) return !this.#parted.has(pairOf(a.link, b.link));
    const far = this.#farSides.get(a.link);
    return far === undefined || far.has(a.name) === far.has(b.name);
  }

  /** Whether everybody reaches everybody. */
  get isWhole(): boolean {
    return this.#farSides.size === 0 && this.#parted.size === 0;
  }

  isCut(link: number): boolean {
    return this.#farSides.has(link);
  }

  /** Of one packet, without what a loss adds. */
  delayMs(a: Place, b: Place, random = this.#random): number {
    const { linkDelayMaxMs, wideDelayMaxMs } = this.trouble;
    return a.link === b.link
      ? random.between(LINK_DELAY_MIN_MS, linkDelayMaxMs)
      : random.between(WIDE_DELAY_MIN_MS, wideDelayMaxMs);
  }

  /** Of a frame of a stream. */
  frameDelayMs(a: Place, b: Place, random = this.#random): number {
    const isLost = random.next() < this.trouble.frameLoss;
    return this.delayMs(a, b, random) + (isLost ? random.between(RESEND_MIN_MS, RESEND_MAX_MS) : 0);
  }

  /** Hears multicast from now on. @returns the way to stop */
  listen(place: Place, hear: (bytes: Uint8Array, from: string) => void): () => void {
    const ear = (bytes: Uint8Array, from: string): void => hear(bytes, from);
    this.#ears.set(place.ip, ear);
    return () => {
      if (this.#ears.get(place.ip) === ear) this.#ears.delete(place.ip);
    };
  }

  /** @param to one address, or everyone on the link */
  multicast(from: Place, places: Iterable<Place>, bytes: Uint8Array, to: string | null): void {
    for (const place of places) {
      if (place.link !== from.link || place.ip === from.ip) continue;
      if (to !== null && to !== place.ip) continue;
      if (this.#random.next() < this.trouble.multicastLoss) continue;
      this.#deliver(from, place, bytes);
      if (this.#random.next() < this.trouble.duplicates) this.#deliver(from, place, bytes);
    }
  }

  #deliver(from: Place, place: Place, bytes: Uint8Array): void {
    this.scheduler.after(this.delayMs(from, place), () => {
      const ear = this.#ears.get(place.ip);
      if (ear === undefined || !this.isReachable(from, place)) return;
      this.trace.note(this.scheduler.nowMs, `${from.name} ~> ${place.name}`, bytes);
      ear(bytes, from.ip);
    });
  }
}

function pairOf(a: number, b: number): string {
  return a < b ? `${a}|${b}` : `${b}|${a}`;
}
