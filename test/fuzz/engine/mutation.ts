/** New inputs out of old ones: seeded, so that a run can be repeated. */
import type { Random } from "../../../platform/random.ts";
import { mutateProtobuf } from "./protobuf-mutation.ts";
import { tokenBytes, type FuzzTarget } from "./target.ts";

const INTERESTING = [
  0, 1, 2, 3, 4, 7, 8, 9, 10, 15, 16, 31, 32, 33, 63, 64, 65, 127, 128, 192, 253, 254, 255, 256,
  511, 512, 1023, 1024, 4095, 4096, 9000, 0x3fff, 0x7fff, 0x8000, 0xc000, 0xc00c, 0xffff, 0x10000,
  0x40000, 0x7fffffff, 0x80000000, 0xffffffff,
];
const NUMBERS = [
  "0", "-0", "-1", "1", "00", "1e3", "1e400", "0x10", "NaN", "255", "256", "65535", "65536",
  "4294967295", "9007199254740991", "9007199254740992", "18446744073709551615", ".5", "1.",
]; // prettier-ignore
const STEPS_MAX = 8;
const RUN_BYTES_MAX = 4096;

type Mutation = (bytes: Uint8Array, random: Random) => Uint8Array;

/** Replaces `count` bytes at `at`. */
export function spliced(
  bytes: Uint8Array,
  at: number,
  count: number,
  insert: Uint8Array,
): Uint8Array {
  const tail = bytes.subarray(at + count);
  const result = new Uint8Array(at + insert.length + tail.length);
  result.set(bytes.subarray(0, at));
  result.set(insert, at);
  result.set(tail, at + insert.length);
  return result;
}

function randomBytes(random: Random, count: number): Uint8Array {
  return Uint8Array.from({ length: count }, () => random.below(256));
}

/** Mostly short, at times as long as it can be. */
function randomLength(random: Random, max: number): number {
  if (max <= 0) return 0;
  const isLong = random.below(16) === 0;
  return 1 + random.below(isLong ? max : Math.min(max, 8));
}

function randomRange(bytes: Uint8Array, random: Random): readonly [number, number] {
  const at = random.below(bytes.length + 1);
  return [at, Math.min(randomLength(random, bytes.length), bytes.length - at)];
}

function flipBit(bytes: Uint8Array, random: Random): Uint8Array {
  const copy = new Uint8Array(bytes);
  if (copy.length > 0) copy[random.below(copy.length)]! ^= 1 << random.below(8);
  return copy;
}

function setByte(bytes: Uint8Array, random: Random): Uint8Array {
  const copy = new Uint8Array(bytes);
  if (copy.length > 0) copy[random.below(copy.length)] = random.below(256);
  return copy;
}

/** Sets or shifts a number of 1, 2 or 4 bytes, of either byte order. */
function setNumber(bytes: Uint8Array, random: Random): Uint8Array {
  const width = random.pick([1, 2, 2, 4])!;
  if (bytes.length < width) return setByte(bytes, random);
  const copy = new Uint8Array(bytes);
  const view = new DataView(copy.buffer);
  const at = random.below(copy.length - width + 1);
  const isLittle = random.below(4) === 0;
  const old =
    width === 1
      ? copy[at]!
      : width === 2
        ? view.getUint16(at, isLittle)
        : view.getUint32(at, isLittle);
  const value = random.below(2) === 0 ? random.pick(INTERESTING)! : old + random.below(33) - 16;
  if (width === 1) view.setUint8(at, value);
  else if (width === 2) view.setUint16(at, value, isLittle);
  else view.setUint32(at, value, isLittle);
  return copy;
}

function deleteRange(bytes: Uint8Array, random: Random): Uint8Array {
  return spliced(bytes, ...randomRange(bytes, random), new Uint8Array());
}

function insertBytes(bytes: Uint8Array, random: Random): Uint8Array {
  const count = randomLength(random, 64);
  return spliced(bytes, random.below(bytes.length + 1), 0, randomBytes(random, count));
}

/** Depth, lengths and counts are where decoders break: the same thing many times. */
function repeatRange(bytes: Uint8Array, random: Random): Uint8Array {
  const [at, count] = randomRange(bytes, random);
  if (count === 0) return bytes;
  const part = bytes.subarray(at, at + count);
  const times = randomLength(random, Math.max(1, Math.floor(RUN_BYTES_MAX / count)));
  const run = new Uint8Array(count * times);
  for (let i = 0; i < times; i++) run.set(part, i * count);
  return spliced(bytes, at, 0, run);
}

function copyRange(bytes: Uint8Array, random: Random): Uint8Array {
  const [from, count] = randomRange(bytes, random);
  const at = random.below(bytes.length + 1);
  const isOver = random.below(2) === 0;
  const part = bytes.slice(from, from + count);
  return spliced(bytes, at, isOver ? Math.min(count, bytes.length - at) : 0, part);
}

function truncate(bytes: Uint8Array, random: Random): Uint8Array {
  return bytes.slice(0, random.below(bytes.length + 1));
}

/** Puts another number where text has one. */
function changeDigits(bytes: Uint8Array, random: Random): Uint8Array {
  const text = Buffer.from(bytes).toString("latin1");
  const numbers = [...text.matchAll(/\d+/g)];
  const found = random.pick(numbers);
  if (found === undefined) return setByte(bytes, random);
  const old = Number(found[0]);
  const next = random.below(3) === 0 ? String(old + random.below(5) - 2) : random.pick(NUMBERS)!;
  return spliced(bytes, found.index, found[0].length, Buffer.from(next, "latin1"));
}

/** Printable, so that text stays text. */
function setCharacter(bytes: Uint8Array, random: Random): Uint8Array {
  const copy = new Uint8Array(bytes);
  if (copy.length > 0) copy[random.below(copy.length)] = 32 + random.below(95);
  return copy;
}

const GENERIC: readonly Mutation[] = [
  flipBit, setByte, setNumber, setNumber, deleteRange, insertBytes, repeatRange, copyRange, truncate,
]; // prettier-ignore

export class Mutator {
  readonly #random: Random;
  readonly #mutations: readonly Mutation[];
  readonly #bytesMax: number;

  constructor({ format, dictionary, bytesMax }: FuzzTarget, random: Random) {
    this.#random = random;
    this.#bytesMax = bytesMax;
    const tokens = dictionary.map(tokenBytes);
    const words: Mutation[] = [];
    if (tokens.length > 0)
      words.push(
        (bytes) => spliced(bytes, random.below(bytes.length + 1), 0, random.pick(tokens)!),
        (bytes) => {
          const token = random.pick(tokens)!;
          const at = random.below(bytes.length + 1);
          return spliced(bytes, at, Math.min(token.length, bytes.length - at), token);
        },
      );
    const own: readonly Mutation[] =
      format === "protobuf"
        ? Array.from({ length: GENERIC.length }, () => mutateProtobuf)
        : format === "text"
          ? [changeDigits, changeDigits, setCharacter, setCharacter]
          : [];
    this.#mutations = [...GENERIC, ...own, ...words, ...words];
  }

  /** @param other another input to take parts from */
  mutate(bytes: Uint8Array, other: Uint8Array): Uint8Array {
    const random = this.#random;
    let result = random.below(8) === 0 ? this.#crossed(bytes, other) : bytes;
    // Mostly one change: more of them break again what made a short input worth keeping.
    let steps = 0;
    do {
      result = random.pick(this.#mutations)!(result, random);
      if (result.length > this.#bytesMax) result = result.slice(0, this.#bytesMax);
    } while (++steps < STEPS_MAX && random.below(2) === 0);
    return result;
  }

  /** Any bytes, for comparison with what guidance finds. */
  random(): Uint8Array {
    return randomBytes(this.#random, this.#random.below(Math.min(this.#bytesMax, 64) + 1));
  }

  #crossed(bytes: Uint8Array, other: Uint8Array): Uint8Array {
    const [from, count] = randomRange(other, this.#random);
    const [at, over] = randomRange(bytes, this.#random);
    const tail = this.#random.below(2) === 0 ? other.slice(from) : other.slice(from, from + count);
    return spliced(bytes, at, over, tail);
  }
}
