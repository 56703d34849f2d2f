/** Aligned text for people. */

/** Control characters in what peers sent shall not steer the terminal. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]/gu, "?");
}

/** Columns as wide as their widest cell, two spaces apart; the head line is upper case. */
export function renderTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
): readonly string[] {
  const all = [head.map((name) => name.toUpperCase()), ...rows];
  const widths = head.map((_, i) => Math.max(...all.map((row) => (row[i] ?? "").length)));
  return all.map((row) =>
    row
      .map((cell, i) => printable(cell).padEnd(widths[i] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

/** `name  value` lines, values aligned. */
export function renderPairs(pairs: readonly (readonly [string, string])[]): readonly string[] {
  const width = Math.max(...pairs.map(([name]) => name.length));
  return pairs.map(([name, value]) => `${name.padEnd(width)}  ${printable(value)}`.trimEnd());
}

/** Enough of a long id to tell it from others on a screen. */
export function shortId(id: string | null): string {
  if (id === null) return "-";
  return id.length > 16 ? `${id.slice(0, 12)}…` : id;
}

export function count(n: number, noun: string, plural = `${noun}s`): string {
  return `${n} ${n === 1 ? noun : plural}`;
}
