/** A thread that measures the bare queue; one of its own has compiled nothing else before. */
import { parentPort, workerData } from "node:worker_threads";
import { HoldModel } from "../engine/hold-model.ts";

/** What the thread is started with. */
export interface HoldWork {
  readonly pending: number;
  /** Steps of one measurement, and how many measurements there are. */
  readonly steps: number;
  readonly repeats: number;
}

const { pending, steps, repeats } = workerData as HoldWork;
const model = new HoldModel(pending);
// The wheel suits its slots to the traffic, and V8 compiles.
model.hold(Math.max(steps, 2 * pending));
const perCpuS = Array.from({ length: repeats }, () => {
  const before = process.threadCpuUsage();
  model.hold(steps);
  const { user, system } = process.threadCpuUsage(before);
  return steps / ((user + system) / 1e6);
});
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, no window
parentPort!.postMessage(perCpuS);
