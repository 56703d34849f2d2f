/**
 * Mutations that keep a protobuf message in form: fields change, and the lengths around them follow.
 *
 * What is taken for an inner message may be plain bytes; that costs nothing but an odd mutation.
 */
import { concatBytes } from "../../../platform/bytes.ts";
import type { Random } from "../../../platform/random.ts";

interface Field {
  readonly number: number;
  /** 0 varint, 1 eight bytes, 2 length and bytes, 5 four bytes. */
  readonly wire: number;
  /** Without tag and length. */
  readonly body: Uint8Array;
}

const VARINTS = [
  0n,
  1n,
  2n,
  3n,
  4n,
  5n,
  16n,
  127n,
  128n,
  1000n,
  65_535n,
  86_400_000n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 32n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 63n,
  2n ** 64n - 1n,
];
const LENGTHS = [0, 1, 31, 32, 33, 63, 64, 65, 255, 1024, 4096, 4097];
const TEXTS = ["", "\u0000", "\ufeff", "\ud7ff", "a".repeat(65), "\u00e9"];
const DEPTH_MAX = 4;

export function mutateProtobuf(bytes: Uint8Array, random: Random): Uint8Array {
  return mutateAt(bytes, random, 0);
}

function mutateAt(bytes: Uint8Array, random: Random, depth: number): Uint8Array {
  const fields = readFields(bytes);
  if (fields === undefined || fields.length === 0)
    return depth === 0 ? writeFields([randomField(random)]) : changedBytes(bytes, random);
  const at = random.below(fields.length);
  const field = fields[at]!;
  switch (random.below(8)) {
    case 0:
      return writeFields(fields.toSpliced(at, 1));
    case 1:
      return writeFields(fields.toSpliced(random.below(fields.length + 1), 0, field));
    case 2:
      return writeFields(fields.toSpliced(at, 0, randomField(random)));
    case 3:
      return writeFields(random.shuffle(fields));
    case 4:
      return writeFields(fields.with(at, { ...field, number: 1 + random.below(16) }));
    default:
      return writeFields(fields.with(at, changedField(field, random, depth)));
  }
}

function changedField(field: Field, random: Random, depth: number): Field {
  if (field.wire === 0) return { ...field, body: varint(random.pick(VARINTS)!) };
  if (field.wire !== 2) return { ...field, body: field.body.map(() => random.below(256)) };
  const isInner = depth < DEPTH_MAX && random.below(4) > 0 && readFields(field.body) !== undefined;
  const body = isInner ? mutateAt(field.body, random, depth + 1) : changedBytes(field.body, random);
  return { ...field, body };
}

function changedBytes(bytes: Uint8Array, random: Random): Uint8Array {
  const kind = random.below(3);
  if (kind === 0) return new Uint8Array(random.pick(LENGTHS)!).fill(random.below(256));
  if (kind === 1) return new TextEncoder().encode(random.pick(TEXTS));
  const copy = new Uint8Array(bytes);
  if (copy.length > 0) copy[random.below(copy.length)] = random.below(256);
  return copy;
}

function randomField(random: Random): Field {
  const number = random.below(20) === 0 ? 536_870_911 : 1 + random.below(16);
  return random.below(2) === 0
    ? { number, wire: 0, body: varint(random.pick(VARINTS)!) }
    : { number, wire: 2, body: changedBytes(new Uint8Array(), random) };
}

/** `undefined` when the bytes are no row of fields. */
function readFields(bytes: Uint8Array): Field[] | undefined {
  const fields: Field[] = [];
  let at = 0;
  const number = (): number => {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = bytes[at++];
      if (byte === undefined) return NaN;
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
    return NaN;
  };
  while (at < bytes.length) {
    const tag = number();
    const wire = tag % 8;
    let from = at;
    if (wire === 0) {
      while (at < bytes.length && bytes[at]! >= 128) at++;
      at++;
    } else if (wire === 2) {
      const length = number();
      from = at;
      at += length;
    } else at += wire === 1 ? 8 : wire === 5 ? 4 : NaN;
    if (!(tag >= 8) || !(at <= bytes.length)) return undefined;
    fields.push({ number: Math.floor(tag / 8), wire, body: bytes.subarray(from, at) });
  }
  return fields;
}

function writeFields(fields: readonly Field[]): Uint8Array {
  return concatBytes(
    ...fields.flatMap(({ number, wire, body }) => {
      const tag = varint(BigInt(number) * 8n + BigInt(wire));
      return wire === 2 ? [tag, varint(BigInt(body.length)), body] : [tag, body];
    }),
  );
}

function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Uint8Array.from([...bytes, Number(rest)]);
}
