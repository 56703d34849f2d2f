/**
 * What a host that moved does with records that it kept for the subnet it was in.
 *
 * Whoever of that subnet still lives gets them back, since a copy may have been the only one. When
 * nobody of it answers after a while, it is gone, and they go to the subnets closest to them now.
 * Design, "A host adopts the link it is on".
 */
import { setTimeout as sleep } from "node:timers/promises";
import { errorMessage } from "../../platform/errors.ts";
import type { DurableRecords } from "../records/durable-records.ts";
import type { HeldRecord } from "../records/record-store.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Logger } from "../../platform/logger.ts";
import { PutRequestCodec, PutResponseCodec } from "../schema/messages.ts";
import type { HostSet } from "../subnet/host-set.ts";
import { CALL } from "../schema/methods.ts";
import { isSettled } from "../custody/put-outcome.ts";
import { toItem, withSubnetOnly } from "../custody/record-item.ts";
import type { SubnetSession } from "./session.ts";

/** Before each time that the former subnet's hosts are asked; its last one only then counts as gone. */
const ASK_AFTER_MS = [1_000, 3_000, 6_000, 10_000] as const;
const BATCH_RECORDS = 16;
const PUT_TIMEOUT_MS = 5_000;

export interface FormerSubnetParts {
  readonly records: DurableRecords;
  readonly clock: Clock;
  readonly log: Logger;
  /** Subnets that keep a record. */
  readonly replicas: number;
  /** The subnet that this host is in now. */
  session(): SubnetSession | undefined;
}

interface Former {
  readonly set: HostSet;
  /** Slots that were kept for it. */
  readonly kept: ReadonlySet<string>;
}

export class FormerSubnets {
  readonly #parts: FormerSubnetParts;
  readonly #stopping = new AbortController();
  /** Not yet settled, by subnet id: a host may move on before it has asked anybody. */
  readonly #former = new Map<string, Former>();

  constructor(parts: FormerSubnetParts) {
    this.#parts = parts;
  }

  /** This host leaves a subnet without a goodbye; what it holds now was kept for that one. */
  leave(set: HostSet): void {
    const others = [...this.#former.values()];
    const kept = this.#copies()
      .map(({ slotId }) => slotId)
      .filter((slotId) => !others.some((other) => other.kept.has(slotId)));
    if (kept.length > 0) this.#former.set(set.subnetId, { set, kept: new Set(kept) });
  }

  /** This host is in a subnet again. */
  settle(session: SubnetSession): void {
    this.#former.delete(session.subnetId); // they are at home
    for (const former of this.#former.values()) {
      session.neighbours.remember(former.set);
      void this.#settle(session, former);
    }
  }

  stop(): void {
    this.#stopping.abort();
  }

  async #settle(session: SubnetSession, former: Former): Promise<void> {
    const { log } = this.#parts;
    const { subnetId } = former.set;
    const isOver = (): boolean =>
      session !== this.#parts.session() || this.#stopping.signal.aborted; // the next one sees to it
    for (const waitMs of ASK_AFTER_MS) {
      await sleep(waitMs, undefined, { signal: this.#stopping.signal }).catch(() => {});
      if (isOver()) return;
      const isDone = await this.#giveBack(session, former).catch((error: unknown) => {
        log.debug("records not given back", { subnet: subnetId, reason: errorMessage(error) });
        return false;
      });
      if (isDone) return void this.#former.delete(subnetId);
    }
    if (isOver()) return;
    log.info("nobody of the former subnet answers", { subnet: subnetId });
    session.mover.pushSoon("all");
    this.#former.delete(subnetId);
  }

  /** @returns whether the former subnet lives; what it took is let go of here */
  async #giveBack(session: SubnetSession, { set, kept }: Former): Promise<boolean> {
    const { records, clock, log } = this.#parts;
    const { subnetId } = set;
    try {
      await session.neighbours.connect(subnetId);
    } catch {
      return false; // asked again, or gone
    }
    const held = this.#copies().filter(({ slotId }) => kept.has(slotId));
    for (let at = 0; at < held.length; at += BATCH_RECORDS) {
      const batch = held.slice(at, at + BATCH_RECORDS);
      const nowMs = clock.monotonicMs();
      const items = batch.map((one) => withSubnetOnly(toItem(one, nowMs)));
      const body = PutRequestCodec.encode({ items, isInside: false });
      const answer = await session.neighbours.call(subnetId, CALL.put, body, PUT_TIMEOUT_MS);
      const { outcomes } = PutResponseCodec.decode(answer.body);
      const taken = batch.filter((_, i) => outcomes[i] !== undefined && isSettled(outcomes[i]));
      const gone = taken.filter((one) => !this.#isOurs(session, one)).map(({ slotId }) => slotId);
      records.forget(gone, clock.monotonicMs());
    }
    log.info("records given back to the former subnet", { subnet: subnetId, records: held.length });
    return true;
  }

  /** Whether the present subnet is one of those that keep the record, as far as is known. */
  #isOurs(session: SubnetSession, { record }: HeldRecord): boolean {
    const closest = session.routing.closestKnown(record.key, this.#parts.replicas);
    return closest.some(({ subnetId }) => subnetId === session.subnetId);
  }

  #copies(): HeldRecord[] {
    const nowMs = this.#parts.clock.monotonicMs();
    return [...this.#parts.records.store.all()].filter(
      (held) => !held.isOwned && held.deadlineMs > nowMs,
    );
  }
}
