/** What is fuzzed: a decoder, its valid samples, and what it may answer. */
import { errorMessage, WireError } from "../../../platform/errors.ts";

export interface FuzzTarget {
  /** kebab-case; also the folder of its corpus. */
  readonly name: string;
  /** The decoders that it reaches, each as `folder/file.ts exportName`. */
  readonly covers: readonly string[];
  /** What the mutations know of the format. */
  readonly format: "bytes" | "protobuf" | "text";
  /** Longest input. */
  readonly bytesMax: number;
  /** Words of the format, put in and written over. */
  readonly dictionary: readonly (string | Uint8Array)[];
  /** Scripts that count as the decoder's own code beyond our sources. */
  readonly counts?: RegExp;
  /** Errors that its docstring names, beside `WireError`. */
  readonly refusals?: readonly (abstract new (...args: never[]) => Error)[];
  /** Valid inputs to begin with. */
  seeds(): readonly Uint8Array[] | Promise<readonly Uint8Array[]>;
  /**
   * Decodes, and checks what was decoded.
   *
   * @throws a refusal, which is fine, or anything else, which is a finding
   */
  run(bytes: Uint8Array): void | Promise<void>;
}

/** Something a decoder did that breaks a rule; never an accepted refusal. */
export class Violation extends Error {
  constructor(message: string, options?: { readonly cause?: unknown }) {
    const { cause } = options ?? {};
    super(cause === undefined ? message : `${message}: ${errorMessage(cause)}`, options);
    this.name = "Violation";
  }
}

export function isRefusal(error: unknown, { refusals = [] }: FuzzTarget): boolean {
  return error instanceof WireError || refusals.some((kind) => error instanceof kind);
}

/** Bytes in hexadecimal are told apart from text by their type alone. */
export function tokenBytes(token: string | Uint8Array): Uint8Array {
  return typeof token === "string" ? new TextEncoder().encode(token) : token;
}

/** Equal as values; a Buffer and a Uint8Array of the same bytes are the same. */
export function isSameValue(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (a instanceof Uint8Array || b instanceof Uint8Array)
    return a instanceof Uint8Array && b instanceof Uint8Array && Buffer.compare(a, b) === 0;
  if (a instanceof Map || b instanceof Map)
    return a instanceof Map && b instanceof Map && isSameValue([...a], [...b]);
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const names = Object.keys(a);
  if (names.length !== Object.keys(b).length) return false;
  return names.every(
    (name) =>
      Object.hasOwn(b, name) &&
      isSameValue((a as Record<string, unknown>)[name], (b as Record<string, unknown>)[name]),
  );
}

/**
 * Decodes what was decoded and encoded again.
 *
 * @throws {Violation} unless both mean the same
 */
export function checkRoundTrip<T>(
  decoded: T,
  encode: (value: T) => Uint8Array,
  decode: (bytes: Uint8Array) => T,
): void {
  let again: T;
  try {
    again = decode(encode(decoded));
  } catch (cause) {
    throw new Violation("what decodes cannot be encoded and decoded again", { cause });
  }
  if (!isSameValue(decoded, again)) throw new Violation("decoded, encoded and decoded, it differs");
}
