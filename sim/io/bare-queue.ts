/** How many events a CPU second the queue alone takes out and puts back. */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { HoldWork } from "./hold-thread.ts";

const REPEATS = 5;
const STEPS = 1_000_000;

/** The published package has JavaScript only, a clone has TypeScript only. */
const THREAD = import.meta.url.endsWith(".ts") ? "./hold-thread.ts" : "./hold-thread.js";

/** @returns the median of a few measurements, steps a CPU second */
export async function measureBareQueue(pending: number): Promise<number> {
  const workerData: HoldWork = { pending, steps: STEPS, repeats: REPEATS };
  const thread = new Worker(new URL(THREAD, import.meta.url), { workerData });
  const [rates] = (await once(thread, "message")) as [readonly number[]];
  await thread.terminate();
  return rates.toSorted((a, b) => a - b)[Math.floor(REPEATS / 2)]!;
}
