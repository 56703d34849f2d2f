import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { utf8 } from "../../platform/bytes.ts";
import { createRandom } from "../../platform/random.ts";
import { readCorpus, saveFinding, writeCorpus } from "./engine/corpus.ts";
import { Fuzzer } from "./engine/fuzzer.ts";
import type { Finding } from "./engine/judge.ts";
import { mutateProtobuf } from "./engine/protobuf-mutation.ts";
import { isSameValue } from "./engine/target.ts";
import * as messages from "../../overlay/schema/messages.ts";
import { HELLO } from "../overlay/schema/samples.ts";

/** The mistake takes 5,000 to 60,000 inputs, by the luck of the seed. */
const INPUTS = 60_000;
const SEEDS_MAX = 4;
const TOYS = new URL("toy-targets.ts", import.meta.url);
const fuzzer = new Fuzzer(TOYS, { hangMs: 8000 });
const directory = mkdtempSync(join(tmpdir(), "causeway-fuzz-test-"));
afterAll(async () => {
  await fuzzer.close();
  rmSync(directory, { recursive: true });
});

describe("guidance", () => {
  it("finds a mistake behind three bytes that random bytes do not reach", async () => {
    const guided: Finding[] = [];
    let tried = 0;
    while (guided.length === 0 && tried < SEEDS_MAX) {
      const { found } = await fuzzer.run("deep", { inputs: INPUTS, seed: ++tried });
      guided.push(...found);
    }
    expect(guided.map(({ message }) => message)).toEqual(["TypeError: the planted mistake"]);
    expect([...guided[0]!.input.subarray(0, 3)]).toEqual([...utf8("fuz")]);
    const same = { inputs: tried * INPUTS, seed: 1, guidance: "random" } as const;
    expect((await fuzzer.run("deep", same)).found).toEqual([]);
  }, 60_000);

  it("runs the same way from the same seed, and another from another", async () => {
    const runs = [1, 1, 2].map(async (seed) => {
      const fresh = new Fuzzer(TOYS);
      const { kept, features, blocks } = await fresh.run("deep", { inputs: 6000, seed });
      await fresh.close();
      return { kept, features, blocks };
    });
    const [first, again, other] = await Promise.all(runs);
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
  });

  it("keeps few and short inputs, one for each step on the way", async () => {
    const corpus = ["fa and more", "fub and more", "fub again"].map((text) => utf8(text));
    const { kept } = await fuzzer.run("deep", { inputs: 64, corpus, isMinimised: true });
    expect(kept.length).toBeLessThanOrEqual(3);
    const all = kept.map((input) => Buffer.from(input).toString("latin1"));
    expect(all).toContain("fu");
    for (const input of kept) expect(input.length).toBeLessThanOrEqual(3);
  });
});

describe("the oracle", () => {
  it("tells what does not come back from encoding", async () => {
    const { found } = await fuzzer.run("round-trip", { inputs: 5000 });
    expect(found.some(({ message }) => /it differs/.test(message))).toBe(true);
  });

  it.each([
    ["slow", "slow"],
    ["memory", "memory"],
    ["hang", "hang"],
    ["crash", "crash"],
  ])(
    "tells what is %s, with its input, and goes on",
    async (target, type) => {
      const corpus = [utf8("f")];
      const { found } = await fuzzer.run(target, { inputs: 64, corpus });
      expect(found[0]).toMatchObject({ target, type });
      expect(found[0]?.input[0]).toBe(0x66);
      const sound = await fuzzer.run("sound", { inputs: 64 });
      expect(sound.found).toEqual([]);
    },
    60_000,
  );

  it("takes a refusal for what it is", async () => {
    const { found, executions } = await fuzzer.run("sound", { inputs: 2000 });
    expect({ found, executions }).toEqual({ found: [], executions: 2000 });
  });
});

describe("mutation of protobuf", () => {
  it("keeps most messages in form, so that what is behind the form is reached", () => {
    const random = createRandom(1);
    const bytes = messages.FrameCodec.encode({ hello: HELLO });
    let decoded = 0;
    for (let i = 0; i < 1000; i++) {
      try {
        messages.FrameCodec.decode(mutateProtobuf(bytes, random));
        decoded++;
      } catch {
        // a field of another type under the number of one that is known
      }
    }
    expect(decoded).toBeGreaterThan(600);
  });

  it("takes any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.integer(), (bytes, seed) => {
        expect(mutateProtobuf(bytes, createRandom(seed))).toBeInstanceOf(Uint8Array);
      }),
    );
  });
});

describe("files", () => {
  it("bring a corpus back, and keep nothing of the former one", () => {
    writeCorpus(directory, "toy", [utf8("a"), utf8("b")]);
    writeCorpus(directory, "toy", [utf8("c"), new Uint8Array()]);
    expect(new Set(readCorpus(directory, "toy").map((input) => input.length))).toEqual(
      new Set([0, 1]),
    );
    expect(readCorpus(directory, "other")).toEqual([]);
  });

  it("hold a finding and how to run it again", () => {
    const finding = { target: "toy", type: "error", message: "E: x", stack: "at y" } as const;
    const told = saveFinding({ ...finding, input: utf8("in") }, directory);
    const file = /--replay (\S+)/.exec(told)![1]!;
    expect(told).toContain("npm run fuzz -- toy --replay");
    expect(readFileSync(file, "utf8")).toBe("in");
    expect(readFileSync(`${file}.txt`, "utf8")).toMatch(/E: x[\s\S]*at y[\s\S]*npm run fuzz/);
  });
});

describe("sameness", () => {
  it("is of values: bytes whatever holds them, all fields, maps in order", () => {
    expect(isSameValue({ a: Buffer.from("x"), b: [1n] }, { b: [1n], a: utf8("x") })).toBe(true);
    expect(isSameValue({ a: 1 }, { a: 1, b: undefined })).toBe(false);
    expect(isSameValue({ a: NaN }, { a: NaN })).toBe(true);
    expect(isSameValue([1], { 0: 1 })).toBe(false);
    expect(isSameValue(new Map([["a", utf8("x")]]), new Map([["a", utf8("y")]]))).toBe(false);
  });
});
