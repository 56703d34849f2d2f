/**
 * The time by which lifetimes are counted on disk.
 *
 * The wall clock alone would not do: set back, it makes every record live longer, again at each
 * start. This clock runs with the monotonic one, adds what the wall clock says passed between two
 * runs, and never steps back. It equals the wall clock until that is first set while we run.
 */
import { ByteReader, ByteWriter } from "../../platform/bytes.ts";
import { WireError } from "../../platform/errors.ts";

/** One moment on both clocks, kept with every write. */
export interface ClockMark {
  readonly storeMs: number;
  readonly wallMs: number;
}

export class StoreClock {
  /** Store time minus monotonic time, for this run. */
  readonly #offsetMs: number;

  /** @param last the mark of the former run; `undefined` in a new store */
  constructor(last: ClockMark | undefined, nowMs: number, wallMs: number) {
    // A clock set back says nothing of the time between, which then counts as none.
    const storeMs = last === undefined ? wallMs : last.storeMs + Math.max(0, wallMs - last.wallMs);
    this.#offsetMs = storeMs - nowMs;
  }

  toStoreMs(monotonicMs: number): number {
    return monotonicMs + this.#offsetMs;
  }

  toMonotonicMs(storeMs: number): number {
    return storeMs - this.#offsetMs;
  }
}

export function encodeClockMark({ storeMs, wallMs }: ClockMark): Uint8Array {
  return new ByteWriter(16).u64(toU64(storeMs)).u64(toU64(wallMs)).finish();
}

/** @throws {WireError} */
export function decodeClockMark(bytes: Uint8Array): ClockMark {
  const reader = new ByteReader(bytes);
  const mark = { storeMs: Number(reader.u64()), wallMs: Number(reader.u64()) };
  reader.end();
  if (!Number.isSafeInteger(mark.storeMs) || !Number.isSafeInteger(mark.wallMs))
    throw new WireError("a clock mark out of range");
  return mark;
}

function toU64(ms: number): bigint {
  return BigInt(Math.max(0, Math.floor(ms)));
}
