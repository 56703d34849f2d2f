/**
 * The directory as a client of this host sees it: put, get, watch and remove, each over the closest
 * subnets of a key.
 *
 * The subnets that the own table holds are asked at once; the lookup that might know closer ones
 * runs beside them and costs no time when it agrees.
 */
import type { Clock } from "../../platform/clock.ts";
import { errorMessage } from "../../platform/errors.ts";
import type { Logger } from "../../platform/logger.ts";
import type { Timers } from "../../platform/timers.ts";
import { OverlayError } from "../errors.ts";
import type { KeyPair } from "../identity/keys.ts";
import { DEFAULT_COPY_POLICY } from "../records/copy-policy.ts";
import type { DurableRecords } from "../records/durable-records.ts";
import {
  encodeRecord,
  LIFETIME_MIN_MS,
  signRecord,
  slotIdOf,
  type RecordFields,
  type SignedRecord,
} from "../records/record.ts";
import { remainingMs } from "../records/record-store.ts";
import { versionAfter } from "../records/version-rules.ts";
import type { Routing } from "../routing/routing.ts";
import {
  GetRequestCodec,
  GetResponseCodec,
  PutRequestCodec,
  PutResponseCodec,
  type PutOutcome,
  type RecordItem,
} from "../schema/messages.ts";
import type {
  Directory,
  GetResult,
  LookupStep,
  PutOptions,
  PutResult,
  WatchEvent,
} from "../types.ts";
import { fromGetResponse, type Answer } from "./answer.ts";
import type { Custodian } from "./custodian.ts";
import { FreshRecords } from "./fresh-records.ts";
import { CALL, PUT_RESULT } from "../schema/methods.ts";
import type { Neighbours } from "../peers/neighbours.ts";
import { isKept, isSettled } from "./put-outcome.ts";
import { readPages } from "./record-page.ts";
import type { RecordMover } from "./record-mover.ts";

const PUT_TIMEOUT_MS = 4_000;
const GET_TIMEOUT_MS = 2_000;
const LOOKUP_TIMEOUT_MS = 4_000;
/** After the first answer the others get half its time more, at least this. */
const GRACE_MIN_MS = 25;
const GRACE_MAX_MS = 250;
/** A tombstone outlives what it removes, and at least this. */
const TOMBSTONE_MIN_MS = 10 * 60_000;
export const PUT_DEFAULTS: PutOptions = {
  ttlMs: 3_600_000,
  slot: "",
  copies: DEFAULT_COPY_POLICY,
};

/** How changes of a key are heard. @typeParam Feed what outlives one subnet */
export interface Watching<Feed> {
  watch(key: Uint8Array, signal: AbortSignal, feed?: Feed): AsyncGenerator<WatchEvent>;
}

export interface DirectoryParts<Feed = unknown> {
  readonly records: DurableRecords;
  readonly custodian: Custodian;
  readonly neighbours: Neighbours;
  readonly routing: Routing;
  readonly watcher: Watching<Feed>;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Logger;
  readonly hostKey: KeyPair;
  readonly selfSubnet: string;
  readonly replicas: number;
  /** Sees to it that what a subnet did not take comes to it later. */
  readonly mover: Pick<RecordMover, "oweSubnet">;
}

type Publication = Omit<RecordFields, "publisher" | "version" | "issuedAtMs" | "delegation">;

interface Asked {
  readonly step: LookupStep;
  readonly items: readonly RecordItem[];
}

/** One get under way. */
interface Search {
  readonly key: Uint8Array;
  readonly fresh: FreshRecords;
  readonly path: LookupStep[];
  readonly startedMs: number;
}

export class OverlayDirectory<Feed = unknown> implements Directory {
  readonly #parts: DirectoryParts<Feed>;
  /** Puts of one slot go one after the other, or two would take the same version. */
  readonly #publishing = new Map<string, Promise<unknown>>();

  constructor(parts: DirectoryParts<Feed>) {
    this.#parts = parts;
  }

  async put(
    key: Uint8Array,
    value: Uint8Array,
    options: Partial<PutOptions> = {},
  ): Promise<PutResult> {
    const { ttlMs, slot, copies, ...rest } = { ...PUT_DEFAULTS, ...options };
    rest satisfies Record<string, never>;
    const { publicKey: publisher } = this.#parts.hostKey;
    const slotId = slotIdOf({ key, publisher, slot } as RecordFields);
    const given = { key, value, slot, policy: copies, lifetimeMs: ttlMs, isRemoved: false };
    return this.#inTurn(slotId, () => this.#publish(given, slotId));
  }

  async remove(key: Uint8Array, slot = ""): Promise<boolean> {
    const { records, clock, hostKey } = this.#parts;
    const slotId = slotIdOf({ key, publisher: hostKey.publicKey, slot } as RecordFields);
    const value = new Uint8Array();
    return this.#inTurn(slotId, async () => {
      const held = records.store.getSlot(slotId);
      const nowMs = clock.monotonicMs();
      if (held === undefined || held.record.isRemoved || held.deadlineMs <= nowMs) return false;
      const lifetimeMs = Math.max(TOMBSTONE_MIN_MS, remainingMs(held, nowMs), LIFETIME_MIN_MS);
      const { policy } = held.record;
      await this.#publish({ key, value, slot, policy, lifetimeMs, isRemoved: true }, slotId);
      return true;
    });
  }

  async get(key: Uint8Array, signal?: AbortSignal): Promise<GetResult> {
    const { routing, replicas, neighbours } = this.#parts;
    neighbours.tally.gets++;
    const search = this.#search(key);
    const known = routing.closestKnown(key, replicas).map((entry) => entry.subnetId);
    const asked = known.filter((id) => !neighbours.isDoubtful(id));
    if (!(await this.#askAll(asked, search, false)))
      await this.#askFurther(search, asked, known, signal);
    const { path } = search;
    if (path.length > 0 && path.every((step) => step.result === "failed"))
      throw new OverlayError(
        "ERR_OVERLAY_UNREACHABLE",
        `no subnet that may hold it answered (${path.at(-1)?.error ?? "no reason"}); ` +
          `"causeway explain" tells more`,
      );
    return this.#resultOf(search);
  }

  /** Nobody known and sure has it: a lookup may know closer subnets; then whoever is left. */
  async #askFurther(
    search: Search,
    asked: readonly string[],
    known: readonly string[],
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { routing, replicas, neighbours, selfSubnet, timers } = this.#parts;
    const limit = timers.signalAfter(LOOKUP_TIMEOUT_MS);
    const bounded = signal === undefined ? limit : AbortSignal.any([limit, signal]);
    const closest = await routing.closest(search.key, replicas, bounded);
    const others = closest.map(({ subnetId }) => subnetId).filter((id) => !asked.includes(id));
    const sure = others.filter((id) => !neighbours.isDoubtful(id));
    if (await this.#askAll(sure, search, false)) return;
    // A host that has just joined talks to subnets that its table does not have yet.
    const listed = new Set([selfSubnet, ...routing.entries().map(({ subnetId }) => subnetId)]);
    const reached = neighbours.onePerSubnet().map(({ subnetId }) => subnetId);
    const last = new Set([...known, ...others, ...reached.filter((id) => !listed.has(id))]);
    for (const id of [...asked, ...sure]) last.delete(id);
    await this.#askAll([...last], search, false);
  }

  /** A get without lookup and multicast: what the subnets known to be closest have in its place. */
  async peek(key: Uint8Array): Promise<GetResult> {
    const { routing, replicas } = this.#parts;
    const search = this.#search(key);
    const known = routing.closestKnown(key, replicas).map((entry) => entry.subnetId);
    await this.#askAll(known, search, true);
    return this.#resultOf(search);
  }

  /** @param feed goes on after this host's time in the subnet, with another session's directory */
  watch(key: Uint8Array, signal: AbortSignal, feed?: Feed): AsyncGenerator<WatchEvent> {
    return this.#parts.watcher.watch(key, signal, feed);
  }

  /** One after the other for each slot. */
  async #inTurn<T>(slotId: string, work: () => Promise<T>): Promise<T> {
    const earlier = this.#publishing.get(slotId) ?? Promise.resolve();
    const result = earlier.then(work);
    const settled = result.catch(() => {}); // the caller has the error
    this.#publishing.set(slotId, settled);
    try {
      return await result;
    } finally {
      if (this.#publishing.get(slotId) === settled) this.#publishing.delete(slotId);
    }
  }

  async #publish(given: Publication, slotId: string): Promise<PutResult> {
    const { clock, hostKey, records } = this.#parts;
    const startedMs = clock.monotonicMs();
    const publisher = hostKey.publicKey;
    let version = records.store.floorOf(slotId) + 1n;
    // A holder may remember more than we do, once: after a loss of our own state.
    for (let attempt = 0; ; attempt++) {
      const fields = { ...given, publisher, version, issuedAtMs: clock.wallMs() };
      const record = signRecord({ ...fields, delegation: new Uint8Array() }, hostKey);
      const { storedOn, floor, problems } = await this.#send(record);
      const tookMs = clock.monotonicMs() - startedMs;
      const next = floor >= version ? versionAfter(floor) : undefined;
      if (next !== undefined && attempt === 0) version = next;
      else if (storedOn.length > 0) return { version, storedOn, tookMs };
      // It may be stored all the same, its answer lost: the own copy stays, for a removal.
      else throw putFailed(problems);
    }
  }

  /** Keeps an own copy first, so that a crash while sending forgets no version. */
  async #send(
    record: SignedRecord,
  ): Promise<{ storedOn: string[]; floor: bigint; problems: PutOutcome[] }> {
    const { records, clock, timers, routing, replicas, selfSubnet, mover } = this.#parts;
    const nowMs = clock.monotonicMs();
    const remaining = record.lifetimeMs;
    const offer = { record, remainingMs: remaining, from: null, isOwned: true };
    const own = await records.accept(offer, nowMs);
    if (own.type === "quota")
      throw new OverlayError("ERR_OVERLAY_QUOTA", `this host's quota is reached: ${own.quota}`);
    const item = { record: encodeRecord(record), remainingMs: remaining };
    const sent = new Map<string, Promise<PutOutcome>>();
    const send = (subnetId: string): void => {
      if (!sent.has(subnetId)) sent.set(subnetId, this.#putTo(subnetId, item));
    };
    for (const { subnetId } of routing.closestKnown(record.key, replicas)) send(subnetId);
    const signal = timers.signalAfter(LOOKUP_TIMEOUT_MS);
    for (const { subnetId } of await routing.closest(record.key, replicas, signal)) send(subnetId);
    let outcomes = await settled(sent);
    // Too few: the own subnet stands in until repair finds the right ones.
    if (outcomes.filter(([, one]) => isKept(one)).length < Math.min(replicas, sent.size)) {
      send(selfSubnet);
      outcomes = await settled(sent);
    }
    for (const [subnetId, one] of outcomes)
      if (!isSettled(one)) mover.oweSubnet(subnetId, slotIdOf(record));
    const storedOn = outcomes.filter(([, one]) => isKept(one)).map(([subnetId]) => subnetId);
    const problems = outcomes.map(([, one]) => one).filter((one) => !isKept(one));
    const floor = problems.reduce((most, one) => (one.floor > most ? one.floor : most), 0n);
    return { storedOn, floor, problems };
  }

  async #putTo(subnetId: string, item: RecordItem): Promise<PutOutcome> {
    const { custodian, neighbours, selfSubnet, log } = this.#parts;
    try {
      if (subnetId === selfSubnet) return (await custodian.put([item]))[0]!;
      const body = PutRequestCodec.encode({ items: [item], isInside: false });
      const { body: answer } = await neighbours.call(subnetId, CALL.put, body, PUT_TIMEOUT_MS);
      const [outcome] = PutResponseCodec.decode(answer).outcomes;
      if (outcome !== undefined) return outcome;
      throw new OverlayError("ERR_OVERLAY_REFUSED", "an empty answer");
    } catch (error) {
      log.debug("put failed", { subnet: subnetId, reason: errorMessage(error) });
      return { result: PUT_RESULT.refused, floor: 0n, message: errorMessage(error), copies: 0 };
    }
  }

  #search(key: Uint8Array): Search {
    return {
      key,
      fresh: new FreshRecords(key, (publisher) => this.#parts.records.refuses(publisher)),
      path: [],
      startedMs: this.#parts.clock.monotonicMs(),
    };
  }

  #resultOf({ fresh, path, startedMs }: Search): GetResult {
    return { records: fresh.views(), path, tookMs: this.#parts.clock.monotonicMs() - startedMs };
  }

  /**
   * Asks subnets side by side; done when all have answered, or shortly after one had records.
   *
   * @returns whether one had
   */
  #askAll(subnets: readonly string[], search: Search, isQuick: boolean): Promise<boolean> {
    const startedMs = this.#parts.clock.monotonicMs();
    const { promise, resolve } = Promise.withResolvers<boolean>();
    let waiting = subnets.length;
    let hasFound = false;
    let isDone = false;
    const finish = (): void => {
      isDone = true;
      resolve(hasFound);
    };
    if (waiting === 0) finish();
    for (const subnetId of subnets)
      void this.#ask(subnetId, search.key, isQuick).then(({ step, items }) => {
        if (isDone) return;
        search.path.push(step);
        const isFirst = search.fresh.addAll(items) && !hasFound;
        hasFound ||= isFirst;
        waiting--;
        if (waiting === 0) return finish();
        if (!isFirst) return;
        const tookMs = this.#parts.clock.monotonicMs() - startedMs;
        const graceMs = Math.min(GRACE_MAX_MS, Math.max(GRACE_MIN_MS, tookMs / 2));
        this.#parts.timers.after(graceMs, finish);
      });
    return promise;
  }

  async #ask(subnetId: string, key: Uint8Array, isQuick: boolean): Promise<Asked> {
    const { clock } = this.#parts;
    const startedMs = clock.monotonicMs();
    const took = (): number => clock.monotonicMs() - startedMs;
    try {
      const ask = (after: string): Promise<Answer> =>
        this.#askSubnet(subnetId, key, isQuick, after);
      const { host, resolvedBy, ...first } = await ask("");
      const items = await readPages(first, ask);
      const result = items.length > 0 ? "found" : "absent";
      const step = { role: "holder", subnet: subnetId, host, tookMs: took(), result } as const;
      return { items, step: { ...step, resolvedBy } };
    } catch (error) {
      const step: LookupStep = {
        role: "holder",
        subnet: subnetId,
        host: "",
        tookMs: took(),
        result: "failed",
        resolvedBy: "none",
        error: errorMessage(error),
      };
      return { items: [], step };
    }
  }

  async #askSubnet(
    subnetId: string,
    key: Uint8Array,
    isQuick: boolean,
    after: string,
  ): Promise<Answer> {
    const { custodian, neighbours, selfSubnet } = this.#parts;
    if (subnetId === selfSubnet) return custodian.get(key, isQuick, after);
    const body = GetRequestCodec.encode({ key, isInside: false, isQuick, after });
    const { host, body: answer } = await neighbours.call(subnetId, CALL.get, body, GET_TIMEOUT_MS);
    return { ...fromGetResponse(GetResponseCodec.decode(answer)), host };
  }
}

function settled(
  sent: ReadonlyMap<string, Promise<PutOutcome>>,
): Promise<(readonly [string, PutOutcome])[]> {
  return Promise.all(
    [...sent].map(async ([subnetId, outcome]) => [subnetId, await outcome] as const),
  );
}

function putFailed(problems: readonly PutOutcome[]): OverlayError {
  const [first] = problems;
  const why = first?.message || "nobody answered";
  if (first?.result === PUT_RESULT.quota) return new OverlayError("ERR_OVERLAY_QUOTA", why);
  if (first?.result === PUT_RESULT.storage) return new OverlayError("ERR_OVERLAY_STORAGE", why);
  return new OverlayError("ERR_OVERLAY_UNREACHABLE", `no subnet stored the record: ${why}`);
}
