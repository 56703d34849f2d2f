/** One of the threads of a run: a partition, its mail and the barrier at the end of each window. */
import { parentPort, workerData } from "node:worker_threads";
import { MailboxWriter, readMailbox, type MailboxMemory } from "../engine/mailbox.ts";
import type { RecordsFound } from "../engine/records-found.ts";
import type { TraceLine } from "../engine/script.ts";
import { Simulation, type Exchange, type World } from "../engine/simulation.ts";
import { protocolOf } from "../protocols.ts";
import type { Scenario } from "../scenario/scenario.ts";
import { Barrier } from "./barrier.ts";

/** What a thread is started with. */
export interface ThreadWork {
  readonly scenario: Scenario;
  readonly matrix: readonly Float64Array[];
  readonly churnTrace: readonly TraceLine[];
  readonly world: World;
  readonly index: number;
  readonly count: number;
  readonly barrier: SharedArrayBuffer;
  readonly wantsEdges: boolean;
  /** By turns; what this thread writes, and what the other one wrote. */
  readonly outgoing: readonly [MailboxMemory, MailboxMemory];
  readonly incoming: readonly [MailboxMemory, MailboxMemory];
}

/** What a thread tells. */
export type ThreadWord =
  | { readonly type: "progress"; readonly simulatedS: number; readonly events: number }
  | {
      readonly type: "found";
      readonly counts: Float64Array;
      readonly latencies: Int32Array;
      readonly messages: Float64Array;
      readonly bytes: Float64Array;
      readonly lanMessages: Float64Array;
      readonly lanBytes: Float64Array;
      readonly events: number;
      readonly hash: readonly [number, number];
      readonly handled: Float64Array;
      readonly records: readonly RecordsFound[];
      /** From and to by turns. */
      readonly edges: Int32Array;
    };

const work = workerData as ThreadWork;
const { scenario, matrix, churnTrace, world, index, count, outgoing, incoming } = work;
const barrier = new Barrier(work.barrier, count);
const writers = [new MailboxWriter(outgoing[0]), new MailboxWriter(outgoing[1])] as const;
let turn: 0 | 1 = 0;

const exchange: Exchange = {
  swap(partition) {
    writers[turn].close(partition);
    barrier.wait();
    const notes = readMailbox(incoming[turn], (timeNs, words, at) =>
      partition.accept(timeNs, words, at),
    );
    turn = turn === 0 ? 1 : 0;
    writers[turn].clear();
    return notes;
  },
};

const simulation = new Simulation(
  { scenario, matrix, churnTrace, protocol: protocolOf(scenario), trace: undefined },
  world,
  {
    ...{ index, count },
    mail: (timeNs, words, at, lists) => writers[turn].put(timeNs, words, at, lists),
  },
);
for (const progress of simulation.run(exchange)) tell({ type: "progress", ...progress });
const { probes, hash, handled, records } = simulation.found();
const { counts, latencies, messages, bytes, lanMessages, lanBytes, events } = probes;
tell({
  ...{ type: "found", counts, latencies, messages, bytes, lanMessages, lanBytes, events },
  ...{ hash: hash.halves, handled, records },
  edges: Int32Array.from(work.wantsEdges ? [...simulation.edges()].flat() : []),
});

function tell(word: ThreadWord): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, no window
  parentPort!.postMessage(word);
}
