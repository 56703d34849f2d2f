/**
 * The thread that carries frames between pairs of interfaces, each after its delay.
 *
 * Frames are copied out of the ring at once: one left in it would keep `poll` returning and burn
 * a core. They are stamped by the kernel at arrival, so a late wake-up delays only what was due
 * then and not what follows. One loop carries all lines and sleeps when there is nothing to do.
 */
import { readSync } from "node:fs";
import { createRandom } from "../../platform/random.ts";
import { DelaySchedule, type DelaySettings } from "../delay-schedule.ts";
import { FrameQueue } from "./frame-queue.ts";
import { loadLibc, mapMemory, systemError } from "./libc.ts";
import { RingPort, type FrameView } from "./ring-port.ts";

export interface DelayLineEnds {
  readonly name: string;
  /** The two interfaces joined. */
  readonly from: string;
  readonly to: string;
}

/** What the controlling thread and this one share. */
export interface DelayShared {
  /** Per line: delay, jitter, loss, cut; `SETTING_WORDS` each. */
  readonly settings: SharedArrayBuffer;
  /** Per direction (line 0 forth, line 0 back, ...), in the order of `COUNTERS`. */
  readonly counters: SharedArrayBuffer;
  /** [0]: version of `settings` as written, [1]: as applied, [2]: 1 when this thread is ready. */
  readonly versions: SharedArrayBuffer;
  /** An eventfd that wakes this thread. */
  readonly wakeFd: number;
}

export const SETTING_WORDS = 4;
export const COUNTERS = ["passed", "lost", "dropped", "unfinished"] as const;

/** 10 ms of 100 000 frames a second. */
const RING_FRAMES = 1024;
const BATCH_FRAMES = 256;
/** A stamp further off was taken before the wall clock stepped. */
const STAMP_AGE_MAX_MS = 100;
const CLOCK_REALTIME = 0;
const PR_SET_TIMERSLACK = 29;
const POLLIN = 1;

class Direction {
  readonly #from: RingPort;
  readonly #to: RingPort;
  readonly #counters: Float64Array;
  readonly #queue = new FrameQueue();
  readonly schedule: DelaySchedule;
  /** Both clocks at the start of a drain. */
  #nowMs = 0;
  #nowWallMs = 0;

  constructor(from: RingPort, to: RingPort, schedule: DelaySchedule, counters: Float64Array) {
    this.#from = from;
    this.#to = to;
    this.schedule = schedule;
    this.#counters = counters;
  }

  get nextDueMs(): number {
    return this.#queue.nextDueMs;
  }

  drain(nowMs: number, nowWallMs: number): number {
    this.#nowMs = nowMs;
    this.#nowWallMs = nowWallMs;
    return this.#from.drain(this.#take, BATCH_FRAMES);
  }

  flush(nowMs: number): void {
    const { sent, refused } = this.#queue.flush(this.#to.sendFd, nowMs);
    this.#counters[0]! += sent;
    this.#counters[2]! += refused;
  }

  change(settings: DelaySettings): void {
    this.schedule.change(settings);
    if (settings.isCut) this.#counters[1]! += this.#queue.clear();
  }

  readonly #take = (frame: FrameView): void => {
    const ageMs = Math.min(STAMP_AGE_MAX_MS, Math.max(0, this.#nowWallMs - frame.receivedWallMs));
    const dueMs = this.schedule.admit(this.#nowMs - ageMs);
    if (dueMs < 0) this.#counters[1]!++;
    else if (!this.#queue.push(frame, dueMs)) this.#counters[2]!++;
    if (frame.isUnfinished) this.#counters[3]!++;
  };
}

export class DelayLoop {
  readonly #shared: DelayShared;
  readonly #ports: readonly RingPort[];
  readonly #directions: readonly Direction[];
  readonly #scratch = mapMemory(4096);
  readonly #scratchView = new DataView(this.#scratch.buffer);
  readonly #pollFds = mapMemory(65_536);
  readonly #versions: Int32Array;
  #applied = -1;

  /** @throws {PacketsError} when an interface is missing or may not be opened */
  constructor(lines: readonly DelayLineEnds[], shared: DelayShared) {
    this.#shared = shared;
    this.#versions = new Int32Array(shared.versions);
    const ports: RingPort[] = [];
    const directions: Direction[] = [];
    for (const [index, { from, to }] of lines.entries()) {
      const ends = [new RingPort(from, RING_FRAMES), new RingPort(to, RING_FRAMES)] as const;
      ports.push(...ends);
      for (const way of [0, 1] as const) {
        const number = index * 2 + way;
        // A fixed seed: the same frames meet the same losses in each run.
        const schedule = new DelaySchedule(this.#settings(index), createRandom(number + 1));
        const at = number * COUNTERS.length * 8;
        const counters = new Float64Array(shared.counters, at, COUNTERS.length);
        directions.push(new Direction(ends[way], ends[way === 0 ? 1 : 0], schedule, counters));
      }
    }
    this.#ports = ports;
    this.#directions = directions;
    const polled = new DataView(this.#pollFds.buffer);
    for (const [i, fd] of [shared.wakeFd, ...ports.map((port) => port.fd)].entries()) {
      polled.setInt32(i * 8, fd, true);
      polled.setInt16(i * 8 + 4, POLLIN, true);
    }
  }

  /** Carries frames for good; the process ends it by ending. */
  run(): never {
    if (loadLibc().prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0) !== 0) throw systemError("prctl", "a loop");
    Atomics.store(this.#versions, 2, 1);
    Atomics.notify(this.#versions, 2);
    for (;;) {
      this.#applyChanges();
      let moved = 0;
      // In this order: losing the processor in between makes frames late, never early.
      const nowWallMs = this.#wallMs();
      const nowMs = performance.now();
      for (const direction of this.#directions) moved += direction.drain(nowMs, nowWallMs);
      const dueMs = this.#flush(performance.now());
      if (moved === 0) this.#sleepUntil(dueMs);
    }
  }

  /** Sends what is due and tells when the next frame is. */
  #flush(nowMs: number): number {
    let nextMs = Infinity;
    for (const direction of this.#directions) {
      if (direction.nextDueMs <= nowMs) direction.flush(nowMs);
      nextMs = Math.min(nextMs, direction.nextDueMs);
    }
    return nextMs;
  }

  #applyChanges(): void {
    const wanted = Atomics.load(this.#versions, 0);
    if (wanted === this.#applied) return;
    for (const [number, direction] of this.#directions.entries())
      direction.change(this.#settings(number >> 1));
    this.#applied = wanted;
    Atomics.store(this.#versions, 1, wanted);
    Atomics.notify(this.#versions, 1);
  }

  #settings(line: number): DelaySettings {
    const words = new Float64Array(this.#shared.settings, line * SETTING_WORDS * 8, SETTING_WORDS);
    const [delayMs = 0, jitterMs = 0, lossRatio = 0, cut = 0] = words;
    return { delayMs, jitterMs, lossRatio, isCut: cut !== 0 };
  }

  #wallMs(): number {
    loadLibc().clock_gettime(CLOCK_REALTIME, this.#scratch.address);
    const seconds = Number(this.#scratchView.getBigInt64(0, true));
    return seconds * 1000 + Number(this.#scratchView.getBigInt64(8, true)) / 1e6;
  }

  /** Sleeps until a frame comes, a setting changes or `dueMs`. */
  #sleepUntil(dueMs: number): void {
    const waitNs = Math.max(0, (dueMs - performance.now()) * 1e6);
    let timeout = 0; // none: sleep until something comes
    if (waitNs !== Infinity) {
      timeout = this.#scratch.address + 16;
      this.#scratchView.setBigInt64(16, BigInt(Math.floor(waitNs / 1e9)), true);
      this.#scratchView.setBigInt64(24, BigInt(Math.floor(waitNs % 1e9)), true);
    }
    const ready = loadLibc().ppoll(this.#pollFds.address, this.#ports.length + 1, timeout, 0);
    const isWoken = (new DataView(this.#pollFds.buffer).getInt16(6, true) & POLLIN) !== 0;
    if (ready > 0 && isWoken) readSync(this.#shared.wakeFd, new Uint8Array(8));
  }
}
