/** What was asked of the overlay in a run and what it answered: all that the record checkers see. */

export type PolicyName = "one" | "two" | "three" | "all" | "demand";

interface Asked {
  readonly key: string;
  readonly slot: string;
  /** Name of the host that asked. */
  readonly host: string;
  readonly invokedMs: number;
  /** Infinity while there is no answer: its host went first. */
  returnedMs: number;
  /** `unknown`: an error, or no answer; it may have been done all the same. */
  outcome: "acknowledged" | "unknown";
  /** 0 where none was told. */
  version: bigint;
}

export interface PutOperation extends Asked {
  readonly type: "put";
  /** Its value, which no other put has. */
  readonly value: string;
  readonly ttlMs: number;
  readonly policy: PolicyName;
  /** Why it failed. */
  error: string;
}

export interface RemoveOperation extends Asked {
  readonly type: "remove";
  /** Whether there was something to remove. */
  hasRemoved: boolean;
}

export type WriteOperation = PutOperation | RemoveOperation;

/** A value found by a get, and when that get began and ended. */
export interface Sighting {
  readonly key: string;
  readonly value: string;
  readonly version: bigint;
  readonly reader: string;
  readonly fromMs: number;
  readonly toMs: number;
}

export interface FinalRead {
  readonly key: string;
  readonly reader: string;
  readonly atMs: number;
  readonly values: readonly string[];
  /** Empty when it was answered. */
  readonly error: string;
}

export class History {
  readonly writes: WriteOperation[] = [];
  readonly sightings: Sighting[] = [];

  /** Writes of each publisher, key and slot, in the order in which they were asked. */
  registers(): ReadonlyMap<string, readonly WriteOperation[]> {
    return Map.groupBy(this.writes, ({ host, key, slot }) => `${host} ${key} ${slot}`);
  }
}
