/** Two hosts that start in the same moment, and a link cut in two and healed: one subnet each. */
import { bareNodeBaseline } from "../baseline.ts";
import { bedOf, withBed, type Bed } from "../bed.ts";
import { createFigure, type BenchRun, type Figure, type SectionResult } from "../figure.ts";
import { maximum } from "../statistics.ts";
import { findAll, putRecords } from "./records-set.ts";

const SECTION = "merge";
const RACERS = ["beta-1", "beta-2"] as const;
const SPLIT = ["gamma-3", "gamma-4"] as const;
const LIMIT_MS = 30_000;
const CUT_MS = 12_000;

export async function runMerge(run: BenchRun): Promise<SectionResult> {
  const sites = [
    "{ name: alpha, hosts: 1, uplink: { delay: 5ms } }",
    "{ name: beta, hosts: 2, uplink: { delay: 5ms } }",
    "{ name: gamma, hosts: 4, uplink: { delay: 5ms } }",
  ];
  return withBed({ ...bedOf(run, SECTION), sites }, async (bed) => {
    await bed.start(["alpha-1"]);
    const race = await raceFigure(bed, run.isQuick ? 2 : 3);
    await bed.start(bed.hosts("gamma"));
    await bed.settle(3, 7);
    return { figures: [race, ...(await healFigures(bed, run.isQuick ? 8 : 24))], tables: [] };
  });
}

async function raceFigure(bed: Bed, races: number): Promise<Figure> {
  const baseline = await bareNodeBaseline();
  const times: number[] = [];
  for (let i = 0; i < races; i++) {
    if (i > 0) {
      await bed.lab.stop(RACERS);
      for (const host of RACERS) bed.wipe(host);
      await bed.settle(1, 1, 60_000);
    }
    times.push(await measureRace(bed, RACERS));
  }
  return createFigure({
    section: SECTION,
    name: "two hosts of a new subnet started at once: exec to one subnet of two, slowest",
    unit: "ms",
    bar: 10_000,
    measured: maximum(times),
    n: races,
    baseline,
  });
}

/** Starts hosts of an empty link at once; ms until all agree on one subnet with all of them in it. */
export async function measureRace(bed: Bed, racers: readonly string[]): Promise<number> {
  await bed.start(racers);
  const took = await bed.until(() => isWhole(bed, racers), LIMIT_MS, 50);
  return took < Infinity ? Math.max(...racers.map((host) => bed.sinceExecMs(host))) : Infinity;
}

async function healFigures(bed: Bed, count: number): Promise<Figure[]> {
  const { wholeMs, asked, lost } = await measureHeal(bed, "gamma", SPLIT, count);
  const shared = { section: SECTION, n: asked } as const;
  return [
    createFigure({
      ...shared,
      name: "link cut in two and healed: one host set again",
      unit: "ms",
      bar: LIMIT_MS,
      measured: wholeMs,
      n: 1,
      baseline: { what: "the cut itself", value: CUT_MS },
    }),
    createFigure({
      ...shared,
      name: "gets that miss after the link is healed",
      unit: "count",
      bar: 0,
      measured: lost.length,
      note: lost.slice(0, 3).join("; "),
    }),
  ];
}

export interface HealResult {
  /** From the healing until every host of the site lists all of them. */
  readonly wholeMs: number;
  readonly asked: number;
  readonly lost: readonly string[];
}

/** Records are put before the cut and at both halves while it lasts. */
export async function measureHeal(
  bed: Bed,
  site: string,
  split: readonly string[],
  count: number,
): Promise<HealResult> {
  const hosts = bed.hosts(site);
  const rest = hosts.filter((host) => !split.includes(host));
  const records = [...(await putRecords(bed, "before", "2", count, hosts))];
  await bed.lab.link(site, { split });
  await bed.pause(CUT_MS);
  records.push(...(await putRecords(bed, "this side", "2", count, rest)));
  records.push(...(await putRecords(bed, "other side", "2", count, split)));
  await bed.lab.heal(site);
  const wholeMs = await bed.until(() => isWhole(bed, hosts), LIMIT_MS, 50);
  await bed.until(async () => (await findAll(bed, records)).lost.length === 0, LIMIT_MS / 2, 500);
  return { wholeMs, ...(await findAll(bed, records)) };
}

/** Whether these hosts are all in one subnet, and know it. */
export async function isWhole(bed: Bed, hosts: readonly string[]): Promise<boolean> {
  const subnets = (await Promise.all(hosts.map((host) => bed.status(host)))).map(
    (status) => status.subnet,
  );
  const isSame = new Set(subnets.map(({ id }) => id)).size === 1 && subnets[0]!.id !== null;
  return isSame && subnets.every((subnet) => subnet.hosts.length === hosts.length);
}
