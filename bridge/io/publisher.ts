/** Keeps in the overlay what this host exports: puts, puts again in time, takes back. */
import type { Counter } from "prom-client";
import { sealTo, type Directory } from "../../overlay/index.ts";
import { fromBase32 } from "../../platform/base32.ts";
import type { Clock } from "../../platform/clock.ts";
import { errorCode, errorMessage } from "../../platform/errors.ts";
import type { Logger } from "../../platform/logger.ts";
import type { Random } from "../../platform/random.ts";
import { keyBytes, MORE_SLOT, TYPES_KEY } from "../exchange/keys.ts";
import { inboxSlot, padRecord } from "../exchange/sealing.ts";
import { encodeServiceRecord } from "../exchange/service-record.ts";
import { ShardWriter, shardKey } from "../exchange/shard-tree.ts";
import { encodeTypeList } from "../exchange/type-list.ts";
import type { PublishedExport } from "../exporter/export-machine.ts";

/** How long a record lives that is not put again, and after which part of that it is. */
export const LIFETIME_MS = 10 * 60_000;
const REFRESH_SHARE = 1 / 3;
const AT_ONCE_MAX = 8;
const RETRY_MS = 500;
const RETRY_MAX_MS = 5000;
/** A removal or farewell that does not get through is left to the record's lifetime. */
const LAST_TRIES_MAX = 20;
const TYPES_SLOT = "types";
const SIGN = Uint8Array.of(1);

export interface PublisherParts {
  readonly directory: Directory;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** 32 bytes that this host keeps. */
  readonly secret: Uint8Array;
  /** Fresh randomness for a box. @returns 32 bytes */
  ephemeralSeed(): Uint8Array;
  readonly puts: Counter;
}

/** A place in the overlay, and what is to stand there. */
interface Entry {
  /** Text of the key, without branches. */
  readonly key: string;
  readonly slot: string;
  readonly isSharded: boolean;
  /** `undefined`: nothing. */
  value: (() => Uint8Array) | undefined;
  /** Where it was put last. */
  path: string | undefined;
  dueAtMs: number;
  failures: number;
  isBusy: boolean;
  /** Changes while it is being put. */
  round: number;
  /** A word of farewell: it may expire once it is there. */
  isLast: boolean;
}

export class Publisher {
  readonly #parts: PublisherParts;
  readonly #entries = new Map<string, Entry>();
  /** Which entries a service has. */
  readonly #services = new Map<string, ReadonlySet<string>>();
  readonly #writers = new Map<string, ShardWriter>();
  #timer: NodeJS.Timeout | undefined;
  #busy = 0;
  #isStopping = false;
  #isStopped = false;
  #onIdle: () => void = () => {};

  constructor(parts: PublisherParts) {
    this.#parts = parts;
  }

  /** Services with at least one record in the overlay. */
  get services(): number {
    return this.#services.size;
  }

  /** Says this of a service, and nothing that was said of it before. */
  publish(published: PublishedExport): void {
    this.#say(published, false);
    this.#run();
  }

  /** @param word says that it is gone, for a lifetime, where records of others may be around */
  withdraw(originId: string, word: PublishedExport | undefined): void {
    if (word !== undefined) this.#say(word, true);
    else for (const name of this.#services.get(originId) ?? []) this.#unset(name);
    this.#services.delete(originId);
    this.#run();
  }

  #say({ originId, record, publications }: PublishedExport, isLast: boolean): void {
    const names = new Set<string>();
    for (const { key, isSharded, sealedTo, keys, isListed } of publications) {
      const slot =
        sealedTo === undefined ? originId : inboxSlot(this.#parts.secret, originId, sealedTo);
      const value = (): Uint8Array => {
        if (sealedTo === undefined) return encodeServiceRecord(record);
        const content = padRecord(encodeServiceRecord({ ...record, keys, isListed }));
        return sealTo(fromBase32(sealedTo), content, this.#parts.ephemeralSeed());
      };
      names.add(this.#set({ key, slot, isSharded, value, isLast }));
    }
    for (const name of this.#services.get(originId) ?? []) if (!names.has(name)) this.#unset(name);
    this.#services.set(originId, names);
  }

  /** The types that this host lists services of. */
  setTypes(types: readonly string[]): void {
    const value = types.length === 0 ? undefined : () => encodeTypeList(types);
    if (value === undefined) this.#unset(entryName(TYPES_KEY, TYPES_SLOT));
    else this.#set({ key: TYPES_KEY, slot: TYPES_SLOT, isSharded: false, value, isLast: false });
    this.#run();
  }

  /** Puts all again, as after a change of subnet or a time without any. */
  refresh(): void {
    for (const entry of this.#entries.values()) entry.dueAtMs = -Infinity;
    this.#run();
  }

  /**
   * Takes everything back; resolves when that is done or `timeoutMs` are over.
   *
   * @param isKept services whose records are left to their lifetimes
   */
  async stop(timeoutMs: number, isKept: (originId: string) => boolean): Promise<void> {
    this.#isStopping = true;
    const kept = new Set(
      [...this.#services].flatMap(([id, names]) => (isKept(id) ? [...names] : [])),
    );
    for (const name of [...this.#entries.keys()])
      if (kept.has(name)) this.#entries.delete(name);
      else this.#unset(name);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onIdle = resolve;
    const timer = setTimeout(resolve, timeoutMs);
    this.#run();
    if (this.#entries.size > 0) await promise;
    clearTimeout(timer);
    clearTimeout(this.#timer);
    this.#isStopped = true;
  }

  #set(said: Pick<Entry, "key" | "slot" | "isSharded" | "value" | "isLast">): string {
    const name = entryName(said.key, said.slot);
    const known = this.#entries.get(name);
    const { path, isBusy = false, round = 0 } = known ?? {};
    const fresh = { ...said, path, isBusy, round: round + 1, dueAtMs: -Infinity, failures: 0 };
    this.#entries.set(name, known === undefined ? fresh : Object.assign(known, fresh));
    return name;
  }

  #unset(name: string): void {
    const entry = this.#entries.get(name);
    if (entry === undefined) return;
    const round = entry.round + 1;
    Object.assign(entry, {
      value: undefined,
      isLast: false,
      dueAtMs: -Infinity,
      failures: 0,
      round,
    });
  }

  #run(): void {
    if (this.#isStopped) return;
    clearTimeout(this.#timer);
    const nowMs = this.#parts.clock.monotonicMs();
    let nextMs = Infinity;
    for (const [name, entry] of this.#entries) {
      if (entry.isBusy) continue;
      if (entry.dueAtMs > nowMs) nextMs = Math.min(nextMs, entry.dueAtMs);
      else if (this.#busy >= AT_ONCE_MAX)
        return; // whoever is done runs this again
      else void this.#work(name, entry);
    }
    if (this.#entries.size === 0) this.#onIdle();
    if (nextMs < Infinity) this.#timer = setTimeout(() => this.#run(), Math.ceil(nextMs - nowMs));
  }

  async #work(name: string, entry: Entry): Promise<void> {
    const { round } = entry;
    this.#busy++;
    entry.isBusy = true;
    try {
      if (entry.value === undefined) await this.#remove(name, entry, round);
      else await this.#put(name, entry, entry.value, round);
    } finally {
      entry.isBusy = false;
      this.#busy--;
      this.#run();
    }
  }

  async #put(name: string, entry: Entry, value: () => Uint8Array, round: number): Promise<void> {
    const { directory, clock, random, puts } = this.#parts;
    const path = entry.isSharded ? this.#writer(entry.key).place(name) : "";
    try {
      const key = keyBytes(shardKey(entry.key, path));
      await directory.put(key, value(), { slot: entry.slot, ttlMs: LIFETIME_MS });
      puts.inc({ result: "stored" });
      if (entry.path !== undefined && entry.path !== path)
        await directory.remove(keyBytes(shardKey(entry.key, entry.path)), entry.slot);
      entry.path = path;
      if (entry.isSharded && !this.#isStopping) this.#putSigns(entry.key);
      if (entry.round !== round) return;
      if (entry.isLast) return this.#drop(name, entry);
      entry.failures = 0;
      entry.dueAtMs = clock.monotonicMs() + LIFETIME_MS * REFRESH_SHARE * random.between(0.9, 1.1);
    } catch (error) {
      puts.inc({ result: "failed" });
      this.#onFailure(name, entry, error);
      if (entry.isLast && entry.failures >= LAST_TRIES_MAX && entry.round === round)
        this.#drop(name, entry);
    }
  }

  async #remove(name: string, entry: Entry, round: number): Promise<void> {
    try {
      if (entry.path !== undefined)
        await this.#parts.directory.remove(keyBytes(shardKey(entry.key, entry.path)), entry.slot);
      if (entry.round === round) this.#drop(name, entry);
    } catch (error) {
      this.#onFailure(name, entry, error);
      if (entry.failures >= LAST_TRIES_MAX && entry.round === round) this.#drop(name, entry);
    }
  }

  #drop(name: string, entry: Entry): void {
    this.#entries.delete(name);
    if (entry.isSharded) this.#writers.get(entry.key)?.release(name);
  }

  #onFailure(name: string, entry: Entry, error: unknown): void {
    const { clock, log } = this.#parts;
    const { key, failures } = entry;
    entry.failures++;
    const isFull = errorCode(error) === "ERR_OVERLAY_QUOTA" && entry.value !== undefined;
    // No room at the key: its branches have some.
    const isElsewhere = isFull && entry.isSharded && this.#writer(key).refused(name);
    const waitMs = isElsewhere ? 0 : Math.min(RETRY_MAX_MS, RETRY_MS * 2 ** failures);
    entry.dueAtMs = clock.monotonicMs() + waitMs;
    if (failures === 0 && !isElsewhere)
      log.warn("export not stored, trying on", { key, reason: errorMessage(error) });
  }

  /** Where branches are, the keys above say so. */
  #putSigns(key: string): void {
    for (const path of this.#writer(key).signs()) {
      const above = shardKey(key, path);
      if (!this.#entries.has(entryName(above, MORE_SLOT)))
        this.#set({
          ...{ key: above, slot: MORE_SLOT, isSharded: false, isLast: false },
          value: () => SIGN,
        });
    }
  }

  #writer(key: string): ShardWriter {
    let writer = this.#writers.get(key);
    if (writer === undefined) {
      writer = new ShardWriter();
      this.#writers.set(key, writer);
    }
    return writer;
  }
}

function entryName(key: string, slot: string): string {
  return `${slot}\n${key}`;
}
