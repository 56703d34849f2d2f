/** Under which names a service of another link is tried here: its own first, then what tells it apart. */
import { utf8 } from "../../platform/bytes.ts";

const LABEL_BYTES_MAX = 63;
const NUMBERED_MAX = 9;

/**
 * `Name`, `Name (site)`, `Name (2)` to `Name (9)`, then those with the site.
 *
 * @param remembered the name it had here before, which comes first
 */
export function nameCandidates(
  instance: string,
  site: string,
  remembered: string | undefined,
): readonly string[] {
  const numbers = Array.from({ length: NUMBERED_MAX - 1 }, (_, i) => i + 2);
  const all = [
    ...(remembered === undefined ? [] : [remembered]),
    instance,
    ...(site === "" ? [] : [withSuffix(instance, ` (${site})`)]),
    ...numbers.map((number) => withSuffix(instance, ` (${number})`)),
    ...(site === "" ? [] : numbers.map((number) => withSuffix(instance, ` (${site} ${number})`))),
  ];
  return [...new Set(all)];
}

/** Cut so that it stays one label, between characters as people see them. */
function withSuffix(text: string, suffix: string): string {
  const room = LABEL_BYTES_MAX - utf8(suffix).length;
  if (room <= 0) return withSuffix(text, ` (${suffix.length})`);
  let kept = "";
  let bytes = 0;
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    bytes += utf8(segment).length;
    if (bytes > room) break;
    kept += segment;
  }
  return kept.trimEnd() + suffix;
}
