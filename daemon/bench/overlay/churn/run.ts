/** One churn run: a fleet, a load, the steps of a plan, and what they came to. */
import { withBed, type Bed } from "../../bed.ts";
import type { BenchRun } from "../../figure.ts";
import type { Fleet } from "./fleet.ts";
import { ChurnLedger, type ChurnSums, type FailedCall } from "./ledger.ts";
import { SteadyLoad } from "./load.ts";
import type { ChurnPlan, ChurnStep, HostStep } from "./plan.ts";

/** Between the end of one step and the next; a call that fails later than 1 s is seen in it. */
const GAP_MS = 1_300;
export const LATE_MS = 1_000;
const RECORDS = 60;
const TABLE_POLL_MS = 500;
const TABLE_LIMIT_MS = 90_000;
const START_LIMIT_MS = 180_000;
const SETTLE_MS = 6_000;

export interface ChurnPoint extends ChurnSums {
  /** Host events so far. */
  readonly events: number;
  readonly failedGets: number;
}

export interface ChurnResult {
  readonly points: readonly ChurnPoint[];
  readonly sums: ChurnSums;
  /** Changes that whole subnets were to cause, and those of them that did not happen. */
  readonly expected: number;
  readonly missing: number;
  /** From the step until no other table has it, ms; `Infinity`: not in 90 s. */
  readonly lostGoneMs: number;
  readonly cutGoneMs: number;
  readonly getTimes: readonly number[];
  readonly lostGets: readonly string[];
  readonly puts: number;
  readonly refusedPuts: readonly string[];
  /** The latest failed call after a host event, ms; 0 for none. */
  readonly lateMs: number;
  /** Failed calls from when a whole subnet was cut off until no table had it. */
  readonly cutFailedCalls: number;
}

/** A subnet on its way out of the tables. */
interface Going {
  readonly how: "lose" | "cut";
  readonly name: string;
  readonly ids: ReadonlySet<string>;
  readonly startedMs: number;
}

export async function runPlan(
  plan: ChurnPlan,
  fleet: Fleet,
  seed: number,
  { signal, progress }: BenchRun,
): Promise<ChurnResult> {
  const { sites, program } = fleet;
  return withBed({ name: "benchchurn", sites, program, signal, progress }, async (bed) =>
    new ChurnRun(bed, plan, fleet, seed, progress).run(),
  );
}

class ChurnRun {
  readonly #bed: Bed;
  readonly #plan: ChurnPlan;
  readonly #fleet: Fleet;
  readonly #progress: (line: string) => void;
  readonly #ledger: ChurnLedger;
  readonly #load: SteadyLoad;
  readonly #points: ChurnPoint[] = [];
  /** Hosts that the step under way is about to take. */
  #leaving: readonly string[] = [];
  #events = 0;
  #stepEndMs = 0;
  /** Whole subnets that went, and from when no table had them any more. */
  readonly #losses: (Going & { goneMs: number; failedCalls: number })[] = [];
  #lateMs = 0;
  #unexplained = 0;

  constructor(
    bed: Bed,
    plan: ChurnPlan,
    fleet: Fleet,
    seed: number,
    progress: (line: string) => void,
  ) {
    this.#bed = bed;
    this.#plan = plan;
    this.#fleet = fleet;
    this.#progress = progress;
    const subnetOf = (host: string): string =>
      fleet.shape === "flat" ? host : host.slice(0, host.lastIndexOf("-"));
    this.#ledger = new ChurnLedger(bed, fleet.inLab, subnetOf);
    this.#load = new SteadyLoad(bed, fleet.copies, seed, () =>
      this.#ledger.hosts.filter((host) => !this.#leaving.includes(host)).map(fleet.inLab),
    );
  }

  async run(): Promise<ChurnResult> {
    const { churning, lost, cut, steps } = this.#plan;
    const hosts = [...churning, lost, cut].flatMap((subnet) => subnet.hosts);
    await this.#bed.start(hosts.map(this.#fleet.inLab), START_LIMIT_MS);
    await this.#bed.settle(this.#fleet.sites.length, hosts.length, START_LIMIT_MS);
    this.#ledger.begin(hosts);
    await this.#load.seed(RECORDS);
    await this.#ledger.open();
    const ending = new AbortController();
    const loading = this.#load.run(ending.signal);
    loading.catch(() => {}); // awaited below, unless a step fails first
    const gone: { lose?: Promise<number>; cut?: Promise<number> } = {};
    try {
      for (const [i, step] of steps.entries()) {
        if (step.type === "lose" || step.type === "cut")
          gone[step.type] = this.#untilGone(await this.#drop(step.type));
        else await this.#take(step);
        await this.#look(i, step);
      }
      await Promise.all(Object.values(gone));
      await this.#bed.pause(SETTLE_MS);
      await this.#look(steps.length, undefined);
    } finally {
      ending.abort();
    }
    await loading;
    return this.#result((await gone.lose) ?? Infinity, (await gone.cut) ?? Infinity);
  }

  #result(lostGoneMs: number, cutGoneMs: number): ChurnResult {
    const { times, lost, puts, refused } = this.#load;
    return {
      points: this.#points,
      sums: this.#ledger.sums(),
      expected: this.#ledger.expected(),
      missing: this.#ledger.missing(),
      lostGoneMs,
      cutGoneMs,
      getTimes: times,
      lostGets: lost,
      puts,
      refusedPuts: refused,
      lateMs: this.#lateMs,
      cutFailedCalls: this.#losses.find(({ how }) => how === "cut")?.failedCalls ?? NaN,
    };
  }

  /** A host comes or goes, or a whole subnet comes back. */
  async #take(step: HostStep | { readonly type: "return" }): Promise<void> {
    if (step.type === "return") await this.#bring(this.#plan.lost.hosts);
    else {
      this.#events++;
      await (step.type === "join" ? this.#bring([step.host]) : this.#send(step));
    }
    this.#stepEndMs = performance.now();
  }

  async #bring(hosts: readonly string[]): Promise<void> {
    await this.#bed.start(hosts.map(this.#fleet.inLab), START_LIMIT_MS);
    this.#ledger.begin(hosts);
  }

  async #send({ type, host }: HostStep): Promise<void> {
    const { lab } = this.#bed;
    const names = [this.#fleet.inLab(host)];
    this.#leaving = [host];
    if (type === "kill") await this.#bed.guard(lab.kill(names));
    else {
      const stopping = lab.stop(names).catch(() => lab.kill(names).catch(() => {})); // 10 s were not enough
      await this.#bed.guard(stopping);
    }
    this.#ledger.end([host]);
    this.#leaving = [];
    if (type === "leave") this.#ledger.addParting(host);
  }

  /** A whole subnet goes. */
  async #drop(how: "lose" | "cut"): Promise<Going> {
    const { inLab, sitesOf } = this.#fleet;
    const { name, hosts } = this.#plan[how === "lose" ? "lost" : "cut"];
    const all = await Promise.all(hosts.map((host) => this.#bed.status(inLab(host))));
    const ids = new Set(all.map(({ subnet }) => subnet.id ?? ""));
    this.#leaving = hosts;
    await this.#ledger.read();
    const startedMs = performance.now();
    if (how === "lose") await this.#bed.guard(this.#bed.lab.kill(hosts.map(inLab)));
    else
      for (const site of sitesOf(this.#plan.cut)) await this.#bed.lab.link(site, { isCut: true });
    this.#ledger.end(hosts);
    this.#leaving = [];
    this.#stepEndMs = performance.now();
    return { how, name, ids, startedMs };
  }

  async #untilGone(going: Going): Promise<number> {
    const { name, ids, startedMs } = going;
    const loss = { ...going, goneMs: Infinity, failedCalls: 0 };
    const before = this.#ledger.sums().failedCalls;
    this.#losses.push(loss);
    const isGone = async (): Promise<boolean> => {
      const running = this.#ledger.hosts.filter((host) => !this.#leaving.includes(host));
      const views = await Promise.all(
        running.map((host) => this.#bed.status(this.#fleet.inLab(host))),
      );
      return views.every(({ routing }) => routing.entries.every(({ subnet }) => !ids.has(subnet)));
    };
    const tookMs = await this.#bed.until(isGone, TABLE_LIMIT_MS, TABLE_POLL_MS);
    if (tookMs === Infinity) return Infinity;
    loss.goneMs = performance.now();
    loss.failedCalls = this.#ledger.sums().failedCalls - before;
    this.#progress(
      `${name} out of every table: ${((loss.goneMs - startedMs) / 1000).toFixed(1)} s`,
    );
    return loss.goneMs - startedMs;
  }

  /** Waits for what follows from a step, and books it. */
  async #look(index: number, step: ChurnStep | undefined): Promise<void> {
    await this.#bed.pause(Math.max(0, this.#stepEndMs + GAP_MS - performance.now()));
    for (const call of await this.#ledger.read()) this.#bookFailed(call);
    const failedGets = this.#load.lost.length;
    const point = { ...this.#ledger.sums(), events: this.#events, failedGets };
    this.#points.push(point);
    this.#tellUnexplained(point);
    if (step === undefined || (index % 10 > 0 && "host" in step)) return;
    this.#progress(
      `${index + 1} of ${this.#plan.steps.length} steps: ${point.changes} changes, ` +
        `${point.failedCalls} failed calls in ${point.gets} gets, ${failedGets} lost`,
    );
  }

  /** While a whole subnet is still in a table, failures are taken for its. */
  #bookFailed({ host, sentMs }: FailedCall): void {
    if (this.#losses.some((one) => one.startedMs <= sentMs && sentMs <= one.goneMs)) return;
    const lateMs = sentMs - this.#stepEndMs;
    this.#lateMs = Math.max(this.#lateMs, lateMs);
    if (lateMs > LATE_MS)
      this.#progress(`${host}: a failed call, sent ${Math.round(lateMs)} ms after the event`);
  }

  #tellUnexplained({ unexplained }: ChurnSums): void {
    if (unexplained <= this.#unexplained) return;
    this.#unexplained = unexplained;
    for (const line of this.#ledger.unexplained()) this.#progress(`unexplained: ${line}`);
  }
}
