/** The thread in which decoders run: it may hang or run out of memory, and is replaced then. */
import { fileURLToPath } from "node:url";
import { parentPort, workerData } from "node:worker_threads";
import { Campaign, type CampaignOptions, type CampaignResult, type Progress } from "./campaign.ts";
import { BlockCoverage } from "./coverage.ts";
import { InputSlot } from "./judge.ts";
import type { FuzzTarget } from "./target.ts";

export interface WorkerData {
  /** URL of a module that exports `TARGETS`. */
  readonly targets: string;
  readonly slot: SharedArrayBuffer;
  /** Counting blocks makes code slower; only guidance by coverage needs it. */
  readonly isCovered: boolean;
}

export interface WorkerOrder {
  readonly target: string;
  readonly options: CampaignOptions;
}

export type WorkerReport =
  | { readonly type: "ready"; readonly targets: readonly string[] }
  | { readonly type: "progress"; readonly progress: Progress }
  | { readonly type: "done"; readonly result: CampaignResult }
  /** The target itself broke: its seeds, for one. */
  | { readonly type: "broken"; readonly message: string };

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const OWN_CODE = new RegExp(`^file://${RegExp.escape(ROOT)}(?!test/|node_modules/)`);

const { targets: url, slot: shared, isCovered } = workerData as WorkerData;
const slot = new InputSlot(shared);
const coverage = new BlockCoverage();
if (isCovered) coverage.start(); // before the decoders load, or their code has no counters
const { TARGETS } = (await import(url)) as { readonly TARGETS: readonly FuzzTarget[] };

function report(message: WorkerReport): void {
  parentPort!.postMessage(message, []);
}

async function obey({ target: name, options }: WorkerOrder): Promise<CampaignResult> {
  const target = TARGETS.find((one) => one.name === name);
  if (target === undefined) throw new Error(`no target ${name}`);
  const { counts } = target;
  coverage.begin((script) => OWN_CODE.test(script) || counts?.test(script) === true);
  const campaign = new Campaign(target, options, coverage, slot);
  return campaign.run((progress) => report({ type: "progress", progress }));
}

parentPort!.on("message", (order: WorkerOrder) => {
  obey(order).then(
    (result) => report({ type: "done", result }),
    (error: unknown) =>
      report({
        type: "broken",
        message: error instanceof Error ? (error.stack ?? error.message) : String(error),
      }),
  );
});
report({ type: "ready", targets: TARGETS.map(({ name }) => name) });
