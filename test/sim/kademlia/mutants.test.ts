/**
 * Bugs that somebody might make in Kademlia's core, each told by a checker.
 *
 * A checker that passes a core with its bug proves nothing by passing the real one.
 */
import { describe, expect, it } from "vitest";
import { CHECKERS, type Checker } from "./core-checkers.ts";
import { loadCore, type Patch } from "./mutant-core.ts";

interface Mutant {
  readonly name: string;
  readonly patches: readonly Patch[];
  readonly checker: keyof typeof CHECKERS;
}

const MUTANTS: readonly Mutant[] = [
  {
    name: "a full bucket takes a newcomer and gives up who was seen least recently",
    patches: [
      {
        file: "bucket-pool.ts",
        from: "if (isLive && this.#replacements > 0) this.#keepSpare(base, contact);",
        to: "if (isLive) { words[first] = contact; this.#moveToEnd(first, first + count - 1); }",
      },
    ],
    checker: "keepsTheOld",
  },
  {
    name: "the sibling list is ignored when somebody asks whose a key is",
    patches: [
      {
        file: "routing-table.ts",
        from: "if (++nearer >= wanted) return false;",
        to: "nearer++;",
      },
    ],
    checker: "findsOwners",
  },
  {
    name: "the prefix is one bit too short",
    patches: [
      {
        file: "routing-table.ts",
        from: "distance === 0 ? LEVEL_BITS - 1 : Math.clz32(distance | 0);",
        to: "distance === 0 ? LEVEL_BITS - 1 : Math.clz32(distance | 0) - 1;",
      },
    ],
    checker: "coversDistances",
  },
  {
    name: "a digit is read one digit too far on the left",
    patches: [
      {
        file: "routing-table.ts",
        from: "const below = LEVEL_BITS - bits * (level + 1);\n    const digit = (below",
        to: "const below = LEVEL_BITS - bits * level;\n    const digit = (below",
      },
    ],
    checker: "fillsBuckets",
  },
  {
    name: "a bucket is skipped on the way out from the key",
    patches: [
      {
        file: "routing-table.ts",
        from: "for (let level = ownLevel - 1; level >= 0; level--) {",
        to: "for (let level = ownLevel - 2; level >= 0; level--) {",
      },
    ],
    checker: "namesTheNearest",
  },
  {
    name: "buckets are not refreshed after joining",
    patches: [
      {
        file: "kademlia.ts",
        from: "this.#out.joined(node);\n    this.#refresh(node);",
        to: "this.#out.joined(node);",
      },
    ],
    checker: "coversDistances",
  },
  {
    name: "who does not answer stays in the table",
    patches: [
      {
        file: "kademlia.ts",
        from: "if (isOfNow) this.#forget(node, to);",
        to: "",
      },
    ],
    checker: "forgetsTheDead",
  },
  {
    name: "who has lost everybody waits for somebody to come by",
    patches: [
      {
        file: "kademlia.ts",
        from: "this.#lives[row]!++;\n    this.#out.joinFailed(node);",
        to: "this.#lives[row]!++;",
      },
    ],
    checker: "joinsAnew",
  },
  {
    name: "paths that should be disjoint are not",
    patches: [
      {
        file: "kademlia.ts",
        from: ": lookups.takeNextApart(lookup, this.#groups);",
        to: ": lookups.takeNext(lookup);",
      },
    ],
    checker: "keepsPathsApart",
  },
];

describe("the core of Kademlia", () => {
  it.each(Object.entries<Checker>(CHECKERS))("passes %s", async (_name, check) => {
    expect(check(await loadCore([]))).toEqual([]);
  });

  it.each(MUTANTS)("with a bug is told by a checker: $name", async ({ patches, checker }) => {
    expect(CHECKERS[checker](await loadCore(patches)).length).toBeGreaterThan(0);
  });
});
