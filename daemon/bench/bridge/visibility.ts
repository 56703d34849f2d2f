/**
 * How soon a service of one site is seen at another, and how soon it is gone there, by Avahi's own
 * programs; against the same programs on one link, and against what z2z's defaults lead to.
 */
import type { ChildProcess } from "node:child_process";
import { errorCode } from "../../../platform/errors.ts";
import { bedOf, withBed, type Bed } from "../bed.ts";
import {
  createFigure,
  type Baseline,
  type BenchRun,
  type Figure,
  type SectionResult,
} from "../figure.ts";
import { sitesOf } from "../overlay/sites.ts";
import { maximum, median, percentile } from "../statistics.ts";
import { AvahiObserver, avahiPublish, needAvahiPrograms } from "./avahi-programs.ts";
import { exportRule, importRule, needBridges } from "./rules.ts";

const SECTION = "visibility";
const HOSTS_A_SITE = 3;
const EXPORTER = "alpha-1";
const IMPORTER = "beta-1";
const DAEMONS = ["alpha-1", "alpha-2", "beta-1", "beta-2"];
/** Has no daemon; all services are on it. */
const SERVER = "alpha-3";
/** On the link of the services. */
const NEAR_USER = "alpha-2";
/** At the other site, without a daemon. */
const FAR_USER = "beta-3";

const STANDING_TYPE = "_http._tcp";

const SEEN_MS = 2_500;
const GONE_MS = 2_000;
const CRASHED_MS = 5_000;
const LIMIT_MS = 15_000;
/** A host that crashes has answered a question by then. */
const ACQUAINTED_MS = 4_000;
/** Between samples, so that they do not fall into one packet. */
const GAP_MS = 300;

/** z2z asks for each key every 10 s unless told otherwise (§4.3.2); more keys take turns. */
const Z2Z_POLL_MS = 10_000;
/** And forgets what it has not found for so long. */
const Z2Z_STALE_MS = 300_000;

/** Times in ms, `Infinity` for what did not happen. */
interface Samples {
  /** From the first rule of its site's hosts, whose bridges do nothing before. */
  readonly first: number[];
  /** From a rule that selects it. */
  readonly ruled: number[];
  /** From its announcement, under a rule that stands. */
  readonly announced: number[];
  /** From the start of the program that publishes it: at the other site, and on its own link. */
  readonly started: { readonly far: number[]; readonly near: number[] };
  readonly gone: { readonly far: number[]; readonly near: number[] };
  readonly crashed: number[];
}

export async function runVisibility(run: BenchRun): Promise<SectionResult> {
  needAvahiPrograms();
  const sites = sitesOf(2, HOSTS_A_SITE, "avahi: true");
  return withBed({ ...bedOf(run, SECTION), sites }, async (bed) => {
    await bed.start(DAEMONS);
    await bed.settle(2, DAEMONS.length);
    const [count, crashes] = run.isQuick ? [10, 3] : [20, 5];
    const types = Array.from({ length: count + 1 }, (_, i) => ruledType(i));
    await importRule(bed, IMPORTER, [...types, STANDING_TYPE]);
    await needBridges(bed, ["beta-1", "beta-2"], 2);
    const samples: Samples = {
      first: [],
      ruled: [],
      announced: [],
      started: { far: [], near: [] },
      gone: { far: [], near: [] },
      crashed: [],
    };
    await sampleRules(bed, count, samples);
    run.progress(`after a rule: p50 ${median(samples.ruled).toFixed(0)} ms`);
    await sampleStanding(bed, count, samples);
    run.progress(`after it is announced: p50 ${median(samples.announced).toFixed(0)} ms`);
    run.progress(`after it is withdrawn: p50 ${median(samples.gone.far).toFixed(0)} ms`);
    await sampleCrashes(bed, crashes, samples);
    return { figures: figuresOf(samples), tables: [] };
  });
}

/**
 * Each is on its link long before. It has a type of its own, so that nobody there asked for that
 * before the rule.
 */
async function sampleRules(
  bed: Bed,
  count: number,
  { first, ruled, gone }: Samples,
): Promise<void> {
  for (let i = 0; i <= count; i++) {
    const [name, type] = [`Music ${i}.`, ruledType(i)];
    const service = { instance: name, type, port: 3000 + i, txt: ["Version=1"] };
    const near = new AvahiObserver(bed.lab, NEAR_USER, type);
    const far = new AvahiObserver(bed.lab, FAR_USER, type);
    const program = await bed.guard(avahiPublish(bed.lab, SERVER, service));
    try {
      await bed.guard(near.needResolved(name, ({ instance }) => instance === name));
      await bed.pause(GAP_MS);
      const startMs = Date.now();
      await exportRule(bed, EXPORTER, type);
      (i === 0 ? first : ruled).push(await seenAfter(bed, far, name, startMs));
      await withdraw(bed, { near, far, name, program, gone });
    } finally {
      program.kill();
      near.close();
      far.close();
    }
  }
}

function ruledType(i: number): string {
  return `_bench-${i}._tcp`;
}

/** Each is published while the rule is there. */
async function sampleStanding(
  bed: Bed,
  count: number,
  { announced, started, gone }: Samples,
): Promise<void> {
  await exportRule(bed, EXPORTER, STANDING_TYPE);
  const near = new AvahiObserver(bed.lab, NEAR_USER, STANDING_TYPE);
  const far = new AvahiObserver(bed.lab, FAR_USER, STANDING_TYPE);
  try {
    for (let i = 0; i < count; i++) {
      await bed.pause(GAP_MS);
      const name = `Web ${i}`;
      const service = { instance: name, type: STANDING_TYPE, port: 8000 + i };
      const startMs = Date.now();
      const program = await bed.guard(avahiPublish(bed.lab, SERVER, service));
      try {
        const announcedMs = Date.now() - startMs;
        started.near.push(await seenAfter(bed, near, name, startMs));
        const farMs = await seenAfter(bed, far, name, startMs);
        started.far.push(farMs);
        announced.push(farMs - announcedMs);
        await withdraw(bed, { near, far, name, program, gone });
      } finally {
        program.kill();
      }
    }
  } finally {
    near.close();
    far.close();
  }
}

interface Withdrawal {
  readonly near: AvahiObserver;
  readonly far: AvahiObserver;
  readonly name: string;
  readonly program: ChildProcess;
  readonly gone: Samples["gone"];
}

async function withdraw(bed: Bed, { near, far, name, program, gone }: Withdrawal): Promise<void> {
  await bed.pause(GAP_MS);
  const startMs = Date.now();
  program.kill("SIGTERM");
  gone.near.push(await goneAfter(bed, near, name, startMs));
  gone.far.push(await goneAfter(bed, far, name, startMs));
}

/** The host of a service is off its link from one moment to the next, and back. */
async function sampleCrashes(bed: Bed, count: number, { crashed }: Samples): Promise<void> {
  const name = "Crashing";
  const service = { instance: name, type: STANDING_TYPE, port: 9000 };
  const program = await bed.guard(avahiPublish(bed.lab, SERVER, service));
  try {
    for (let i = 0; i < count; i++) {
      const far = new AvahiObserver(bed.lab, FAR_USER, STANDING_TYPE);
      try {
        await bed.guard(far.needResolved(name, ({ instance }) => instance === name, 30_000));
        await bed.pause(ACQUAINTED_MS);
        const startMs = Date.now();
        await bed.lab.unplug(SERVER);
        crashed.push(await goneAfter(bed, far, name, startMs));
      } finally {
        far.close();
      }
      await bed.lab.plug(SERVER);
    }
  } finally {
    program.kill();
  }
}

async function seenAfter(
  bed: Bed,
  observer: AvahiObserver,
  name: string,
  startMs: number,
): Promise<number> {
  const isIt = ({ instance }: { readonly instance: string }): boolean => instance === name;
  return sinceOf(
    bed,
    startMs,
    async () => (await observer.needResolved(name, isIt, LIMIT_MS)).atMs,
  );
}

async function goneAfter(
  bed: Bed,
  observer: AvahiObserver,
  name: string,
  startMs: number,
): Promise<number> {
  return sinceOf(bed, startMs, () => observer.needGone(name, LIMIT_MS));
}

/** What does not come within its limit is a sample too. */
async function sinceOf(bed: Bed, startMs: number, wait: () => Promise<number>): Promise<number> {
  try {
    return (await bed.guard(wait())) - startMs;
  } catch (error) {
    if (errorCode(error) === "ERR_BENCH_TIMEOUT") return Infinity;
    throw error;
  }
}

function figuresOf({ first, ruled, announced, started, gone, crashed }: Samples): Figure[] {
  const shared = { section: SECTION, unit: "ms" } as const;
  const nearMs = median(started.near);
  const stale = { what: "z2z forgets what it has not found for 5 min, ms", value: Z2Z_STALE_MS };
  return [
    createFigure({
      ...shared,
      name: "seen after the first rule that its site ever had",
      bar: SEEN_MS,
      measured: maximum(first),
      n: first.length,
    }),
    ...seenFigures("a rule that selects it", ruled),
    ...seenFigures("its announcement, the rule stands", announced),
    createFigure({
      ...shared,
      name: "seen after avahi-publish is started, p50",
      bar: nearMs + SEEN_MS,
      measured: median(started.far),
      n: started.far.length,
      baseline: { what: "avahi-publish to avahi-browse on the same link, p50, ms", value: nearMs },
      note: `bar: ${SEEN_MS} ms more than on the same link`,
    }),
    createFigure({
      ...shared,
      name: "gone after its withdrawal, p50",
      bar: GONE_MS,
      measured: median(gone.far),
      n: gone.far.length,
      baseline: { what: "gone on the same link, p50, ms", value: median(gone.near) },
    }),
    createFigure({
      ...shared,
      name: "gone after its withdrawal, p95",
      bar: GONE_MS,
      measured: percentile(gone.far, 0.95),
      n: gone.far.length,
      baseline: stale,
    }),
    createFigure({
      ...shared,
      name: "gone after its host was unplugged, slowest",
      bar: CRASHED_MS,
      measured: maximum(crashed),
      n: crashed.length,
      baseline: stale,
    }),
  ];
}

function seenFigures(after: string, samples: readonly number[]): Figure[] {
  return [0.5, 0.95].map((share) => {
    const percent = `p${share * 100}`;
    // A change falls anywhere between two polls.
    const baseline: Baseline = {
      what: `z2z, ${percent} of a poll every 10 s, expected, ms`,
      value: share * Z2Z_POLL_MS,
    };
    return createFigure({
      section: SECTION,
      unit: "ms",
      name: `seen after ${after}, ${percent}`,
      bar: SEEN_MS,
      measured: percentile(samples, share),
      n: samples.length,
      baseline,
    });
  });
}
