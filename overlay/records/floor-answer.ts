/** What hosts tell each other of versions, those of gone records included. */
import type { Floor } from "../schema/messages.ts";
import { remainingMs, type RecordStore } from "./record-store.ts";
import { FLOOR_KEEP_MS, type VersionFloor } from "./version-floors.ts";

/** Slots asked for in one call: 128 KiB. */
export const FLOORS_ASKED_MAX = 4096;

const NONE: Floor = { version: 0n, remainingMs: 0, isRemoved: false };

export function toFloor(store: RecordStore, slotId: string, nowMs: number): Floor {
  const held = store.getSlot(slotId);
  if (held !== undefined) {
    const { version, isRemoved } = held.record;
    return { version, isRemoved, remainingMs: remainingMs(held, nowMs) };
  }
  const floor = store.floorOfGone(slotId);
  if (floor === undefined) return NONE;
  const { version, isRemoved, deadlineMs } = floor;
  return { version, isRemoved, remainingMs: Math.max(0, Math.floor(deadlineMs - nowMs)) };
}

/** Of several hosts' answers about the same slots. */
export function newestFloors(answers: readonly (readonly Floor[])[]): Floor[] {
  const [first = []] = answers;
  return first.map((_, i) =>
    answers.map((floors) => floors[i] ?? NONE).reduce((a, b) => (isNewer(b, a) ? b : a)),
  );
}

function isNewer(a: Floor, b: Floor): boolean {
  if (a.version !== b.version) return a.version > b.version;
  return a.isRemoved && !b.isRemoved;
}

/** As it is kept here. */
export function toVersionFloor(
  slotId: string,
  { version, remainingMs: leftMs, isRemoved }: Floor,
  from: string | null,
  nowMs: number,
): VersionFloor {
  const [deadlineMs, keepUntilMs] = [nowMs + leftMs, nowMs + FLOOR_KEEP_MS];
  return { slotId, version, isRemoved, deadlineMs, keepUntilMs, from };
}
