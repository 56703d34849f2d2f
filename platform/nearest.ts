/** Names that a mistyped one may have meant. */

/** Edits (insert, delete, replace, swap of neighbours) that turn `a` into `b`. */
function distance(a: string, b: string): number {
  let before: readonly number[] = [];
  let row: readonly number[] = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1];
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      next[j] = Math.min(
        next[j - 1]! + 1,
        row[j]! + 1,
        row[j - 1]! + (isSame ? 0 : 1),
        isSwapped ? before[j - 2]! + 1 : Infinity,
      );
    }
    before = row;
    row = next;
  }
  return row[b.length]!;
}

/** Up to two of `known`, nearest first; none when nothing is near. */
export function nearestNames(name: string, known: readonly string[]): readonly string[] {
  const given = name.slice(0, 64).toLowerCase();
  return known
    .map((one) => ({
      one,
      edits: nameEdits(given, one.toLowerCase()),
    }))
    .filter(({ one, edits }) => edits <= Math.max(1, Math.floor(one.length / 3)))
    .toSorted((a, b) => a.edits - b.edits)
    .slice(0, 2)
    .map(({ one }) => one);
}

/** A bare `level` is near to `log.level` too. */
function nameEdits(given: string, known: string): number {
  const tail = known.slice(known.lastIndexOf(".") + 1);
  return Math.min(distance(given, known), distance(given, tail) + (tail === known ? 0 : 0.5));
}
