/**
 * Which blocks of code an input reaches, by V8's precise block coverage.
 *
 * V8 leaves out a block that ran as often as what is around it, joins neighbours that ran equally
 * often, and leaves out functions that did not run. So the ranges of one report say little: it is
 * the places where some report ever had a range begin or end that are counted, each with the count
 * of the innermost range around it.
 */
import { Session, type Profiler } from "node:inspector";

/** Code from here to the next place; it ran as a whole in all reports so far. */
interface Block {
  readonly id: number;
  readonly start: number;
}

/** Counts fall into 8 classes; more than that tells nothing new. */
const CLASSES = 8;

export class BlockCoverage {
  readonly #session = new Session();
  /** By function, then by start. */
  readonly #functions = new Map<string, Map<number, Block>>();
  #blocks = 0;
  #isOn = false;
  #counted: (url: string) => boolean = () => false;

  /** Counts what is loaded from now on; code that ran before has no counters. */
  start(): void {
    this.#isOn = true;
    this.#session.connect();
    this.#post("Profiler.enable");
    this.#post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
  }

  /**
   * Forgets what was seen, so that a run does not hang on the runs before it.
   *
   * @param counted whether a script, by its URL, is looked at
   */
  begin(counted: (url: string) => boolean): void {
    this.#functions.clear();
    this.#blocks = 0;
    this.#counted = counted;
  }

  /**
   * What ran since the last call: one number for each block and class of its count.
   *
   * The first class, 8 times the block's id, says that it ran at all. Empty before the start.
   */
  take(): number[] {
    if (!this.#isOn) return [];
    const report = this.#post(
      "Profiler.takePreciseCoverage",
    ) as Profiler.TakePreciseCoverageReturnType;
    const features: number[] = [];
    for (const { scriptId, url, functions } of report.result) {
      if (!this.#counted(url)) continue;
      for (const { ranges } of functions) this.#addFunction(scriptId, ranges, features);
    }
    return features;
  }

  #addFunction(
    scriptId: string,
    ranges: readonly Profiler.CoverageRange[],
    features: number[],
  ): void {
    const [whole] = ranges;
    if (whole === undefined || whole.count === 0) return;
    const name = `${scriptId}:${whole.startOffset}:${whole.endOffset}`;
    let known = this.#functions.get(name);
    if (known === undefined) this.#functions.set(name, (known = new Map()));
    for (const { startOffset, endOffset } of ranges)
      for (const start of [startOffset, endOffset])
        if (!known.has(start) && start < whole.endOffset)
          known.set(start, { id: this.#blocks++, start });
    for (const block of known.values()) {
      const count = countAt(block.start, ranges);
      if (count === 0) continue;
      features.push(block.id * CLASSES);
      if (count > 1) features.push(block.id * CLASSES + classOf(count));
    }
  }

  #post(method: string, parameters: object = {}): unknown {
    let answer: unknown;
    let failure: Error | null = null;
    // A session with the own thread answers before it returns.
    this.#session.post(method, parameters, (error: Error | null, result?: unknown) => {
      failure = error;
      answer = result;
    });
    if (failure !== null) throw failure as Error;
    return answer;
  }
}

/** Whether a feature says that a block ran, and not how often. */
export function isBlock(feature: number): boolean {
  return feature % CLASSES === 0;
}

/** Ranges nest, and an outer one comes before those inside it. */
function countAt(offset: number, ranges: readonly Profiler.CoverageRange[]): number {
  let count = 0;
  for (const range of ranges)
    if (range.startOffset <= offset && offset < range.endOffset) ({ count } = range);
  return count;
}

/** 2, 3, 4-7, 8-15, 16-63, 64-1023, more: 1 to 7. */
function classOf(count: number): number {
  const bounds = [3, 4, 8, 16, 64, 1024];
  return 1 + bounds.filter((bound) => count >= bound).length;
}
