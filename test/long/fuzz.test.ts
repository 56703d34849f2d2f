/**
 * Every decoder under coverage-guided fuzzing, an hour in all; `CAUSEWAY_FUZZ_MINUTES` says
 * otherwise, and `CAUSEWAY_FUZZ_SEED` takes other dice. What it finds is kept for the next run.
 */
import { afterAll, describe, expect, it } from "vitest";
import {
  CORPUS,
  LONG_CORPUS,
  readCorpus,
  saveFinding,
  writeCorpus,
} from "../fuzz/engine/corpus.ts";
import { Fuzzer } from "../fuzz/engine/fuzzer.ts";
import { TARGETS } from "../fuzz/targets/index.ts";

const MINUTES = Number(process.env["CAUSEWAY_FUZZ_MINUTES"] ?? 60);
const SEED = Number(process.env["CAUSEWAY_FUZZ_SEED"] ?? 1);
const MS_EACH = (MINUTES * 60_000) / TARGETS.length;
/** Loading, replaying the corpus and cutting it down come on top. */
const REST_MS = 300_000;

const fuzzer = new Fuzzer(new URL("../fuzz/targets/index.ts", import.meta.url));
afterAll(() => fuzzer.close());

describe.each(TARGETS.map(({ name }) => name))("%s", (name) => {
  it(
    "survives its share of the time",
    async () => {
      const corpus = [...readCorpus(CORPUS, name), ...readCorpus(LONG_CORPUS, name)];
      const options = { ms: MS_EACH, seed: SEED, corpus, isMinimised: true };
      const result = await fuzzer.run(name, options);
      const { executions, blocks, found, kept } = result;
      process.stdout.write(
        `${name}: ${executions} inputs, ${blocks} blocks, kept ${kept.length}\n`,
      );
      if (found.length === 0) writeCorpus(LONG_CORPUS, name, kept);
      expect(found.map((finding) => saveFinding(finding))).toEqual([]);
      expect(executions).toBeGreaterThan(0);
    },
    MS_EACH + REST_MS,
  );
});
