/**
 * One kept stream per connection: hello both ways, then calls, notices and heartbeats.
 *
 * A kept stream costs a tenth of a new one per call. The end that dialled opens it; calls go both
 * ways. Until the hello is proven, nothing else is heard; a peer without a membership may only call
 * `admit`.
 */
import type { Connection, Stream } from "@libp2p/interface";
import { isEqualBytes } from "../../platform/bytes.ts";
import { errorMessage } from "../../platform/errors.ts";
import { OverlayError, type OverlayErrorCode } from "../errors.ts";
import { toBase32 } from "../../platform/base32.ts";
import {
  checkHello,
  checkFrameVersion,
  isProven,
  isSubnetProven,
  proveHello,
  proveSubnet,
  type ConnectionEnds,
  type Greeting,
  WIRE_VERSION_MIN,
} from "../identity/hello.ts";
import type { KeyPair } from "../identity/keys.ts";
import {
  FrameCodec,
  type Frame,
  type Hello,
  type Proof,
  type Request,
  type Response,
} from "../schema/messages.ts";
import { MESSAGE_BYTES_MAX } from "../schema/codec.ts";
import type { ChannelContext } from "./channel-context.ts";
import { FrameStream } from "./frame-stream.ts";
import { CALL, NOTICE } from "../schema/methods.ts";

export const PEER_PROTOCOL = "/causeway/peer/1";
const HELLO_TIMEOUT_MS = 5_000;
const CALL_TIMEOUT_MS = 5_000;
const CALLS_INBOUND_MAX = 128;
/** A frame around it has room for the rest. */
const ANSWER_BYTES_MAX = MESSAGE_BYTES_MAX - 1024;

interface Waiting {
  resolve(body: Uint8Array): void;
  reject(error: Error): void;
}

export class PeerChannel {
  readonly connection: Connection;
  /** Set once open. */
  greeting!: Greeting;
  peerHello!: Hello;
  readonly #context: ChannelContext;
  readonly #frames: FrameStream;
  readonly #ownHello: Hello;
  readonly #subnetKey: KeyPair | undefined;
  readonly #waiting = new Map<number, Waiting>();
  #onHeard: (() => void)[] = [];
  readonly #opened = Promise.withResolvers<void>();
  #nextId = 1;
  #inboundCalls = 0;
  #isOpen = false;
  #isClosed = false;
  #lastHeardMs: number;
  #timer: NodeJS.Timeout | undefined;
  #closeReason = "";

  /** Opens the stream on a connection that this end dialled, and waits for the hello. */
  static async open(
    connection: Connection,
    context: ChannelContext,
    signal: AbortSignal,
  ): Promise<PeerChannel> {
    const stream = await connection.newStream(PEER_PROTOCOL, {
      signal,
      runOnLimitedConnection: true, // a relay may have been told to limit what it carries
    });
    const channel = new PeerChannel(stream, connection, context);
    await channel.#opened.promise;
    return channel;
  }

  /** Takes a stream that the other end opened; `onOpen` tells when it is proven. */
  static accept(stream: Stream, connection: Connection, context: ChannelContext): void {
    const channel = new PeerChannel(stream, connection, context);
    channel.#opened.promise.catch(() => {}); // told by onClose, and to the peer by a goodbye
  }

  private constructor(stream: Stream, connection: Connection, context: ChannelContext) {
    this.connection = connection;
    this.#context = context;
    this.#lastHeardMs = context.clock.monotonicMs();
    this.#ownHello = context.hello();
    this.#subnetKey = this.#ownHello.subnet.length > 0 ? context.subnetKey() : undefined;
    this.#frames = new FrameStream(stream, {
      frame: (bytes) => this.#onFrame(bytes),
      close: (error) => this.#onClosed(error === undefined ? "closed" : errorMessage(error)),
    });
    this.#send({ hello: this.#ownHello });
    this.#timer = setTimeout(() => this.cut("ERR_OVERLAY_TIMEOUT", "no hello"), HELLO_TIMEOUT_MS);
  }

  /** Base32 of the proven host key. */
  get hostId(): string {
    return toBase32(this.greeting.host);
  }

  /** Base32 of the subnet that the peer acts for; empty when it has none. */
  get subnetId(): string {
    return toBase32(this.peerHello.subnet);
  }

  /** A membership bound to an open link counts in its subnet only. */
  get isMember(): boolean {
    const { membership } = this.greeting;
    if (membership === undefined) return false;
    return membership.linkSubnet === null || this.peerHello.subnet.length > 0;
  }

  /** It has a membership, if only one that waits to be taken back into its subnet. */
  get #isKnown(): boolean {
    return this.greeting.membership !== undefined;
  }

  /** Through a relay: the other end's address is then the relay's. */
  get isRelayed(): boolean {
    return this.connection.remoteAddr.toString().includes("/p2p-circuit");
  }

  get isOpen(): boolean {
    return this.#isOpen && !this.#isClosed;
  }

  /**
   * @throws {OverlayError} the peer's own code and words; ERR_OVERLAY_UNREACHABLE when the channel
   *   closes first; ERR_OVERLAY_TIMEOUT
   */
  async call(method: string, body: Uint8Array, timeoutMs = CALL_TIMEOUT_MS): Promise<Uint8Array> {
    if (!this.isOpen) throw this.#unreachable();
    const id = this.#nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
    const timer = setTimeout(
      () => reject(new OverlayError("ERR_OVERLAY_TIMEOUT", `no answer in ${timeoutMs} ms`)),
      timeoutMs,
    );
    this.#waiting.set(id, { resolve, reject });
    this.#send({ request: { id, method, body } });
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(id);
    }
  }

  /** Whether the other end is still there; ends the connection when it says nothing in time. */
  async probe(timeoutMs: number): Promise<boolean> {
    if (!this.isOpen) return false;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#onHeard.push(() => resolve(true));
    const timer = setTimeout(() => resolve(false), timeoutMs);
    this.#send({ ping: 1 });
    const isHeard = await promise;
    clearTimeout(timer);
    if (!isHeard) this.abort(`no answer in ${timeoutMs} ms`);
    return isHeard && this.isOpen;
  }

  /** When anything at all was last heard, on the monotonic clock. */
  get lastHeardMs(): number {
    return this.#lastHeardMs;
  }

  /** Asks for a sign of life. */
  ping(): void {
    if (this.isOpen) this.#send({ ping: 1 });
  }

  notify(method: string, body: Uint8Array): void {
    if (this.isOpen) this.#send({ notice: { method, body } });
  }

  /** Says why and ends the whole connection. */
  cut(code: OverlayErrorCode, reason: string): void {
    this.#send({ goodbye: { code, reason } });
    this.#closeReason = reason;
    // Who dialled is to know that it was us, and why, not that the connection is lost.
    this.#opened.reject(new OverlayError(code, reason));
    void this.#frames.end().then(() => this.connection.close().catch(() => {}));
  }

  /** Ends the connection without a word, as after a silence. */
  abort(reason: string): void {
    this.#closeReason = reason;
    const error = new OverlayError("ERR_OVERLAY_UNREACHABLE", reason);
    this.#frames.abort(error);
    this.connection.abort(error);
  }

  /** The version that both ends speak; before the hello the oldest that this one does. */
  get wire(): number {
    return this.greeting?.wire ?? WIRE_VERSION_MIN;
  }

  #send(frame: Frame): void {
    this.#frames.send(FrameCodec.encode({ ...frame, wire: this.wire }));
  }

  #onFrame(bytes: Uint8Array): void {
    this.#lastHeardMs = this.#context.clock.monotonicMs();
    const heard = this.#onHeard;
    this.#onHeard = [];
    try {
      for (const tell of heard) tell();
      this.#dispatch(FrameCodec.decode(bytes));
    } catch (error) {
      const code = error instanceof OverlayError ? error.code : "ERR_OVERLAY_REFUSED";
      this.#context.onRefused(this, code, errorMessage(error));
      this.cut(code, errorMessage(error));
    }
  }

  #dispatch(frame: Frame): void {
    if (this.greeting !== undefined && !frame.goodbye) checkFrameVersion(frame, this.wire);
    if (frame.goodbye) {
      this.#closeReason = `the peer said: ${frame.goodbye.reason}`;
      this.#opened.reject(
        new OverlayError(
          (frame.goodbye.code || "ERR_OVERLAY_REFUSED") as OverlayErrorCode,
          frame.goodbye.reason,
        ),
      );
      void this.#frames.end().then(() => this.connection.close().catch(() => {}));
    } else if (!this.#isOpen) this.#onGreetingFrame(frame);
    else if (frame.request) void this.#answer(frame.request);
    else if (frame.response) this.#settle(frame.response);
    else if (frame.notice) {
      if (this.isMember || frame.notice.method === NOTICE.approved)
        this.#context.onNotice(this, frame.notice.method, frame.notice.body);
    } else if (frame.ping !== undefined) this.#send({ pong: frame.ping });
    // pong: being heard is all that it says; anything else is of a later version
  }

  #onGreetingFrame(frame: Frame): void {
    if (frame.hello && this.peerHello === undefined) {
      this.greeting = this.#check(frame.hello);
      this.peerHello = frame.hello;
      this.#prove(this.#ends());
    } else if (frame.proof && this.peerHello !== undefined) {
      this.#checkProof(this.#ends(), frame.proof);
      if (isEqualBytes(this.greeting.host, this.#context.hostKey.publicKey))
        throw new OverlayError("ERR_OVERLAY_WRONG_PEER", "this host dialled itself");
      this.#context.approve(this);
      this.#becomeOpen();
    } else throw new OverlayError("ERR_OVERLAY_REFUSED", "spoke before its hello");
  }

  #check(hello: Hello): Greeting {
    try {
      const { overlay, clock, revoked } = this.#context;
      return checkHello(hello, overlay(), clock.wallMs(), revoked());
    } catch (error) {
      if (error instanceof OverlayError && error.code === "ERR_OVERLAY_VERSION")
        this.#context.onForeignVersion(this.connection, hello);
      throw error;
    }
  }

  #prove(ends: ConnectionEnds): void {
    const signature = proveHello(this.#context.hostKey, ends);
    const subnetKey = this.#subnetKey;
    const subnetSignature =
      subnetKey === undefined ? new Uint8Array() : proveSubnet(subnetKey, ends);
    this.#send({ proof: { signature, subnetSignature } });
  }

  /** @throws {OverlayError} unless the peer holds the keys of the host and the subnet it names */
  #checkProof(ends: ConnectionEnds, proof: Proof): void {
    const { subnet } = this.peerHello;
    if (!isProven(this.greeting.host, ends, proof.signature))
      throw new OverlayError("ERR_OVERLAY_REFUSED", "the hello is not proven");
    if (subnet.length > 0 && !isSubnetProven(subnet, ends, proof.subnetSignature))
      throw new OverlayError("ERR_OVERLAY_REFUSED", "the hello's subnet is not proven");
  }

  #becomeOpen(): void {
    // What was open when this host changed its subnet was cut; what opens now by a hello of before
    // would be a sibling's channel at one end and a stranger's at the other.
    const subnet = this.#context.subnetKey()?.publicKey ?? new Uint8Array();
    if (!isEqualBytes(subnet, this.#ownHello.subnet))
      return this.cut("ERR_OVERLAY_UNREACHABLE", "it changed its subnet");
    this.#isOpen = true;
    clearTimeout(this.#timer);
    this.#timer = setInterval(() => this.#heartbeat(), this.#context.heartbeatMs);
    this.#context.onOpen(this);
    this.#opened.resolve();
  }

  #heartbeat(): void {
    const { clock } = this.#context;
    // The hello's check once more: whoever renewed comes back at once, with the new one.
    if ((this.greeting.membership?.notAfterMs ?? Infinity) <= clock.wallMs())
      return this.cut("ERR_OVERLAY_CERTIFICATE", "its membership has expired");
    const silentMs = clock.monotonicMs() - this.#lastHeardMs;
    if (silentMs > this.#context.silenceMaxMs) this.abort(`silent for ${Math.round(silentMs)} ms`);
    else if (silentMs >= this.#context.heartbeatMs / 2) this.#send({ ping: 1 });
  }

  async #answer(request: Request): Promise<void> {
    const { id, method, body } = request;
    if (!this.isMember && !this.#mayAsk(method)) {
      const reason = "only a member may ask that";
      this.#context.onRefused(this, "ERR_OVERLAY_REFUSED", `${method.slice(0, 40)}: ${reason}`);
      return this.#refuse(id, "ERR_OVERLAY_REFUSED", reason);
    }
    if (this.#inboundCalls >= CALLS_INBOUND_MAX)
      return this.#refuse(id, "ERR_OVERLAY_QUOTA", "too many calls at once");
    this.#inboundCalls++;
    try {
      const answer = await this.#context.onCall(this, method, body);
      const response = { id, body: answer, errorCode: "", errorMessage: "" };
      if (answer.length > ANSWER_BYTES_MAX)
        throw new OverlayError("ERR_OVERLAY_QUOTA", `an answer of ${answer.length} bytes`);
      this.#send({ response });
    } catch (error) {
      const code = error instanceof OverlayError ? error.code : "ERR_OVERLAY_REFUSED";
      this.#refuse(id, code, errorMessage(error));
    } finally {
      this.#inboundCalls--;
    }
  }

  /** What is answered to who is no member, or none in this subnet. */
  #mayAsk(method: string): boolean {
    const { former } = this.greeting;
    if (method === CALL.admit) return true;
    if (method === CALL.adopt) return this.#isKnown;
    if (method === CALL.revocations) return this.#isKnown || former !== undefined;
    return method === CALL.renew && (this.#isKnown || former?.why === "expired");
  }

  #refuse(id: number, errorCode: string, reason: string): void {
    this.#send({ response: { id, body: new Uint8Array(), errorCode, errorMessage: reason } });
  }

  #settle(response: Response): void {
    const waiting = this.#waiting.get(response.id);
    if (waiting === undefined) return; // it timed out here
    if (response.errorCode === "") waiting.resolve(response.body);
    else
      waiting.reject(
        new OverlayError(response.errorCode as OverlayErrorCode, response.errorMessage),
      );
  }

  #onClosed(reason: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#closeReason ||= reason;
    const error = this.#unreachable();
    this.#opened.reject(error);
    for (const waiting of this.#waiting.values()) waiting.reject(error);
    // A connection is worth nothing without its channel, and a dial would be given it again.
    void this.connection.close().catch(() => this.connection.abort(error));
    if (this.#isOpen) this.#context.onClose(this, this.#closeReason);
  }

  #unreachable(): OverlayError {
    return new OverlayError("ERR_OVERLAY_UNREACHABLE", `connection lost: ${this.#closeReason}`);
  }

  #ends(): ConnectionEnds {
    return {
      ownNonce: this.#ownHello.nonce,
      peerNonce: this.peerHello.nonce,
      ownPeerId: this.#context.ownPeerId,
      peerPeerId: this.connection.remotePeer.toString(),
    };
  }
}
