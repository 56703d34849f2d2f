/**
 * The newest version seen of records that are gone, so that an old one cannot come back.
 *
 * A floor outlives the longest lifetime, and with it every honest copy of what it bars. Their
 * number is bounded; when full, the subnet with the most floors loses its oldest, so a subnet that
 * floods drives out only its own.
 */
import { LIFETIME_MAX_MS } from "./record.ts";

/** The longest lifetime, and an hour for copies under way and clocks that drift. */
export const FLOOR_KEEP_MS = LIFETIME_MAX_MS + 3_600_000;

export interface VersionFloor {
  readonly slotId: string;
  readonly version: bigint;
  /** Monotonic end of that version's lifetime: received again, it gets no longer one. */
  readonly deadlineMs: number;
  /** Whether that version was a tombstone. */
  readonly isRemoved: boolean;
  /** Monotonic time at which the floor itself goes. */
  readonly keepUntilMs: number;
  /** Whose record it was; `null`: our own subnet's. */
  readonly from: string | null;
}

export class VersionFloors {
  readonly #max: number;
  /** Per subnet in order of `keepUntilMs`: floors are kept for one span, so order of arrival. */
  readonly #bySubnet = new Map<string | null, Map<string, VersionFloor>>();
  readonly #all = new Map<string, VersionFloor>();

  constructor(floorsMax: number) {
    this.#max = floorsMax;
  }

  get size(): number {
    return this.#all.size;
  }

  get(slotId: string): VersionFloor | undefined {
    return this.#all.get(slotId);
  }

  all(): Iterable<VersionFloor> {
    return this.#all.values();
  }

  /**
   * Adds a floor in place of the slot's former one.
   *
   * @returns the floor that had to go for it, if any
   */
  raise(floor: VersionFloor): VersionFloor | undefined {
    this.delete(floor.slotId);
    const evicted = this.#all.size >= this.#max ? this.#oldestOfLargest() : undefined;
    if (evicted !== undefined) this.delete(evicted.slotId);
    const siblings = this.#bySubnet.get(floor.from) ?? new Map<string, VersionFloor>();
    this.#bySubnet.set(floor.from, siblings.set(floor.slotId, floor));
    this.#all.set(floor.slotId, floor);
    return evicted;
  }

  delete(slotId: string): boolean {
    const floor = this.#all.get(slotId);
    if (floor === undefined) return false;
    this.#all.delete(slotId);
    const siblings = this.#bySubnet.get(floor.from);
    siblings?.delete(slotId);
    if (siblings?.size === 0) this.#bySubnet.delete(floor.from);
    return true;
  }

  /** Takes out the floors that have served. */
  takeDue(nowMs: number): VersionFloor[] {
    const due: VersionFloor[] = [];
    for (const siblings of this.#bySubnet.values())
      for (const floor of siblings.values()) {
        if (floor.keepUntilMs > nowMs) break;
        due.push(floor);
      }
    for (const { slotId } of due) this.delete(slotId);
    return due;
  }

  #oldestOfLargest(): VersionFloor | undefined {
    let largest: Map<string, VersionFloor> | undefined;
    for (const siblings of this.#bySubnet.values())
      if (siblings.size > (largest?.size ?? 0)) largest = siblings;
    return largest?.values().next().value;
  }
}
