/** Entry of the worker thread that `delay-lines.ts` starts. */
import { workerData } from "node:worker_threads";
import { DelayLoop, type DelayLineEnds, type DelayShared } from "./delay-loop.ts";

const { lines, shared } = workerData as {
  readonly lines: readonly DelayLineEnds[];
  readonly shared: DelayShared;
};
new DelayLoop(lines, shared).run();
