/**
 * What was removed, replaced or over does not come back: not by replay, not by a holder that was
 * off, not after a restart, not when holders that were apart meet.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { toFloor, toVersionFloor } from "../../../overlay/records/floor-answer.ts";
import {
  RecordStore,
  remainingMs,
  type HeldRecord,
  type StoreChange,
} from "../../../overlay/records/record-store.ts";
import { slotIdOf, type SignedRecord } from "../../../overlay/records/record.ts";
import type { VersionFloor } from "../../../overlay/records/version-floors.ts";
import { HOUR_MS, makeRecord } from "./fixture.ts";

const HOLDERS = 3;
const SLOT_ID = slotIdOf(makeRecord());
const KEY_HEX = Buffer.from(makeRecord().key).toString("hex");

type Step =
  | { readonly type: "put" | "remove"; readonly at: number; readonly lifetimeMs: number }
  | { readonly type: "replay"; readonly at: number; readonly pick: number; readonly leftMs: number }
  | { readonly type: "copy" | "meet"; readonly from: number; readonly to: number }
  | { readonly type: "forget"; readonly at: number }
  | { readonly type: "restart"; readonly at: number }
  | { readonly type: "pass"; readonly ms: number };

const holder = fc.nat(HOLDERS - 1);
const lifetimeMs = fc.integer({ min: 1000, max: 4 * HOUR_MS });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ type: fc.constantFrom("put", "remove"), at: holder, lifetimeMs }),
  fc.record({ type: fc.constant("replay"), at: holder, pick: fc.nat(), leftMs: lifetimeMs }),
  fc.record({ type: fc.constantFrom("copy", "meet"), from: holder, to: holder }),
  fc.record({ type: fc.constant("forget"), at: holder }),
  fc.record({ type: fc.constant("restart"), at: holder }),
  fc.record({ type: fc.constant("pass"), ms: fc.integer({ min: 1, max: 2 * HOUR_MS }) }),
);

/** One holder: its store, and its disk, which is all that a restart leaves of it. */
class Holder {
  store = new RecordStore();
  readonly #records = new Map<string, HeldRecord>();
  readonly #floors = new Map<string, VersionFloor>();

  accept(record: SignedRecord, leftMs: number, nowMs: number): void {
    const offer = { record, remainingMs: leftMs, from: null, isOwned: false };
    const verdict = this.store.prepare(offer, nowMs);
    if (verdict.type !== "claim") return;
    this.keep(verdict.changes);
    this.store.commit(verdict);
  }

  keep(changes: readonly StoreChange[]): void {
    for (const change of changes) {
      if (change.type === "put-record") this.#records.set(change.held.slotId, change.held);
      if (change.type === "delete-record") this.#records.delete(change.slotId);
      if (change.type === "put-floor") this.#floors.set(change.floor.slotId, change.floor);
      if (change.type === "delete-floor") this.#floors.delete(change.slotId);
    }
  }

  restart(nowMs: number): void {
    this.store = new RecordStore();
    const offers = [...this.#records.values()].map(({ record, deadlineMs, from, isOwned }) => {
      return { record, remainingMs: deadlineMs - nowMs, from, isOwned };
    });
    this.store.restore(offers, this.#floors.values(), nowMs);
  }

  visible(nowMs: number): HeldRecord | undefined {
    return this.store.get(KEY_HEX, nowMs)[0];
  }

  kept(nowMs: number): HeldRecord | undefined {
    return this.store.getWithTombstones(KEY_HEX, nowMs)[0];
  }
}

/** `to` asks `from` what became of what it keeps, as siblings do that meet again. */
function compare(to: Holder, from: Holder, nowMs: number): void {
  const floor = toFloor(from.store, SLOT_ID, nowMs);
  const held = to.store.getSlot(SLOT_ID);
  if (held === undefined || floor.version <= held.record.version) return;
  const newer = from.kept(nowMs);
  if (newer !== undefined) to.accept(newer.record, remainingMs(newer, nowMs), nowMs);
  if (to.store.floorOf(SLOT_ID) >= floor.version) return;
  to.keep(to.store.raiseFloor(toVersionFloor(SLOT_ID, floor, null, nowMs)));
}

class World {
  nowMs = 0;
  version = 0n;
  readonly signed: { readonly record: SignedRecord; readonly endsAtMs: number }[] = [];
  readonly holders = Array.from({ length: HOLDERS }, () => new Holder());
  /** When each version ends at each holder, as it was at first. */
  readonly ends = Array.from({ length: HOLDERS }, () => new Map<bigint, number>());
  /** The newest version that each holder ever took. */
  readonly taken: bigint[] = Array.from({ length: HOLDERS }, () => 0n);

  do(given: Step): void {
    if (given.type === "pass") this.nowMs += given.ms;
    else if ("from" in given) this.#between(given);
    else if (given.type === "replay") {
      const old = this.signed[given.pick % this.signed.length];
      if (old !== undefined) this.holders[given.at]!.accept(old.record, given.leftMs, this.nowMs);
    } else if (given.type === "restart") this.holders[given.at]!.restart(this.nowMs);
    else if (given.type === "put" || given.type === "remove") this.#publish(given);
    else {
      const { store } = this.holders[given.at]!;
      this.holders[given.at]!.keep(store.forget(SLOT_ID, this.nowMs));
    }
    for (const one of this.holders) one.keep(one.store.expire(this.nowMs).changes);
  }

  #publish({ type, at, lifetimeMs: life }: Extract<Step, { lifetimeMs: number }>): void {
    const isRemoved = type === "remove";
    // As the directory does: a tombstone outlives what it removes.
    const lives = this.signed.map(({ endsAtMs }) => endsAtMs - this.nowMs);
    const wanted = isRemoved ? Math.min(24 * HOUR_MS, Math.max(life, ...lives)) : life;
    this.version++;
    const record = makeRecord({ version: this.version, isRemoved, lifetimeMs: wanted });
    this.signed.push({ record, endsAtMs: this.nowMs + wanted });
    this.holders[at]!.accept(record, wanted, this.nowMs);
  }

  #between({ type, from, to }: Extract<Step, { from: number }>): void {
    const [giver, taker] = [this.holders[from]!, this.holders[to]!];
    if (type === "meet") {
      compare(taker, giver, this.nowMs);
      compare(giver, taker, this.nowMs);
      return;
    }
    const held = giver.kept(this.nowMs);
    if (held !== undefined) taker.accept(held.record, remainingMs(held, this.nowMs), this.nowMs);
  }

  /** No holder goes back behind what it once took. */
  check(): void {
    for (const [i, one] of this.holders.entries()) {
      const floor = one.store.floorOf(SLOT_ID);
      const seen = one.visible(this.nowMs);
      if (seen !== undefined) {
        const { version } = seen.record;
        expect(version).toBe(floor);
        const endsAtMs = this.ends[i]!.get(version) ?? seen.deadlineMs;
        this.ends[i]!.set(version, endsAtMs);
        expect(seen.deadlineMs <= endsAtMs).toBe(true);
      }
      expect(floor >= this.taken[i]! || this.nowMs > 24 * HOUR_MS).toBe(true);
      if (floor > this.taken[i]!) this.taken[i] = floor;
      if (seen !== undefined && this.nowMs <= 24 * HOUR_MS)
        expect(seen.record.version >= this.taken[i]!).toBe(true);
    }
  }
}

describe("what is over", () => {
  it("stays over at each holder, whatever is replayed, copied, forgotten or restarted", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: "max" }), (steps) => {
        const world = new World();
        for (const one of steps) {
          world.do(one);
          world.check();
        }
      }),
      { numRuns: 400 },
    );
  });

  it("is over at every holder once those that were apart have met", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40, size: "max" }), (steps) => {
        const world = new World();
        for (const one of steps) world.do(one);
        for (let round = 0; round < 2; round++)
          for (let from = 0; from < HOLDERS; from++)
            for (let to = 0; to < HOLDERS; to++) world.do({ type: "meet", from, to });
        const floors = world.holders.map(({ store }) => store.floorOf(SLOT_ID));
        const newest = floors.reduce((a, b) => (a > b ? a : b), 0n);
        for (const one of world.holders) {
          const seen = one.visible(world.nowMs);
          if (seen !== undefined) expect(seen.record.version).toBe(newest);
        }
      }),
      { numRuns: 400 },
    );
  });
});
