/** The bytes of a host stream: first a head of known length, then all the rest as it comes. */
import { concatBytes } from "../../platform/bytes.ts";
import { BridgeError } from "../errors.ts";

export class ByteFeed implements AsyncIterable<Uint8Array> {
  readonly #iterator: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array();

  constructor(bytes: AsyncIterable<Uint8Array>) {
    this.#iterator = bytes[Symbol.asyncIterator]();
  }

  /** One byte with a length, then so many bytes. @throws {BridgeError} when the stream ends before */
  async takeOpening(): Promise<Uint8Array> {
    const [length = 0] = await this.#take(1);
    return this.#take(length);
  }

  async #take(count: number): Promise<Uint8Array> {
    while (this.#rest.length < count) {
      const next = await this.#iterator.next();
      if (next.done === true)
        throw new BridgeError("ERR_BRIDGE_UNREACHABLE", "the other end hung up before it answered");
      this.#rest = concatBytes(this.#rest, next.value);
    }
    const taken = this.#rest.subarray(0, count);
    this.#rest = this.#rest.subarray(count);
    return taken;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    if (this.#rest.length > 0) yield this.#rest;
    for (;;) {
      const next = await this.#iterator.next();
      if (next.done === true) return;
      yield next.value;
    }
  }
}
