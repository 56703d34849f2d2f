/** Names and TXT records as nobody would think of them: the same ones for the same seed. */
import fc from "fast-check";
import { isInstanceLabel, LABEL_BYTES_MAX } from "../../../bridge/zeroconf/instance-name.ts";
import { serviceKey } from "../../../bridge/zeroconf/service.ts";
import { utf8 } from "../../../platform/bytes.ts";

export interface FuzzedService {
  readonly instance: string;
  readonly txt: readonly Uint8Array[];
}

/** What people quote, escape or mistake for syntax. */
const SIGNS = `. \\ " ' ; $ ( ) / - _ # é 雪 ☃`.split(" ");
const TXT_BYTES_MAX = 2400;

const anyText = fc.oneof(
  fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 }),
  fc.string({ unit: "binary", minLength: 1, maxLength: 40 }),
  fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 63, size: "max" }),
  fc.string({
    unit: fc.constantFrom(" ", ...SIGNS),
    minLength: 1,
    maxLength: 63,
    size: "max",
  }),
);

const anyTxt = fc.oneof(
  fc.array(fc.uint8Array({ minLength: 1, maxLength: 255 }), { maxLength: 12 }),
  fc.array(
    fc
      .tuple(fc.constantFrom("path", "note", "A", "a", "txtvers"), fc.string())
      .map(([key, value]) => utf8(`${key}=${value}`).subarray(0, 255)),
    { maxLength: 20 },
  ),
);

/** @returns so many, no two of one name */
export function fuzzedServices(count: number, seed: number): readonly FuzzedService[] {
  const found = new Map<string, FuzzedService>();
  const any = fc.record({ instance: anyText.map(asLabel), txt: anyTxt });
  const isFit = ({ instance, txt }: FuzzedService): boolean =>
    isInstanceLabel(instance) && txt.reduce((sum, one) => sum + one.length + 1, 0) < TXT_BYTES_MAX;
  for (const one of fc.sample(any.filter(isFit), { numRuns: 2 * count, seed }))
    found.set(serviceKey({ instance: one.instance, type: "" }), one);
  return [...found.values()].slice(0, count);
}

/** In NFC, cut to the bytes that a label has. */
function asLabel(text: string): string {
  let label = "";
  for (const character of text.toWellFormed().normalize("NFC")) {
    if (utf8(label + character).length > LABEL_BYTES_MAX) break;
    label += character;
  }
  return label.normalize("NFC");
}
