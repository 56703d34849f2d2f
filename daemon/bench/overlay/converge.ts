/**
 * How soon every subnet names the same live hosts after some went, and what a large subnet costs
 * its hosts.
 */
import { bedOf, withBed, type Bed } from "../bed.ts";
import { createFigure, type BenchRun, type Figure, type SectionResult } from "../figure.ts";
import { maximum } from "../statistics.ts";
import { measureCrowd } from "./crowd.ts";
import { sitesOf } from "./sites.ts";

const SECTION = "converge";
const SITES = 4;
const HOSTS = 3;
const LIMIT_MS = 30_000;
const POLL_MS = 25;
const GONE_MS = 1_000;
const UNPLUGGED_MS = 4_000;
const HOUR_MS = 3_600_000;
/** What comes back is to be forgotten as news before the next goes. */
const CALM_MS = 3_000;

type How = "leave" | "kill" | "unplug";

/** Who goes in a round: two of different subnets. */
const PAIRS = [
  ["beta-2", "delta-1"],
  ["alpha-3", "gamma-2"],
  ["beta-1", "gamma-3"],
] as const;

export async function runConverge(run: BenchRun): Promise<SectionResult> {
  const rounds = run.isQuick ? 1 : PAIRS.length;
  const small = await withBed(
    { ...bedOf(run, SECTION), sites: sitesOf(SITES, HOSTS) },
    async (bed) => {
      await bed.start();
      await bed.settle(SITES, SITES * HOSTS, 60_000);
      const right = await figuresOf(bed, rounds, "", run);
      // Its clock goes wrong while it runs, and it is no host that comes or goes.
      await bed.lab.setClock("alpha-1", HOUR_MS);
      await bed.pause(CALM_MS);
      const ahead = await figuresOf(bed, rounds, ", a clock an hour ahead", run);
      return [...right, ...ahead];
    },
  );
  return { figures: [...small, ...(await measureCrowd(run))], tables: [] };
}

async function figuresOf(
  bed: Bed,
  rounds: number,
  when: string,
  { progress }: BenchRun,
): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const how of ["leave", "kill", "unplug"] as const) {
    const times: number[] = [];
    for (const pair of PAIRS.slice(0, rounds)) times.push(await convergeMs(bed, how, pair));
    progress(`${how}${when}: ${times.map((ms) => `${Math.round(ms)} ms`).join(", ")}`);
    figures.push(
      createFigure({
        section: SECTION,
        name: `same hosts named everywhere after the last ${WORDS[how]}${when}`,
        unit: "ms",
        bar: how === "unplug" ? UNPLUGGED_MS : GONE_MS,
        measured: maximum(times),
        n: rounds,
      }),
    );
  }
  return figures;
}

const WORDS: Readonly<Record<How, string>> = {
  leave: "leave",
  kill: "SIGKILL",
  unplug: "pulled cable",
};

/** From the last host's going until all that are left name exactly those that are left. */
async function convergeMs(bed: Bed, how: How, pair: readonly string[]): Promise<number> {
  const { lab } = bed;
  const ids = new Map<string, string>();
  for (const host of bed.hosts()) ids.set(host, (await bed.status(host)).host.id);
  const left = bed.hosts().filter((host) => !pair.includes(host));
  if (how === "leave") await Promise.all(pair.map((host) => lab.stop([host])));
  else if (how === "kill") await lab.kill(pair);
  else for (const host of pair) await lab.link(siteOf(host), { split: [host] });
  const expected = left.map((host) => ids.get(host)!).toSorted();
  const holds = async (): Promise<boolean> => {
    const views = await Promise.all(left.map((host) => bed.subnets(host)));
    return views.every((view) => {
      const named = view.flatMap(({ hosts }) => hosts.map(({ id }) => id));
      return named.toSorted().join() === expected.join();
    });
  };
  const tookMs = await bed.until(holds, LIMIT_MS, POLL_MS);
  if (how === "unplug") for (const host of pair) await lab.heal(siteOf(host));
  else await bed.start(pair);
  await bed.settle(SITES, SITES * HOSTS, 90_000);
  await bed.pause(CALM_MS);
  return tookMs;
}

function siteOf(host: string): string {
  return host.slice(0, host.lastIndexOf("-"));
}
