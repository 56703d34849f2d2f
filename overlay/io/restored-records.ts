/**
 * Records that came back with a backup, until their holders have said what became of them.
 *
 * The host may have replaced or removed them after the backup was made. So they are put aside,
 * neither served nor pushed, until the other hosts of the subnet and the subnets that such a record
 * belongs to have told the newest versions that they know. Then each is published again, or given up
 * in favour of the newer one.
 */
import { isEqualBytes } from "../../platform/bytes.ts";
import type { Clock } from "../../platform/clock.ts";
import { errorMessage } from "../../platform/errors.ts";
import type { Logger } from "../../platform/logger.ts";
import { RESTORED_META } from "../backup/backup-content.ts";
import type { BackupEntry } from "../backup/backup-file.ts";
import { OverlayError } from "../errors.ts";
import type { DurableRecords } from "../records/durable-records.ts";
import type { Routing } from "../routing/routing.ts";
import { toVersionFloor } from "../records/floor-answer.ts";
import { decodeRecord, slotIdOf, verifyRecord, type SignedRecord } from "../records/record.ts";
import { judgeRestored, newestCredible } from "../records/restored-rules.ts";
import { decodeStoredRecord } from "../records/stored-record.ts";
import {
  FloorsRequestCodec,
  FloorsResponseCodec,
  GetRequestCodec,
  GetResponseCodec,
  type Floor,
  type GetResponse,
  type RecordItem,
} from "../schema/messages.ts";
import type { Finding } from "../types.ts";
import { recordEntries } from "./backup.ts";
import type { LevelStore } from "./level-store.ts";
import { CALL } from "../schema/methods.ts";
import { readPages } from "../custody/record-page.ts";
import type { SubnetSession } from "./session.ts";

const REVIEW_MS = 2_000;
/** A subnet just entered knows neither its siblings nor its neighbours yet. */
const SETTLE_MS = 4_000;
const LOOKUP_TIMEOUT_MS = 4_000;
const ASK_TIMEOUT_MS = 4_000;
const BATCH_RECORDS = 64;

export interface RestoredParts {
  readonly level: LevelStore;
  readonly records: DurableRecords;
  readonly clock: Clock;
  readonly log: Logger;
  readonly state: { readonly hostKey: { readonly publicKey: Uint8Array } };
  readonly replicas: number;
  readonly host: { readonly session: RestoredSession | undefined };
}

/** What is needed of the subnet that this host is in. */
export type RestoredSession = Pick<
  SubnetSession,
  "subnetId" | "custodian" | "neighbours" | "mover"
> & { readonly routing: Pick<Routing, "closest"> };

interface Waiting {
  readonly slotId: string;
  readonly record: SignedRecord;
  /** Monotonic end of its lifetime. */
  readonly deadlineMs: number;
}

export class RestoredRecords {
  readonly #parts: RestoredParts;
  readonly #waiting = new Map<string, Waiting>();
  #timer: NodeJS.Timeout | undefined;
  #session: RestoredSession | undefined;
  #sessionSinceMs = 0;
  #isBusy = false;
  #problem = "";

  constructor(parts: RestoredParts) {
    this.#parts = parts;
    for (const name of parts.level.metaNames(RESTORED_META)) this.#read(name);
    if (this.#waiting.size === 0) return;
    parts.log.info("records of a backup wait until others are asked", {
      records: this.#waiting.size,
    });
    this.#timer = setInterval(() => void this.review(), REVIEW_MS);
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** This host's own records for another backup, those that wait included. */
  backup(): BackupEntry[] {
    return recordEntries(this.#parts.records.store, this.#parts.level);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** This host is about to replace or remove it: from here on it counts as its own. */
  async release(key: Uint8Array, slot: string): Promise<void> {
    const { publicKey: publisher } = this.#parts.state.hostKey;
    const one = this.#waiting.get(slotIdOf({ key, publisher, slot } as SignedRecord));
    if (one !== undefined) await this.#takeBack(one);
  }

  findings(): readonly Finding[] {
    if (this.size === 0) return [];
    const why = this.#problem === "" ? "" : ` (${this.#problem})`;
    return [
      {
        code: "restored-records-wait",
        severity: "warning",
        what: `${this.size} record(s) of the backup wait until their holders say what became of them${why}`,
        advice: "wait; if it goes on, see that other subnets of the overlay can be reached",
      },
    ];
  }

  #read(name: string): void {
    const { level, state } = this.#parts;
    const bytes = level.getMeta(name);
    if (bytes === undefined) return;
    try {
      const { record, expiresAtMs } = decodeStoredRecord(bytes);
      const isOwn = isEqualBytes(record.publisher, state.hostKey.publicKey) && verifyRecord(record);
      if (!isOwn) throw new OverlayError("ERR_OVERLAY_RECORD", "not of this host");
      const deadlineMs = level.storeClock.toMonotonicMs(expiresAtMs);
      const slotId = slotIdOf(record);
      this.#waiting.set(slotId, { slotId, record, deadlineMs });
    } catch (error) {
      this.#parts.log.warn("a restored record is not usable", { reason: errorMessage(error) });
      this.#forget(name.slice(RESTORED_META.length));
    }
  }

  /** Asks the others, once there has been time to find them; what is left waits for the next time. */
  async review(): Promise<void> {
    const session = this.#settledSession();
    if (session === undefined || this.#isBusy) return;
    this.#isBusy = true;
    try {
      const all = [...this.#waiting.values()];
      for (let at = 0; at < all.length; at += BATCH_RECORDS)
        await this.#settle(session, all.slice(at, at + BATCH_RECORDS));
      this.#problem = "";
    } catch (error) {
      this.#problem = errorMessage(error); // tried again
      this.#parts.log.debug("restored records wait on", { reason: this.#problem });
    } finally {
      this.#isBusy = false;
    }
    if (this.#waiting.size > 0) return;
    this.stop();
    session.mover.pushSoon("owned");
    this.#parts.log.info("every record of the backup is accounted for");
  }

  /** The present session, once it has had time to find others; none while others are out of reach. */
  #settledSession(): RestoredSession | undefined {
    const { clock, host } = this.#parts;
    const { session } = host;
    if (session !== this.#session) {
      this.#session = session;
      this.#sessionSinceMs = clock.monotonicMs();
    }
    if (session === undefined || clock.monotonicMs() - this.#sessionSinceMs < SETTLE_MS)
      return undefined;
    const { neighbours } = session;
    if (!neighbours.knowsOthers || neighbours.isReaching) return session;
    this.#problem = "other subnets are known, and none is reached";
    return undefined;
  }

  /** Asks everyone who may keep one of these, and does what follows. */
  async #settle(session: RestoredSession, batch: readonly Waiting[]): Promise<void> {
    const bySubnet = new Map<string, Waiting[]>();
    for (const [one, subnets] of await Promise.all(
      batch.map(async (waiting) => [waiting, await this.#holders(session, waiting)] as const),
    ))
      for (const subnetId of subnets)
        bySubnet.set(subnetId, [...(bySubnet.get(subnetId) ?? []), one]);
    const answers = new Map<string, Map<string, Floor>>();
    await Promise.all(
      [...bySubnet].map(async ([subnetId, ones]) => {
        const floors = await this.#ask(session, subnetId, ones);
        for (const [i, { slotId }] of ones.entries()) {
          const known = answers.get(slotId) ?? new Map<string, Floor>();
          answers.set(slotId, known.set(subnetId, floors[i]!));
        }
      }),
    );
    for (const one of batch) await this.#conclude(session, one, answers.get(one.slotId)!);
  }

  /** The closest subnets, and this one, whose hosts may have kept a copy. */
  async #holders(session: RestoredSession, { record }: Waiting): Promise<ReadonlySet<string>> {
    const signal = AbortSignal.timeout(LOOKUP_TIMEOUT_MS);
    const closest = await session.routing.closest(record.key, this.#parts.replicas, signal);
    return new Set([session.subnetId, ...closest.map(({ subnetId }) => subnetId)]);
  }

  async #ask(
    session: RestoredSession,
    subnetId: string,
    ones: readonly Waiting[],
  ): Promise<readonly Floor[]> {
    const slotIds = ones.map(({ slotId }) => slotId);
    if (subnetId === session.subnetId) return session.custodian.floors.ofSubnet(slotIds);
    const slots = slotIds.map((slotId) => Buffer.from(slotId, "base64url"));
    const body = FloorsRequestCodec.encode({ slots, isInside: false });
    const { neighbours } = session;
    const answer = await neighbours.call(subnetId, CALL.floors, body, ASK_TIMEOUT_MS);
    const { floors } = FloorsResponseCodec.decode(answer.body);
    if (floors.length === slots.length) return floors;
    throw new OverlayError("ERR_OVERLAY_REFUSED", `${subnetId} answers for other records`);
  }

  async #conclude(
    session: RestoredSession,
    one: Waiting,
    floors: ReadonlyMap<string, Floor>,
  ): Promise<void> {
    const { records, clock, log } = this.#parts;
    const { slotId, record, deadlineMs } = one;
    const leftMs = deadlineMs - clock.monotonicMs();
    const known = [...floors.values()];
    const present = records.store.getSlot(slotId)?.record.version ?? 0n;
    const verdict = judgeRestored({ version: record.version, leftMs }, present, known);
    if (verdict === "publish") return this.#takeBack(one);
    if (verdict === "superseded") {
      const newest = newestCredible(record.version, known)!;
      await this.#adopt(session, record, floors, newest);
      log.info("a restored record was replaced or removed since", { slot: slotId });
      const floor = toVersionFloor(slotId, newest, null, clock.monotonicMs());
      records.raiseFloors([floor]);
    }
    this.#forget(slotId);
  }

  /** Takes back what this host published after the backup, from those that keep it. */
  async #adopt(
    session: RestoredSession,
    { key }: SignedRecord,
    floors: ReadonlyMap<string, Floor>,
    newest: Floor,
  ): Promise<void> {
    if (newest.remainingMs === 0) return; // over, whoever had it
    for (const [subnetId, floor] of floors)
      if (floor.version === newest.version)
        for (const item of await this.#items(session, subnetId, key)) await this.#acceptOwn(item);
  }

  async #items(
    session: RestoredSession,
    subnetId: string,
    key: Uint8Array,
  ): Promise<readonly RecordItem[]> {
    const { custodian, neighbours } = session;
    if (subnetId === session.subnetId) return custodian.getAll(key);
    const ask = async (after: string): Promise<GetResponse> => {
      const body = GetRequestCodec.encode({ key, isInside: false, isQuick: false, after });
      const answer = await neighbours.call(subnetId, CALL.get, body, ASK_TIMEOUT_MS);
      return GetResponseCodec.decode(answer.body);
    };
    return readPages(await ask(""), ask);
  }

  async #acceptOwn({ record: bytes, remainingMs }: RecordItem): Promise<void> {
    const { records, clock, state } = this.#parts;
    const record = decodeRecord(bytes);
    if (!isEqualBytes(record.publisher, state.hostKey.publicKey) || !verifyRecord(record)) return;
    await records.accept({ record, remainingMs, from: null, isOwned: true }, clock.monotonicMs());
    records.setOwned([slotIdOf(record)], true); // the copy may be here already
  }

  async #takeBack({ slotId, record, deadlineMs }: Waiting): Promise<void> {
    const { records, clock } = this.#parts;
    const nowMs = clock.monotonicMs();
    const offer = { record, remainingMs: deadlineMs - nowMs, from: null, isOwned: true };
    await records.accept(offer, nowMs);
    records.setOwned([slotId], true); // a sibling may have brought it before
    this.#forget(slotId);
  }

  #forget(slotId: string): void {
    this.#waiting.delete(slotId);
    // If that fails it is looked at again after the next start.
    this.#parts.level.deleteMeta(RESTORED_META + slotId).catch(() => {});
  }
}
