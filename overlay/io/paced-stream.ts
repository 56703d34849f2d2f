/**
 * A libp2p stream as a `HostStream`: read and written at the pace of the slower end, whole or not
 * at all.
 *
 * What libp2p v3 does otherwise: its own loop reads without bound and drops what lies buffered when
 * the other end closes during a pause; `onDrain()` works once per stream; a lost connection looks
 * like an end.
 */
import type { Stream } from "@libp2p/interface";
import { OverlayError } from "../errors.ts";
import type { HostStream } from "../types.ts";
import { STREAM_WINDOW_BYTES_MAX } from "./nodes.ts";

/** What is read ahead of the reader; as much again as the stream's window may wait in libp2p. */
const AHEAD_BYTES_MAX = 256 * 1024;

/**
 * What yamux's stream has beside its interface: bytes that the other end may send unread, and the
 * message that tells it.
 */
interface Windowed {
  recvWindow: number;
  readonly recvWindowCapacity: number;
  /** `ESTABLISHED` once both ends know of the stream. */
  readonly state: number;
  sendWindowUpdate(): void;
}

const ESTABLISHED = 3;

/**
 * Tells the other end of room when half a window is free. yamux does so after each piece of data,
 * however small: a message, and a wake-up of the other end, for each.
 */
function updateSeldom(stream: Windowed): void {
  const update = stream.sendWindowUpdate.bind(stream);
  stream.sendWindowUpdate = () => {
    const free = stream.recvWindow - stream.recvWindowCapacity;
    if (stream.state !== ESTABLISHED || 2 * free >= stream.recvWindow) update();
  };
}

export class PacedStream implements HostStream {
  readonly peer: string;
  readonly isRelayed: boolean;
  readonly #stream: Stream;
  readonly #ahead: Uint8Array[] = [];
  #aheadBytes = 0;
  /** Taken by the reader since the window was widened. */
  #takenBytes = 0;
  #hasEnded: boolean;
  #isRemoteDone: boolean;
  #failure: Error | undefined;
  #wake: () => void = () => {};

  constructor(stream: Stream, { peer, isRelayed }: Pick<HostStream, "peer" | "isRelayed">) {
    this.peer = peer;
    this.isRelayed = isRelayed;
    this.#stream = stream;
    updateSeldom(stream as unknown as Windowed);
    this.#isRemoteDone = stream.remoteWriteStatus === "closed" && stream.status === "open";
    this.#hasEnded = this.#isRemoteDone && stream.readBufferLength === 0;
    stream.addEventListener("remoteCloseWrite", () => (this.#isRemoteDone = true));
    stream.addEventListener("end", () => this.#end());
    stream.addEventListener("close", ({ error }) => this.#onClose(error));
    if (stream.status !== "open" && !this.#hasEnded) this.#onClose(undefined);
    stream.addEventListener("message", ({ data }) => this.#onBytes(data.subarray()));
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#stream.send(bytes)) return;
    while (this.#stream.writableNeedsDrain) await this.#drained();
  }

  closeWrite(): Promise<void> {
    return this.#stream.close();
  }

  abort(reason: Error): void {
    this.#stream.abort(reason);
    this.#fail(reason);
  }

  /** One reader, once. */
  get bytes(): AsyncIterable<Uint8Array> {
    return this.#read();
  }

  async *#read(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const next = this.#ahead.shift();
      if (next !== undefined) {
        this.#aheadBytes -= next.length;
        this.#widen(next.length);
        yield next;
      } else if (this.#failure !== undefined) {
        throw this.#failure;
      } else if (this.#hasEnded) {
        return;
      } else if (this.#stream.readStatus === "paused") {
        onLive(() => this.#stream.resume());
      } else {
        await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    }
  }

  #onBytes(bytes: Uint8Array): void {
    this.#ahead.push(bytes);
    this.#aheadBytes += bytes.length;
    if (this.#aheadBytes > AHEAD_BYTES_MAX && this.#stream.readStatus === "readable")
      this.#stream.pause();
    this.#wake();
  }

  /**
   * Doubles the window when a whole one was taken: who takes nothing has little waiting.
   *
   * yamux itself grows it by comparing with a round trip measured twice a minute: on a busy host, or
   * after the way became longer, it stays at 256 KiB, which is 25 Mbit/s at 80 ms.
   */
  #widen(bytes: number): void {
    const inside = this.#stream as unknown as Windowed;
    this.#takenBytes += bytes;
    if (this.#takenBytes < inside.recvWindow || inside.recvWindow >= STREAM_WINDOW_BYTES_MAX)
      return;
    this.#takenBytes = 0;
    inside.recvWindow = Math.min(2 * inside.recvWindow, STREAM_WINDOW_BYTES_MAX);
    onLive(() => inside.sendWindowUpdate());
  }

  #onClose(error: Error | undefined): void {
    if (error !== undefined) return this.#fail(error);
    // Without the other end's word that it is done, this is a connection that broke.
    if (!this.#isRemoteDone)
      this.#fail(new OverlayError("ERR_OVERLAY_UNREACHABLE", "the connection was lost"));
  }

  #end(): void {
    if (this.#isRemoteDone) this.#hasEnded = true;
    this.#wake();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#ahead.length = 0;
    this.#aheadBytes = 0;
    this.#wake();
  }

  #drained(): Promise<void> {
    const stream = this.#stream;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onClose = (): void =>
      reject(this.#failure ?? new OverlayError("ERR_OVERLAY_UNREACHABLE", "stream closed"));
    const onDrain = (): void => resolve();
    stream.addEventListener("close", onClose);
    stream.addEventListener("drain", onDrain);
    return promise.finally(() => {
      stream.removeEventListener("close", onClose);
      stream.removeEventListener("drain", onDrain);
    });
  }
}

/** The bytes that came are there whatever happens; only a connection that lives is told a window. */
function onLive(act: () => void): void {
  try {
    act();
  } catch {
    // Gone by now, as the stream's own events say.
  }
}
