/**
 * A host that was away hears what became of its records meanwhile.
 *
 * Of two hosts that meet again, each asks the other for the newest version of every record that it
 * keeps. What is older here goes, in favour of the newer one where that is still kept; what is older
 * there is sent, and so is what should be there and never was. Without this a record that was removed
 * while one of its holders was off would be served again by that holder, and one that was put while
 * a link was cut would stay on its side: the hosts of the two sides saw others come and go, so none
 * of them takes itself for the one to copy it.
 */
import type { Clock } from "../../platform/clock.ts";
import { errorMessage } from "../../platform/errors.ts";
import type { Logger } from "../../platform/logger.ts";
import type { Timer, Timers } from "../../platform/timers.ts";
import type { DurableRecords } from "../records/durable-records.ts";
import { FLOORS_ASKED_MAX, toVersionFloor } from "../records/floor-answer.ts";
import type { HeldRecord } from "../records/record-store.ts";
import { placeInSubnet } from "../records/subnet-placement.ts";
import type { Floor } from "../schema/messages.ts";
import type { Custodian } from "./custodian.ts";
import { toItem } from "./record-item.ts";

/** A host so new in the subnet asks everyone; later it asks those that come back. */
const ARRIVING_MS = 15_000;
/** A host may be in the set before there is a channel to it. */
const RETRY_MS = 250;
const RETRY_MAX_MS = 5_000;

export interface FloorSyncParts {
  readonly records: DurableRecords;
  readonly custodian: Custodian;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Logger;
  /** Id of this host. */
  readonly selfHost: string;
  /** Live hosts of the subnet, this one included. */
  hosts(): readonly string[];
  /** That host is to get copies of these. */
  owe(host: string, slotIds: readonly string[]): void;
}

export class FloorSync {
  readonly #parts: FloorSyncParts;
  readonly #startedAtMs: number;
  #present: readonly string[];
  readonly #gone = new Set<string>();
  /** Of those to ask, who were here before, or whom this host comes back to. */
  readonly #back = new Set<string>();
  /** This host came with records, of an earlier run or another subnet. */
  readonly #hasBrought: boolean;
  /** Hosts to ask. */
  readonly #owed = new Set<string>();
  /** Of those that are back, the slots that they lacked at the last look. */
  readonly #missing = new Map<string, ReadonlySet<string>>();
  #timer: Timer | undefined;
  #retryMs = RETRY_MS;
  #isAsking = false;

  constructor(parts: FloorSyncParts) {
    this.#parts = parts;
    this.#startedAtMs = parts.clock.monotonicMs();
    this.#present = [parts.selfHost];
    this.#hasBrought = parts.records.store.keyCount > 0;
  }

  /** To be told of every change of the live hosts, however short. */
  onHosts(hosts: readonly string[]): void {
    const isArriving = this.#parts.clock.monotonicMs() - this.#startedAtMs < ARRIVING_MS;
    for (const host of this.#present) if (!hosts.includes(host)) this.#gone.add(host);
    const came = hosts.filter((host) => !this.#present.includes(host));
    this.#present = hosts;
    for (const host of came) {
      const isBack = this.#gone.delete(host);
      if (isBack || isArriving) this.#owed.add(host);
      if (isBack || (isArriving && this.#hasBrought)) this.#back.add(host);
    }
    for (const host of this.#owed)
      if (!hosts.includes(host)) {
        this.#owed.delete(host);
        this.#missing.delete(host);
        this.#gone.add(host);
      }
    if (this.#owed.size === 0 || this.#timer !== undefined || this.#isAsking) return;
    this.#retryMs = RETRY_MS;
    this.#askSoon();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#owed.clear();
  }

  #askSoon(): void {
    this.#timer = this.#parts.timers.after(this.#retryMs, () => void this.#askAll());
    this.#retryMs = Math.min(RETRY_MAX_MS, this.#retryMs * 2);
  }

  async #askAll(): Promise<void> {
    this.#timer = undefined;
    this.#isAsking = true;
    await Promise.all([...this.#owed].map((host) => this.#ask(host)));
    this.#isAsking = false;
    if (this.#owed.size > 0) this.#askSoon();
  }

  async #ask(host: string): Promise<void> {
    const { records, log } = this.#parts;
    const before = this.#missing.get(host);
    const held = [...records.store.all()].filter(({ slotId }) => before?.has(slotId) ?? true);
    try {
      const missing = new Set<string>();
      for (let at = 0; at < held.length; at += FLOORS_ASKED_MAX)
        for (const slotId of await this.#compare(host, held.slice(at, at + FLOORS_ASKED_MAX)))
          missing.add(slotId);
      if (missing.size > 0 && this.#back.has(host)) {
        // One of those that saw it come copies to it, if they all saw the same: that is waited for.
        if (missing.size !== before?.size) return this.#lookAgain(host, missing);
        this.#parts.owe(host, [...missing]);
      }
      for (const hosts of [this.#owed, this.#back, this.#missing]) hosts.delete(host);
    } catch (error) {
      log.debug("versions not compared", { host, reason: errorMessage(error) });
    }
  }

  #lookAgain(host: string, missing: ReadonlySet<string>): void {
    if (this.#owed.has(host)) this.#missing.set(host, missing); // else it went meanwhile
  }

  /** @returns slots of what that host should have, and never had */
  async #compare(host: string, held: readonly HeldRecord[]): Promise<string[]> {
    const { custodian } = this.#parts;
    const slotIds = held.map(({ slotId }) => slotId);
    const floors = await custodian.floors.ask(host, slotIds);
    const missing: string[] = [];
    for (const [i, one] of held.entries()) {
      const floor = floors[i];
      if (floor === undefined) continue;
      if (floor.version === 0n) {
        if (this.#belongsTo(host, one)) missing.push(one.slotId);
      } else if (floor.version > one.record.version) await this.#update(host, one, floor);
      else if (floor.version < one.record.version) await this.#tell(host, one);
    }
    return missing;
  }

  /** Whether that host is one of those of the subnet that should keep it. */
  #belongsTo(host: string, { record }: HeldRecord): boolean {
    return placeInSubnet(record, this.#parts.hosts())?.includes(host) ?? false;
  }

  /** The newer one if that host keeps it; else only the word that there was one. */
  async #update(host: string, { record, slotId, from }: HeldRecord, floor: Floor): Promise<void> {
    const { records, custodian, clock, log } = this.#parts;
    await custodian.putInside(await custodian.askInside(host, record.key), host);
    if (records.store.floorOf(slotId) >= floor.version) return;
    log.info("a record kept here was out of date", { slot: slotId, host });
    records.raiseFloors([toVersionFloor(slotId, floor, from, clock.monotonicMs())]);
  }

  async #tell(host: string, held: HeldRecord): Promise<void> {
    const { custodian, clock } = this.#parts;
    const nowMs = clock.monotonicMs();
    if (held.deadlineMs > nowMs) await custodian.offer(host, [toItem(held, nowMs)]);
  }
}
