/**
 * Keeps every record where it belongs while hosts and subnets come and go.
 *
 * Inside the subnet the first of the former holders copies to a new one; between subnets the first
 * holder pushes to a subnet that has become one of the closest. A leaving host hands over what it
 * has, the subnet's last one to the closest other subnets. mDHT §3.3.4-3.3.5.
 */
import type { Clock } from "../../platform/clock.ts";
import { errorMessage } from "../../platform/errors.ts";
import type { Logger } from "../../platform/logger.ts";
import type { Random } from "../../platform/random.ts";
import { sleep, type Timer, type Timers } from "../../platform/timers.ts";
import type { DurableRecords } from "../records/durable-records.ts";
import type { HeldRecord } from "../records/record-store.ts";
import { placeInSubnet, placeOnLeave, planMove } from "../records/subnet-placement.ts";
import type { Routing } from "../routing/routing.ts";
import {
  PutRequestCodec,
  PutResponseCodec,
  type PutOutcome,
  type RecordItem,
} from "../schema/messages.ts";
import { CopyDebts } from "./copy-debts.ts";
import type { Custodian } from "./custodian.ts";
import { FloorSync } from "./floor-sync.ts";
import { CALL, PUT_RESULT } from "../schema/methods.ts";
import type { Neighbours } from "../peers/neighbours.ts";
import { isSettled } from "./put-outcome.ts";
import { toItem, withSubnetOnly } from "./record-item.ts";

/** Changes of the host set or the table that come together are answered together. */
const SETTLE_MS = 300;
const TIDY_EVERY_MS = 30_000;
const PUSH_AFTER_MS = 3_000;
const PUSH_TIMEOUT_MS = 5_000;
const BATCH_RECORDS = 16;
/** Between two batches to one taker, unless this host is about to leave: others have gets to serve. */
const BATCH_PAUSE_MS = 50;
/** Subnets that a leaving host tries in place of those closest that do not answer. */
const SPARE_SUBNETS = 2;

export interface MoverParts {
  readonly records: DurableRecords;
  readonly custodian: Custodian;
  readonly neighbours: Neighbours;
  readonly routing: Routing;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly log: Logger;
  readonly selfHost: string;
  readonly selfSubnet: string;
  readonly replicas: number;
  hosts(): readonly string[];
}

type Send = (items: readonly RecordItem[]) => Promise<readonly PutOutcome[] | undefined>;

/** Who is owed copies, and how they get there. */
interface Way {
  readonly debts: CopyDebts;
  isWanted(taker: string, held: HeldRecord): boolean;
  send(taker: string, items: readonly RecordItem[]): ReturnType<Send>;
}

/** A record that leaves with its host. */
interface Parting {
  readonly held: HeldRecord;
  /** Subnets to try, closest first. */
  readonly candidates: string[];
  copies: number;
}

export class RecordMover {
  readonly #parts: MoverParts;
  /** Live hosts when the records were last placed. */
  #placedHosts: readonly string[];
  /** Closest subnets of each slot when it was last looked at. */
  readonly #closest = new Map<string, readonly string[]>();
  /** Subnets in the table then; `undefined` before the first time. */
  #placedSubnets: readonly string[] | undefined;
  /** Siblings by host id, and other subnets. */
  readonly #inside: Way;
  readonly #outside: Way;
  readonly #floors: FloorSync;
  #timer: Timer | undefined;
  #retryTimer: Timer | undefined;
  readonly #tidyTimer: Timer;
  #pushTimer: Timer | undefined;
  #running: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(parts: MoverParts) {
    this.#parts = parts;
    this.#placedHosts = parts.hosts();
    const owe = (host: string, slots: readonly string[]): void => {
      for (const slotId of slots) this.#inside.debts.add(host, slotId);
      this.#queue(() => this.#pay());
    };
    this.#floors = new FloorSync({ ...parts, owe });
    const { custodian, hosts } = parts;
    this.#inside = {
      debts: new CopyDebts(),
      isWanted: (host, { record }) => placeInSubnet(record, hosts())?.includes(host) ?? false,
      send: (host, items) => custodian.offer(host, items),
    };
    this.#outside = {
      debts: new CopyDebts(),
      isWanted: (subnetId, held) => this.#closestOthers(held).includes(subnetId),
      send: (subnetId, items) => this.#push(subnetId, items),
    };
    const everyMs = TIDY_EVERY_MS + parts.random.between(0, TIDY_EVERY_MS / 4);
    this.#tidyTimer = parts.timers.every(everyMs, () => this.#queue(() => this.#tidy()));
  }

  /** Hosts or subnets came or went. */
  onChange(): void {
    if (this.#isStopped) return;
    this.#floors.onHosts(this.#parts.hosts());
    if (this.#timer !== undefined) return;
    const delayMs = SETTLE_MS + this.#parts.random.between(0, SETTLE_MS / 2);
    this.#timer = this.#parts.timers.after(delayMs, () => {
      this.#timer = undefined;
      this.#queue(() => this.#settle());
    });
  }

  /** A sibling did not take its copy of what this host has; it is tried again, later and later. */
  oweHost(host: string, slotId: string): void {
    this.#owe(this.#inside, host, slotId);
  }

  /** As `oweHost`, for another subnet. */
  oweSubnet(subnetId: string, slotId: string): void {
    this.#owe(this.#outside, subnetId, slotId);
  }

  /**
   * Everything that this host has goes to where it will be looked for; to be called on leaving.
   *
   * What no sibling takes, since there is none or all are leaving, goes to other subnets.
   */
  async handOver(): Promise<void> {
    this.stop();
    await this.#running;
    const { hosts, selfHost, custodian, log, neighbours } = this.#parts;
    await custodian.leave();
    const others = hosts().filter((host) => host !== selfHost);
    const held = this.#live();
    await this.#pushOut(await this.#handOverInside(held, others));
    const { repairBytes } = neighbours.tally;
    log.info("records handed over", { records: held.length, movedBytes: repairBytes });
  }

  stop(): void {
    this.#isStopped = true;
    this.#floors.stop();
    this.#timer?.cancel();
    this.#retryTimer?.cancel();
    this.#pushTimer?.cancel();
    this.#tidyTimer.cancel();
  }

  /**
   * Pushes records to their closest subnets once there has been time to find those: what was kept
   * for a former subnet, or one's own after a restart.
   */
  pushSoon(which: "all" | "owned"): void {
    this.#pushTimer = this.#parts.timers.after(PUSH_AFTER_MS, () => {
      for (const held of this.#live())
        if (which === "all" || held.isOwned)
          for (const subnetId of this.#closestOthers(held))
            this.#outside.debts.add(subnetId, held.slotId);
      this.#queue(() => this.#pay());
    });
  }

  #queue(work: () => Promise<void>): void {
    if (this.#isStopped) return;
    this.#running = this.#running.then(work).catch((error: unknown) => {
      this.#parts.log.warn("moving records failed", { reason: errorMessage(error) });
    });
  }

  async #settle(): Promise<void> {
    const before = this.#placedHosts;
    const after = this.#parts.hosts();
    this.#placedHosts = after;
    if (after.some((host) => !before.includes(host)))
      this.#parts.custodian.consolidation.onHostsJoined();
    for (const held of this.#live())
      for (const host of planMove(held.record, before, after, this.#parts.selfHost).copyTo)
        this.#inside.debts.add(host, held.slotId);
    this.#noteClosest();
    await this.#pay();
  }

  /** What has new closest subnets is owed to them, if this host is the one to see to it. */
  #noteClosest(): void {
    const { hosts, selfHost, routing } = this.#parts;
    const live = hosts();
    const seen = new Set<string>();
    const before = this.#placedSubnets;
    const after = routing.entries().map(({ subnetId }) => subnetId);
    this.#placedSubnets = after;
    const isSameTable = before === undefined || isSameSet(before, after);
    for (const held of this.#live()) {
      seen.add(held.slotId);
      const closest = this.#closestOthers(held);
      const known = this.#closest.get(held.slotId);
      this.#closest.set(held.slotId, closest);
      const place = placeInSubnet(held.record, live);
      const isActing = held.isOwned || place === null || place[0] === selfHost;
      if (!isActing) continue;
      // A record never looked at before came with its put, which reached the closest subnets of
      // that time; one that this host owns is its own to see to.
      const reached = known ?? (held.isOwned || !isSameTable ? [] : closest);
      for (const subnetId of closest)
        if (!reached.includes(subnetId)) this.#outside.debts.add(subnetId, held.slotId);
    }
    for (const slotId of this.#closest.keys()) if (!seen.has(slotId)) this.#closest.delete(slotId);
  }

  /** Sends what is owed and due; comes back for what was not taken. */
  async #pay(): Promise<void> {
    const { clock } = this.#parts;
    const nowMs = clock.monotonicMs();
    const paying = [this.#inside, this.#outside].flatMap((way) =>
      way.debts.due(nowMs).map(([taker, slotIds]) => this.#payTo(way, taker, slotIds)),
    );
    await Promise.all(paying);
    this.#comeBack();
  }

  #owe(way: Way, taker: string, slotId: string): void {
    way.debts.addFailed(taker, slotId, this.#parts.clock.monotonicMs());
    this.#comeBack();
  }

  #comeBack(): void {
    const { clock, timers } = this.#parts;
    const nextAtMs = Math.min(this.#inside.debts.nextAtMs, this.#outside.debts.nextAtMs);
    this.#retryTimer?.cancel();
    if (nextAtMs === Infinity || this.#isStopped) return;
    const delayMs = Math.max(0, nextAtMs - clock.monotonicMs());
    this.#retryTimer = timers.after(delayMs, () => this.#queue(() => this.#pay()));
  }

  async #payTo(way: Way, taker: string, slotIds: readonly string[]): Promise<void> {
    const owed = new Set(slotIds);
    const wanted = this.#live().filter(
      (held) => owed.has(held.slotId) && way.isWanted(taker, held),
    );
    let isFirst = true;
    const verdicts = await this.#sendAll(wanted, async (items) => {
      if (!isFirst) await sleep(this.#parts.timers, BATCH_PAUSE_MS);
      isFirst = false;
      return this.#isStopped ? undefined : way.send(taker, items);
    });
    for (const held of wanted) {
      const verdict = verdicts.get(held);
      if (verdict === undefined || isForLater(verdict)) owed.delete(held.slotId);
    }
    way.debts.settle(taker, owed);
    way.debts.postpone(taker, this.#parts.clock.monotonicMs());
  }

  /** Lets go of what other hosts of the subnet keep by now. */
  async #tidy(): Promise<void> {
    const { hosts, selfHost, custodian, records, clock } = this.#parts;
    const live = hosts();
    for (const held of this.#live()) {
      if (held.isOwned) continue;
      const place = placeInSubnet(held.record, live);
      if (place === null || place.includes(selfHost)) continue;
      const kept = await custodian.copyTo(place, [toItem(held, clock.monotonicMs())]);
      if (kept.length === place.length) records.forget([held.slotId], clock.monotonicMs());
    }
  }

  /** @returns what none of the others took */
  async #handOverInside(
    held: readonly HeldRecord[],
    others: readonly string[],
  ): Promise<HeldRecord[]> {
    if (others.length === 0) return [...held];
    const byHost = new Map<string, HeldRecord[]>();
    for (const one of held)
      for (const host of placeOnLeave(one.record, others)) listOf(byHost, host).push(one);
    const left = await Promise.all(
      [...byHost].map(([host, records]) => this.#give(host, records, others)),
    );
    return [...new Set(left.flat())];
  }

  /** To that host, or to the next that takes them; the rest is returned. */
  async #give(
    host: string,
    records: readonly HeldRecord[],
    others: readonly string[],
  ): Promise<readonly HeldRecord[]> {
    let left = records;
    for (const taker of [host, ...others.filter((other) => other !== host)]) {
      const verdicts = await this.#sendAll(left, (items) => this.#inside.send(taker, items));
      left = left.filter((held) => !isTaken(verdicts.get(held)));
    }
    return left;
  }

  /** To the closest other subnets, and to the next where one of them does not take a record. */
  async #pushOut(held: readonly HeldRecord[]): Promise<void> {
    const { replicas, log } = this.#parts;
    const partings: Parting[] = held.map((one) => ({
      held: one,
      candidates: this.#closestOthers(one, replicas + 1 + SPARE_SUBNETS),
      copies: 0,
    }));
    for (;;) {
      const bySubnet = new Map<string, Parting[]>();
      for (const one of partings)
        for (const subnetId of one.candidates.splice(0, replicas - one.copies))
          listOf(bySubnet, subnetId).push(one);
      if (bySubnet.size === 0) break;
      await Promise.all([...bySubnet].map(([subnetId, ones]) => this.#part(subnetId, ones)));
    }
    const lost = partings.filter(({ copies }) => copies === 0).length;
    if (lost > 0) log.warn("no subnet took records over", { records: lost });
  }

  async #part(subnetId: string, partings: readonly Parting[]): Promise<void> {
    const records = partings.map(({ held }) => held);
    const verdicts = await this.#sendAll(records, (items) => this.#outside.send(subnetId, items));
    for (const one of partings) if (isTaken(verdicts.get(one.held))) one.copies++;
  }

  /** In batches, until one gets no answer; the verdicts on those that did. */
  async #sendAll(
    records: readonly HeldRecord[],
    send: Send,
  ): Promise<ReadonlyMap<HeldRecord, PutOutcome>> {
    const verdicts = new Map<HeldRecord, PutOutcome>();
    for (let at = 0; at < records.length; at += BATCH_RECORDS) {
      const batch = records.slice(at, at + BATCH_RECORDS);
      const nowMs = this.#parts.clock.monotonicMs();
      const items = batch.map((held) => toItem(held, nowMs));
      for (const { record } of items) this.#parts.neighbours.tally.repairBytes += record.length;
      const outcomes = await send(items);
      if (outcomes === undefined) break;
      for (const [i, outcome] of outcomes.slice(0, batch.length).entries())
        verdicts.set(batch[i]!, outcome);
    }
    return verdicts;
  }

  async #push(
    subnetId: string,
    items: readonly RecordItem[],
  ): Promise<readonly PutOutcome[] | undefined> {
    const { neighbours, log } = this.#parts;
    try {
      const body = PutRequestCodec.encode({ items: items.map(withSubnetOnly), isInside: false });
      const { body: answer } = await neighbours.call(subnetId, CALL.put, body, PUSH_TIMEOUT_MS);
      return PutResponseCodec.decode(answer).outcomes;
    } catch (error) {
      log.debug("repair failed", { subnet: subnetId, reason: errorMessage(error) });
      return undefined;
    }
  }

  /** Those of a key's closest subnets that are not this one. */
  #closestOthers({ record }: HeldRecord, count = this.#parts.replicas): string[] {
    const { routing, selfSubnet } = this.#parts;
    const closest = routing.closestKnown(record.key, count).map(({ subnetId }) => subnetId);
    return closest.filter((subnetId) => subnetId !== selfSubnet);
  }

  #live(): HeldRecord[] {
    const nowMs = this.#parts.clock.monotonicMs();
    return [...this.#parts.records.store.all()].filter((held) => held.deadlineMs > nowMs);
  }
}

function listOf<T>(lists: Map<string, T[]>, name: string): T[] {
  const list = lists.get(name) ?? [];
  lists.set(name, list);
  return list;
}

function isSameSet(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every((one) => others.includes(one));
}

function isTaken(verdict: PutOutcome | undefined): boolean {
  return verdict !== undefined && isSettled(verdict);
}

/** There may be room another time. */
function isForLater({ result }: PutOutcome): boolean {
  return result === PUT_RESULT.storage || result === PUT_RESULT.quota;
}
