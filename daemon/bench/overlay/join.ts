/** How soon a new host is part of the overlay: the first of its subnet, and a later one. */
import { bareNodeBaseline } from "../baseline.ts";
import { bedOf, withBed, type Bed } from "../bed.ts";
import { createFigure, type BenchRun, type SectionResult } from "../figure.ts";
import { maximum, percentile } from "../statistics.ts";
import { sitesOf } from "./sites.ts";

const SECTION = "join";
const SITES = 4;
const HOSTS = 3;
const LIMIT_MS = 30_000;
const POLL_MS = 25;

export interface JoinTimes {
  /** From the start of the process to standing in the tables of all others, ms each. */
  readonly first: readonly number[];
  /** From the start of the process to standing in the host set of siblings and neighbours. */
  readonly later: readonly number[];
  /** Token addresses that the later hosts dialled, all together. */
  readonly contacts: number;
}

export async function runJoin(run: BenchRun): Promise<SectionResult> {
  return withBed({ ...bedOf(run, "join"), sites: sitesOf(SITES, HOSTS) }, async (bed) => {
    const times = await measureJoins(bed, run.isQuick ? 0 : 8);
    const baseline = await bareNodeBaseline();
    const figures = [
      createFigure({
        section: SECTION,
        name: "first host of a subnet, exec to every table, slowest",
        unit: "ms",
        bar: 5_000,
        measured: maximum(times.first),
        n: times.first.length,
        baseline,
      }),
      createFigure({
        section: SECTION,
        name: "later host of a subnet, exec to its neighbours' host set, p95",
        unit: "ms",
        bar: 1_000,
        measured: percentile(times.later, 0.95),
        n: times.later.length,
        baseline,
        note: `median ${Math.round(percentile(times.later, 0.5))} ms`,
      }),
      createFigure({
        section: SECTION,
        name: "token addresses dialled by later hosts",
        unit: "count",
        bar: 0,
        measured: times.contacts,
        n: times.later.length,
      }),
    ];
    return { figures, tables: [] };
  });
}

/**
 * Starts the hosts of a bed one at a time.
 *
 * @param again so many later hosts leave, forget all and come as new ones
 */
export async function measureJoins(bed: Bed, again: number): Promise<JoinTimes> {
  const sites = bed.lab.sites.map((site) => site.hosts.map((host) => host.name));
  const firsts = sites.map((hosts) => hosts[0]!);
  const laters = sites.flatMap((hosts) => hosts.slice(1));
  await bed.start([firsts[0]!]);
  const first: number[] = [];
  const later: number[] = [];
  let contacts = 0;
  for (const host of firsts.slice(1)) first.push(await joinTimeMs(bed, host));
  const joinLater = async (host: string): Promise<void> => {
    later.push(await joinTimeMs(bed, host));
    contacts += (await bed.status(host)).bootstrap.contacts;
  };
  for (const host of laters) await joinLater(host);
  for (let i = 0; i < again; i++) {
    const host = laters[i % laters.length]!;
    await bed.lab.stop([host]);
    bed.wipe(host);
    await bed.need(`${host} is forgotten`, () => isSeen(bed, host, 0), LIMIT_MS);
    await joinLater(host);
  }
  return { first, later, contacts };
}

/** Starts one host; from exec until siblings and one host of every other subnet list it. */
async function joinTimeMs(bed: Bed, host: string): Promise<number> {
  const running = bed.running();
  const site = bed.lab.host(host).site;
  const isNear = (one: string): boolean => bed.lab.host(one).site === site;
  const isFirst = (one: string): boolean => one.endsWith("-1");
  const waiting = new Set(running.filter((one) => isNear(one) || isFirst(one)));
  const starting = bed.start([host]);
  starting.catch(() => {}); // awaited below
  // Each is asked until it knows, and no longer: asking takes time from what is measured.
  const isThere = async (): Promise<boolean> => {
    for (const one of waiting) if (await isSeen(bed, host, 1, [one])) waiting.delete(one);
    return waiting.size === 0;
  };
  const foundMs = await bed.until(isThere, LIMIT_MS, POLL_MS);
  const tookMs = foundMs < Infinity ? bed.sinceExecMs(host) : Infinity;
  await starting;
  return tookMs;
}

/** Whether each of these hosts lists that host so many times. */
async function isSeen(
  bed: Bed,
  host: string,
  times: number,
  by: readonly string[] = bed.running(),
): Promise<boolean> {
  const views = await Promise.all(by.map((one) => bed.subnets(one)));
  const isListed = (view: (typeof views)[number]): boolean =>
    view.flatMap(({ hosts }) => hosts).filter(({ name }) => name === host).length === times;
  return views.every(isListed);
}
