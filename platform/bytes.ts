/**
 * Reading and writing bytes, with the bounds checked once and here.
 *
 * Big-endian, as the network has it. Views are returned, not copies: a caller that keeps one past
 * the life of the buffer copies it.
 */
import { WireError } from "./errors.ts";

/** Reads forward over untrusted bytes; every overrun is a `WireError` with its offset. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get offset(): number {
    return this.#at;
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2));
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4));
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8));
  }

  bytes(count: number): Uint8Array {
    const from = this.#take(count);
    return this.#bytes.subarray(from, from + count);
  }

  /** Moves to an absolute offset, as name compression needs. */
  seek(offset: number): void {
    if (!Number.isInteger(offset) || offset < 0 || offset > this.#bytes.length)
      throw new WireError(`offset ${offset} is outside the ${this.#bytes.length} bytes`, this.#at);
    this.#at = offset;
  }

  /** Refuses bytes left over, so that nothing rides behind a message. */
  end(): void {
    if (this.remaining > 0) throw new WireError(`${this.remaining} bytes too many`, this.#at);
  }

  #take(count: number): number {
    if (count > this.remaining)
      throw new WireError(`${count} bytes wanted, ${this.remaining} left`, this.#at);
    const from = this.#at;
    this.#at += count;
    return from;
  }
}

/** Writes into a buffer that grows. */
export class ByteWriter {
  #bytes: Uint8Array;
  #view: DataView;
  #at = 0;

  constructor(initialBytes = 256) {
    this.#bytes = new Uint8Array(initialBytes);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get offset(): number {
    return this.#at;
  }

  u8(value: number): this {
    const at = this.#grow(1); // before the view is looked at: growing replaces it
    this.#view.setUint8(at, value);
    return this;
  }

  u16(value: number): this {
    const at = this.#grow(2);
    this.#view.setUint16(at, value);
    return this;
  }

  u32(value: number): this {
    const at = this.#grow(4);
    this.#view.setUint32(at, value);
    return this;
  }

  u64(value: bigint): this {
    const at = this.#grow(8);
    this.#view.setBigUint64(at, value);
    return this;
  }

  bytes(value: Uint8Array): this {
    const at = this.#grow(value.length);
    this.#bytes.set(value, at);
    return this;
  }

  /** Overwrites two bytes already written, as a length that is known only later needs. */
  setU16(offset: number, value: number): this {
    this.#view.setUint16(offset, value);
    return this;
  }

  /** A copy of what was written. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#at);
  }

  #grow(count: number): number {
    const from = this.#at;
    this.#at += count;
    if (this.#at > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#at));
      larger.set(this.#bytes);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    return from;
  }
}

const HEX = /^(?:[0-9a-f]{2})*$/i;

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}

/** @throws {WireError} when `text` is not an even number of hex digits */
export function fromHex(text: string): Uint8Array {
  if (!HEX.test(text)) throw new WireError("not hexadecimal");
  return new Uint8Array(Buffer.from(text, "hex"));
}

export function isEqualBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}

/** Order of unsigned bytes, the shorter first where one begins the other. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b);
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
