/**
 * Bugs that the checkers must find: each a few changed places of the real sources.
 *
 * A checker that passes a mutant proves nothing by passing the real code. A patch whose text does
 * not stand in its file exactly once fails, so no mutant quietly is the real code.
 */
import type { FaultType } from "./scenario.ts";
import type { PromiseName } from "./violation.ts";

/** One place that is another in the mutant. */
export interface Patch {
  /** Path from the repository's root. */
  readonly file: string;
  /** Text that stands there exactly once. */
  readonly from: string;
  readonly to: string;
}

export interface Mutant {
  readonly name: string;
  readonly what: string;
  readonly patches: readonly Patch[];
  /** Faults that bring it out. */
  readonly faults: readonly FaultType[];
  /** Promises of which one must be seen broken. */
  readonly promises: readonly PromiseName[];
}

/** Small runs, of four hosts at most: in one of them every mutant is caught. */
export const TRIAL_SEEDS: readonly number[] = [13, 26, 33, 31];

export const MUTANTS: readonly Mutant[] = [
  {
    name: "tombstone-dropped",
    what: "a tombstone is not kept, only its version",
    patches: [
      {
        file: "overlay/records/record-store.ts",
        from: '    this.#put(held);\n    return { type: "stored", held, replaced };',
        to:
          "    this.#put(held);\n    if (held.record.isRemoved) this.#bury(held, 0);\n" +
          '    return { type: "stored", held, replaced };',
      },
    ],
    faults: ["power"],
    promises: ["resurrected"],
  },
  {
    name: "floor-forgotten",
    what: "a restart forgets the versions of records that are gone",
    patches: [
      {
        file: "overlay/records/record-store.ts",
        from: "      this.#floors.raise(floor);\n    for (const offer of offers) {",
        to: "      void floor;\n    for (const offer of offers) {",
      },
    ],
    faults: ["kill", "blackout"],
    promises: ["version-reused", "resurrected"],
  },
  {
    name: "acknowledged-early",
    what: "a put is acknowledged before it is on disk",
    patches: [
      {
        file: "overlay/records/durable-records.ts",
        from: "      await this.#persistence.write(verdict.changes);",
        to: "      this.#persistence.write(verdict.changes).catch(() => {});",
      },
    ],
    faults: ["power"],
    promises: ["durable", "lost"],
  },
  {
    name: "newer-stamp-wins",
    what: "of two subnets that merge the younger stays",
    patches: [
      {
        file: "overlay/subnet/claim.ts",
        from: "return a.stampMs < b.stampMs ? -1 : 1;",
        to: "return a.stampMs > b.stampMs ? -1 : 1;",
      },
    ],
    faults: ["cut", "kill"],
    promises: ["oldest-subnet"],
  },
  {
    name: "hand-over-skipped",
    what: "a leaving host hands nothing over",
    patches: [
      {
        file: "overlay/custody/record-mover.ts",
        from: "await this.#pushOut(await this.#handOverInside(held, others));",
        to: "await this.#pushOut(await this.#handOverInside([], others));",
      },
    ],
    faults: ["retire"],
    promises: ["lost", "copies", "resurrected"],
  },
  {
    name: "stale-set",
    what: "a host set older than the known one is taken in",
    patches: [
      {
        file: "overlay/subnet/subnet-book.ts",
        from: "if (known !== undefined && version <= known.version) return false;",
        to: "if (known !== undefined && version === known.version) return false;",
      },
    ],
    faults: ["storm", "kill", "cut"],
    promises: ["set-goes-back", "host-set"],
  },
  {
    name: "repair-short",
    what: "repair cares for one subnet fewer than should keep a record",
    patches: [
      {
        file: "overlay/custody/record-mover.ts",
        from: "#closestOthers({ record }: HeldRecord, count = this.#parts.replicas): string[] {",
        to: "#closestOthers({ record }: HeldRecord, count = this.#parts.replicas - 1): string[] {",
      },
    ],
    faults: ["retire", "part", "blackout"],
    promises: ["copies", "lost"],
  },
  {
    name: "lifetime-reset",
    what: "each copy lives as long as the record did when it was put",
    patches: [
      {
        file: "overlay/records/record-store.ts",
        from: "deadlineMs: nowMs + Math.min(offer.remainingMs, record.lifetimeMs),",
        to: "deadlineMs: nowMs + record.lifetimeMs,",
      },
    ],
    faults: ["kill", "power", "leave"],
    promises: ["expired"],
  },
  {
    name: "evicted-by-one-host",
    what: "a subnet is evicted when one host of it is lost",
    patches: [
      {
        file: "overlay/peers/neighbours.ts",
        from: "    if (this.channels(subnetId).length > 0) return;\n    this.#keepInMind(subnetId);",
        to: "    void this.#parts.routing.evict(subnetId);\n    this.#keepInMind(subnetId);",
      },
    ],
    faults: ["kill", "leave", "power"],
    promises: ["table-calm"],
  },
  {
    name: "never-evicted",
    what: "a dead subnet stays in the tables",
    patches: [
      {
        file: "overlay/peers/neighbours.ts",
        from: '    if (set !== undefined) this.#lost.remember(set, "lost");\n    await routing.evict(subnetId);',
        to: '    if (set !== undefined) this.#lost.remember(set, "lost");',
      },
    ],
    faults: ["kill", "blackout"],
    promises: ["table"],
  },
  {
    name: "lease-without-epoch",
    what: "what a host holds in the subnet's lease goes by rank alone, and what it tells always counts",
    patches: [
      {
        file: "overlay/lease/lease-machine.ts",
        from: "    one.words = words;\n    one.aliveUntilMs",
        to: "    one.words = [];\n    one.aliveUntilMs",
      },
      {
        file: "overlay/lease/lease-machine.ts",
        from: "    this.#book.hear(host, words, isBeat);",
        to: "    void [words, isBeat];",
      },
    ],
    faults: ["pause", "cut"],
    promises: ["lease-stale"],
  },
];
