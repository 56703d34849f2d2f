/**
 * Connections over the simulated network: ordered, as late as their losses make them, stalled by a
 * cut, reset by a process that is gone and silent when its machine is.
 */
import type { Signed, SubnetClaim } from "../../overlay/cores.ts";
import type { Random } from "../../platform/random.ts";
import type { HostTime } from "./host-time.ts";
import type { Network, Place } from "./network.ts";

/** What listens at an address, and what a connection ends in. */
export interface Endpoint {
  readonly place: Place;
  readonly time: HostTime;
  /** For the delays of what it sends, in place of the network's: then nothing else is drawn otherwise. */
  readonly random?: Random;
}

export interface Listener extends Endpoint {
  /** Somebody dialled. @returns what is to hear this end's frames */
  accept(end: WireEnd): Receiver;
}

export interface Receiver {
  onFrame(frame: Frame): void;
  /** The other end closed, or is no more. */
  onEnd(): void;
}

/** What a host says of itself when it connects. */
export interface HelloView {
  readonly hostId: string;
  /** Empty in none. */
  readonly subnetId: string;
  readonly claim: SubnetClaim | null;
  readonly hostSet: Signed | null;
  readonly statement: Signed | null;
}

export type Frame =
  | { readonly type: "hello"; readonly hello: HelloView }
  | { readonly type: "proof" | "ping" | "pong" }
  | { readonly type: "goodbye"; readonly code: string; readonly reason: string }
  | { readonly type: "notice"; readonly method: string; readonly body: Uint8Array }
  | {
      readonly type: "request";
      readonly id: number;
      readonly method: string;
      readonly body: Uint8Array;
    }
  | {
      readonly type: "response";
      readonly id: number;
      readonly body: Uint8Array;
      readonly code: string;
      readonly reason: string;
    };

/** A frame, or the end of a stream, on its way. */
type Sent = Frame | { readonly type: "end" };

const STALLED_RETRY_MS = 250;
const SYN_RETRY_MS = 1_000;

/** One end of a connection. */
export interface WireEnd {
  send(frame: Frame): void;
  /** Closes both ways; what was sent before still arrives. */
  end(): void;
}

export class Transport {
  readonly network: Network;
  readonly #listeners = new Map<string, Listener>();
  /** Places whose machine runs; another answers nothing, not even a refusal. */
  readonly #up = new Set<string>();

  constructor(network: Network) {
    this.network = network;
  }

  setUp(place: Place, isUp: boolean): void {
    if (isUp) this.#up.add(place.ip);
    else this.#up.delete(place.ip);
  }

  isUp(place: Place): boolean {
    return this.#up.has(place.ip);
  }

  /** @param address `ADDRESS:PORT` */
  listen(address: string, listener: Listener): () => void {
    this.#listeners.set(address, listener);
    return () => {
      if (this.#listeners.get(address) === listener) this.#listeners.delete(address);
    };
  }

  /**
   * Connects to an address.
   *
   * @param begin makes the receiver of the dialler's end
   * @throws Error when refused, or when the signal aborts first
   */
  connect(
    from: Endpoint,
    to: Place,
    address: string,
    signal: AbortSignal,
    begin: (end: WireEnd) => Receiver,
  ): Promise<void> {
    const { scheduler } = this.network;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let isDone = signal.aborted;
    const fail = (reason: string): void => {
      isDone = true;
      reject(new Error(reason));
    };
    const { random } = from;
    if (isDone) fail("no answer in time");
    signal.addEventListener("abort", () => fail("no answer in time"), { once: true });
    const knock = (): void => {
      if (isDone || from.time.isOver) return;
      scheduler.after(this.network.frameDelayMs(from.place, to, random), () => {
        if (isDone || from.time.isOver) return;
        if (!this.isUp(to) || !this.network.isReachable(from.place, to))
          return void scheduler.after(SYN_RETRY_MS, knock);
        const listener = this.#listeners.get(address);
        const backMs = this.network.delayMs(to, from.place, random);
        if (listener === undefined || listener.time.isOver)
          return void scheduler.after(backMs, () =>
            from.time.whenRunning(() => !isDone && fail("connection refused")),
          );
        scheduler.after(backMs, () => {
          if (isDone || from.time.isOver || listener.time.isOver) return;
          // Nobody says hello there, or would hear it here.
          if (from.time.isPaused || listener.time.isPaused)
            return void scheduler.after(SYN_RETRY_MS, knock);
          isDone = true;
          this.#join(from, listener, begin);
          resolve();
        });
      });
    };
    knock();
    return promise;
  }

  #join(from: Endpoint, listener: Listener, begin: (end: WireEnd) => Receiver): void {
    const out = new Direction(this, from, listener);
    const back = new Direction(this, listener, from);
    const end = (): void => {
      out.send({ type: "end" });
      back.send({ type: "end" });
    };
    out.onReset = () => back.receiver?.onEnd();
    back.onReset = () => out.receiver?.onEnd();
    back.receiver = begin({ send: (frame) => out.send(frame), end });
    out.receiver = listener.accept({ send: (frame) => back.send(frame), end });
  }
}

/** One way of a connection. */
class Direction {
  receiver: Receiver | undefined;
  /** The other end's process is gone. */
  onReset = (): void => {};
  readonly #transport: Transport;
  readonly #from: Endpoint;
  readonly #to: Endpoint;
  readonly #queue: Sent[] = [];
  #lastAtMs = 0;
  #isEnded = false;

  constructor(transport: Transport, from: Endpoint, to: Endpoint) {
    this.#transport = transport;
    this.#from = from;
    this.#to = to;
  }

  send(frame: Sent): void {
    if (this.#isEnded) return;
    if (frame.type === "end") this.#isEnded = true;
    const { network } = this.#transport;
    const { scheduler } = network;
    const atMs =
      scheduler.nowMs + network.frameDelayMs(this.#from.place, this.#to.place, this.#from.random);
    this.#lastAtMs = Math.max(this.#lastAtMs, atMs);
    this.#queue.push(frame);
    scheduler.after(this.#lastAtMs - scheduler.nowMs, () => this.#arrive());
  }

  /** The frame in front, whichever was scheduled for now: they keep their order. */
  #arrive(): void {
    const { network } = this.#transport;
    const frame = this.#queue[0];
    if (frame === undefined) return;
    const { place, time } = this.#to;
    const isCut = !network.isReachable(this.#from.place, place);
    if (isCut || !this.#transport.isUp(place))
      return void network.scheduler.after(STALLED_RETRY_MS, () => this.#arrive());
    if (time.isPaused) return time.whenRunning(() => this.#arrive());
    this.#queue.shift();
    if (time.isOver) return this.#reset();
    if (frame.type === "end") return this.receiver?.onEnd();
    const what = "method" in frame ? `${frame.type} ${frame.method}` : frame.type;
    const body = "body" in frame ? frame.body : undefined;
    network.trace.note(
      network.scheduler.nowMs,
      `${this.#from.place.name} -> ${place.name} ${what}`,
      body,
    );
    this.receiver?.onFrame(frame);
  }

  /** A machine answers for a process that is gone. */
  #reset(): void {
    const { network } = this.#transport;
    this.#queue.length = 0;
    const { place, time, random } = this.#from;
    const backMs = network.delayMs(this.#to.place, place, random);
    network.scheduler.after(backMs, () => time.whenRunning(() => !time.isOver && this.onReset()));
  }
}
