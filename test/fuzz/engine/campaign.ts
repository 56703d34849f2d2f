/**
 * One run over one target: mutate what reaches new code, keep what reaches more.
 *
 * Reading the coverage takes longer than most inputs do, so inputs run in batches; one that reaches
 * something new is halved until the inputs that do are found. How often a block ran tells only
 * of single inputs, so every few batches each input is looked at alone.
 */
import { createRandom, type Random } from "../../../platform/random.ts";
import { isBlock, type BlockCoverage } from "./coverage.ts";
import { findingKey, Judge, type Finding, type InputSlot } from "./judge.ts";
import { Mutator, spliced } from "./mutation.ts";
import type { FuzzTarget } from "./target.ts";

export interface CampaignOptions {
  /** The same seed, corpus and number of inputs give the same run. */
  readonly seed: number;
  /** Fresh inputs to try; Infinity for no bound. */
  readonly inputs: number;
  /** How long to go on; Infinity for no bound. */
  readonly ms: number;
  /**
   * `coverage` goes on from what reaches new code. `corpus` mutates what is there already, many
   * times faster. `random` is any bytes, to see what guidance is worth.
   */
  readonly guidance: "coverage" | "corpus" | "random";
  /** Inputs of former runs, beside the target's seeds. */
  readonly corpus: readonly Uint8Array[];
  /** Whether to cut the corpus down to what its blocks need at the end. */
  readonly isMinimised: boolean;
  /** Most inputs of a minimised corpus: those that add the most. Infinity for no bound. */
  readonly keptMax: number;
}

export interface Progress {
  readonly target: string;
  readonly executions: number;
  readonly blocks: number;
  readonly features: number;
  readonly corpus: number;
  readonly findings: number;
  readonly tookMs: number;
}

export interface CampaignResult extends Progress {
  readonly found: readonly Finding[];
  /** What was kept, seeds left out. */
  readonly kept: readonly Uint8Array[];
}

interface Entry {
  readonly input: Uint8Array;
  readonly isSeed: boolean;
  /** Features that it brought; a large find deserves more mutations. */
  finds: number;
  picks: number;
}

const BATCH = 64;
const ALONE_EVERY = 32;
const FINDINGS_MAX = 20;
const PROGRESS_MS = 5_000;
const TRIM_TAKES_MAX = 128;

export class Campaign {
  readonly #target: FuzzTarget;
  readonly #options: CampaignOptions;
  readonly #coverage: BlockCoverage;
  readonly #judge: Judge;
  readonly #random: Random;
  readonly #mutator: Mutator;
  readonly #entries: Entry[] = [];
  readonly #seen = new Set<number>();
  readonly #found = new Map<string, Finding>();
  #seeds: readonly Uint8Array[] = [];
  #executions = 0;
  #blocks = 0;
  #startedAtMs = 0;

  constructor(
    target: FuzzTarget,
    options: CampaignOptions,
    coverage: BlockCoverage,
    slot: InputSlot,
  ) {
    this.#target = target;
    this.#options = options;
    this.#coverage = coverage;
    this.#judge = new Judge(target, slot);
    this.#random = createRandom(options.seed ^ hashOf(target.name));
    this.#mutator = new Mutator(target, this.#random);
  }

  async run(onProgress: (progress: Progress) => void): Promise<CampaignResult> {
    const { ms, inputs, isMinimised, corpus } = this.#options;
    this.#startedAtMs = performance.now();
    this.#coverage.take();
    this.#seeds = await this.#target.seeds();
    for (const input of this.#seeds) await this.#tryAlone(input, undefined, true);
    for (const input of corpus) await this.#tryAlone(input, undefined, false);
    if (this.#entries.length === 0)
      this.#entries.push({ input: new Uint8Array(), isSeed: true, finds: 1, picks: 0 });
    let toldAtMs = this.#startedAtMs;
    for (let batch = 0; this.#executions < inputs && this.#elapsedMs() < ms; batch++) {
      if (this.#found.size >= FINDINGS_MAX) break;
      const count = Math.min(BATCH, inputs - this.#executions);
      await this.#batch(count, batch % ALONE_EVERY === 0);
      this.#executions += count;
      if (performance.now() - toldAtMs < PROGRESS_MS) continue;
      toldAtMs = performance.now();
      onProgress(this.#progress());
    }
    const progress = this.#progress();
    const kept = isMinimised ? await this.#minimised() : this.#kept();
    return { ...progress, found: [...this.#found.values()], kept };
  }

  async #batch(count: number, isAlone: boolean): Promise<void> {
    const { guidance } = this.#options;
    if (guidance === "random")
      return this.#execute(Array.from({ length: count }, () => this.#mutator.random()));
    const made = Array.from({ length: count }, () => this.#make());
    if (guidance === "corpus") return this.#execute(made.map(({ input }) => input));
    if (!isAlone) return this.#search(made);
    for (const { input, parent } of made) await this.#tryAlone(input, parent, false);
  }

  #make(): { readonly input: Uint8Array; readonly parent: Entry } {
    const parent = this.#pick();
    parent.picks++;
    const other = this.#random.pick(this.#entries)!;
    return { input: this.#mutator.mutate(parent.input, other.input), parent };
  }

  /** The least used of a few, with a lead for short ones and those that found much. */
  #pick(): Entry {
    const drawn = Array.from({ length: 4 }, () => this.#random.pick(this.#entries)!);
    return drawn.reduce((best, entry) => (costOf(entry) < costOf(best) ? entry : best));
  }

  async #search(
    made: readonly { readonly input: Uint8Array; readonly parent: Entry }[],
  ): Promise<void> {
    const [only] = made;
    if (only === undefined) return;
    if (made.length === 1) return this.#tryAlone(only.input, only.parent, false);
    await this.#execute(made.map(({ input }) => input));
    const fresh = this.#coverage.take().filter((one) => isBlock(one) && !this.#seen.has(one));
    if (fresh.length === 0) return;
    const half = made.length >> 1;
    await this.#search(made.slice(0, half));
    await this.#search(made.slice(half));
    // V8 does not count a small function where its caller was optimized: what was there among many
    // and with none of them alone would be searched for again and again.
    for (const feature of fresh) this.#seen.add(feature);
  }

  async #execute(inputs: readonly Uint8Array[]): Promise<void> {
    for (const input of inputs) {
      const { finding, isHeavy } = await this.#judge.judge(input);
      this.#note(isHeavy ? await this.#judge.weigh(input) : finding);
    }
  }

  async #tryAlone(input: Uint8Array, parent: Entry | undefined, isSeed: boolean): Promise<void> {
    const verdict = await this.#judge.judge(input);
    const fresh = this.#coverage.take().filter((feature) => !this.#seen.has(feature));
    const finding = verdict.isHeavy ? await this.#judge.weigh(input) : verdict.finding;
    if (verdict.isHeavy) this.#coverage.take(); // counts of more than one run
    this.#note(finding);
    if (fresh.length === 0 && this.#options.guidance === "coverage") return;
    for (const feature of fresh) this.#seen.add(feature);
    this.#blocks += fresh.filter(isBlock).length;
    if (parent !== undefined) parent.finds++;
    // What breaks the decoder is no base for more: each mutation would break it again.
    if (finding === undefined)
      this.#entries.push({ input, isSeed, finds: fresh.filter(isBlock).length, picks: 0 });
  }

  #note(finding: Finding | undefined): void {
    if (finding === undefined) return;
    const key = findingKey(finding);
    const known = this.#found.get(key);
    if (known === undefined || known.input.length > finding.input.length)
      this.#found.set(key, finding);
  }

  #kept(): Uint8Array[] {
    return this.#entries.filter(({ isSeed }) => !isSeed).map(({ input }) => input);
  }

  /** As few and as short inputs as reach, with the seeds, every block that the corpus does. */
  async #minimised(): Promise<Uint8Array[]> {
    const covered = new Set<number>();
    for (const input of this.#seeds)
      for (const block of await this.#blocksOf(input)) covered.add(block);
    const kept: { readonly input: Uint8Array; readonly gain: number }[] = [];
    for (const input of this.#kept().toSorted((a, b) => a.length - b.length)) {
      const own = (await this.#blocksOf(input)).filter((block) => !covered.has(block));
      if (own.length === 0) continue;
      const trimmed = await this.#trimmed(input, own);
      for (const block of await this.#blocksOf(trimmed)) covered.add(block);
      kept.push({ input: trimmed, gain: own.length });
    }
    return kept
      .toSorted((a, b) => b.gain - a.gain)
      .slice(0, this.#options.keptMax)
      .map(({ input }) => input);
  }

  async #trimmed(input: Uint8Array, needed: readonly number[]): Promise<Uint8Array> {
    let best = input;
    let takes = 0;
    for (let size = best.length >> 1; size >= 1; size >>= 1)
      for (let at = 0; at + size <= best.length && takes < TRIM_TAKES_MAX; takes++) {
        const shorter = spliced(best, at, size, new Uint8Array());
        const blocks = new Set(await this.#blocksOf(shorter));
        if (needed.every((block) => blocks.has(block))) best = shorter;
        else at += size;
      }
    return best;
  }

  async #blocksOf(input: Uint8Array): Promise<number[]> {
    this.#note((await this.#judge.judge(input)).finding);
    return this.#coverage.take().filter(isBlock);
  }

  #elapsedMs(): number {
    return performance.now() - this.#startedAtMs;
  }

  #progress(): Progress {
    return {
      target: this.#target.name,
      executions: this.#executions,
      blocks: this.#blocks,
      features: this.#seen.size,
      corpus: this.#entries.length,
      findings: this.#found.size,
      tookMs: this.#elapsedMs(),
    };
  }
}

function costOf({ picks, finds, input }: Entry): number {
  return (picks * (1 + input.length / 2048)) / (1 + finds);
}

/** FNV-1a, so that targets differ under one seed. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (const character of text) hash = Math.imul(hash ^ character.codePointAt(0)!, 0x01000193);
  return hash;
}
