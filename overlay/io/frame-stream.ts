/**
 * Length-prefixed frames over one libp2p stream.
 *
 * A frame is a 32-bit length and that many bytes. The trap list of libp2p v3 streams: `onDrain()`
 * works once per stream, so the writer waits for the `drain` event; reading by `message` events
 * keeps nothing queued behind a slow loop.
 */
import type { Stream } from "@libp2p/interface";
import { OverlayError } from "../errors.ts";
import { MESSAGE_BYTES_MAX } from "../schema/codec.ts";

const LENGTH_BYTES = 4;
/** Bytes waiting for a slow peer before the stream is given up. */
const QUEUE_BYTES_MAX = 8 * 1024 * 1024;
/** How long an end waits for a peer to take what is queued. */
const END_WAIT_MS = 1_000;

export interface FrameHandlers {
  frame(bytes: Uint8Array): void;
  close(error: Error | undefined): void;
}

export class FrameStream {
  readonly #stream: Stream;
  readonly #handlers: FrameHandlers;
  /** What came and is no whole frame yet, in the first bytes of a buffer that grows by doubling. */
  #buffer = Buffer.alloc(0);
  #filledBytes = 0;
  /** Fewer make no frame: they are not looked at. */
  #wantedBytes = LENGTH_BYTES;
  readonly #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #isClosed = false;
  #onEmpty: () => void = () => {};

  constructor(stream: Stream, handlers: FrameHandlers) {
    this.#stream = stream;
    this.#handlers = handlers;
    stream.addEventListener("message", ({ data }) => this.#onBytes(data.subarray()));
    stream.addEventListener("drain", () => this.#flush());
    stream.addEventListener("remoteCloseWrite", () => this.#close(undefined));
    stream.addEventListener("close", (event) => this.#close(event.error));
  }

  send(frame: Uint8Array): void {
    if (this.#isClosed) return;
    const bytes = new Uint8Array(LENGTH_BYTES + frame.length);
    new DataView(bytes.buffer).setUint32(0, frame.length);
    bytes.set(frame, LENGTH_BYTES);
    this.#queue.push(bytes);
    this.#queuedBytes += bytes.length;
    if (this.#queuedBytes > QUEUE_BYTES_MAX)
      this.abort(new OverlayError("ERR_OVERLAY_UNREACHABLE", "the peer reads too slowly"));
    else if (!this.#stream.writableNeedsDrain) this.#flush();
  }

  /** Ends our writing after what is queued; a peer that does not read is not waited for long. */
  async end(): Promise<void> {
    if (this.#isClosed) return;
    if (this.#queue.length > 0) await this.#emptied();
    if (this.#isClosed) return;
    await this.#stream.close({ signal: AbortSignal.timeout(END_WAIT_MS) }).catch(() => {});
    this.#close(undefined);
  }

  abort(error: Error): void {
    this.#stream.abort(error);
    this.#close(error);
  }

  #emptied(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onEmpty = resolve;
    const timer = setTimeout(resolve, END_WAIT_MS);
    return promise.finally(() => clearTimeout(timer));
  }

  #flush(): void {
    while (!this.#isClosed) {
      const next = this.#queue.shift();
      if (next === undefined) return this.#onEmpty();
      this.#queuedBytes -= next.length;
      try {
        if (!this.#stream.send(next)) return;
      } catch (error) {
        this.#close(error as Error); // closed under our hands: the same as a close event
      }
    }
  }

  #onBytes(bytes: Uint8Array): void {
    this.#append(bytes);
    if (this.#filledBytes < this.#wantedBytes) return;
    const pending = this.#buffer.subarray(0, this.#filledBytes);
    this.#wantedBytes = LENGTH_BYTES;
    let at = 0;
    while (!this.#isClosed && pending.length - at >= LENGTH_BYTES) {
      const length = pending.readUInt32BE(at);
      if (length > MESSAGE_BYTES_MAX) {
        this.abort(new OverlayError("ERR_OVERLAY_REFUSED", `a frame of ${length} bytes`));
        return;
      }
      this.#wantedBytes = LENGTH_BYTES + length;
      if (pending.length - at < this.#wantedBytes) break;
      const from = at + LENGTH_BYTES;
      at = from + length;
      this.#wantedBytes = LENGTH_BYTES;
      this.#handlers.frame(pending.subarray(from, at));
    }
    if (this.#isClosed || at === 0) return;
    // A new buffer, since the frames that were handed out are views of the old one.
    this.#buffer = Buffer.from(pending.subarray(at));
    this.#filledBytes = this.#buffer.length;
  }

  /** Joining the pieces at each of them would take a second for a frame that comes byte by byte. */
  #append(bytes: Uint8Array): void {
    const filledBytes = this.#filledBytes + bytes.length;
    if (filledBytes > this.#buffer.length) {
      const larger = Buffer.alloc(Math.max(filledBytes, 2 * this.#buffer.length));
      this.#buffer.copy(larger, 0, 0, this.#filledBytes);
      this.#buffer = larger;
    }
    this.#buffer.set(bytes, this.#filledBytes);
    this.#filledBytes = filledBytes;
  }

  #close(error: Error | undefined): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#queue.length = 0;
    this.#buffer = Buffer.alloc(0);
    this.#filledBytes = 0;
    this.#onEmpty();
    this.#handlers.close(error);
  }
}
