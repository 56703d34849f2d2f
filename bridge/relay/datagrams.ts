/** Datagrams over an ordered stream: each behind its length in two bytes. An empty one is one, too. */
import { concatBytes } from "../../platform/bytes.ts";
import { WireError } from "../../platform/errors.ts";

/** What fits into UDP over IPv4. */
export const DATAGRAM_BYTES_MAX = 65_507;
const LENGTH_BYTES = 2;

/** @param datagram at most `DATAGRAM_BYTES_MAX` bytes */
export function encodeDatagram(datagram: Uint8Array): Uint8Array {
  const length = datagram.length;
  return concatBytes(Uint8Array.of(length >> 8, length & 0xff), datagram);
}

/** Takes a stream apart, however its bytes are cut; holds one unfinished datagram at most. */
export class DatagramReader {
  #pieces: Uint8Array[] = [];
  #pendingBytes = 0;
  #wantedBytes = LENGTH_BYTES;

  /**
   * @returns the datagrams that these bytes complete
   * @throws {WireError} for a length that no datagram has; nothing may be read after that
   */
  push(bytes: Uint8Array): readonly Uint8Array[] {
    this.#pieces.push(bytes);
    this.#pendingBytes += bytes.length;
    if (this.#pendingBytes < this.#wantedBytes) return [];
    const pending = this.#pieces.length === 1 ? bytes : concatBytes(...this.#pieces);
    const datagrams: Uint8Array[] = [];
    let at = 0;
    for (;;) {
      this.#wantedBytes = LENGTH_BYTES;
      if (pending.length - at < LENGTH_BYTES) break;
      const length = (pending[at]! << 8) | pending[at + 1]!;
      if (length > DATAGRAM_BYTES_MAX) throw new WireError(`a datagram of ${length} bytes`, at);
      this.#wantedBytes = LENGTH_BYTES + length;
      if (pending.length - at < this.#wantedBytes) break;
      datagrams.push(pending.subarray(at + LENGTH_BYTES, at + this.#wantedBytes));
      at += this.#wantedBytes;
    }
    // A copy, so that a small rest does not keep a large buffer.
    this.#pieces = at < pending.length ? [pending.slice(at)] : [];
    this.#pendingBytes = pending.length - at;
    return datagrams;
  }
}
