/**
 * Frames that wait for their time, in memory that `sendmmsg` reads in place.
 *
 * A ring of 2 KB slots with an iovec and a mmsghdr each, made once. The slots are reserved for the
 * longest queue but used from the first on, so memory follows the longest queue there was.
 */
import { loadLibc, mapMemory, type Address } from "./libc.ts";
import type { FrameView } from "./ring-port.ts";

const SLOT_BYTES = 2048;
const SLOTS_AT_FIRST = 512;
/** 340 ms of 100 000 frames a second. */
export const FRAMES_QUEUED_MAX = 32_768;
const TAG_BYTES = 4;
/** An 802.1Q tag stands behind the two hardware addresses. */
const TAG_AT = 12;

/** struct mmsghdr */
const HEADER_BYTES = 64;
const HEADER_IOV_AT = 16;
const HEADER_IOV_COUNT_AT = 24;
/** struct iovec */
const IOV_BYTES = 16;
const MSG_DONTWAIT = 0x40;

export class FrameQueue {
  readonly #frames = mapMemory(FRAMES_QUEUED_MAX * SLOT_BYTES);
  readonly #iovs = mapMemory(FRAMES_QUEUED_MAX * IOV_BYTES);
  readonly #headers = mapMemory(FRAMES_QUEUED_MAX * HEADER_BYTES);
  readonly #bytes = new Uint8Array(this.#frames.buffer);
  readonly #iovWords = new Uint32Array(this.#iovs.buffer);
  readonly #dueMs = new Float64Array(FRAMES_QUEUED_MAX);
  #capacity = 0;
  #head = 0;
  #count = 0;

  constructor() {
    this.#extend(SLOTS_AT_FIRST);
  }

  get count(): number {
    return this.#count;
  }

  /** When the first frame is due; Infinity when none waits. */
  get nextDueMs(): number {
    return this.#count === 0 ? Infinity : this.#dueMs[this.#head]!;
  }

  /** Copies a frame in; `false` when the queue is full or the frame too large. */
  push(frame: FrameView, dueMs: number): boolean {
    const tagBytes = frame.tag === 0 ? 0 : TAG_BYTES;
    const length = frame.length + tagBytes;
    if (length > SLOT_BYTES || (this.#count === this.#capacity && !this.#grow())) return false;
    const slot = (this.#head + this.#count) % this.#capacity;
    const at = slot * SLOT_BYTES;
    if (tagBytes === 0) {
      this.#bytes.set(frame.bytes.subarray(frame.at, frame.at + frame.length), at);
    } else {
      const behind = frame.at + TAG_AT;
      this.#bytes.set(frame.bytes.subarray(frame.at, behind), at);
      for (let i = 0; i < TAG_BYTES; i++) this.#bytes[at + TAG_AT + i] = frame.tag >>> (24 - 8 * i);
      const rest = frame.bytes.subarray(behind, frame.at + frame.length);
      this.#bytes.set(rest, at + TAG_AT + TAG_BYTES);
    }
    this.#iovWords[slot * 4 + 2] = length;
    this.#dueMs[slot] = dueMs;
    this.#count++;
    return true;
  }

  /**
   * Sends what is due. A frame that the interface refuses is dropped, as a wire would.
   *
   * @returns frames sent, and in `refused` those dropped
   */
  flush(fd: number, nowMs: number): { sent: number; refused: number } {
    let sent = 0;
    let refused = 0;
    for (let due = this.#dueRun(nowMs); due > 0; due = this.#dueRun(nowMs)) {
      const from: Address = this.#headers.address + this.#head * HEADER_BYTES;
      const went = loadLibc().sendmmsg(fd, from, due, MSG_DONTWAIT);
      if (went > 0) sent += went;
      else refused++;
      this.#drop(went > 0 ? went : 1);
    }
    return { sent, refused };
  }

  /** Forgets all frames, as a cut does; returns how many. */
  clear(): number {
    const count = this.#count;
    this.#drop(count);
    return count;
  }

  /** How many frames from the head on are due and stand behind each other in memory. */
  #dueRun(nowMs: number): number {
    const most = Math.min(this.#count, this.#capacity - this.#head, 1024);
    let run = 0;
    while (run < most && this.#dueMs[this.#head + run]! <= nowMs) run++;
    return run;
  }

  #drop(count: number): void {
    this.#count -= count;
    this.#head = this.#count === 0 ? 0 : (this.#head + count) % this.#capacity;
  }

  /** Doubles the slots in use; what had wrapped around moves behind the old end. */
  #grow(): boolean {
    const old = this.#capacity;
    if (old * 2 > FRAMES_QUEUED_MAX) return false;
    this.#extend(old * 2);
    const wrapped = this.#head + this.#count - old;
    if (wrapped <= 0) return true;
    this.#bytes.copyWithin(old * SLOT_BYTES, 0, wrapped * SLOT_BYTES);
    this.#dueMs.copyWithin(old, 0, wrapped);
    for (let slot = 0; slot < wrapped; slot++)
      this.#iovWords[(old + slot) * 4 + 2] = this.#iovWords[slot * 4 + 2]!;
    return true;
  }

  #extend(capacity: number): void {
    const iovs = new DataView(this.#iovs.buffer);
    const headers = new DataView(this.#headers.buffer);
    for (let slot = this.#capacity; slot < capacity; slot++) {
      const frameAt = BigInt(this.#frames.address + slot * SLOT_BYTES);
      const iovAt = BigInt(this.#iovs.address + slot * IOV_BYTES);
      iovs.setBigUint64(slot * IOV_BYTES, frameAt, true);
      headers.setBigUint64(slot * HEADER_BYTES + HEADER_IOV_AT, iovAt, true);
      headers.setBigUint64(slot * HEADER_BYTES + HEADER_IOV_COUNT_AT, 1n, true);
    }
    this.#capacity = capacity;
  }
}
