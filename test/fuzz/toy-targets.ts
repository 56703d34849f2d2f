/** Decoders with planted mistakes, for the test of the engine. */
import { WireError } from "../../platform/errors.ts";
import { decodeClockMark } from "../../overlay/records/store-clock.ts";
import { utf8 } from "../../platform/bytes.ts";
import { checkRoundTrip, type FuzzTarget } from "./engine/target.ts";

const SHARED = {
  covers: [],
  format: "bytes",
  bytesMax: 256,
  dictionary: [],
  counts: /\/test\/fuzz\/toy-targets\.ts$/,
  seeds: () => [utf8("none")],
} as const;

/** Wants three bytes, one after the other: 1 random input in 17 million has them. */
function decodeDeep(bytes: Uint8Array): number {
  if (bytes[0] !== 0x66) throw new WireError("not an f");
  if (bytes[1] !== 0x75) throw new WireError("not a u");
  if (bytes[2] === 0x7a) throw new TypeError("the planted mistake");
  return bytes.length;
}

/** Gives back less than it was given: a leading zero is lost. */
function encodeShort(value: number): Uint8Array {
  return value < 256 ? Uint8Array.of(value) : Uint8Array.of(value >> 8, value);
}

function decodeShort(bytes: Uint8Array): number {
  if (bytes.length > 2) throw new WireError("too long");
  return bytes.length === 2 ? (bytes[0]! << 8) | bytes[1]! : (bytes[0] ?? -1);
}

function spin(ms: number): void {
  for (const untilMs = performance.now() + ms; performance.now() < untilMs;);
}

const isMarked = (bytes: Uint8Array): boolean => bytes[0] === 0x66;

export const TARGETS: readonly FuzzTarget[] = [
  { ...SHARED, name: "deep", run: (bytes) => void decodeDeep(bytes) },
  {
    ...SHARED,
    name: "round-trip",
    run: (bytes) => checkRoundTrip(decodeShort(bytes), encodeShort, decodeShort),
  },
  { ...SHARED, name: "slow", run: (bytes) => (isMarked(bytes) ? spin(250) : undefined) },
  { ...SHARED, name: "hang", run: (bytes) => (isMarked(bytes) ? spin(3_600_000) : undefined) },
  {
    ...SHARED,
    name: "crash",
    async run(bytes) {
      if (!isMarked(bytes)) return;
      setImmediate(fail);
      await new Promise((resolve) => setTimeout(resolve, 60_000));
    },
  },
  {
    ...SHARED,
    name: "memory",
    async run(bytes) {
      if (!isMarked(bytes)) return;
      const much = new Uint8Array(100 * 1024 ** 2);
      await Promise.resolve(much);
    },
  },
  { ...SHARED, name: "sound", run: (bytes) => void decodeClockMark(bytes) },
];

function fail(): never {
  throw new Error("thrown where nobody catches");
}
