/** What must hold of records, from what clients were told alone. */
import type { FinalRead, History, PutOperation, Sighting, WriteOperation } from "../history.ts";
import type { Violation } from "../violation.ts";

/**
 * What a lifetime may seem longer than it is: each hop of a copy adds its way, a stalled stream up
 * to the silence that ends it, and clocks gain.
 */
const LATE_MAX_MS = 15_000;
/** A record this near to its end need not be found any more. */
const NEAR_END_MS = 5_000;
/** A put without an answer had begun its lifetime by then. */
const UNANSWERED_MS = 12_000;

export class RecordRules {
  readonly #registers: readonly (readonly WriteOperation[])[];
  readonly #puts = new Map<string, PutOperation>();
  readonly #registerOf = new Map<PutOperation, readonly WriteOperation[]>();
  readonly #history: History;

  constructor(history: History) {
    this.#history = history;
    this.#registers = [...history.registers().values()];
    for (const register of this.#registers)
      for (const write of register)
        if (write.type === "put") {
          this.#puts.set(write.value, write);
          this.#registerOf.set(write, register);
        }
  }

  /** Freshness is not promised while faults go on, honesty is. */
  duringRun(): Violation[] {
    return [
      ...this.#history.sightings.flatMap((sighting) => this.#sighted(sighting)),
      ...this.#registers.flatMap(reusedVersions),
    ];
  }

  /** What is read once all is mended. */
  atTheEnd(reads: readonly FinalRead[]): Violation[] {
    return reads.flatMap((read) => this.#read(read));
  }

  /** Puts that must be found then, each with all values that may stand in its place. */
  mustBeFound(atMs: number): { readonly put: PutOperation; readonly values: readonly string[] }[] {
    return this.#registers.flatMap((register) => {
      const at = lastSettled(register);
      const put = register[at];
      const later = register.slice(at + 1).filter((write) => write.outcome === "unknown");
      if (put?.type !== "put" || later.some(({ type }) => type === "remove")) return [];
      const puts = [put, ...later.filter((write) => write.type === "put")];
      if (puts.some(({ invokedMs, ttlMs }) => invokedMs + ttlMs < atMs + NEAR_END_MS)) return [];
      return [{ put, values: puts.map(({ value }) => value) }];
    });
  }

  #sighted({ key, value, version, reader, fromMs, toMs }: Sighting): Violation[] {
    const put = this.#puts.get(value);
    const at = { atMs: toMs };
    if (put === undefined || put.key !== key || put.invokedMs > toMs)
      return [{ ...at, promise: "invented", what: `${reader} read "${value}" under ${key}` }];
    if (put.version > 0n && put.version !== version) {
      const what = `${reader} read ${nameOf(put)} as version ${version}, not ${put.version}`;
      return [{ ...at, promise: "invented", what }];
    }
    const overMs = fromMs - latestEndMs(put);
    if (overMs <= 0) return [];
    const what = `${reader} read ${nameOf(put)} ${seconds(overMs)} after its end`;
    return [{ ...at, promise: "expired", what }];
  }

  #read({ key, reader, atMs, values, error }: FinalRead): Violation[] {
    if (error !== "")
      return [{ promise: "liveness", atMs, what: `a get of ${key} at ${reader}: ${error}` }];
    const found: Violation[] = values.flatMap((value) => this.#judge(value, key, reader, atMs));
    for (const must of this.mustBeFound(atMs))
      if (must.put.key === key && !must.values.some((value) => values.includes(value)))
        found.push({
          promise: "lost",
          atMs,
          what: `${nameOf(must.put)} is not found at ${reader}`,
        });
    return found;
  }

  #judge(value: string, key: string, reader: string, atMs: number): Violation[] {
    const put = this.#puts.get(value);
    if (put === undefined || put.key !== key)
      return [{ promise: "invented", atMs, what: `${reader} read "${value}" under ${key}` }];
    const register = this.#registerOf.get(put)!;
    const at = lastSettled(register);
    const settled = register[at];
    // What lived shorter may have been missed by who has the older: docs/faults.md.
    const isOver =
      settled?.type === "put" && settled.invokedMs + settled.ttlMs < atMs + NEAR_END_MS;
    if (register.indexOf(put) < at && !isOver) {
      const by = settled?.type === "put" ? `overwritten by ${settled.value}` : "removed";
      const what = `${nameOf(put)}, ${by} at ${seconds(settled!.invokedMs)}, is read at ${reader}`;
      return [{ promise: "resurrected", atMs, what }];
    }
    const overMs = atMs - latestEndMs(put);
    if (overMs <= 0) return [];
    const what = `${reader} read ${nameOf(put)} ${seconds(overMs)} after its end`;
    return [{ promise: "expired", atMs, what }];
  }
}

/** Index of the last write that is known to be done; what stands before it is gone. */
function lastSettled(register: readonly WriteOperation[]): number {
  return register.findLastIndex(
    (write) => write.outcome === "acknowledged" && (write.type === "put" || write.hasRemoved),
  );
}

function latestEndMs({ invokedMs, returnedMs, ttlMs }: PutOperation): number {
  return Math.min(returnedMs, invokedMs + UNANSWERED_MS) + ttlMs + LATE_MAX_MS;
}

/** A publisher counts its puts, whatever befalls it. */
function reusedVersions(register: readonly WriteOperation[]): Violation[] {
  const puts = register.filter((write) => write.type === "put" && write.version > 0n);
  return puts.flatMap((put, i) => {
    const before = puts[i - 1];
    if (before === undefined || put.version > before.version) return [];
    const what = `${nameOf(put)} has version ${put.version}, the one before it ${before.version}`;
    return [{ promise: "version-reused" as const, atMs: put.invokedMs, what }];
  });
}

export function nameOf(write: WriteOperation): string {
  const { key, slot, host, invokedMs } = write;
  const what = write.type === "put" ? `${write.value} (${write.policy}, ${write.ttlMs} ms)` : "";
  return `${what} of ${host} under ${key}/${slot} at ${seconds(invokedMs)}`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
