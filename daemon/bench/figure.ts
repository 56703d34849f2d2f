/** What a section of a benchmark in a lab is run with, and the figures that it gives. */
import type { SectionResult } from "../../platform/bench/figure.ts";

export { createFigure } from "../../platform/bench/figure.ts";
export type {
  Baseline,
  Figure,
  FigureFields,
  FigureTable,
  SectionResult,
  Unit,
} from "../../platform/bench/figure.ts";

/** What a section is run with. */
export interface BenchRun {
  /** Fewer samples. */
  readonly isQuick: boolean;
  /** Of the events that a section makes up. */
  readonly seed: number;
  /** How many events; absent: as many as the section thinks right. */
  readonly events: number | undefined;
  /** Once more with every host a DHT node of its own. */
  readonly isFlat: boolean;
  /** Aborts on ^C; whatever was made is taken away then. */
  readonly signal: AbortSignal;
  progress(line: string): void;
}

export interface Section {
  readonly name: string;
  /** One line for the help. */
  readonly summary: string;
  run(run: BenchRun): Promise<SectionResult>;
}
