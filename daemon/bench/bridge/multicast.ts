/**
 * What a hundred imported services cost the links in multicast, against an Avahi that reflects the
 * same services between two other links, recorded at the same time.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { formatAddress, parseAddress } from "../../../platform/address.ts";
import { bedOf, withBed, type Bed } from "../bed.ts";
import { BenchError } from "../errors.ts";
import {
  createFigure,
  type BenchRun,
  type Figure,
  type FigureTable,
  type SectionResult,
} from "../figure.ts";
import { maximum } from "../statistics.ts";
import { AvahiObserver, needAvahiPrograms } from "./avahi-programs.ts";
import { countMulticast } from "./multicast-count.ts";
import { startReflector } from "./reflector.ts";
import { exportRule, importRule, needBridges } from "./rules.ts";

const SECTION = "traffic";
const TYPE = "_http._tcp";
/** Two bridged sites, and two whose links a reflector joins. */
const BRIDGED = { sites: ["alpha", "beta"], server: "alpha-2", user: "beta-3" } as const;
const REFLECTED = { sites: ["gamma", "delta"], server: "gamma-1", user: "delta-1" } as const;
const DAEMONS = ["alpha-1", "beta-1", "beta-2"];
const REFLECTOR = "gamma-2";
const LAB = [
  "{ name: alpha, hosts: 2, avahi: true, uplink: { delay: 5ms } }",
  "{ name: beta, hosts: 3, avahi: true, uplink: { delay: 5ms } }",
  "{ name: gamma, hosts: 2, avahi: true }",
  "{ name: delta, hosts: 1, avahi: true }",
];

const PER_SECOND = 1;
/** All are announced, probed for and answered by then. */
const SETTLE_MS = 20_000;
const SHOWN_LIMIT_MS = 60_000;
/** More than the 120 s that addresses and SRV records are held: what is refreshed is in it. */
const IDLE_MS = 150_000;
const BROWSED_MS = 60_000;

/** What was sent while the links were recorded. */
interface Recorded {
  /** Multicast packets by host. */
  readonly counts: ReadonlyMap<string, number>;
  readonly seconds: number;
}

export async function runMulticast(run: BenchRun): Promise<SectionResult> {
  needAvahiPrograms();
  const services = run.isQuick ? 25 : 100;
  return withBed({ ...bedOf(run, SECTION), sites: LAB }, async (bed) => {
    await startReflector(bed, REFLECTOR, "delta");
    await bed.start(DAEMONS);
    await bed.settle(2, DAEMONS.length);
    await exportRule(bed, "alpha-1", TYPE);
    await importRule(bed, "beta-1", [TYPE]);
    await needBridges(bed, ["alpha-1"], 1);
    await needBridges(bed, ["beta-1", "beta-2"], 2);
    const owners = await readOwners(bed);
    const coming = await record(bed, owners, async () => {
      run.progress(`announcing ${services} services`);
      for (const { server } of [BRIDGED, REFLECTED]) announce(bed, server, services);
      await needShown(bed, services);
      run.progress("all are seen at the other sites");
      await bed.pause(SETTLE_MS);
    });
    const idleMs = run.isQuick ? 30_000 : IDLE_MS;
    run.progress(`idle for ${idleMs / 1000} s`);
    const idle = await record(bed, owners, () => bed.pause(idleMs));
    run.progress(`a browser is open for ${BROWSED_MS / 1000} s`);
    const browsed = await record(bed, owners, () => browse(bed));
    await needShown(bed, services);
    return {
      figures: [
        trafficFigure(`idle, ${services} imported`, idle),
        trafficFigure(`a browser opened, ${services} imported`, browsed),
      ],
      tables: [tableOf(bed, { coming, idle, browsed })],
    };
  });
}

/** By files, which need no program that stays. */
function announce({ lab }: Bed, host: string, count: number): void {
  const directory = join(lab.paths(host).directory, "avahi", "services");
  for (let i = 0; i < count; i++) {
    const service = `<service><type>${TYPE}</type><port>${8000 + i}</port></service>`;
    const group = `<service-group><name>Web ${i}</name>${service}</service-group>`;
    writeFileSync(join(directory, `web-${i}.service`), group);
  }
}

/** All are seen, at both places. */
async function needShown(bed: Bed, count: number): Promise<void> {
  const seen = [BRIDGED, REFLECTED].map(({ user }) => new AvahiObserver(bed.lab, user, TYPE));
  try {
    await bed.guard(Promise.all(seen.map((one) => one.needCount(count, SHOWN_LIMIT_MS))));
  } finally {
    for (const one of seen) one.close();
  }
}

/** On one host of either importing link. */
async function browse(bed: Bed): Promise<void> {
  const users = [BRIDGED.user, REFLECTED.user];
  const browsers = users.map((user) => new AvahiObserver(bed.lab, user, TYPE));
  try {
    await bed.pause(BROWSED_MS);
  } finally {
    for (const browser of browsers) browser.close();
  }
}

/** Records all four links while something is done. */
async function record(
  bed: Bed,
  owners: ReadonlyMap<string, string>,
  work: () => Promise<void>,
): Promise<Recorded> {
  const sites = [...BRIDGED.sites, ...REFLECTED.sites];
  const captures = await Promise.all(sites.map((site) => bed.capture(site)));
  const startedMs = performance.now();
  await work();
  const seconds = (performance.now() - startedMs) / 1000;
  const packets = (await Promise.all(captures.map((capture) => capture.stop()))).flat();
  return { counts: countMulticast(packets, owners), seconds };
}

/** Which host has which address. */
async function readOwners({ lab }: Bed): Promise<ReadonlyMap<string, string>> {
  const owners = new Map<string, string>();
  for (const { name } of lab.hosts) {
    const { stdout, status } = await lab.exec(name, ["ip", "-json", "address"]);
    if (status !== 0) throw new BenchError("ERR_BENCH_PROGRAM", `no addresses of ${name}`);
    for (const { addr_info: list } of JSON.parse(stdout) as readonly AddressLine[])
      for (const { local } of list) {
        const bytes = parseAddress(local);
        if (bytes !== undefined) owners.set(formatAddress(bytes), name);
      }
  }
  return owners;
}

/** What is read of a line of `ip -json address`. */
interface AddressLine {
  readonly addr_info: readonly { readonly local: string }[];
}

/** The daemons' hosts, Avahi on them included, against the host that reflects. */
function trafficFigure(name: string, recorded: Recorded): Figure {
  const rate = (host: string): number => sumOf(recorded, [host]) / recorded.seconds;
  const reflected = rate(REFLECTOR);
  return createFigure({
    section: SECTION,
    name: `multicast, most of any host with a daemon: ${name}`,
    unit: "per s",
    bar: PER_SECOND,
    measured: maximum(DAEMONS.map(rate)),
    n: DAEMONS.length,
    ...(reflected === 0
      ? { note: "the reflector sent nothing" }
      : { baseline: { what: `reflector, ${name}, a second`, value: reflected } }),
  });
}

interface Recordings {
  readonly coming: Recorded;
  readonly idle: Recorded;
  readonly browsed: Recorded;
}

function tableOf(bed: Bed, { coming, idle, browsed }: Recordings): FigureTable {
  const roles = new Map<string, string>([
    ...DAEMONS.map((host) => [host, "daemon"] as const),
    ...[BRIDGED, REFLECTED].map(({ server }) => [server, "services"] as const),
    ...[BRIDGED, REFLECTED].map(({ user }) => [user, "browser"] as const),
    [REFLECTOR, "reflector, both links"] as const,
  ]);
  const row = (name: string, role: string, hosts: readonly string[]): readonly string[] => [
    name,
    role,
    String(sumOf(coming, hosts)),
    ...[idle, browsed].map((one) => (sumOf(one, hosts) / one.seconds).toFixed(3)),
  ];
  const named = [coming, idle, browsed].flatMap(({ counts }) => [...counts.keys()]);
  const hosts = [...new Set([...bed.hosts(), ...named])];
  return {
    title: "multicast packets: in all while the services come, and a second afterwards",
    head: ["host", "what", "coming", "idle", "a browser opened"],
    rows: [
      ...hosts.map((host) => row(host, roles.get(host) ?? "not of the lab", [host])),
      row("together", `${DAEMONS.length} daemons, both links`, DAEMONS),
    ],
  };
}

function sumOf({ counts }: Recorded, hosts: readonly string[]): number {
  return hosts.reduce((sum, host) => sum + (counts.get(host) ?? 0), 0);
}
