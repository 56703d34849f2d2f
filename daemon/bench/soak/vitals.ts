/** What a daemon holds: memory after a full collection, file descriptors, streams. */
import { readFileSync, readdirSync } from "node:fs";
import { extname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Bed } from "../bed.ts";
import { BenchError } from "../errors.ts";

export interface Vitals {
  readonly atMs: number;
  /** Live objects and the buffers that they hold, after a full collection. */
  readonly heldBytes: number;
  /** Part of that: code that was compiled, and what belongs to it. A daemon compiles what it often does, for hours. */
  readonly codeBytes: number;
  /** As the kernel counts, with what the allocator has not given back. */
  readonly residentBytes: number;
  readonly fileDescriptors: number;
  /** Open libp2p streams. */
  readonly streams: number;
}

const COLLECTED_MS = 700;
const CODE_SPACES = ["code", "code_large_object", "trusted", "trusted_large_object"] as const;

/** Command that runs a daemon which collects on SIGUSR2. */
export function collectingProgram(): readonly string[] {
  const file = join(import.meta.dirname, `collect-on-signal${extname(import.meta.filename)}`);
  return ["env", `NODE_OPTIONS=--import=file://${file}`, "causeway"];
}

export async function readVitals(bed: Bed, host: string, atMs: number): Promise<Vitals> {
  const mark = bed.lab.daemonProcess(host);
  if (mark === undefined) throw new BenchError("ERR_BENCH_PROGRAM", `no daemon runs on ${host}`);
  process.kill(mark.pid, "SIGUSR2");
  await sleep(COLLECTED_MS);
  const metrics = await bed.metrics(host);
  return {
    atMs,
    heldBytes:
      metricOf(metrics, "nodejs_heap_size_used_bytes") +
      metricOf(metrics, "nodejs_external_memory_bytes"),
    codeBytes: CODE_SPACES.reduce((sum, space) => sum + metricOf(metrics, spaceMetric(space)), 0),
    residentBytes: residentBytes(mark.pid),
    fileDescriptors: readdirSync(`/proc/${mark.pid}/fd`).length,
    streams: metricOf(metrics, "overlay_streams"),
  };
}

/** @throws {BenchError} ERR_BENCH_PROGRAM when there is no such metric */
export function metricOf(metrics: ReadonlyMap<string, number>, name: string): number {
  const value = metrics.get(name);
  if (value === undefined) throw new BenchError("ERR_BENCH_PROGRAM", `no metric ${name}`);
  return value;
}

function spaceMetric(space: string): string {
  return `nodejs_heap_space_size_used_bytes{space="${space}"}`;
}

function residentBytes(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kilobytes ?? NaN) * 1024;
}
