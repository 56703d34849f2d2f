/** A laptop carried between two sites, readdressed and put to sleep: how soon it is back, what is lost. */
import { bareNodeBaseline } from "../baseline.ts";
import { bedOf, withBed, type Bed } from "../bed.ts";
import {
  createFigure,
  type Baseline,
  type BenchRun,
  type Figure,
  type SectionResult,
} from "../figure.ts";
import { maximum, percentile } from "../statistics.ts";
import { findAll, putRecords, type PlacedRecord } from "./records-set.ts";
import { UPLINK_MS } from "./sites.ts";

const SECTION = "roam";
const LAPTOP = "alpha-3";
const BACK_BAR_MS = 2_000;
const LIMIT_MS = 20_000;
const SLEEP_MS = 8_000;
const RECORDS = 16;

export async function runRoam(run: BenchRun): Promise<SectionResult> {
  const sites = ["alpha, hosts: 3", "beta, hosts: 2", "gamma, hosts: 1"].map(
    (site) => `{ name: ${site}, uplink: { delay: ${UPLINK_MS}ms } }`,
  );
  return withBed({ ...bedOf(run, SECTION), sites }, async (bed) => {
    await bed.start();
    await bed.settle(3, 6);
    const baseline = await bareNodeBaseline();
    const records = await putRecords(bed, "roam", "2", RECORDS);
    const carried = await measureCarry(
      bed,
      LAPTOP,
      ["beta", "alpha"],
      run.isQuick ? 6 : 20,
      records,
    );
    const found = await findAll(bed, records);
    const times = run.isQuick ? 2 : 5;
    const readdressed = await repeat(times, (i) =>
      measureReaddress(bed, LAPTOP, `10.1.0.${90 + i}`),
    );
    const slept = await repeat(times, () => measureSleep(bed, LAPTOP, SLEEP_MS));
    const figures = [
      ...carryFigures(carried, baseline),
      countFigure("records lost by that", found.lost.length, found.asked, found.lost),
      backFigure("another address on the same link", readdressed, baseline),
      backFigure(`asleep for ${SLEEP_MS / 1000} s`, slept, baseline),
    ];
    return { figures, tables: [] };
  });
}

function carryFigures({ backMs, strays }: CarryResult, baseline: Baseline): Figure[] {
  return [
    backFigure("carried to another site", backMs, baseline, 0.95),
    backFigure("carried to another site", backMs, baseline),
    countFigure("subnets that changed or merged by that", strays.length, backMs.length, strays),
  ];
}

function backFigure(what: string, times: readonly number[], baseline: Baseline, share = 1): Figure {
  return createFigure({
    section: SECTION,
    name: `${what}: back in the host set and reading, ${share === 1 ? "slowest" : "p95"}`,
    unit: "ms",
    bar: BACK_BAR_MS,
    measured: share === 1 ? maximum(times) : percentile(times, share),
    n: times.length,
    baseline,
  });
}

function countFigure(name: string, measured: number, n: number, which: readonly string[]): Figure {
  const note = which.slice(0, 3).join("; ");
  return createFigure({ section: SECTION, name, unit: "count", bar: 0, measured, n, note });
}

export interface CarryResult {
  /** From the moment that the host has its address until it is back, each time. */
  readonly backMs: readonly number[];
  /** What was not as it should be: a site in another subnet than before. */
  readonly strays: readonly string[];
}

/**
 * Carries a host to these sites in turn; each must have a host that stays.
 *
 * @param records each time, one of them must be found by the host that is back
 */
export async function measureCarry(
  bed: Bed,
  laptop: string,
  sites: readonly string[],
  times: number,
  records: readonly PlacedRecord[],
): Promise<CarryResult> {
  const anchors = new Map<string, string>();
  for (const site of sites)
    anchors.set(
      site,
      bed.hosts(site).find((host) => host !== laptop)!,
    );
  const subnets = new Map<string, string | null>();
  for (const [site, anchor] of anchors) subnets.set(site, await subnetOf(bed, anchor));
  const { id } = (await bed.status(laptop)).host;
  const strays: string[] = [];
  const backMs = await repeat(times, async (i) => {
    const site = sites[i % sites.length]!;
    await bed.lab.move(laptop, site);
    const tookMs = await bed.until(async () => {
      const record = records[i % records.length]!;
      const isIn = await isBack(bed, laptop, id, anchors.get(site)!);
      return isIn && (await bed.finds(laptop, record.key, record.value));
    }, LIMIT_MS);
    for (const [name, anchor] of anchors)
      if ((await subnetOf(bed, anchor)) !== subnets.get(name)) strays.push(`${name} at move ${i}`);
    await bed.pause(1_000 + ((i * 37) % 11) * 300); // also before the last move is digested
    return tookMs;
  });
  return { backMs, strays };
}

/** Another address on the same link: ms until its neighbour names it with that one. */
export async function measureReaddress(bed: Bed, host: string, address: string): Promise<number> {
  const { id } = (await bed.status(host)).host;
  const anchor = bed.hosts().find((one) => one !== host && siteOf(one) === siteOf(host))!;
  await bed.lab.readdress(host, address);
  const took = await bed.until(async () => {
    const named = (await bed.status(anchor)).subnet.hosts.find((one) => one.id === id);
    const isNamed =
      named?.addresses.some((one) =>
        one.startsWith(address.includes(":") ? `[${address}]:` : `${address}:`),
      ) === true;
    return isNamed && (await isBack(bed, host, id, anchor));
  }, LIMIT_MS);
  await bed.pause(2_000);
  return took;
}

/** Stops a daemon for so long; ms from its waking until it is back. */
export async function measureSleep(bed: Bed, host: string, ms: number): Promise<number> {
  const { id } = (await bed.status(host)).host;
  const anchor = bed.hosts().find((one) => one !== host && siteOf(one) === siteOf(host))!;
  await bed.lab.pause([host]);
  await bed.pause(ms);
  await bed.lab.resume([host]);
  const took = await bed.until(() => isBack(bed, host, id, anchor), LIMIT_MS);
  await bed.pause(2_000);
  return took;
}

/** Whether a host and a neighbour are in one subnet that names both, as both see it. */
async function isBack(bed: Bed, host: string, id: string, anchor: string): Promise<boolean> {
  const [own, other] = await Promise.all([bed.status(host), bed.status(anchor)]);
  const isSame = own.subnet.id !== null && own.subnet.id === other.subnet.id;
  const names = (status: typeof own, which: string): boolean =>
    status.subnet.hosts.some((one) => one.id === which);
  return isSame && names(other, id) && names(own, other.host.id);
}

async function subnetOf(bed: Bed, host: string): Promise<string | null> {
  return (await bed.status(host)).subnet.id;
}

function siteOf(host: string): string {
  return host.replace(/-\d+$/, "");
}

async function repeat(times: number, work: (i: number) => Promise<number>): Promise<number[]> {
  const results: number[] = [];
  for (let i = 0; i < times; i++) results.push(await work(i));
  return results;
}
