/**
 * A chaos run: an overlay under load, struck by a seeded plan of faults, mended, and judged.
 *
 * Safety first: while faults go on nothing is asked but honesty. Then everything is mended, and what
 * the checker finds may go away by itself for a while, since copies move in the background. What is
 * left after that is a broken promise. At last one host of every subnet is killed once more.
 */
import { createRandom } from "../../../platform/random.ts";
import { withBed, type Bed } from "../bed.ts";
import { BenchError } from "../errors.ts";
import { sitesOf } from "../overlay/sites.ts";
import { checkRun } from "./checker.ts";
import { FaultDriver } from "./fault-driver.ts";
import { FAULT_TYPES, type FaultType } from "./fault-types.ts";
import type { FinalState, KeyRead, RunHistory } from "./history.ts";
import { probeAll, readBugLines, readHolders, readKeys, readMembership } from "./inspection.ts";
import { Load, sharedKeys } from "./load.ts";
import { checkMembership } from "./membership-rules.ts";
import { startRunClock, type RunClock } from "./run-clock.ts";
import { planFaults, type PlannedFault } from "./schedule.ts";
import type { Violation } from "./violation.ts";
import { Watchers } from "./watchers.ts";

export interface ChaosOptions {
  /** Of faults and load. Default 3 min. */
  readonly durationMs: number;
  /** Draws faults and load. Default 1. */
  readonly seed: number;
  /** Default 4. */
  readonly sites: number;
  /** Hosts at each site. Default 3. */
  readonly hosts: number;
  /** Default: all. */
  readonly faults: readonly FaultType[];
  /** Clients at each site. Default 2. */
  readonly clientsPerSite: number;
  /** How long what is wrong after mending may take to come right. Default 75 s. */
  readonly settleMs: number;
  /** Command that runs a daemon. Default: `causeway`. */
  readonly program: readonly string[] | undefined;
  /** Name of the lab. */
  readonly name: string;
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
}

export interface ChaosResult {
  readonly options: Pick<ChaosOptions, "durationMs" | "seed" | "sites" | "hosts" | "faults">;
  readonly history: RunHistory;
  readonly final: FinalState;
  readonly violations: readonly Violation[];
  /** From the last fault's end until the checker found nothing more; Infinity: it still does. */
  readonly settledAfterMs: number;
}

export const CHAOS_DEFAULTS: ChaosOptions = {
  durationMs: 180_000,
  seed: 1,
  sites: 4,
  hosts: 3,
  faults: FAULT_TYPES,
  clientsPerSite: 2,
  settleMs: 75_000,
  program: undefined,
  name: "benchchaos",
  signal: new AbortController().signal,
  progress: () => {},
};

/** Of each host, to be filled. */
const DISK = "64MiB";
const START_MS = 90_000;
const CHECK_EVERY_MS = 4_000;
/** After a crash the others copy what it had. */
const AUDIT_WAIT_MS = 4_000;

export async function runChaos(given: Partial<ChaosOptions> = {}): Promise<ChaosResult> {
  const options: ChaosOptions = { ...CHAOS_DEFAULTS, ...given };
  const { name, sites, hosts, signal, progress, program } = options;
  const spec = sitesOf(sites, hosts, `disk: ${DISK}`);
  return withBed({ name, sites: spec, signal, progress }, async (bed) => {
    const started = program === undefined ? {} : { program };
    progress(`starting ${sites * hosts} daemons`);
    await bed.guard(bed.lab.start(bed.hosts(), { waitMs: START_MS, ...started }));
    await untilWhole(bed);
    const run = new Run(bed, options);
    try {
      await run.strike();
      return await run.judge();
    } finally {
      run.end();
    }
  });
}

/** @throws {BenchError} ERR_BENCH_TIMEOUT with what is not as it should be */
async function untilWhole(bed: Bed): Promise<void> {
  let wrong: readonly Violation[] = [];
  const isWhole = async (): Promise<boolean> => {
    wrong = checkMembership(await readMembership(bed));
    return wrong.length === 0;
  };
  if ((await bed.until(isWhole, START_MS, 500)) < Infinity) return;
  const said = wrong.map(({ subject, what }) => `${subject} ${what}`).join("; ");
  throw new BenchError(
    "ERR_BENCH_TIMEOUT",
    `not one overlay ${START_MS / 1000} s after the start: ${said}`,
  );
}

class Run {
  readonly #bed: Bed;
  readonly #about: ChaosResult["options"];
  readonly #plan: readonly PlannedFault[];
  readonly #settleMs: number;
  readonly #signal: AbortSignal;
  readonly #progress: (line: string) => void;
  readonly #clock: RunClock = startRunClock();
  readonly #driver: FaultDriver;
  readonly #load: Load;
  readonly #watchers: Watchers;
  readonly #watching = new AbortController();

  constructor(bed: Bed, options: ChaosOptions) {
    const { name: _name, sites, hosts, signal, progress, program, ...run } = options;
    const { durationMs, seed, faults, clientsPerSite, settleMs, ...rest } = run;
    rest satisfies Record<string, never>;
    this.#bed = bed;
    this.#about = { durationMs, seed, sites, hosts, faults };
    this.#settleMs = settleMs;
    this.#signal = signal;
    this.#progress = progress;
    const bySite = new Map(bed.lab.sites.map((site) => [site.name, bed.hosts(site.name)]));
    this.#plan = planFaults({ seed, durationMs, types: faults, sites: bySite });
    const clock = this.#clock;
    this.#driver = new FaultDriver({
      bed,
      clock,
      signal,
      program,
      progress: (line) => progress(`${Math.round(clock() / 1000)} s: ${line}`),
    });
    const driver = this.#driver;
    this.#load = new Load({ bed, driver, clock, seed, clientsPerSite, durationMs });
    this.#watchers = new Watchers({ bed, driver, clock, seed });
  }

  /** Faults under load, and everything mended. */
  async strike(): Promise<void> {
    const { durationMs, seed } = this.#about;
    const bed = this.#bed;
    await this.#driver.noteSubnets();
    this.#progress(`${this.#plan.length} faults in ${durationMs / 1000} s, seed ${seed}`);
    const ending = new AbortController();
    const stop = (): void => (ending.abort(), this.#watching.abort());
    this.#signal.addEventListener("abort", stop);
    void this.#watchers.run(sharedKeys(), this.#watching.signal);
    const loading = this.#load.run(ending.signal);
    try {
      await Promise.all([this.#driver.run(this.#plan), bed.pause(durationMs)]);
    } finally {
      ending.abort();
    }
    await bed.guard(loading);
    this.#progress(`${this.#load.operations.length} operations; mending`);
    // Who has not joined after this long is found by the checker.
    await this.#driver.mend().catch((error: unknown) => this.#progress(String(error)));
  }

  async judge(): Promise<ChaosResult> {
    const mendedMs = this.#clock();
    const { final, violations } = await this.#settle(mendedMs + this.#settleMs);
    const settledAfterMs = violations.length === 0 ? this.#clock() - mendedMs : Infinity;
    const after = `${Math.round((this.#clock() - mendedMs) / 1000)} s after mending`;
    this.#progress(`${violations.length} violations ${after}; now one host of each subnet dies`);
    const history = this.#history(); // before the watches at those hosts end
    const auditReads = await this.#audit();
    const whole = { ...final, auditReads, bugLines: readBugLines(this.#bed) };
    return {
      options: this.#about,
      history,
      final: whole,
      violations: checkRun(history, whole, this.#about.hosts),
      settledAfterMs,
    };
  }

  /** Lets go of every watch. */
  end(): void {
    this.#watching.abort();
  }

  /** Looks until nothing is wrong any more or time is up. */
  async #settle(untilMs: number): Promise<{ final: FinalState; violations: readonly Violation[] }> {
    let keys: readonly string[] = this.#writtenKeys();
    let final = await this.#look(keys, undefined);
    for (;;) {
      const violations = checkRun(this.#history(), final, this.#about.hosts);
      if (violations.length === 0 || this.#clock() > untilMs) return { final, violations };
      const subjects = new Set(violations.map(({ subject }) => subject));
      this.#progress(
        `not right yet: ${[...new Set(violations.map(({ rule }) => rule))].join(", ")}`,
      );
      await this.#bed.pause(CHECK_EVERY_MS);
      keys = this.#writtenKeys().filter((key) => subjects.has(key));
      final = await this.#look(keys, final);
    }
  }

  /** Reads these keys, and takes the others from an earlier look. */
  async #look(keys: readonly string[], before: FinalState | undefined): Promise<FinalState> {
    const membership = await this.#joined();
    const again = new Set(keys);
    const isOld = ({ key }: { readonly key: string }): boolean => !again.has(key);
    const reads = await readKeys(this.#bed, this.#readers(keys), this.#clock);
    const holders = await readHolders(this.#bed, this.#lookers(keys));
    const probes = await probeAll(this.#bed);
    return {
      ...membership,
      atMs: this.#clock(),
      reads: [...(before?.reads.filter(isOld) ?? []), ...reads],
      holders: [...(before?.holders.filter(isOld) ?? []), ...holders],
      probes,
      auditReads: [],
      bugLines: readBugLines(this.#bed),
    };
  }

  /** Reading keys makes no sense before the hosts know each other; it is no use to wait long. */
  async #joined(): ReturnType<typeof readMembership> {
    let membership = await readMembership(this.#bed);
    for (let tries = 0; tries < 20; tries++) {
      if (checkMembership(membership).length === 0) break;
      await this.#bed.pause(1_000);
      membership = await readMembership(this.#bed);
    }
    return membership;
  }

  /** Kills one host of every site and reads what two copies or more keep. */
  async #audit(): Promise<KeyRead[]> {
    const bed = this.#bed;
    const random = createRandom(this.#about.seed + 1);
    const victims = bed.lab.sites.flatMap(({ name }) => {
      const running = bed.hosts(name).filter((host) => bed.lab.daemonState(host) === "running");
      return running.length > 1 ? [random.pick(running)!] : [];
    });
    if (victims.length > 0) await bed.lab.kill(victims);
    await bed.pause(AUDIT_WAIT_MS);
    const left = bed.running();
    const pairs = this.#writtenKeys().map((key) => [key, random.pick(left)!] as const);
    return readKeys(bed, pairs, this.#clock);
  }

  #history(): RunHistory {
    const { entries, diskLosses, daemonEnds, siteOfSubnet } = this.#driver;
    return {
      operations: this.#load.operations.toSorted((a, b) => a.invokedMs - b.invokedMs),
      faults: entries,
      diskLosses,
      daemonEnds,
      siteOfSubnet,
      watches: this.#watchers.sessions.map((one) => ({ ...one, lines: [...one.lines] })),
    };
  }

  #writtenKeys(): string[] {
    const puts = this.#load.operations.filter(
      ({ type, outcome }) => type === "put" && outcome !== "refused",
    );
    return [...new Set(puts.map(({ key }) => key))];
  }

  /** Shared keys at every host, single ones at one host of two sites. */
  #readers(keys: readonly string[]): (readonly [string, string])[] {
    const shared = new Set(sharedKeys());
    const hosts = this.#bed.hosts();
    return keys.flatMap((key, i) =>
      shared.has(key)
        ? hosts.map((host) => [key, host] as const)
        : this.#twoOf(hosts, i).map((host) => [key, host] as const),
    );
  }

  #lookers(keys: readonly string[]): (readonly [string, string])[] {
    const hosts = this.#bed.hosts();
    return keys.map((key, i) => [key, hosts[i % hosts.length]!] as const);
  }

  #twoOf(hosts: readonly string[], i: number): string[] {
    const first = i % hosts.length;
    const second = (first + this.#about.hosts) % hosts.length;
    return first === second ? [hosts[first]!] : [hosts[first]!, hosts[second]!];
  }
}
