/**
 * The subnet's side of the directory: takes records in, spreads them over the hosts by their
 * policy, finds them again, and moves them when hosts or subnets come and go. mDHT §3.3.5.
 */
import { toHex } from "../../platform/bytes.ts";
import type { Clock } from "../../platform/clock.ts";
import { errorMessage } from "../../platform/errors.ts";
import type { Logger } from "../../platform/logger.ts";
import { OverlayError } from "../errors.ts";
import { copiesWanted, QueryMeter } from "../records/copy-policy.ts";
import type { DurableRecords } from "../records/durable-records.ts";
import { placeCopies } from "../records/placement.ts";
import { decodeRecord, slotIdOf, verifyRecord } from "../records/record.ts";
import type { Origin } from "../records/quota-tally.ts";
import { placeInSubnet } from "../records/subnet-placement.ts";
import { checkVersionTaken } from "../records/version-rules.ts";
import {
  GetRequestCodec,
  GetResponseCodec,
  PutRequestCodec,
  PutResponseCodec,
  type PutOutcome,
  type RecordItem,
} from "../schema/messages.ts";
import type { Answer, ResolvedBy } from "./answer.ts";
import { FloorDesk } from "./floor-desk.ts";
import { Consolidation } from "./consolidation.ts";
import { CALL, PUT_RESULT } from "../schema/methods.ts";
import { MissedKeys } from "./missed-keys.ts";
import { isKept, isSettled, outcome, toOutcome } from "./put-outcome.ts";
import {
  originOf,
  originOfCopy,
  toItem,
  toSlotItem,
  withOrigin,
  withoutOrigin,
  type Bringer,
} from "./record-item.ts";
import { mergePages, pageOf, readPages, type RecordPage } from "./record-page.ts";
import type { Siblings } from "../peers/siblings.ts";
import type { WatchDesk } from "./watch-desk.ts";

const SIBLING_TIMEOUT_MS = 1_000;
/** Siblings asked by their place before the link is. */
const PLACES_ASKED = 2;

export interface CustodianParts {
  readonly records: DurableRecords;
  readonly siblings: Siblings;
  readonly watches: WatchDesk;
  readonly clock: Clock;
  readonly log: Logger;
  /** Id of this host. */
  readonly self: string;
  /** Live hosts of the subnet, this one included. */
  hosts(): readonly string[];
  /** Asks the link who holds a key; host ids. */
  askLink(key: Uint8Array): Promise<readonly string[]>;
  /** A host of the subnet did not take its copy, which this host has: it is to get it later. */
  owe(host: string, slotId: string): void;
}

export class Custodian {
  readonly floors: FloorDesk;
  readonly consolidation: Consolidation;
  readonly #parts: CustodianParts;
  readonly #misses = new MissedKeys();
  readonly #queries = new QueryMeter();
  readonly #storing = new Set<Promise<unknown>>();
  #isLeaving = false;

  constructor(parts: CustodianParts) {
    this.#parts = parts;
    this.floors = new FloorDesk(parts);
    this.consolidation = new Consolidation({
      ...parts,
      itemsAt: async (host, key) => {
        const ask = (after: string) => this.#askSibling(host, key, "multicast", after);
        return readPages(await ask(""), ask);
      },
      ownItems: (key) => this.getInside(key),
      store: (item, host) => this.#store(item, originOfCopy(item, host), false),
      send: (host, items) => this.offer(host, items),
    });
  }

  /**
   * Takes records in for the whole subnet; acknowledged once its copies are stored.
   *
   * @param bringer by default this host itself
   * @throws {OverlayError} ERR_OVERLAY_NOT_JOINED once this host is about to leave
   */
  async put(items: readonly RecordItem[], bringer?: Bringer): Promise<PutOutcome[]> {
    if (this.#isLeaving) throw leaving();
    const brought = bringer ?? { host: this.#parts.self, subnetId: null };
    const outcomes = await Promise.all(
      items.map((item) => this.#putOne(item, originOf(item, brought))),
    );
    if (bringer !== undefined) this.#tellRefused(outcomes, bringer);
    return outcomes;
  }

  /**
   * A sibling's copies: stored here and nowhere else.
   *
   * @param sibling id of the host that gives them
   * @throws {OverlayError} ERR_OVERLAY_NOT_JOINED once this host is about to leave
   */
  async putInside(items: readonly RecordItem[], sibling: string): Promise<PutOutcome[]> {
    if (this.#isLeaving) throw leaving();
    const outcomes = await Promise.all(
      items.map((item) => this.#store(item, originOfCopy(item, sibling), false)),
    );
    this.#tellRefused(outcomes, { host: sibling, subnetId: null });
    return outcomes;
  }

  /**
   * From here on no record is taken in; resolves once those under way are stored or refused.
   *
   * What is acknowledged is then in the store, to be handed over.
   */
  async leave(): Promise<void> {
    this.#isLeaving = true;
    await Promise.all(this.#storing);
  }

  /**
   * Answers for the whole subnet: own store, siblings by place, then the link.
   *
   * @param isQuick spares the link: for records known to be where they belong
   * @param after   slot id at which the page before ended
   */
  async get(key: Uint8Array, isQuick = false, after = ""): Promise<Answer> {
    const { clock, siblings } = this.#parts;
    const keyHex = toHex(key);
    this.#queries.note(keyHex, clock.monotonicMs());
    if (siblings.channels().length === 0) return this.answerInside(key, after);
    const knows = this.#knowledgeOf(keyHex);
    if (knows === "what-came" && !isQuick) await this.consolidation.beforeAnswer(key);
    const local = this.answerInside(key, after);
    if (knows !== "nothing") return local;
    const found =
      (await this.#askPlaces(key, after)) ??
      (isQuick ? undefined : await this.#search(key, keyHex, local, after));
    if (found === undefined) return local;
    await this.#keepOnDemand(keyHex, found);
    return { ...found, ...mergePages([local, found]) };
  }

  /** As `get`, all pages of it. */
  async getAll(key: Uint8Array): Promise<readonly RecordItem[]> {
    return readPages(await this.get(key), (after) => this.get(key, false, after));
  }

  /** What this host itself has, tombstones included. */
  getInside(key: Uint8Array): RecordItem[] {
    const nowMs = this.#parts.clock.monotonicMs();
    const held = this.#parts.records.store.getWithTombstones(toHex(key), nowMs);
    return held.map((record) => toItem(record, nowMs));
  }

  /** A page of it. */
  answerInside(key: Uint8Array, after = ""): Answer {
    const nowMs = this.#parts.clock.monotonicMs();
    const held = this.#parts.records.store.getWithTombstones(toHex(key), nowMs);
    const page = pageOf(
      held.map((one) => toSlotItem(one, nowMs)),
      after,
    );
    const resolvedBy = page.items.length > 0 ? "local" : "none";
    return { ...page, resolvedBy, host: this.#parts.self };
  }

  /** What a sibling itself has of a key. @throws when it does not answer */
  async askInside(host: string, key: Uint8Array): Promise<readonly RecordItem[]> {
    const ask = (after: string) => this.#askSibling(host, key, "sibling", after);
    return readPages(await ask(""), ask);
  }

  holds(key: Uint8Array): boolean {
    return this.getInside(key).length > 0;
  }

  /**
   * Copies records to siblings.
   *
   * @returns hosts that have all of them now, or newer ones
   */
  async copyTo(hosts: readonly string[], items: readonly RecordItem[]): Promise<string[]> {
    const outcomes = await Promise.all(hosts.map((host) => this.offer(host, items)));
    return hosts.filter((_, i) => outcomes[i]?.every(isSettled) === true);
  }

  /** A sibling's verdicts, one for each record; `undefined` when it did not answer. */
  async offer(host: string, items: readonly RecordItem[]): Promise<PutOutcome[] | undefined> {
    const { siblings, log } = this.#parts;
    const body = PutRequestCodec.encode({ items: [...items], isInside: true });
    try {
      const answer = await siblings.call(host, CALL.put, body, SIBLING_TIMEOUT_MS * 3);
      return PutResponseCodec.decode(answer).outcomes;
    } catch (error) {
      log.debug("copy failed", { host, reason: errorMessage(error) });
      return undefined;
    }
  }

  /** What another host was refused: an old version may come of an honest repair, the rest may not. */
  #tellRefused(outcomes: readonly PutOutcome[], { host, subnetId }: Bringer): void {
    const { log } = this.#parts;
    const from = subnetId ?? host;
    for (const { result, message, floor } of outcomes)
      if (result === PUT_RESULT.quota || result === PUT_RESULT.refused)
        log.warn("record refused", { from, reason: message });
      else if (result === PUT_RESULT.stale)
        log.debug("record refused", { from, reason: `not newer than version ${floor}` });
  }

  async #putOne(given: RecordItem, origin: Origin): Promise<PutOutcome> {
    const { self, hosts, log } = this.#parts;
    let record;
    try {
      record = decodeRecord(given.record);
      if (!verifyRecord(record)) throw new OverlayError("ERR_OVERLAY_RECORD", "bad signature");
      checkVersionTaken(record);
      if (this.#parts.records.refuses(record.publisher)) return toOutcome({ type: "refused" });
    } catch (error) {
      return outcome(PUT_RESULT.refused, { message: errorMessage(error) });
    }
    const item = withOrigin(given, origin);
    this.#misses.delete(toHex(record.key));
    const live = hosts();
    const placed = placeInSubnet(record, live) ?? [self];
    const others = placed.filter((host) => host !== self);
    const [own, offered] = await Promise.all([
      placed.includes(self) ? this.#store(item, origin, true) : undefined,
      Promise.all(others.map((host) => this.offer(host, [item]))),
    ]);
    if (own !== undefined && !isKept(own)) return own;
    const verdicts = offered.flatMap((outcomes) => outcomes?.slice(0, 1) ?? []);
    const stale = verdicts.find(({ result }) => result === PUT_RESULT.stale);
    if (stale !== undefined) return { ...stale, copies: 0 }; // nobody is to make up for that
    let copies = verdicts.filter(isKept).length + (own === undefined ? 0 : 1);
    if (copies < placed.length) {
      copies += await this.#makeUp(item, origin, placed, copies, own);
      for (const [i, host] of others.entries())
        if (offered[i]?.every(isKept) !== true) this.#parts.owe(host, slotIdOf(record));
    }
    if (copies === 0) {
      log.warn("no host of the subnet stored a record", { key: toHex(record.key) });
      return outcome(PUT_RESULT.storage, { message: "no host of the subnet could store it" });
    }
    const isNewHere = own?.result === PUT_RESULT.stored;
    if (isNewHere && placeInSubnet(record, live) === null) void this.consolidation.now(record.key);
    // A host without a copy of its own still tells whoever watches through it, and so does the
    // publisher's own host, which had the record before it was spread.
    const isOwnPut = origin.from === null && own?.result === PUT_RESULT.duplicate;
    if (own === undefined || isOwnPut)
      this.#parts.watches.publish(record.key, [withoutOrigin(item)], true);
    return { ...(own ?? outcome(PUT_RESULT.stored)), copies };
  }

  /** Hosts that should have stored a record did not: the next in order do, at last this one. */
  async #makeUp(
    item: RecordItem,
    origin: Origin,
    placed: readonly string[],
    copies: number,
    own: PutOutcome | undefined,
  ): Promise<number> {
    const { self, hosts } = this.#parts;
    const { key } = decodeRecord(item.record);
    let made = 0;
    for (const host of placeCopies(key, hosts(), hosts().length)) {
      if (copies + made >= placed.length) break;
      if (placed.includes(host) || host === self) continue;
      made += (await this.copyTo([host], [item])).length;
    }
    if (copies + made >= placed.length || own !== undefined) return made;
    return made + (isKept(await this.#store(item, origin, true)) ? 1 : 0);
  }

  async #store(item: RecordItem, origin: Origin, isEntry: boolean): Promise<PutOutcome> {
    const storing = this.#storeNow(item, origin, isEntry);
    this.#storing.add(storing);
    try {
      return await storing;
    } finally {
      this.#storing.delete(storing);
    }
  }

  async #storeNow(item: RecordItem, origin: Origin, isEntry: boolean): Promise<PutOutcome> {
    const { records, clock, watches } = this.#parts;
    try {
      if (this.#isLeaving) throw leaving();
      const record = decodeRecord(item.record);
      if (!verifyRecord(record)) throw new OverlayError("ERR_OVERLAY_RECORD", "bad signature");
      checkVersionTaken(record);
      const offer = { record, remainingMs: item.remainingMs, ...origin, isOwned: false };
      const result = await records.accept(offer, clock.monotonicMs());
      if (result.type === "stored") watches.publish(record.key, [withoutOrigin(item)], isEntry);
      return toOutcome(result);
    } catch (error) {
      const isDisk = error instanceof OverlayError && error.code === "ERR_OVERLAY_STORAGE";
      const result = isDisk ? PUT_RESULT.storage : PUT_RESULT.refused;
      return outcome(result, { message: errorMessage(error) });
    }
  }

  /** The last resort, and not for what is here already or was sought in vain just now. */
  async #search(
    key: Uint8Array,
    keyHex: string,
    own: RecordPage,
    after: string,
  ): Promise<Answer | undefined> {
    if (own.items.length > 0 || this.#misses.has(keyHex, this.#parts.clock.monotonicMs()))
      return undefined;
    const found = await this.#askLink(key, after);
    // That there is no more of a key does not mean that there is nothing.
    if (found === undefined && after === "")
      this.#misses.add(keyHex, this.#parts.clock.monotonicMs());
    return found;
  }

  async #askPlaces(key: Uint8Array, after: string): Promise<Answer | undefined> {
    const { hosts, self } = this.#parts;
    const places = placeCopies(key, hosts(), PLACES_ASKED).filter((host) => host !== self);
    return firstFound(places.map((host) => this.#askSibling(host, key, "sibling", after)));
  }

  async #askLink(key: Uint8Array, after: string): Promise<Answer | undefined> {
    const holders = await this.#parts.askLink(key);
    return firstFound(holders.map((host) => this.#askSibling(host, key, "multicast", after)));
  }

  async #askSibling(
    host: string,
    key: Uint8Array,
    resolvedBy: ResolvedBy,
    after: string,
  ): Promise<Answer> {
    const { siblings } = this.#parts;
    const body = GetRequestCodec.encode({ key, isInside: true, isQuick: true, after });
    const answer = await siblings.call(host, CALL.get, body, SIBLING_TIMEOUT_MS);
    const { items, next } = GetResponseCodec.decode(answer);
    return { items: items.filter(isRecord), next, resolvedBy, host };
  }

  /** `demand`: a host that is asked often for what it lacks keeps a copy. */
  async #keepOnDemand(keyHex: string, { items, host }: Answer): Promise<void> {
    const { clock, hosts } = this.#parts;
    const perMinute = this.#queries.perMinute(keyHex, clock.monotonicMs());
    for (const item of items) {
      const { policy } = decodeRecord(item.record);
      if (policy.type !== "demand" || copiesWanted(policy, hosts().length, perMinute) < 2) continue;
      await this.#store(item, originOfCopy(item, host), false);
    }
  }

  /**
   * What this host knows of a key: all, as one of its places; what came to hosts like it, which tell
   * each other; or nothing. What it merely published, or keeps until it is moved, tells nothing.
   */
  #knowledgeOf(keyHex: string): "all" | "what-came" | "nothing" {
    const { records, clock, self, hosts } = this.#parts;
    const held = records.store.getWithTombstones(keyHex, clock.monotonicMs());
    const places = held.map(({ record }) => placeInSubnet(record, hosts()));
    if (places.includes(null)) return "what-came";
    return places.some((place) => place?.includes(self)) ? "all" : "nothing";
  }
}

/** The first answer with records in it; `undefined` when none has any. */
async function firstFound(answers: readonly Promise<Answer>[]): Promise<Answer | undefined> {
  const found = answers.map(async (answer) => {
    const settled = await answer;
    if (settled.items.length === 0) throw new OverlayError("ERR_OVERLAY_UNREACHABLE", "absent");
    return settled;
  });
  return Promise.any(found).catch(() => undefined);
}

function isRecord({ record }: RecordItem): boolean {
  try {
    return verifyRecord(decodeRecord(record));
  } catch {
    return false;
  }
}

function leaving(): OverlayError {
  return new OverlayError("ERR_OVERLAY_NOT_JOINED", "this host is leaving its subnet");
}
