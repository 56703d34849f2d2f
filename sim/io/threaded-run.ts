/** One run on several threads; the results are those of one thread, bit by bit. */
import { Worker } from "node:worker_threads";
import { createMailboxMemory } from "../engine/mailbox.ts";
import { Probes } from "../engine/probes.ts";
import { createWorld, outcomeOf, samplesOf } from "../engine/simulation.ts";
import { TraceHash } from "../engine/trace-hash.ts";
import { typeNamesOf } from "../protocols.ts";
import type { Scenario } from "../scenario/scenario.ts";
import { createBarrierMemory } from "./barrier.ts";
import type { ThreadWord, ThreadWork } from "./partition-thread.ts";
import type { Finished, RunHooks } from "./run-simulation.ts";

const THREADS = 2;
type Found = Extract<ThreadWord, { readonly type: "found" }>;

/** @throws the signal's reason when it is aborted; whatever a thread throws */
export async function runThreaded(scenario: Scenario, hooks: RunHooks): Promise<Finished> {
  const { matrix, churnTrace, wantsEdges, signal, onProgress } = hooks;
  signal.throwIfAborted(); // later it would leave threads behind whose end nobody waits for
  const world = createWorld(scenario);
  const barrier = createBarrierMemory();
  const mails = [pair(), pair()] as const;
  const events = new Float64Array(THREADS);
  const threads: Worker[] = [];
  const ended = [0, 1].map((index) => {
    const outgoing = mails[index]!;
    const incoming = mails[1 - index]!;
    const base = { scenario, matrix, churnTrace, world, barrier, wantsEdges };
    const work: ThreadWork = { ...base, index, count: THREADS, outgoing, incoming };
    const thread = new Worker(new URL(THREAD, import.meta.url), { workerData: work });
    threads.push(thread);
    return foundBy(thread, (word) => {
      events[index] = word.events;
      if (index === 0) onProgress({ simulatedS: word.simulatedS, events: events[0]! + events[1]! });
    });
  });
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason as Error);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    const found = await Promise.race([Promise.all(ended), aborted]);
    return merge(scenario, found);
  } finally {
    signal.removeEventListener("abort", onAbort);
    await Promise.all(threads.map((thread) => thread.terminate()));
  }
}

/** The published package has JavaScript only, a clone has TypeScript only. */
const THREAD = import.meta.url.endsWith(".ts") ? "./partition-thread.ts" : "./partition-thread.js";

function pair(): ThreadWork["outgoing"] {
  return [createMailboxMemory(), createMailboxMemory()];
}

function foundBy(
  thread: Worker,
  onProgress: (word: Extract<ThreadWord, { readonly type: "progress" }>) => void,
): Promise<Found> {
  return new Promise((resolve, reject) => {
    thread.on("message", (word: ThreadWord) => {
      if (word.type === "progress") onProgress(word);
      else resolve(word);
    });
    thread.on("error", reject);
    thread.on("exit", () => reject(new Error("a thread of the simulation ended too early")));
  });
}

function merge(scenario: Scenario, parts: readonly Found[]): Finished {
  const probes = new Probes(samplesOf(scenario));
  const hash = new TraceHash();
  for (const part of parts) {
    probes.merge(part);
    hash.merge(part.hash);
  }
  const handled = new Float64Array(parts.reduce((sum, part) => sum + part.handled.length, 0));
  let at = 0;
  for (const part of parts) {
    handled.set(part.handled, at);
    at += part.handled.length;
  }
  return {
    outcome: outcomeOf(scenario, {
      probes,
      hash,
      handled,
      typeNames: typeNamesOf(scenario),
      records: parts.flatMap(({ records }) => records),
    }),
    *edges() {
      for (const { edges } of parts)
        for (let i = 0; i < edges.length; i += 2) yield [edges[i]!, edges[i + 1]!];
    },
  };
}
