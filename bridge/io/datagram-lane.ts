/** One UDP exchange over a host stream. A stream that is full drops datagrams, as a network does. */
import type { HostStream } from "../../overlay/index.ts";
import { encodeDatagram, DatagramReader } from "../relay/datagrams.ts";

/** What may wait for the stream; a few datagrams of the largest size. */
const WAITING_BYTES_MAX = 256 * 1024;

export interface Lane {
  readonly stream: HostStream;
  /** What the stream gives, without its opening. */
  readonly bytes: AsyncIterable<Uint8Array>;
  /** A datagram out of the stream. */
  deliver(datagram: Uint8Array): void;
}

export class DatagramLane {
  /** Resolves when the other end ended it, rejects when it broke; the stream is closed then. */
  readonly ended: Promise<void>;
  readonly #stream: HostStream;
  #waitingBytes = 0;
  #isEnded = false;

  constructor(lane: Lane) {
    this.#stream = lane.stream;
    this.ended = this.#receive(lane);
    this.ended.catch(() => {}); // whoever waits for it hears of it
  }

  /** @returns whether it was sent on */
  send(datagram: Uint8Array): boolean {
    if (this.#isEnded || this.#waitingBytes > WAITING_BYTES_MAX) return false;
    const bytes = encodeDatagram(datagram);
    this.#waitingBytes += bytes.length;
    this.#stream.write(bytes).then(
      () => (this.#waitingBytes -= bytes.length),
      (error: unknown) => this.abort(error as Error),
    );
    return true;
  }

  /** Ends it; what is under way still arrives. */
  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#stream.closeWrite().catch((error: unknown) => this.#stream.abort(error as Error));
  }

  abort(reason: Error): void {
    this.#isEnded = true;
    this.#stream.abort(reason);
  }

  async #receive({ bytes, stream, deliver }: Lane): Promise<void> {
    const reader = new DatagramReader();
    try {
      for await (const piece of bytes)
        for (const datagram of reader.push(piece)) if (!this.#isEnded) deliver(datagram);
      this.end();
    } catch (error) {
      this.#isEnded = true;
      stream.abort(error as Error);
      throw error;
    }
  }
}
