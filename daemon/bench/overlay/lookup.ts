/** Put at any host, get at every other: found, verified, and how long against a ping. */
import type { LookupAnswer } from "../../api/api-types.ts";
import { pairsOf, pingBaseline } from "../baseline.ts";
import { bedOf, withBed, type Bed, type Timed } from "../bed.ts";
import { createFigure, type BenchRun, type Figure, type SectionResult } from "../figure.ts";
import { percentile } from "../statistics.ts";
import { sitesOf } from "./sites.ts";

const SECTION = "lookup";
const SITES = 12;

export interface LookupTimes {
  /** First question of a host for a key, holders elsewhere only, ms. */
  readonly cold: readonly number[];
  /** The same question again. */
  readonly again: readonly number[];
  readonly asked: number;
  /** Gets that found the value under its publisher's key. */
  readonly found: number;
}

export async function runLookup(run: BenchRun): Promise<SectionResult> {
  return withBed({ ...bedOf(run, SECTION), sites: sitesOf(SITES, 1) }, async (bed) => {
    await bed.start();
    await bed.settle(SITES, SITES);
    const ping = await pingBaseline(bed, pairsOf(bed.hosts()));
    const times = await measureLookups(bed, run.isQuick ? 5 : 9, run.progress);
    return { figures: judge(times, ping.value, ping.what), tables: [] };
  });
}

function judge({ cold, again, asked, found }: LookupTimes, pingMs: number, what: string): Figure[] {
  const time = (name: string, samples: readonly number[], share: number, factor: number): Figure =>
    createFigure({
      section: SECTION,
      name,
      unit: "ms",
      bar: factor * pingMs,
      measured: percentile(samples, share),
      n: samples.length,
      baseline: { what, value: pingMs },
      note: `bar: ${factor} x the round trip`,
    });
  return [
    createFigure({
      section: SECTION,
      name: "records found and verified at every other host",
      unit: "%",
      sense: "at-least",
      bar: 100,
      measured: (100 * found) / asked,
      n: asked,
    }),
    time("get, cold, holders elsewhere, p50", cold, 0.5, 5),
    time("get, cold, holders elsewhere, p99", cold, 0.99, 10),
    time("get, holder known, p50", again, 0.5, 1.5),
  ];
}

/**
 * One record of each host, asked for twice at each of `askers` others.
 *
 * Gets of hosts whose own subnet is a holder are not timed.
 */
export async function measureLookups(
  bed: Bed,
  askers: number,
  progress: (line: string) => void,
): Promise<LookupTimes> {
  const hosts = bed.running();
  const cold: number[] = [];
  const again: number[] = [];
  let [asked, found] = [0, 0];
  for (const [i, publisher] of hosts.entries()) {
    const [key, value] = [`lookup ${publisher}`, `put at ${publisher}`];
    await bed.put(publisher, key, value);
    const { id } = (await bed.status(publisher)).host;
    for (let step = 1; step <= askers; step++) {
      const asker = hosts[(i + step) % hosts.length]!;
      const own = (await bed.status(asker)).subnet.id ?? "";
      const first = await bed.lookup(asker, key);
      const second = await bed.get(asker, key);
      asked++;
      const isFound = second.answer.records.some(
        (record) => record.value === value && record.publisher === id,
      );
      if (isFound && first.answer.records > 0) found++;
      else progress(`${asker} does not find the record of ${publisher}: ${describePath(first)}`);
      if (first.answer.path.some((one) => one.subnet === own)) continue;
      cold.push(first.wallMs);
      again.push(second.wallMs);
    }
  }
  return { cold, again, asked, found };
}

function describePath({ answer }: Timed<LookupAnswer>): string {
  return answer.path.map((one) => `${one.subnet.slice(0, 8)} ${one.result}`).join(", ");
}
