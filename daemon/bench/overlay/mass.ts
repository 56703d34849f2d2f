/** Twenty subnets that start in the same moment. */
import { bareNodeBaseline } from "../baseline.ts";
import { bedOf, withBed, type Bed } from "../bed.ts";
import { createFigure, type BenchRun, type SectionResult } from "../figure.ts";
import { mapLimited } from "../limited.ts";
import { sitesOf } from "./sites.ts";

const SECTION = "mass";
const SITES = 20;
const LIMIT_MS = 90_000;
const PARALLEL = 4;

export async function runMass(run: BenchRun): Promise<SectionResult> {
  const sites = run.isQuick ? 10 : SITES;
  return withBed({ ...bedOf(run, SECTION), sites: sitesOf(sites, 1) }, async (bed) => {
    const baseline = await bareNodeBaseline();
    const { joinedMs, rightMs } = await measureMassStart(bed);
    const shared = { section: SECTION, unit: "ms", bar: 30_000, n: sites, baseline } as const;
    return {
      figures: [
        createFigure({
          ...shared,
          name: `${sites} subnets started at once: all joined`,
          measured: joinedMs,
        }),
        createFigure({
          ...shared,
          name: `${sites} subnets started at once: every lookup right`,
          measured: rightMs,
          note: "each host's record, as two others see it",
        }),
      ],
      tables: [],
    };
  });
}

export interface MassTimes {
  /** From the first exec until every host is healthy. */
  readonly joinedMs: number;
  /** From the first exec until a whole round of lookups finds every record. */
  readonly rightMs: number;
}

/** Starts the first host, then all others at once. */
export async function measureMassStart(bed: Bed): Promise<MassTimes> {
  const [first = "", ...others] = bed.hosts();
  await bed.start([first]);
  await bed.start(others, LIMIT_MS);
  const sinceMs = (): number => Math.max(...others.map((host) => bed.sinceExecMs(host)));
  const joinedMs = sinceMs();
  const hosts = [first, ...others];
  await Promise.all(hosts.map((host) => bed.put(host, `mass ${host}`, host)));
  const isRight = async (): Promise<boolean> => {
    const asked = hosts.flatMap((host, i) =>
      [1, 7].map((step) => ({ host, by: hosts[(i + step) % hosts.length]! })),
    );
    const found = await mapLimited(asked, PARALLEL, ({ host, by }) =>
      bed.finds(by, `mass ${host}`, host),
    );
    return found.every(Boolean);
  };
  const waitedMs = await bed.until(isRight, LIMIT_MS, 500);
  return { joinedMs, rightMs: waitedMs < Infinity ? sinceMs() : Infinity };
}
