/** What figures are compared with, measured in the same run. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Bed } from "./bed.ts";
import { BenchError } from "./errors.ts";
import type { Baseline } from "./figure.ts";
import { median } from "./statistics.ts";

const BARE_NODE_RUNS = 5;

/** Wall time of one run of a program, in ms. @throws {BenchError} ERR_BENCH_PROGRAM when it fails */
export async function runTimeMs(
  argv: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<number> {
  const [program = "", ...args] = argv;
  const startedMs = performance.now();
  const child = spawn(program, args, { env, stdio: "ignore" });
  const [status] = (await once(child, "close")) as [number | null];
  if (status === 0) return performance.now() - startedMs;
  throw new BenchError("ERR_BENCH_PROGRAM", `${argv.join(" ")} ended with ${status}`);
}

/** The Node that runs us, doing nothing. */
export const BARE_NODE: readonly string[] = [process.execPath, "-e", "0"];

export async function bareNodeBaseline(): Promise<Baseline> {
  const times: number[] = [];
  for (let i = 0; i < BARE_NODE_RUNS; i++) times.push(await runTimeMs(BARE_NODE));
  return { what: `node -e 0, median of ${BARE_NODE_RUNS}`, value: median(times) };
}

/** Median round trip over all these pairs, each pinged 20 times. */
export async function pingBaseline(
  bed: Bed,
  pairs: readonly (readonly [string, string])[],
): Promise<Baseline> {
  const times = await Promise.all(pairs.map(([from, to]) => bed.ping(from, to)));
  const all = times.flat();
  return { what: `ping between the same hosts, median of ${all.length}`, value: median(all) };
}

/** Each host with the one after the next, so that every site is crossed. */
export function pairsOf(hosts: readonly string[]): [string, string][] {
  return hosts.map((host, i) => [host, hosts[(i + 1) % hosts.length]!]);
}
