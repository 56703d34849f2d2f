/** Clients of the overlay: at random hosts they put, remove and get, and note what they were told. */
import { createHash } from "node:crypto";
import { utf8 } from "../../platform/bytes.ts";
import { errorMessage } from "../../platform/errors.ts";
import type { Random } from "../../platform/random.ts";
import type { CopyPolicy, RecordView } from "../../overlay/cores.ts";
import type { History, PolicyName, PutOperation, RemoveOperation } from "./history.ts";
import type { Scheduler } from "./scheduler.ts";
import type { SimHost } from "./sim-host.ts";

export const POLICIES: { readonly [Name in PolicyName]: CopyPolicy } = {
  one: { type: "one" },
  two: { type: "copies", count: 2 },
  three: { type: "copies", count: 3 },
  all: { type: "all" },
  demand: { type: "demand" },
};

/** A key's records are of one class, and a class has one policy: docs/faults.md. */
const KEY_POLICIES: readonly PolicyName[] = ["two", "one", "all", "two", "demand", "three", "two"];
const SLOTS = ["", "b"] as const;
const PAUSE_MIN_MS = 150;
const PAUSE_MAX_MS = 1_300;
const SHORT_TTL_SHARE = 0.35;
const SHORT_TTL_MS = [4_000, 30_000] as const;
const LONG_TTL_MS = 1_800_000;
const PUT_SHARE = 0.6;
const REMOVE_SHARE = 0.18;

export interface WorkloadParts {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly history: History;
  /** Hosts that run and are in a subnet. */
  joined(): readonly SimHost[];
  /** A put was acknowledged by these subnets just now. */
  onAcknowledged(host: SimHost, put: PutOperation, storedOn: readonly string[]): void;
}

export class Workload {
  readonly keys: readonly string[] = KEY_POLICIES.map((_, i) => `key-${i}`);
  readonly #parts: WorkloadParts;
  #puts = 0;

  constructor(parts: WorkloadParts) {
    this.#parts = parts;
  }

  /** Asks again and again until then. */
  runUntil(untilMs: number): void {
    const { scheduler, random } = this.#parts;
    scheduler.after(random.between(PAUSE_MIN_MS, PAUSE_MAX_MS), () => {
      if (scheduler.nowMs >= untilMs) return;
      this.#askSomething();
      this.runUntil(untilMs);
    });
  }

  #askSomething(): void {
    const { random, joined } = this.#parts;
    const host = random.pick(joined());
    const key = random.pick(this.keys)!;
    const slot = random.pick(SLOTS)!;
    const kind = random.next();
    const isShort = random.next() < SHORT_TTL_SHARE;
    const ttlMs = isShort ? Math.round(random.between(...SHORT_TTL_MS)) : LONG_TTL_MS;
    if (host === undefined) return;
    if (kind < PUT_SHARE) void this.put(host, key, { slot, ttlMs });
    else if (kind < PUT_SHARE + REMOVE_SHARE) void this.#remove(host, key, slot);
    else void this.#get(host, key);
  }

  async put(
    host: SimHost,
    key: string,
    how: Pick<PutOperation, "slot" | "ttlMs">,
  ): Promise<PutOperation> {
    const { scheduler, history, onAcknowledged } = this.#parts;
    const { slot, ttlMs } = how;
    const policy = KEY_POLICIES[this.keys.indexOf(key)]!;
    const value = `put-${this.#puts++}`;
    const put: PutOperation = {
      ...{ type: "put", key, host: host.name, value, slot, ttlMs, policy, error: "" },
      invokedMs: scheduler.nowMs,
      returnedMs: Infinity,
      outcome: "unknown",
      version: 0n,
    };
    history.writes.push(put);
    const options = { ttlMs, slot, copies: POLICIES[policy] };
    try {
      const { directory } = host.session!;
      const result = await directory.put(keyBytes(key), utf8(value), options);
      put.version = result.version;
      put.outcome = "acknowledged";
      onAcknowledged(host, put, result.storedOn);
    } catch (error) {
      put.error = errorMessage(error);
    }
    put.returnedMs = scheduler.nowMs;
    return put;
  }

  async #remove(host: SimHost, key: string, slot: string): Promise<void> {
    const { scheduler, history } = this.#parts;
    const remove: RemoveOperation = {
      ...{ type: "remove", key, slot, host: host.name, hasRemoved: false },
      invokedMs: scheduler.nowMs,
      returnedMs: Infinity,
      outcome: "unknown",
      version: 0n,
    };
    history.writes.push(remove);
    try {
      remove.hasRemoved = await host.session!.directory.remove(keyBytes(key), slot);
      remove.outcome = "acknowledged";
    } catch {
      // not known: it may be removed all the same
    }
    remove.returnedMs = scheduler.nowMs;
  }

  async #get(host: SimHost, key: string): Promise<void> {
    const { scheduler, history } = this.#parts;
    const fromMs = scheduler.nowMs;
    try {
      const { records } = await host.session!.directory.get(keyBytes(key));
      const toMs = scheduler.nowMs;
      for (const { version, ...record } of records)
        history.sightings.push({
          ...{ key, version, reader: host.name, fromMs, toMs },
          value: textOf(record),
        });
    } catch {
      // nobody answered, which faults explain
    }
  }
}

export function keyBytes(key: string): Uint8Array {
  return createHash("sha256").update(utf8(key)).digest();
}

export function textOf({ value }: Pick<RecordView, "value">): string {
  return Buffer.from(value).toString();
}
