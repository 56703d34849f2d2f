/** What crashes and leaves cost: nothing that a policy promises to keep. */
import { bedOf, withBed, type Bed } from "../bed.ts";
import { createFigure, type BenchRun, type Figure, type SectionResult } from "../figure.ts";
import { findAll, lastMissMs, putRecords, type Findings } from "./records-set.ts";
import { sitesOf } from "./sites.ts";

const SECTION = "crash";
const SITES = 4;
const HOSTS = 3;
const FOUND_FROM_MS = 10_000;
const EVICTED_MS = 60_000;
const REPAIR_MS = 4_000;
const POLICIES = ["one", "2", "all", "demand"] as const;

export async function runCrash(run: BenchRun): Promise<SectionResult> {
  const count = run.isQuick ? 12 : 24;
  return withBed({ ...bedOf(run, SECTION), sites: sitesOf(SITES, HOSTS) }, async (bed) => {
    await bed.start();
    await bed.settle(SITES, SITES * HOSTS);
    return {
      figures: [
        await graceful(bed, count),
        await singleCrash(bed, count, run.isQuick ? 1 : 2),
        ...(await massCrash(bed, count)),
      ],
      tables: [],
    };
  });
}

function lossFigure(name: string, { asked, lost }: Findings): Figure {
  const note = lost.slice(0, 3).join("; ");
  const fields = { section: SECTION, name, unit: "count", bar: 0, n: asked } as const;
  return createFigure({ ...fields, measured: lost.length, note });
}

/** One host of every subnet leaves in good order, and comes back. */
async function graceful(bed: Bed, count: number): Promise<Figure> {
  const sets = [];
  for (const copies of POLICIES) sets.push(...(await putRecords(bed, "leave", copies, count)));
  const leavers = bed.hosts().filter((host) => host.endsWith("-2"));
  await bed.lab.stop(leavers);
  const findings = await findAll(bed, sets);
  await bed.start(leavers);
  await bed.settle(SITES, SITES * HOSTS);
  return lossFigure("gets that miss after a graceful leave in every subnet, any policy", findings);
}

/** Crashes one after the other, with time to repair between them. */
async function singleCrash(bed: Bed, count: number, crashes: number): Promise<Figure> {
  const records = await putRecords(bed, "single", "2", count);
  const victims = ["beta-3", "gamma-1"].slice(0, crashes);
  let asked = 0;
  const lost: string[] = [];
  for (const victim of victims) {
    await bed.lab.kill([victim]);
    await bed.pause(REPAIR_MS);
    const findings = await findAll(bed, records);
    asked += findings.asked;
    lost.push(...findings.lost);
  }
  await bed.start(victims);
  await bed.settle(SITES, SITES * HOSTS);
  return lossFigure("gets that miss after a single crash, two copies", { asked, lost });
}

/** Two of three hosts of every subnet at once, then a whole subnet. */
async function massCrash(bed: Bed, count: number): Promise<Figure[]> {
  const records = await putRecords(bed, "mass", "all", count);
  await bed.pause(1_000);
  await bed.lab.kill(bed.hosts().filter((host) => !host.endsWith("-1")));
  const crash = await lastMissMs(bed, records, performance.now(), FOUND_FROM_MS + 4_000);
  const lost = bed.lab.sites.at(-1)!.hosts[0]!.name;
  const gone = (await bed.status(lost)).subnet.id ?? "";
  await bed.lab.kill([lost]);
  const killedMs = performance.now();
  const replica = await lastMissMs(bed, records, killedMs, FOUND_FROM_MS);
  const isEvicted = async (): Promise<boolean> => {
    const views = await Promise.all(bed.running().map((host) => bed.subnets(host)));
    return views.every((view) => view.every(({ id }) => id !== gone));
  };
  const waitedMs = await bed.until(isEvicted, EVICTED_MS * 2, 250);
  const shared = { section: SECTION, unit: "ms" } as const;
  return [
    createFigure({
      ...shared,
      name: "2 of 3 hosts of every subnet killed: last miss of a record kept by all",
      bar: FOUND_FROM_MS,
      measured: crash.lastMissMs,
      n: crash.rounds,
      note: `rounds of ${records.length} records at ${SITES} hosts; ${crash.lost.slice(0, 3).join("; ")}`,
    }),
    createFigure({
      ...shared,
      name: "a whole subnet killed: last miss, the next replica answers",
      bar: FOUND_FROM_MS,
      measured: replica.lastMissMs,
      n: replica.rounds,
      note: replica.lost.slice(0, 3).join("; "),
    }),
    createFigure({
      ...shared,
      name: "a whole subnet killed: out of every table",
      bar: EVICTED_MS,
      measured: waitedMs < Infinity ? performance.now() - killedMs : Infinity,
      n: SITES - 1,
    }),
  ];
}
