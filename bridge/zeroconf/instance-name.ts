/** Names of instances: what a label may be, and the next one where a name is taken. */
import { utf8 } from "../../platform/bytes.ts";

export const LABEL_BYTES_MAX = 63;
// oxlint-disable-next-line no-control-regex -- RFC 6763 §4.1.1 rules them out
const CONTROL = /[\u0000-\u001f\u007f]/;
const NUMBERED = / \((\d{1,6})\)$/;

/** RFC 6763 §4.1.1: UTF-8 in NFC, without control characters, of 1 to 63 bytes. */
export function isInstanceLabel(text: string): boolean {
  const bytes = utf8(text).length;
  if (bytes === 0 || bytes > LABEL_BYTES_MAX || CONTROL.test(text)) return false;
  return text.isWellFormed() && text.normalize("NFC") === text;
}

/**
 * The name to try next (RFC 6763, appendix D): `Printer` gives `Printer (2)`, that `Printer (3)`.
 *
 * A long name is cut between its characters, so that the number fits.
 */
export function nextInstance(instance: string): string {
  const number = Number(NUMBERED.exec(instance)?.[1] ?? 1);
  const suffix = ` (${number + 1})`;
  const room = LABEL_BYTES_MAX - suffix.length;
  let base = "";
  let bytes = 0;
  // Made when it is needed, which is seldom: it loads what takes a tenth of a second.
  const characters = new Intl.Segmenter("en", { granularity: "grapheme" });
  for (const { segment } of characters.segment(instance.replace(NUMBERED, ""))) {
    bytes += utf8(segment).length;
    if (bytes > room) break;
    base += segment;
  }
  return `${base}${suffix}`;
}
