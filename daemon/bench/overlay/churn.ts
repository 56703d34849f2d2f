/**
 * Immunity to churn (mDHT §3.4.1.1): hosts come and go, routing tables do not change.
 *
 * Hosts leave, are killed and join while each subnet keeps one; a whole subnet is killed, another
 * cut off, in the same run. With `--flat` the same events once more with every host a DHT node of
 * its own.
 */
import { createFigure, type BenchRun, type Figure, type SectionResult } from "../figure.ts";
import { percentile } from "../statistics.ts";
import { drawChurn } from "./churn/chart.ts";
import { createFleet, subnetsOf, type Shape } from "./churn/fleet.ts";
import { planChurn, type ChurnPlan } from "./churn/plan.ts";
import { LATE_MS, runPlan, type ChurnResult } from "./churn/run.ts";

const SECTION = "churn";
const EVENTS = 200;
const EVENTS_QUICK = 40;
const EVICTED_MS = 60_000;
const FAILED_PER_GET = 0.05;
/** A pulled cable closes no connection: each host that asks finds out by a call or a few of its own. */
const CUT_CALLS_MAX = 5;

export async function runChurn(run: BenchRun): Promise<SectionResult> {
  const { isQuick, isFlat, seed } = run;
  const events = run.events ?? (isQuick ? EVENTS_QUICK : EVENTS);
  const churning = subnetsOf(["alpha", "beta", "gamma", "delta"].slice(0, isQuick ? 3 : 4), 3);
  const [lost, cut] = subnetsOf(["lost", "cut"], 2);
  const hosts = [...churning, lost, cut!].reduce((sum, one) => sum + one.hosts.length, 0);
  const plan = planChurn({ churning, lost: lost, cut: cut! }, events, seed);
  const subnets = await runShape("subnets", plan, run);
  const flat = isFlat ? await runShape("flat", plan, run) : undefined;
  const title = `${events} hosts leave, are killed or join; ${hosts} hosts, seed ${seed}`;
  return {
    figures: judge(subnets, events, hosts),
    tables: [compare(title, subnets, flat)],
    picture: drawChurn(title, subnets.points, flat?.points),
  };
}

async function runShape(shape: Shape, plan: ChurnPlan, run: BenchRun): Promise<ChurnResult> {
  run.progress(shape === "flat" ? "every host a node of its own" : "hosts of a link are one node");
  const fleet = createFleet(shape, [...plan.churning, plan.lost, plan.cut], run.seed);
  try {
    return await runPlan(plan, fleet, run.seed, run);
  } finally {
    fleet.remove();
  }
}

function judge(result: ChurnResult, events: number, hosts: number): Figure[] {
  const { sums, expected, missing, lostGets, getTimes, puts, refusedPuts } = result;
  const gets = getTimes.length + lostGets.length;
  const figure = (
    name: string,
    unit: Figure["unit"],
    measured: number,
    bar: number,
    n: number,
    note = "",
  ): Figure => createFigure({ section: SECTION, name, unit, measured, bar, n, note });
  return [
    figure("routing changes that no whole subnet explains", "count", sums.unexplained, 0, events),
    figure(
      "whole subnets that went or came, missed by a table",
      "count",
      missing,
      0,
      expected,
      `${sums.changes} changes in all`,
    ),
    figure("a subnet killed whole: out of every table", "ms", result.lostGoneMs, EVICTED_MS, 1),
    figure("a subnet cut off: out of every table", "ms", result.cutGoneMs, EVICTED_MS, 1),
    figure("gets that fail", "count", lostGets.length, 0, gets, lostGets.slice(0, 3).join("; ")),
    figure(
      "puts that fail",
      "count",
      refusedPuts.length,
      0,
      puts,
      refusedPuts.slice(0, 3).join("; "),
    ),
    figure("failed calls a get", "count", perGet(result), FAILED_PER_GET, sums.gets),
    figure("a host event: latest failed call", "ms", result.lateMs, LATE_MS, events),
    figure(
      "a subnet cut off: failed calls a host until it left every table",
      "count",
      result.cutFailedCalls / hosts,
      CUT_CALLS_MAX,
      hosts,
    ),
  ];
}

function compare(title: string, subnets: ChurnResult, flat: ChurnResult | undefined) {
  const shapes = flat === undefined ? [subnets] : [subnets, flat];
  const row = (name: string, of: (result: ChurnResult) => string): string[] => [
    name,
    ...shapes.map(of),
  ];
  return {
    title,
    head: ["", "hosts of a link are one node", "every host a node"].slice(0, 1 + shapes.length),
    rows: [
      row("routing changes", ({ sums }) => String(sums.changes)),
      row("gets, failed", ({ getTimes, lostGets }) => {
        return `${getTimes.length + lostGets.length}, ${lostGets.length}`;
      }),
      row("failed calls a get", (result) => perGet(result).toFixed(3)),
      row("get, p50 and p99, ms", ({ getTimes }) =>
        [0.5, 0.99].map((share) => percentile(getTimes, share).toFixed(0)).join(", "),
      ),
      row("moved by repair, MB", ({ sums }) => (sums.repairBytes / 1e6).toFixed(2)),
      row("killed, cut subnet out of every table, s", ({ lostGoneMs, cutGoneMs }) =>
        [lostGoneMs, cutGoneMs].map((ms) => (ms / 1000).toFixed(1)).join(", "),
      ),
    ],
  };
}

function perGet({ sums }: ChurnResult): number {
  return sums.failedCalls / sums.gets;
}
