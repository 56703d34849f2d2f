/**
 * One record as its publisher writes it over and over: the writes of one host to one key, and what
 * may be read of it once all is settled.
 */
import type { FaultEntry, PutOperation, WriteOperation } from "./history.ts";
import { settledMs, type Survival } from "./survival.ts";

/** A holder's clock, and the way of a record to it. */
const EXPIRY_SLACK_MS = 6_000;

export class Register {
  readonly writes: readonly WriteOperation[];
  /**
   * Writes that may be the last: nothing acknowledged and still standing came after, or what did
   * lives shorter.
   */
  readonly candidates: readonly WriteOperation[];
  readonly #survival: Survival;
  readonly #faults: readonly FaultEntry[];

  constructor(
    writes: readonly WriteOperation[],
    survival: Survival,
    faults: readonly FaultEntry[],
  ) {
    this.writes = writes.filter(hasEffect);
    this.#survival = survival;
    this.#faults = faults;
    const standing = this.writes.filter((write) => survival.isPromised(write));
    const last = this.writes.filter((write) => !this.#isFollowed(write, standing));
    this.candidates = this.writes.filter(
      (write) => last.includes(write) || last.some((later) => !outlives(later, write)),
    );
  }

  /** Whether all that may be read of it at `atMs` is something, or all is nothing. */
  isCertain(atMs: number): boolean {
    const some = this.candidates.filter((write) => isLasting(write, atMs));
    return some.length === 0 || some.length === this.candidates.length;
  }

  /** The acknowledged put that must be found at `atMs`; `undefined` when none need be. */
  mustBeFound(atMs: number): PutOperation | undefined {
    if (!this.candidates.every((write) => isLasting(write, atMs))) return undefined;
    return this.candidates
      .filter((write) => write.type === "put")
      .findLast((put) => this.#survival.isPromised(put));
  }

  /** Why this put's value may not be read at `atMs`; `undefined` when it may. */
  refusal(
    put: PutOperation,
    atMs: number,
  ): { readonly rule: "resurrected" | "expired"; readonly what: string } | undefined {
    if (!this.candidates.includes(put)) {
      const by = this.writes.find(
        (write) =>
          this.#survival.isPromised(write) && settledMs(put, this.#faults) < write.invokedMs,
      );
      const how = by?.type === "remove" ? "removed" : "overwritten";
      return { rule: "resurrected", what: `put ${put.id} is read, which was ${how}` };
    }
    const overMs = atMs - this.expiresMs(put, atMs);
    return overMs > 0
      ? { rule: "expired", what: `put ${put.id} is read ${Math.round(overMs)} ms after its end` }
      : undefined;
  }

  /**
   * When nobody may have a put any more.
   *
   * A holder counts from receipt, and time on the way is no one's: what a hung host or a lost frame
   * kept back is let through, and so is the time that a host was off.
   */
  expiresMs(put: PutOperation, atMs: number): number {
    let lostMs = EXPIRY_SLACK_MS;
    for (const { fromMs, toMs } of this.#faults) {
      const overlapMs = Math.min(toMs, atMs) - Math.max(fromMs, put.invokedMs);
      if (overlapMs > 0) lostMs += overlapMs;
    }
    return settledMs(put, this.#faults) + put.ttlMs + lostMs;
  }

  #isFollowed(write: WriteOperation, standing: readonly WriteOperation[]): boolean {
    const endMs = settledMs(write, this.#faults);
    return standing.some((later) => later !== write && endMs < later.invokedMs);
  }
}

/**
 * Whether what came later is known for as long as what it takes the place of: a holder that missed
 * all of a short life has the longer one before still, as docs/records.md says of tombstones.
 */
function outlives(later: WriteOperation, write: WriteOperation): boolean {
  if (later.type === "remove" || write.type === "remove") return true;
  return later.invokedMs + later.ttlMs >= write.invokedMs + write.ttlMs;
}

function isLasting(write: WriteOperation, atMs: number): boolean {
  return write.type === "put" && write.invokedMs + write.ttlMs > atMs;
}

function hasEffect(write: WriteOperation): boolean {
  return write.outcome !== "refused" && (write.type === "put" || write.hasRemoved);
}

/** Names the register that a write belongs to. */
export function registerOf({ key, host, incarnation }: WriteOperation): string {
  return `${key} ${host}#${incarnation}`;
}
