/** Forty hosts on one link: how many are named, who bears the load, how much multicast there is. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { withBed, type Bed } from "../bed.ts";
import { createFigure, type BenchRun, type Figure } from "../figure.ts";
import { mapLimited } from "../limited.ts";
import { maximum } from "../statistics.ts";
import { measureIdle } from "./idle.ts";
import { UPLINK_MS } from "./sites.ts";

const SECTION = "converge";
const CROWD = 40;
const CROWD_QUICK = 20;
const OTHERS = 4;
const STARTED_AT_ONCE = 8;
const START_LIMIT_MS = 180_000;
const IDLE_MS = 20_000;
const NAMED_MAX = 16;
const UNEVEN_MAX = 2;
/** Asks of each host of the crowd, on average; chance alone makes few seem uneven. */
const ASKS_EACH = 60;
const PARALLEL = 4;
const KEYS = 20;

export async function measureCrowd(run: BenchRun): Promise<Figure[]> {
  const crowd = run.isQuick ? CROWD_QUICK : CROWD;
  const uplink = `uplink: { delay: ${UPLINK_MS}ms }`;
  const sites = [
    `{ name: crowd, hosts: ${crowd}, ${uplink} }`,
    `{ name: small, hosts: ${OTHERS}, ${uplink} }`,
  ];
  const { signal, progress } = run;
  const directory = mkdtempSync(join(tmpdir(), "causeway-crowd-"));
  const config = join(directory, "config.yaml");
  writeFileSync(config, "replicas: 1\n"); // what the crowd keeps, the asking subnet does not
  const program = ["sh", "-c", `exec causeway "$@" --config ${config}`, "causeway"];
  const options = { name: "benchcrowd", sites, program, signal, progress };
  return withBed(options, (bed) => measure(bed, crowd, run)).finally(() =>
    rmSync(directory, { recursive: true, force: true }),
  );
}

async function measure(bed: Bed, crowd: number, { progress }: BenchRun): Promise<Figure[]> {
  for (let at = 0; at < bed.hosts().length; at += STARTED_AT_ONCE)
    await bed.start(bed.hosts().slice(at, at + STARTED_AT_ONCE), START_LIMIT_MS);
  const isKnown = async (): Promise<boolean> => {
    const all = await Promise.all(bed.hosts().map((host) => bed.status(host)));
    const isEverywhere = all.every(({ routing }) => routing.entries.length === 1);
    return isEverywhere && all[0]!.subnet.hosts.length === crowd;
  };
  await bed.need(`${crowd} hosts know each other`, isKnown, START_LIMIT_MS);
  const changes = await changesOf(bed);
  const versions = await versionOf(bed);
  progress(`idle for ${IDLE_MS / 1000} s`);
  const startedMs = performance.now();
  const { multicastPerSecond } = await measureIdle(bed, IDLE_MS);
  const load = await measureLoad(bed, crowd, progress);
  const minutes = (performance.now() - startedMs) / 60_000;
  const figure = (name: string, measured: number, bar: number, n: number, note = ""): Figure =>
    createFigure({ section: SECTION, name, unit: "count", measured, bar, n, note });
  return [
    figure(
      `hosts named of ${crowd} on one link, most at any time`,
      load.namedMost,
      NAMED_MAX,
      load.looks,
    ),
    figure(
      "load of the host that bears most, to even",
      load.most,
      UNEVEN_MAX,
      load.asks,
      `the least ${load.least.toFixed(2)}; ${load.namedEver} hosts were named in ${minutes.toFixed(1)} minutes`,
    ),
    figure("routing changes meanwhile", (await changesOf(bed)) - changes, 0, bed.hosts().length),
    createFigure({
      section: SECTION,
      name: "new versions of that host set",
      unit: "per s",
      measured: ((await versionOf(bed)) - versions) / (minutes * 60),
      bar: 0.2,
      n: 1,
    }),
    createFigure({
      section: SECTION,
      name: `multicast packets sent by one of ${crowd} idle hosts, most`,
      unit: "per s",
      measured: multicastPerSecond,
      bar: 1,
      n: crowd,
    }),
  ];
}

async function changesOf(bed: Bed): Promise<number> {
  const all = await Promise.all(bed.running().map((host) => bed.status(host)));
  return all.reduce((sum, { routing }) => sum + routing.changes, 0);
}

/** The counter in the version of the crowd's set. */
async function versionOf(bed: Bed): Promise<number> {
  const { subnet } = await bed.status("crowd-1");
  return Number(BigInt(subnet.hostSetVersion) >> 16n);
}

interface CrowdLoad {
  /** Asked of the host that was asked most, and least, over the average. */
  readonly most: number;
  readonly least: number;
  readonly asks: number;
  readonly namedMost: number;
  readonly namedEver: number;
  readonly looks: number;
}

/** Asks from the other link, and counts who of the crowd answers. */
async function measureLoad(
  bed: Bed,
  crowd: number,
  progress: (line: string) => void,
): Promise<CrowdLoad> {
  const askers = bed.hosts("small");
  const id = (await bed.status("crowd-1")).subnet.id!;
  const keys: string[] = [];
  for (let i = 0; keys.length < KEYS; i++) {
    const { storedOn } = (await bed.put(askers[0]!, `crowd ${i}`, "x")).answer;
    if (storedOn.includes(id)) keys.push(`crowd ${i}`);
  }
  const asked = new Map<string, number>();
  const named = new Set<string>();
  let namedMost = 0;
  let looks = 0;
  const asks = Array.from({ length: crowd * ASKS_EACH }, (_, i) => i);
  await mapLimited(asks, PARALLEL, async (i) => {
    const { path } = (await bed.lookup(askers[i % askers.length]!, keys[i % keys.length]!)).answer;
    for (const { subnet, host } of path)
      if (subnet === id && host !== "") asked.set(host, (asked.get(host) ?? 0) + 1);
    if (i % 100 > 0) return;
    const set = (await bed.subnets(askers[0]!)).find((one) => one.id === id);
    for (const host of set?.hosts ?? []) named.add(host.id);
    namedMost = Math.max(namedMost, set?.hosts.length ?? 0);
    looks++;
    if (i % 500 === 0) progress(`${i} of ${asks.length} asks`);
  });
  const counts = [...asked.values()];
  const even = counts.reduce((sum, count) => sum + count, 0) / crowd;
  const least = asked.size < crowd ? 0 : Math.min(...counts);
  return {
    most: maximum(counts) / even,
    least: least / even,
    asks: even * crowd,
    namedMost,
    namedEver: named.size,
    looks,
  };
}
