/** How soon a watcher hears of a change. */
import { pairsOf, pingBaseline } from "../baseline.ts";
import { bedOf, withBed, type Bed } from "../bed.ts";
import { createFigure, type BenchRun, type SectionResult } from "../figure.ts";
import { percentile } from "../statistics.ts";
import { ONE_WAY_MS, sitesOf } from "./sites.ts";

const SECTION = "watch";
const SITES = 6;
const KEYS = 4;
const SLACK_MS = 50;
const SETTLE_MS = 1_500;
const DELIVERY_LIMIT_MS = 5_000;

export interface WatchTimes {
  /** From the change's earliest arrival at a holder to the watcher, ms. */
  readonly delays: readonly number[];
  /** Changes that a watcher did not hear of in 5 s. */
  readonly missed: number;
}

export async function runWatch(run: BenchRun): Promise<SectionResult> {
  return withBed({ ...bedOf(run, SECTION), sites: sitesOf(SITES, 1) }, async (bed) => {
    await bed.start();
    await bed.settle(SITES, SITES);
    const ping = await pingBaseline(bed, pairsOf(bed.hosts()));
    const { delays, missed } = await measureWatches(bed, run.isQuick ? 3 : 8);
    const oneWay = { what: `half of a ${ping.what}`, value: ping.value / 2 };
    return {
      figures: [
        createFigure({
          section: SECTION,
          name: "change at its first holder to watcher, p95",
          unit: "ms",
          bar: 2 * oneWay.value + SLACK_MS,
          measured: percentile(delays, 0.95),
          n: delays.length,
          baseline: oneWay,
          note: `bar: 2 x one way + ${SLACK_MS} ms`,
        }),
        createFigure({
          section: SECTION,
          name: "changes not delivered",
          unit: "count",
          bar: 0,
          measured: missed,
          n: delays.length + missed,
        }),
      ],
      tables: [],
    };
  });
}

/**
 * Every host watches every key; each key is changed at its publisher `rounds` times.
 *
 * When the change reaches its first holder cannot be seen from outside. It is no sooner than the put
 * where the publisher's subnet is a holder, and no sooner than one way later where not, so what is
 * counted from there is the delay or a little more.
 */
export async function measureWatches(bed: Bed, rounds: number): Promise<WatchTimes> {
  const hosts = bed.running();
  const ending = new AbortController();
  const heard = new Map<string, number>();
  const watchers: Promise<void>[] = [];
  for (const host of hosts)
    for (let key = 0; key < KEYS; key++)
      watchers.push(listen(bed, host, key, heard, ending.signal));
  try {
    await bed.pause(SETTLE_MS);
    const delays: number[] = [];
    let missed = 0;
    for (let round = 0; round < rounds; round++)
      for (let key = 0; key < KEYS; key++) {
        const value = `${key} ${round}`;
        const publisher = hosts[key % hosts.length]!;
        const putMs = performance.now();
        const { answer } = await bed.put(publisher, watchKey(key), value);
        const own = (await bed.status(publisher)).subnet.id ?? "";
        const reachedMs = putMs + (answer.storedOn.includes(own) ? 0 : ONE_WAY_MS);
        const others = hosts.filter((host) => host !== publisher);
        const isHeard = (host: string): boolean => heard.has(`${host} ${value}`);
        await bed.until(async () => others.every(isHeard), DELIVERY_LIMIT_MS);
        missed += others.filter((host) => !isHeard(host)).length;
        for (const host of others.filter(isHeard))
          delays.push(heard.get(`${host} ${value}`)! - reachedMs);
      }
    return { delays, missed };
  } finally {
    ending.abort();
    await Promise.allSettled(watchers);
  }
}

async function listen(
  bed: Bed,
  host: string,
  key: number,
  heard: Map<string, number>,
  signal: AbortSignal,
): Promise<void> {
  for await (const line of bed.watch(host, watchKey(key), signal))
    if (line.type === "put") heard.set(`${host} ${line.value}`, performance.now());
}

function watchKey(key: number): string {
  return `watch ${key}`;
}
