/**
 * What a host knows of the slots of a lease: the highest epoch of each, and whose it is.
 *
 * An epoch is a round and, in its lowest bits, a mark of the host that took the slot in it. So of two
 * hosts that take a slot and cannot hear each other one has the higher epoch, and all agree which one. (The marks
 * are hashes; where two are the same, in one of five million crews, the smaller host id has it.)
 */
import { createHash } from "node:crypto";
import { utf8 } from "../../platform/bytes.ts";

/** What a host says of one slot. */
export interface SlotWord {
  /** The highest epoch that it has heard of; 0: none. */
  readonly epoch: number;
  /** The epoch under which it was told what it knows of the slot; 0: it knows nothing. */
  readonly toldEpoch: number;
  /** It holds the slot, under `epoch`. */
  readonly isHeld: boolean;
}

const MARK_BYTES = 3;
const ROUND = 2 ** (8 * MARK_BYTES);
/** 2^28 rounds: one a second for eight years. What is above is refused by who decodes it. */
export const EPOCH_MAX = 2 ** 52;

interface Slot {
  epoch: number;
  toldEpoch: number;
  /** Who said that it holds the slot under `epoch`; `undefined` when nobody did, or it let go. */
  holder: string | undefined;
}

export class SlotBook {
  readonly #self: string;
  readonly #mark: number;
  readonly #slots: Slot[];

  constructor(self: string, slotCount: number) {
    this.#self = self;
    const hash = createHash("sha256").update(utf8(self)).digest();
    // Not 0, which is no epoch.
    this.#mark = hash.readUIntBE(0, MARK_BYTES) | 1;
    this.#slots = Array.from({ length: slotCount }, unknownSlot);
  }

  /** What this host says, one word a slot. */
  words(): readonly SlotWord[] {
    return this.#slots.map(({ epoch, toldEpoch, holder }) => ({
      ...{ epoch, toldEpoch, isHeld: holder === this.#self },
    }));
  }

  /** Who holds it under the highest epoch heard of. */
  holder(slot: number): string | undefined {
    return this.#slots[slot]?.holder;
  }

  toldEpoch(slot: number): number {
    return this.#slots[slot]?.toldEpoch ?? 0;
  }

  /** Whether this host was told all that is known under the highest epoch. */
  isUpToDate(slot: number): boolean {
    return this.#slots[slot]?.epoch === this.#slots[slot]?.toldEpoch;
  }

  /**
   * This host holds it from now on, under an epoch above all.
   *
   * @param isNew it may not have met the other hosts yet: where it heard of no epoch it takes one of
   *              round 0, below any that they may have
   */
  take(slot: number, isNew: boolean): void {
    const one = this.#slots[slot]!;
    const round = isNew && one.epoch === 0 ? 0 : Math.floor(one.epoch / ROUND) + 1;
    one.epoch = round * ROUND + this.#mark;
    one.toldEpoch = one.epoch;
    one.holder = this.#self;
  }

  /** It is held under an epoch of round 0. */
  isProvisional(slot: number): boolean {
    return (this.#slots[slot]?.epoch ?? 0) < ROUND;
  }

  /** This host holds it no longer; what it knows stays. */
  release(slot: number): void {
    const one = this.#slots[slot]!;
    if (one.holder === this.#self) one.holder = undefined;
  }

  /**
   * @param hasToldAll it has said before what it knows of the slots that it holds
   */
  hear(host: string, words: readonly SlotWord[], hasToldAll: boolean): void {
    for (const [slot, one] of this.#slots.entries()) {
      const word = words[slot];
      if (word === undefined) continue;
      if (word.epoch > one.epoch) {
        one.epoch = word.epoch;
        one.holder = undefined;
      }
      const holds = word.isHeld && word.epoch === one.epoch;
      if (!holds && one.holder === host) one.holder = undefined;
      if (holds && (one.holder === undefined || host < one.holder)) one.holder = host;
      if (holds && one.holder === host && hasToldAll) one.toldEpoch = one.epoch;
    }
  }

  /** In another subnet nothing of it counts. */
  clear(): void {
    this.#slots.splice(0, Infinity, ...this.#slots.map(unknownSlot));
  }
}

function unknownSlot(): Slot {
  return { epoch: 0, toldEpoch: 0, holder: undefined };
}
