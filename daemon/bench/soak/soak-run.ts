/**
 * A long run under steady load while hosts come and go: does a daemon that stays grow?
 *
 * The third host of each site comes and goes; the others stay and are looked at once a round, with
 * every host there. What they publish is always the same keys, so that after the first minutes
 * nothing has a reason to grow.
 */
import { createRandom, type Random } from "../../../platform/random.ts";
import { withBed, type Bed } from "../bed.ts";
import { createFigure, type Figure, type SectionResult } from "../figure.ts";
import { mapLimited } from "../limited.ts";
import { sitesOf } from "../overlay/sites.ts";
import { maximum, median } from "../statistics.ts";
import { riseOf, slopeOf } from "./slope.ts";
import { collectingProgram, readVitals, type Vitals } from "./vitals.ts";

export interface SoakOptions {
  /** Default 1 h. */
  readonly durationMs: number;
  /** Draws who comes and goes, and what is put. Default 1. */
  readonly seed: number;
  /** Default 4, of three hosts each. */
  readonly sites: number;
  /** Name of the lab. */
  readonly name: string;
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
}

export interface SoakResult extends SectionResult {
  /** Of each host that stayed, in order of time. */
  readonly vitals: ReadonlyMap<string, readonly Vitals[]>;
  readonly warmUpMs: number;
  readonly puts: number;
  readonly failedPuts: number;
  /** Comings and goings. */
  readonly changes: number;
}

export const SOAK_DEFAULTS: SoakOptions = {
  durationMs: 3_600_000,
  seed: 1,
  sites: 4,
  name: "benchsoak",
  signal: new AbortController().signal,
  progress: () => {},
};

const HOSTS = 3;
const START_MS = 90_000;
/** Caches and code are warm after this, or after this share of a shorter run. */
const WARM_UP_MS = 10 * 60_000;
const WARM_UP_SHARE = 0.4;
const ROUND_MS = 20_000;
const GONE_MS = 3_000;
const SETTLE_MS = 30_000;
const KEYS = 240;
const PUT_EVERY_MS = 60;
const PUTS_AT_ONCE = 4;
const HELD_MB_PER_HOUR = 1;
const DESCRIPTORS_RISE = 2;
const STREAMS_RISE = 2;

export async function runSoak(given: Partial<SoakOptions> = {}): Promise<SoakResult> {
  const options = { ...SOAK_DEFAULTS, ...given };
  const { durationMs, seed, sites, name, signal, progress, ...rest } = options;
  rest satisfies Record<string, never>;
  const program = collectingProgram();
  const spec = sitesOf(sites, HOSTS);
  return withBed({ name, sites: spec, signal, progress, program }, async (bed) => {
    await bed.start(bed.hosts(), START_MS);
    await bed.settle(sites, sites * HOSTS, START_MS);
    const soak = new Soak(bed, createRandom(seed), progress);
    await soak.run(durationMs, sites);
    return soak.result(Math.min(WARM_UP_MS, durationMs * WARM_UP_SHARE));
  });
}

class Soak {
  readonly #bed: Bed;
  readonly #random: Random;
  readonly #progress: (line: string) => void;
  readonly #staying: readonly string[];
  readonly #leaving: readonly string[];
  readonly #vitals = new Map<string, Vitals[]>();
  readonly #startedMs = performance.now();
  #puts = 0;
  #failedPuts = 0;
  #changes = 0;

  constructor(bed: Bed, random: Random, progress: (line: string) => void) {
    this.#bed = bed;
    this.#random = random;
    this.#progress = progress;
    this.#leaving = bed.hosts().filter((host) => host.endsWith(`-${HOSTS}`));
    this.#staying = bed.hosts().filter((host) => !this.#leaving.includes(host));
  }

  async run(durationMs: number, sites: number): Promise<void> {
    const ending = new AbortController();
    const loading = Promise.all(
      Array.from({ length: PUTS_AT_ONCE }, () => this.#load(ending.signal)),
    );
    try {
      for (let round = 0; this.#nowMs() < durationMs; round++) {
        const untilMs = this.#nowMs() + ROUND_MS;
        await this.#change(round, sites);
        await this.#bed.pause(Math.max(0, untilMs - this.#nowMs()));
        await this.#look();
      }
    } finally {
      ending.abort();
    }
    await this.#bed.guard(loading);
  }

  result(warmUpMs: number): SoakResult {
    const vitals = this.#vitals;
    const after = [...vitals.values()].map((ones) => ones.filter(({ atMs }) => atMs >= warmUpMs));
    const counts = { puts: this.#puts, failedPuts: this.#failedPuts, changes: this.#changes };
    return { figures: figuresOf(after), tables: [], vitals, warmUpMs, ...counts };
  }

  /** One host goes, in good order or not, and comes back. */
  async #change(round: number, sites: number): Promise<void> {
    const bed = this.#bed;
    const host = this.#leaving[round % this.#leaving.length]!;
    await (this.#random.next() < 0.5 ? bed.lab.kill([host]) : bed.lab.stop([host]));
    await bed.pause(GONE_MS);
    await bed.start([host], START_MS);
    await bed.settle(sites, sites * HOSTS, SETTLE_MS).catch(() => {}); // the next round shows
    this.#changes += 2;
  }

  async #load(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const index = this.#random.below(KEYS);
      // Each key has one publisher, or they would add up.
      const host = this.#staying[index % this.#staying.length]!;
      const isShort = this.#random.next() < 0.3;
      const copies = ["one", "2", "all"][index % 3]!;
      this.#puts++;
      await this.#bed
        .put(host, `soak ${index}`, `value ${this.#puts}`, {
          copies,
          ttlMs: isShort ? 10_000 : 3_600_000,
        })
        .then(() => this.#bed.get(this.#random.pick(this.#staying)!, `soak ${index}`))
        .catch(() => this.#failedPuts++);
      await this.#bed.pause(PUT_EVERY_MS).catch(() => {});
    }
  }

  async #look(): Promise<void> {
    const atMs = this.#nowMs();
    const all = await mapLimited(this.#staying, 2, (host) => readVitals(this.#bed, host, atMs));
    for (const [i, host] of this.#staying.entries())
      this.#vitals.set(host, [...(this.#vitals.get(host) ?? []), all[i]!]);
    const held = median(all.map(({ heldBytes }) => heldBytes / 2 ** 20));
    const minutes = (atMs / 60_000).toFixed(1);
    this.#progress(
      `${minutes} min: ${held.toFixed(1)} MB held, ${maximum(all.map((one) => one.fileDescriptors))} descriptors, ${maximum(all.map(({ streams }) => streams))} streams, ${this.#puts} puts`,
    );
  }

  #nowMs(): number {
    return performance.now() - this.#startedMs;
  }
}

/** @param hosts what each host held after the warm-up */
export function figuresOf(hosts: readonly (readonly Vitals[])[]): Figure[] {
  const slopes = (read: (one: Vitals) => number): number[] =>
    hosts.map((ones) =>
      slopeOf(ones.map((one) => ({ x: one.atMs / 3_600_000, y: read(one) / 2 ** 20 }))),
    );
  const rises = (read: (one: Vitals) => number): number =>
    maximum(hosts.map((ones) => riseOf(ones.map(read))));
  const held = slopes(({ heldBytes }) => heldBytes);
  const code = slopes(({ codeBytes }) => codeBytes);
  const resident = slopes(({ residentBytes }) => residentBytes);
  const shared = { section: "soak", n: hosts.reduce((sum, ones) => sum + ones.length, 0) };
  return [
    createFigure({
      ...shared,
      name: "memory held after a full collection, growth an hour, median of the hosts",
      unit: "MB",
      bar: HELD_MB_PER_HOUR,
      measured: median(held),
      note: [
        held.map((mb) => mb.toFixed(2)).join(", "),
        `of it compiled code ${median(code).toFixed(2)}`,
        `resident ${median(resident).toFixed(1)} an hour`,
      ].join("; "),
    }),
    createFigure({
      ...shared,
      name: "file descriptors, rise from the first third to the last, most of any host",
      unit: "count",
      bar: DESCRIPTORS_RISE,
      measured: rises(({ fileDescriptors }) => fileDescriptors),
    }),
    createFigure({
      ...shared,
      name: "streams, rise from the first third to the last, most of any host",
      unit: "count",
      bar: STREAMS_RISE,
      measured: rises(({ streams }) => streams),
    }),
  ];
}
