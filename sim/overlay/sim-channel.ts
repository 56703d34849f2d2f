/**
 * A channel between two hosts, as `overlay/io/peer-channel.ts` keeps one over libp2p: hello both
 * ways, then calls, notices and heartbeats.
 *
 * Proofs are exchanged and not computed: nobody here lies about who it is.
 */
import { errorMessage } from "../../platform/errors.ts";
import type { Timer } from "../../platform/timers.ts";
import { OverlayError, type Channel, type OverlayErrorCode } from "../../overlay/cores.ts";
import type { SimPool } from "./sim-pool.ts";
import type { Frame, HelloView, Receiver, WireEnd } from "./transport.ts";

const HELLO_TIMEOUT_MS = 5_000;
const CALL_TIMEOUT_MS = 5_000;

interface Waiting {
  readonly resolve: (body: Uint8Array) => void;
  readonly reject: (error: Error) => void;
}

export class SimChannel implements Channel, Receiver {
  readonly connection: { readonly direction: "inbound" | "outbound" };
  readonly isMember = true;
  /** Set once open. */
  peerHello!: HelloView;
  readonly opened = Promise.withResolvers<void>();
  readonly #pool: SimPool;
  readonly #ownSubnetId: string;
  readonly #end: WireEnd;
  readonly #waiting = new Map<number, Waiting>();
  #onHeard: (() => void)[] = [];
  #nextId = 1;
  #isOpen = false;
  #isClosed = false;
  #lastHeardMs: number;
  #timer: Timer;
  #closeReason = "";

  constructor(pool: SimPool, end: WireEnd, direction: "inbound" | "outbound") {
    this.#pool = pool;
    this.#end = end;
    this.connection = { direction };
    this.#lastHeardMs = pool.time.monotonicMs();
    this.opened.promise.catch(() => {}); // an inbound one is waited for by nobody
    this.#timer = pool.time.after(HELLO_TIMEOUT_MS, () =>
      this.cut("ERR_OVERLAY_TIMEOUT", "no hello"),
    );
    const hello = pool.introduce();
    this.#ownSubnetId = hello.subnetId;
    this.#send({ type: "hello", hello });
  }

  get hostId(): string {
    return this.peerHello.hostId;
  }

  get subnetId(): string {
    return this.peerHello.subnetId;
  }

  get isOpen(): boolean {
    return this.#isOpen && !this.#isClosed;
  }

  get lastHeardMs(): number {
    return this.#lastHeardMs;
  }

  async call(method: string, body: Uint8Array, timeoutMs = CALL_TIMEOUT_MS): Promise<Uint8Array> {
    if (!this.isOpen) throw this.#unreachable();
    const id = this.#nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
    const timer = this.#pool.time.after(timeoutMs, () =>
      reject(new OverlayError("ERR_OVERLAY_TIMEOUT", `no answer in ${timeoutMs} ms`)),
    );
    this.#waiting.set(id, { resolve, reject });
    this.#send({ type: "request", id, method, body });
    try {
      return await promise;
    } finally {
      timer.cancel();
      this.#waiting.delete(id);
    }
  }

  /** Ends the connection when nothing is heard in time. */
  probe(timeoutMs: number): void {
    if (!this.isOpen) return;
    let isHeard = false;
    this.#onHeard.push(() => (isHeard = true));
    this.ping();
    this.#pool.time.after(timeoutMs, () => !isHeard && this.abort("silent when probed"));
  }

  ping(): void {
    if (this.isOpen) this.#send({ type: "ping" });
  }

  notify(method: string, body: Uint8Array): void {
    if (this.isOpen) this.#send({ type: "notice", method, body });
  }

  /** Says why and ends. */
  cut(code: OverlayErrorCode, reason: string): void {
    if (this.#isClosed) return;
    this.#send({ type: "goodbye", code, reason });
    this.#closeReason = reason;
    this.opened.reject(new OverlayError(code, reason));
    this.#pool.time.after(1, () => this.#close());
  }

  abort(reason: string): void {
    this.#closeReason ||= reason;
    this.#close();
  }

  onFrame(frame: Frame): void {
    if (this.#isClosed || this.#pool.time.isOver) return;
    this.#lastHeardMs = this.#pool.time.monotonicMs();
    const heard = this.#onHeard;
    this.#onHeard = [];
    for (const tell of heard) tell();
    if (frame.type === "goodbye") {
      this.#closeReason = `the peer said: ${frame.reason}`;
      this.opened.reject(new OverlayError(frame.code as OverlayErrorCode, frame.reason));
      this.#close();
    } else if (!this.#isOpen) this.#greet(frame);
    else if (frame.type === "request") void this.#answer(frame.id, frame.method, frame.body);
    else if (frame.type === "response") this.#settle(frame);
    else if (frame.type === "notice") this.#pool.onNotice(this, frame.method, frame.body);
    else if (frame.type === "ping") this.#send({ type: "pong" });
  }

  onEnd(): void {
    this.#closeReason ||= "closed";
    this.#close();
  }

  #greet(frame: Frame): void {
    if (frame.type === "hello") {
      this.peerHello = frame.hello;
      const problem = this.#pool.refusalOf(this.peerHello);
      if (problem !== undefined) return this.cut("ERR_OVERLAY_WRONG_PEER", problem);
      this.#send({ type: "proof" });
    } else if (frame.type === "proof") this.#becomeOpen();
  }

  #becomeOpen(): void {
    if (this.#pool.introduce().subnetId !== this.#ownSubnetId)
      return this.cut("ERR_OVERLAY_UNREACHABLE", "it changed its subnet");
    this.#isOpen = true;
    this.#timer.cancel();
    const { heartbeatMs, silenceMaxMs } = this.#pool;
    this.#timer = this.#pool.time.every(heartbeatMs, () => {
      const silentMs = this.#pool.time.monotonicMs() - this.#lastHeardMs;
      if (silentMs > silenceMaxMs) this.abort(`silent for ${Math.round(silentMs)} ms`);
      else if (silentMs >= heartbeatMs / 2) this.ping();
    });
    this.#pool.onOpen(this);
    this.opened.resolve();
  }

  async #answer(id: number, method: string, body: Uint8Array): Promise<void> {
    const none = new Uint8Array();
    try {
      const answer = await this.#pool.onCall(this, method, body);
      this.#send({ type: "response", id, body: answer, code: "", reason: "" });
    } catch (error) {
      const code = error instanceof OverlayError ? error.code : "ERR_OVERLAY_REFUSED";
      this.#send({ type: "response", id, body: none, code, reason: errorMessage(error) });
    }
  }

  #settle({ id, code, reason, body }: Extract<Frame, { type: "response" }>): void {
    const waiting = this.#waiting.get(id);
    if (code === "") waiting?.resolve(body);
    else waiting?.reject(new OverlayError(code as OverlayErrorCode, reason));
  }

  #send(frame: Frame): void {
    if (!this.#isClosed && !this.#pool.time.isOver) this.#end.send(frame);
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#timer.cancel();
    const error = this.#unreachable();
    this.opened.reject(error);
    for (const waiting of this.#waiting.values()) waiting.reject(error);
    this.#end.end();
    if (this.#isOpen) this.#pool.onClose(this, this.#closeReason);
    else this.#pool.drop(this);
  }

  /** What the machine does for a process that is killed. */
  orphan(): void {
    this.#end.end();
  }

  #unreachable(): OverlayError {
    return new OverlayError("ERR_OVERLAY_UNREACHABLE", `connection lost: ${this.#closeReason}`);
  }
}
