/**
 * A figure: what was measured, against the bar that it must not cross.
 *
 * Times alone say more of the machine than of the program, so a figure carries what it was compared
 * with in the same run.
 */

export type Unit =
  "ms" | "s" | "CPU-s" | "x" | "%" | "points" | "MB" | "Mbit/s" | "per s" | "M/s" | "count";

export interface Baseline {
  /** `ping alpha-1 to beta-1`. */
  readonly what: string;
  readonly value: number;
}

export interface Figure {
  readonly section: string;
  readonly name: string;
  readonly unit: Unit;
  readonly sense: "at-most" | "at-least";
  readonly bar: number;
  /** `Infinity`: it never came to pass. */
  readonly measured: number;
  /** Samples behind it. */
  readonly n: number;
  readonly baseline: Baseline | null;
  /** Measured over baseline; `null` without one. */
  readonly ratio: number | null;
  readonly isPassed: boolean;
  /** What a reader should know besides; empty for nothing. */
  readonly note: string;
}

export type FigureFields = Pick<Figure, "section" | "name" | "unit" | "bar" | "measured" | "n"> &
  Partial<Pick<Figure, "sense" | "baseline" | "note">>;

/** A figure with its ratio and its verdict; NaN, that is no sample at all, never passes. */
export function createFigure(fields: FigureFields): Figure {
  const { sense = "at-most", baseline = null, note = "", ...rest } = fields;
  const { measured, bar } = fields;
  return {
    ...rest,
    sense,
    baseline,
    note,
    ratio: baseline === null ? null : measured / baseline.value,
    isPassed: sense === "at-most" ? measured <= bar : measured >= bar,
  };
}

/** A table that stands by itself: nothing in it passes or fails. */
export interface FigureTable {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export interface SectionResult {
  readonly figures: readonly Figure[];
  readonly tables: readonly FigureTable[];
  /** An SVG of its own, for `--svg` when this section runs alone. */
  readonly picture?: string | undefined;
}
