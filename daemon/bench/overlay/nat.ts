/** Two sites behind NAT with one network, and a public one: what they can do, how fast, how soon again. */
import { bedOf, withBed, type Bed } from "../bed.ts";
import { createFigure, type BenchRun, type Figure, type SectionResult } from "../figure.ts";
import { maximum, percentile } from "../statistics.ts";
import { busiestHost, directTransferMs } from "./nat/transfer.ts";
import { findAll, putRecords } from "./records-set.ts";
import { UPLINK_MS } from "./sites.ts";

const SECTION = "nat";
const RATE = "100mbit";
const NATED = ["homea", "homeb"];
const SENDER = "homea-1";
const RECEIVER = "homeb-1";
const RELAYS = ["pub-1", "pub-2", "pub-3"];
const STREAM_BYTES = 100 * 2 ** 20;
const SETTLE_LIMIT_MS = 60_000;
const HEARD_LIMIT_MS = 10_000;
const STREAM_BAR_MS = 3_000;
const STREAM_LIMIT_MS = 20_000;
const TRY_EVERY_MS = 20;
/** Of the direct transfer's rate: through a relay each byte is encrypted once and carried twice. */
const SHARE_BAR = 0.5;

export async function runNat(run: BenchRun): Promise<SectionResult> {
  const uplink = `uplink: { delay: ${UPLINK_MS}ms, rate: ${RATE} }`;
  const sites = [
    `{ name: pub, hosts: 3, ${uplink} }`,
    ...NATED.map((name) => `{ name: ${name}, hosts: 2, nat: true, ${uplink} }`),
  ];
  return withBed({ ...bedOf(run, SECTION), sites }, async (bed) => {
    await bed.start();
    await bed.need("hosts behind NAT have relays", () => areServed(bed), SETTLE_LIMIT_MS);
    const figures = [
      ...(await measureRecords(bed, run.isQuick ? 12 : 48)),
      await measureHearing(bed, run.isQuick ? 6 : 20),
      await countEntries(bed),
      ...(await measureStream(bed, run)),
      ...(await measureRelayDeath(bed, run)),
      await countEntries(bed, " after that"),
    ];
    return { figures, tables: [] };
  });
}

async function areServed(bed: Bed): Promise<boolean> {
  const hosts = NATED.flatMap((site) => bed.hosts(site));
  const states = await Promise.all(hosts.map((host) => bed.status(host)));
  return states.every(
    ({ reachability }) => reachability.state === "unreachable" && reachability.relays.length >= 2,
  );
}

async function measureRecords(bed: Bed, count: number): Promise<Figure[]> {
  const records = await putRecords(bed, "nat", "2", count);
  const { asked, lost } = await findAll(bed, records);
  return [
    createFigure({
      section: SECTION,
      name: "records of every host found at every host",
      unit: "%",
      sense: "at-least",
      bar: 100,
      measured: (100 * (asked - lost.length)) / asked,
      n: asked,
      note: lost.slice(0, 3).join("; "),
    }),
  ];
}

/** From a put at each host in turn until the watchers at all sites have heard of it. */
async function measureHearing(bed: Bed, count: number): Promise<Figure> {
  const watchers = [SENDER, RECEIVER, "pub-1"];
  const ending = new AbortController();
  const heardAt = new Map<string, number>();
  const watching = watchers.map(async (host) => {
    for await (const line of bed.watch(host, "nat watched", ending.signal))
      if (line.type === "put" && line.value !== undefined)
        heardAt.set(`${host} ${line.value}`, performance.now());
  });
  try {
    await bed.pause(1_000);
    const times: number[] = [];
    const hosts = bed.running();
    for (let i = 0; i < count; i++) {
      const value = `change ${i}`;
      const startedMs = performance.now();
      await bed.put(hosts[i % hosts.length]!, "nat watched", value);
      const isHeard = async (): Promise<boolean> =>
        watchers.every((host) => heardAt.has(`${host} ${value}`));
      await bed.until(isHeard, HEARD_LIMIT_MS);
      for (const host of watchers)
        times.push((heardAt.get(`${host} ${value}`) ?? Infinity) - startedMs);
    }
    return createFigure({
      section: SECTION,
      name: "a put to a watcher at any of the three sites, slowest",
      unit: "ms",
      bar: 1_000,
      measured: maximum(times),
      n: times.length,
      baseline: await pingBaseline(bed),
    });
  } finally {
    ending.abort();
    await Promise.allSettled(watching);
  }
}

async function pingBaseline(bed: Bed) {
  const value = percentile(await bed.ping(SENDER, "pub-1"), 0.5);
  return { what: `ping ${SENDER} to pub-1`, value };
}

/** No table names a subnet that nobody can dial. */
async function countEntries(bed: Bed, when = ""): Promise<Figure> {
  const natted = await Promise.all(NATED.map((site) => bed.status(bed.hosts(site)[0]!)));
  const ids = natted.map(({ subnet }) => subnet.id);
  const wrong: string[] = [];
  const hosts = bed.running();
  for (const host of hosts)
    for (const { subnet } of (await bed.status(host)).routing.entries)
      if (ids.includes(subnet)) wrong.push(`${host}: ${subnet}`);
  return createFigure({
    section: SECTION,
    name: `table entries of subnets behind NAT${when}`,
    unit: "count",
    bar: 0,
    measured: wrong.length,
    n: hosts.length,
    note: wrong.slice(0, 3).join("; "),
  });
}

/** The other end hashes what it takes in; a stream that is not whole is an error. */
async function measureStream(bed: Bed, { isQuick, progress }: BenchRun): Promise<Figure[]> {
  const shares: number[] = [];
  const notes: string[] = [];
  for (let i = 0; i < (isQuick ? 1 : 3); i++) {
    const directMs = await directTransferMs(bed, SENDER, RELAYS[0]!, STREAM_BYTES);
    const { way, tookMs } = await bed.stream(SENDER, RECEIVER, STREAM_BYTES);
    progress(`100 MiB ${way} in ${Math.round(tookMs)} ms, by TCP in ${Math.round(directMs)} ms`);
    if (way !== "relayed") throw new Error(`a stream between two NATs went ${way}`);
    shares.push(directMs / tookMs);
    notes.push(`${rateText(tookMs)} against ${rateText(directMs)}`);
  }
  return [
    createFigure({
      section: SECTION,
      name: "100 MiB between the two, whole, through a relay: rate to that of TCP to the relay's site",
      unit: "x",
      sense: "at-least",
      bar: SHARE_BAR,
      measured: Math.min(...shares),
      n: shares.length,
      note: notes[shares.indexOf(Math.min(...shares))] ?? "",
    }),
  ];
}

function rateText(tookMs: number): string {
  return `${((8 * STREAM_BYTES) / 1e6 / (tookMs / 1000)).toFixed(0)} Mbit/s`;
}

/** Time until a new stream has been answered; the second stream of each try does not count. */
async function untilAnswered(bed: Bed): Promise<number> {
  const startedMs = performance.now();
  let answeredMs = Infinity;
  await bed.until(
    async () => {
      const triedMs = performance.now();
      const { connectMs, roundTripMs, way } = await bed.stream(SENDER, RECEIVER, 0);
      answeredMs = triedMs - startedMs + connectMs + roundTripMs;
      return way === "relayed";
    },
    STREAM_LIMIT_MS,
    TRY_EVERY_MS,
  );
  return answeredMs;
}

/** From the SIGKILL of the relay that carries the connection until a new stream has answered. */
async function measureRelayDeath(bed: Bed, { isQuick, progress }: BenchRun): Promise<Figure[]> {
  const times: number[] = [];
  for (let i = 0; i < (isQuick ? 3 : 8); i++) {
    const relay = await busiestHost(bed, RELAYS, () => bed.stream(SENDER, RECEIVER, 2 ** 22));
    await bed.lab.kill([relay]);
    const tookMs = await untilAnswered(bed);
    progress(`${relay} killed: a new stream after ${Math.round(tookMs)} ms`);
    times.push(tookMs);
    await bed.start([relay]);
    await bed.need("hosts behind NAT have relays again", () => areServed(bed), SETTLE_LIMIT_MS);
  }
  const figure = (which: string, measured: number): Figure =>
    createFigure({
      section: SECTION,
      name: `the relay in use killed: a new stream, ${which}`,
      unit: "ms",
      bar: STREAM_BAR_MS,
      measured,
      n: times.length,
    });
  return [figure("p50", percentile(times, 0.5)), figure("slowest", maximum(times))];
}
