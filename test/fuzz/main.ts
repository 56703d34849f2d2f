/**
 * `npm run fuzz -- [TARGET...] [options]`: coverage-guided fuzzing of the decoders.
 *
 *     --minutes N    in all, shared evenly by the targets (default 1)
 *     --inputs N     so many inputs per target instead
 *     --seed N       default 1; the same seed and corpus with --inputs give the same run
 *     --keep         minimise what was found and write it to test/fuzz/corpus
 *     --random       no guidance, for comparison
 *     --replay FILE  runs one input, and shows what it does
 *     --list         the targets
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import type { CampaignOptions, CampaignResult, Progress } from "./engine/campaign.ts";
import { CORPUS, LONG_CORPUS, readCorpus, saveFinding, writeCorpus } from "./engine/corpus.ts";
import { Fuzzer } from "./engine/fuzzer.ts";
import { removeScratch } from "./engine/scratch.ts";
import { isRefusal } from "./engine/target.ts";

const TARGETS_MODULE = new URL("targets/index.ts", import.meta.url);

/** Of each target; more would only slow every unit run. */
const KEPT_MAX = 8;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    minutes: { type: "string", default: "1" },
    inputs: { type: "string" },
    seed: { type: "string", default: "1" },
    keep: { type: "boolean", default: false },
    random: { type: "boolean", default: false },
    replay: { type: "string" },
    list: { type: "boolean", default: false },
  },
});

function tell(line: string): void {
  process.stdout.write(`${line}\n`);
}

function show(progress: Progress, leftMs: number): void {
  const { target, executions, blocks, features, corpus, findings, tookMs } = progress;
  const perSecond = Math.round(executions / (tookMs / 1000));
  const left = Number.isFinite(leftMs) ? `, ${Math.max(0, Math.round(leftMs / 1000))} s left` : "";
  tell(
    `${target}: ${executions} inputs, ${perSecond}/s, ${blocks} blocks, ${features} features, ` +
      `corpus ${corpus}, findings ${findings}${left}`,
  );
}

async function replay(name: string, file: string): Promise<number> {
  const { TARGETS } = await import("./targets/index.ts");
  const target = TARGETS.find((one) => one.name === name);
  if (target === undefined)
    return unknownTarget(
      name,
      TARGETS.map((one) => one.name),
    );
  const startedAtMs = performance.now();
  let outcome = "accepted";
  let isFine = true;
  try {
    await target.run(new Uint8Array(readFileSync(file)));
  } catch (error) {
    isFine = isRefusal(error, target);
    outcome = isFine ? `refused, as it may be: ${String(error)}` : "a finding";
    if (!isFine) console.error(error);
  }
  removeScratch();
  tell(`${outcome}; ${(performance.now() - startedAtMs).toFixed(1)} ms`);
  return isFine ? 0 : 1;
}

function unknownTarget(name: string, names: readonly string[]): number {
  process.stderr.write(`no target "${name}"; there are ${names.join(", ")}\n`);
  return 2;
}

function positive(option: string, text: string): number {
  const value = Number(text);
  if (value > 0) return value;
  process.stderr.write(`--${option}: "${text}" is not a number above 0\n`);
  process.exit(2);
}

async function fuzz(fuzzer: Fuzzer): Promise<number> {
  const names = await fuzzer.names();
  if (values.list) return tell(names.join("\n")) ?? 0;
  const unknown = positionals.find((name) => !names.includes(name));
  if (unknown !== undefined) return unknownTarget(unknown, names);
  const chosen = positionals.length > 0 ? positionals : names;
  const inputs = values.inputs === undefined ? Infinity : positive("inputs", values.inputs);
  const isTimed = inputs === Infinity;
  const ms = isTimed ? (positive("minutes", values.minutes) * 60_000) / chosen.length : Infinity;
  const options = {
    seed: Number(values.seed),
    inputs,
    ms,
    guidance: values.random ? "random" : "coverage",
  } as const;
  const results: CampaignResult[] = [];
  for (const name of chosen) results.push(await fuzzOne(fuzzer, name, options));
  const sum = (field: "executions" | "blocks" | "findings"): number =>
    results.reduce((total, result) => total + result[field], 0);
  tell(`${sum("executions")} inputs, ${sum("blocks")} blocks, ${sum("findings")} findings in all`);
  return sum("findings") > 0 ? 1 : 0;
}

async function fuzzOne(
  fuzzer: Fuzzer,
  name: string,
  options: Pick<CampaignOptions, "seed" | "inputs" | "ms" | "guidance">,
): Promise<CampaignResult> {
  const corpus = [...readCorpus(CORPUS, name), ...readCorpus(LONG_CORPUS, name)];
  const result = await fuzzer.run(
    name,
    { ...options, corpus, isMinimised: values.keep, keptMax: KEPT_MAX },
    (progress) => show(progress, options.ms - progress.tookMs),
  );
  show(result, NaN);
  for (const finding of result.found) tell(saveFinding(finding));
  const isLost = result.found.some(({ type }) => type === "hang" || type === "crash");
  if (values.keep && !isLost) writeCorpus(CORPUS, name, result.kept);
  return result;
}

if (values.replay !== undefined)
  process.exitCode = await replay(positionals[0] ?? "", values.replay);
else {
  const fuzzer = new Fuzzer(TARGETS_MODULE);
  try {
    process.exitCode = await fuzz(fuzzer);
  } finally {
    await fuzzer.close();
  }
}
