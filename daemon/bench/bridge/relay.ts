/**
 * What the relay costs: a service and a client, each beside the host that exports or imports it,
 * against direct TCP and against socat on the same two hosts.
 *
 * With a rate they are two sites. Without one all are on one link: the lab's own uplinks carry less
 * than either, and would hide the difference.
 */
import { join } from "node:path";
import { bedOf, withBed, type Bed } from "../bed.ts";
import { createFigure, type BenchRun, type Figure, type SectionResult } from "../figure.ts";
import { median, percentile } from "../statistics.ts";
import type { RelaySettings } from "./relay-daemon.ts";
import { downloadRate, echoServer, echoTimes, socat, startServer, type Way } from "./traffic.ts";

const SECTION = "relay";
/** Which host does what. */
interface Places {
  readonly server: string;
  readonly exporter: string;
  readonly importer: string;
  readonly client: string;
}

const TWO_SITES: Places = {
  server: "alpha-2",
  exporter: "alpha-1",
  importer: "beta-1",
  client: "beta-2",
};
const ONE_LINK: Places = {
  server: "alpha-2",
  exporter: "alpha-1",
  importer: "alpha-3",
  client: "alpha-4",
};

const BULK_PORT = 5201;
const ECHO_PORT = 7007;
/** Where socat stands for a port of the service. */
const SOCAT_OFFSET = 100;

const RATE_MBIT = 100;
const SHAPED_DELAY_MS = 5;
const OF_DIRECT = 0.95;
const OF_SOCAT = 0.25;
const ABOVE_SOCAT_MS = 1;

/** How a client comes to the service. */
interface Ways {
  readonly places: Places;
  readonly direct: Way;
  readonly socat: Way;
  readonly relay: Way;
}

export async function runRelay(run: BenchRun): Promise<SectionResult> {
  const uplink = `{ rate: ${RATE_MBIT}mbit, delay: ${SHAPED_DELAY_MS}ms }`;
  const two = ["alpha", "beta"].map((name) => `{ name: ${name}, hosts: 2, uplink: ${uplink} }`);
  const one = ["{ name: alpha, hosts: 4 }"];
  const options = bedOf(run, SECTION);
  const shaped = await withBed({ ...options, sites: two }, async (bed) =>
    measureShaped(bed, await openWays(bed, TWO_SITES, run), run),
  );
  return withBed({ ...options, sites: one }, async (bed) => {
    const ways = await openWays(bed, ONE_LINK, run);
    const unpaced = await measureUnpaced(bed, ways, run);
    // Last, so that neither end is busy with its start any more.
    return { figures: [shaped, unpaced, ...(await measureLatency(bed, ways, run))], tables: [] };
  });
}

/** Starts the service and all that leads to it. */
async function openWays(bed: Bed, places: Places, { progress }: BenchRun): Promise<Ways> {
  const { lab } = bed;
  const { server, exporter, importer } = places;
  await bed.guard(startRelay(bed, places));
  await bed.settle(places === ONE_LINK ? 1 : 2, 2);
  progress("the two ends of the relay know each other");
  await startServer(bed, server, ECHO_PORT, echoServer(ECHO_PORT));
  for (const port of [BULK_PORT, ECHO_PORT]) {
    const hop = port + SOCAT_OFFSET;
    await startServer(bed, exporter, hop, socat(hop, lab.address(server), port));
    await startServer(bed, importer, hop, socat(hop, lab.address(exporter), hop));
  }
  return {
    places,
    direct: { name: "direct TCP", address: lab.address(server) },
    socat: { name: "socat, two hops", address: lab.address(importer) },
    relay: { name: "relay", address: lab.address(importer) },
  };
}

async function startRelay({ lab }: Bed, places: Places): Promise<void> {
  const { server, exporter, importer } = places;
  const settings: RelaySettings = {
    exporter,
    importer,
    entryAddress: lab.address(importer),
    serviceAddress: lab.address(server),
    servicePrefixBits: 24,
    ports: [BULK_PORT, ECHO_PORT],
  };
  const suffix = import.meta.filename.endsWith(".ts") ? "ts" : "js";
  const program = join(import.meta.dirname, `relay-daemon.${suffix}`);
  // As `causeway up` runs it.
  const node = [process.execPath, "--max-semi-space-size=1", program];
  await lab.start([exporter, importer], { program: [...node, JSON.stringify(settings)] });
}

async function measureLatency(bed: Bed, ways: Ways, run: BenchRun): Promise<Figure[]> {
  const count = run.isQuick ? 200 : 400;
  const times = {
    socat: { kept: [] as number[], fresh: [] as number[] },
    relay: { kept: [] as number[], fresh: [] as number[] },
  };
  for (let round = 0; round < 3; round++)
    for (const way of ["socat", "relay"] as const) {
      const port = way === "socat" ? ECHO_PORT + SOCAT_OFFSET : ECHO_PORT;
      const { kept, fresh } = await echoTimes(bed, ways.places.client, ways[way], port, count);
      times[way].kept.push(...kept);
      times[way].fresh.push(...fresh);
    }
  return (["kept", "fresh"] as const).map((kind) => {
    const base = percentile(times.socat[kind], 0.5);
    const samples = times.relay[kind];
    run.progress(
      `${kind}: socat ${base.toFixed(2)} ms, relay ${percentile(samples, 0.5).toFixed(2)} ms`,
    );
    return createFigure({
      section: SECTION,
      name: `echo on a ${kind === "kept" ? "kept connection" : "connection made for it"}, p50`,
      unit: "ms",
      bar: base + ABOVE_SOCAT_MS,
      measured: percentile(samples, 0.5),
      n: samples.length,
      baseline: { what: `${ways.socat.name}, ${kind} connection, ms`, value: base },
      note: `bar: ${ABOVE_SOCAT_MS} ms above socat`,
    });
  });
}

async function measureUnpaced(bed: Bed, ways: Ways, run: BenchRun): Promise<Figure> {
  const { base, measured, n } = await compareRates(bed, ways, "socat", run);
  return createFigure({
    section: SECTION,
    name: "download, no rate set",
    unit: "Mbit/s",
    sense: "at-least",
    bar: OF_SOCAT * base,
    measured,
    n,
    baseline: { what: `${ways.socat.name}, no rate set, Mbit/s`, value: base },
    note: `bar: ${OF_SOCAT} of socat`,
  });
}

async function measureShaped(bed: Bed, ways: Ways, run: BenchRun): Promise<Figure> {
  const { base, measured, n } = await compareRates(bed, ways, "direct", run);
  return createFigure({
    section: SECTION,
    name: `download at ${RATE_MBIT} Mbit/s`,
    unit: "Mbit/s",
    sense: "at-least",
    bar: OF_DIRECT * base,
    measured,
    n,
    baseline: { what: `${ways.direct.name} at ${RATE_MBIT} Mbit/s, Mbit/s`, value: base },
    note: `bar: ${OF_DIRECT} of direct TCP; round trip ${4 * SHAPED_DELAY_MS} ms`,
  });
}

/** By turns, so that whatever else the machine does meets both. */
async function compareRates(
  bed: Bed,
  ways: Ways,
  baselineName: "direct" | "socat",
  { isQuick, progress }: BenchRun,
): Promise<{ readonly base: number; readonly measured: number; readonly n: number }> {
  const [rounds, seconds] = isQuick ? [2, 3] : [3, 6];
  const { places, relay } = ways;
  const baseline = ways[baselineName];
  const rates = new Map<Way, number[]>([
    [baseline, []],
    [relay, []],
  ]);
  for (let round = 0; round < rounds; round++)
    for (const [one, list] of rates) {
      const port = one === ways.socat ? BULK_PORT + SOCAT_OFFSET : BULK_PORT;
      const { server, client } = places;
      const ends = { server, serverPort: BULK_PORT, client };
      list.push(await downloadRate(bed, { ...ends, way: one, port, seconds }));
    }
  for (const [{ name }, list] of rates)
    progress(`${name}: ${list.map((rate) => rate.toFixed(0)).join(", ")} Mbit/s`);
  return {
    base: median(rates.get(baseline)!),
    measured: median(rates.get(relay)!),
    n: rounds,
  };
}
