/** The whole corpus, and a few thousand new inputs for each decoder: what CI can afford. */
import { afterAll, describe, expect, it } from "vitest";
import { CORPUS, readCorpus, saveFinding } from "./engine/corpus.ts";
import { Fuzzer } from "./engine/fuzzer.ts";
import { TARGETS } from "./targets/index.ts";

const INPUTS = 2000;
const fuzzer = new Fuzzer(new URL("targets/index.ts", import.meta.url), { isCovered: false });
afterAll(() => fuzzer.close());

describe.each(TARGETS.map(({ name }) => name))("%s", (name) => {
  it("survives its corpus and what is made of it", async () => {
    const corpus = readCorpus(CORPUS, name);
    const options = { inputs: INPUTS, seed: 1, guidance: "corpus", corpus } as const;
    const { found, executions } = await fuzzer.run(name, options);
    expect(found.map((finding) => saveFinding(finding))).toEqual([]);
    expect(executions).toBe(INPUTS);
  }, 60_000);
});
