/** No decoder without a target, and no target that does not reach its decoder. */
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { CORPUS, readCorpus } from "./engine/corpus.ts";
import { removeScratch } from "./engine/scratch.ts";
import { isRefusal } from "./engine/target.ts";
import { TARGETS } from "./targets/index.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const FOLDERS = ["platform", "packets", "overlay", "bridge", "daemon", "sim"];
const DECODER =
  /^export (?:async )?(?:function|const) ((?:decode|parse|check|verify)[A-Z]\w*|\w+Codec)\b/gm;

/** Named like decoders, and none: each with the reason. */
const NO_DECODERS: Readonly<Record<string, string>> = {
  "daemon/bench/chaos/checker.ts checkRun": "judges a run of its own program",
  "daemon/bench/chaos/membership-rules.ts checkMembership": "a rule of that",
  "daemon/bench/chaos/watch-rules.ts checkWatchOrder": "a rule of that",
  "daemon/bench/chaos/watch-rules.ts checkWatchEnds": "a rule of that",
  "overlay/io/free-ports.ts checkPort": "binds a port",
  "overlay/schema/codec.ts createCodec": "makes the codecs of messages, each of which is fuzzed",
  "sim/overlay/checkers/copy-rules.ts checkDurable": "judges a run of the simulator",
  "sim/overlay/checkers/copy-rules.ts checkCopies": "a rule of that",
  "sim/overlay/checkers/membership-rules.ts checkMembership": "a rule of that",
  "sim/overlay/checkers/membership-rules.ts checkSurvivors": "a rule of that",
  "overlay/records/record-schema.ts messageCodec": "makes codecs; those of records are fuzzed",
};

const CORPUS_FILES_MAX = 600;
const CORPUS_BYTES_MAX = 300 * 1024;

afterAll(removeScratch);

function decoders(): string[] {
  return FOLDERS.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts"))
      .map((name) => join(folder, name))
      .flatMap((path) =>
        [...readFileSync(join(ROOT, path), "utf8").matchAll(DECODER)].map(
          ([, name]) => `${path} ${name}`,
        ),
      ),
  );
}

describe("every decoder", () => {
  it("has a target: name it in `covers` of one in test/fuzz/targets, or say why it is none", () => {
    const covered = new Set(TARGETS.flatMap(({ covers }) => covers));
    const missing = decoders().filter((name) => !covered.has(name) && !(name in NO_DECODERS));
    expect(missing).toEqual([]);
  });

  it("that is named exists", () => {
    const known = new Set(decoders());
    const named = [...TARGETS.flatMap(({ covers }) => covers), ...Object.keys(NO_DECODERS)];
    const gone = named.filter((name) => !known.has(name) && !/ read[A-Z]\w*$/.test(name));
    expect(gone).toEqual([]);
  });
});

describe.each(TARGETS.map((target) => [target.name, target] as const))("%s", (_name, target) => {
  it("accepts a seed, so that mutations begin behind every check, and none is a finding", async () => {
    let accepted = 0;
    for (const seed of await target.seeds()) {
      expect(seed.length).toBeLessThanOrEqual(target.bytesMax);
      try {
        await target.run(new Uint8Array(seed));
        accepted++;
      } catch (error) {
        if (!isRefusal(error, target)) throw error;
      }
    }
    expect(accepted).toBeGreaterThan(0);
  });
});

describe("the corpus", () => {
  it("is of these targets, small, and not of many files", () => {
    const names = readdirSync(CORPUS);
    expect(names.filter((name) => !TARGETS.some((target) => target.name === name))).toEqual([]);
    const inputs = names.flatMap((name) => readCorpus(CORPUS, name));
    expect(inputs.length).toBeGreaterThan(0);
    expect(inputs.length).toBeLessThanOrEqual(CORPUS_FILES_MAX);
    const bytes = inputs.reduce((sum, input) => sum + input.length, 0);
    expect(bytes).toBeLessThanOrEqual(CORPUS_BYTES_MAX);
  });
});
