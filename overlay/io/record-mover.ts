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
import type { DurableRecords } from "../records/durable-records.ts";
import type { HeldRecord } from "../records/record-store.ts";
import { placeInSubnet, placeOnLeave, planMove } from "../records/subnet-placement.ts";
import type { Routing } from "../routing/routing.ts";
import { PutRequestCodec, PutResponseCodec, type RecordItem } from "../schema/messages.ts";
import { isKept, toItem, type Custodian } from "./custodian.ts";
import { CALL } from "./methods.ts";
import type { Neighbours } from "./neighbours.ts";

/** Changes of the host set or the table that come together are answered together. */
const SETTLE_MS = 300;
const TIDY_EVERY_MS = 30_000;
const PUSH_AFTER_MS = 3_000;
const PUSH_TIMEOUT_MS = 5_000;
const BATCH_RECORDS = 16;

export interface MoverParts {
  readonly records: DurableRecords;
  readonly custodian: Custodian;
  readonly neighbours: Neighbours;
  readonly routing: Routing;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly selfHost: string;
  readonly selfSubnet: string;
  readonly replicas: number;
  hosts(): readonly string[];
}

export class RecordMover {
  readonly #parts: MoverParts;
  /** Live hosts when the records were last placed. */
  #placedHosts: readonly string[];
  /** Closest subnets of each slot when it was last looked at. */
  readonly #closest = new Map<string, readonly string[]>();
  #timer: NodeJS.Timeout | undefined;
  readonly #tidyTimer: NodeJS.Timeout;
  #pushTimer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(parts: MoverParts) {
    this.#parts = parts;
    this.#placedHosts = parts.hosts();
    const everyMs = TIDY_EVERY_MS + parts.random.between(0, TIDY_EVERY_MS / 4);
    this.#tidyTimer = setInterval(() => this.#queue(() => this.#tidy()), everyMs);
    this.#tidyTimer.unref();
  }

  /** Hosts or subnets came or went. */
  onChange(): void {
    if (this.#isStopped || this.#timer !== undefined) return;
    const delayMs = SETTLE_MS + this.#parts.random.between(0, SETTLE_MS / 2);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#queue(() => this.#settle());
    }, delayMs);
  }

  /** Everything that this host has goes to where it will be looked for; to be called on leaving. */
  async handOver(): Promise<void> {
    this.stop();
    await this.#running;
    const { hosts, selfHost, log } = this.#parts;
    const others = hosts().filter((host) => host !== selfHost);
    const held = this.#live();
    if (held.length > 0) log.info("handing records over", { records: held.length });
    if (others.length > 0) await this.#handOverInside(held, others);
    else await this.#pushOut(held, true);
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#pushTimer);
    clearInterval(this.#tidyTimer);
  }

  /**
   * Pushes records to their closest subnets once there has been time to find those: what was kept
   * for a former subnet, or one's own after a restart.
   */
  pushSoon(which: "all" | "owned"): void {
    this.#pushTimer = setTimeout(() => {
      const held = this.#live().filter(({ isOwned }) => which === "all" || isOwned);
      if (held.length > 0) this.#queue(() => this.#pushOut(held, false));
    }, PUSH_AFTER_MS);
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
    await this.#moveInside(before, after);
    await this.#repair();
  }

  async #moveInside(before: readonly string[], after: readonly string[]): Promise<void> {
    const { selfHost, custodian, clock } = this.#parts;
    const byHost = new Map<string, RecordItem[]>();
    for (const held of this.#live())
      for (const host of planMove(held.record, before, after, selfHost).copyTo)
        listOf(byHost, host).push(toItem(held, clock.monotonicMs()));
    await Promise.all(
      [...byHost].map(async ([host, items]) => {
        for (const batch of batches(items)) await custodian.copyTo([host], batch);
      }),
    );
  }

  /** Pushes what has new closest subnets, if this host is the one to do it. */
  async #repair(): Promise<void> {
    const { routing, replicas, hosts, selfHost, selfSubnet, clock } = this.#parts;
    const live = hosts();
    const bySubnet = new Map<string, RecordItem[]>();
    const seen = new Set<string>();
    for (const held of this.#live()) {
      seen.add(held.slotId);
      const closest = routing.closestKnown(held.record.key, replicas).map((e) => e.subnetId);
      const known = this.#closest.get(held.slotId);
      this.#closest.set(held.slotId, closest);
      const place = placeInSubnet(held.record, live);
      const isActing = held.isOwned || place === null || place[0] === selfHost;
      if (!isActing) continue;
      // A record never looked at before came with its put, which reached its closest subnets;
      // one that this host owns is its own to see to.
      const reached = known ?? (held.isOwned ? [] : closest);
      for (const subnetId of closest)
        if (subnetId !== selfSubnet && !reached.includes(subnetId))
          listOf(bySubnet, subnetId).push(toItem(held, clock.monotonicMs()));
    }
    for (const slotId of this.#closest.keys()) if (!seen.has(slotId)) this.#closest.delete(slotId);
    await Promise.all([...bySubnet].map(([subnetId, items]) => this.#push(subnetId, items)));
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

  async #handOverInside(held: readonly HeldRecord[], others: readonly string[]): Promise<void> {
    const { clock } = this.#parts;
    const byHost = new Map<string, RecordItem[]>();
    for (const record of held)
      for (const host of placeOnLeave(record.record, others))
        listOf(byHost, host).push(toItem(record, clock.monotonicMs()));
    await Promise.all([...byHost].map(([host, items]) => this.#give(host, items, others)));
  }

  /** To that host, or to the next that takes them. */
  async #give(
    host: string,
    items: readonly RecordItem[],
    others: readonly string[],
  ): Promise<void> {
    const { custodian } = this.#parts;
    for (const batch of batches(items))
      for (const taker of [host, ...others.filter((other) => other !== host)])
        if ((await custodian.copyTo([taker], batch)).length > 0) break;
  }

  /** @param isLeaving the own subnet does not count as a holder any more */
  async #pushOut(held: readonly HeldRecord[], isLeaving: boolean): Promise<void> {
    const { routing, replicas, selfSubnet, clock } = this.#parts;
    const bySubnet = new Map<string, RecordItem[]>();
    for (const record of held) {
      const closest = routing
        .closestKnown(record.record.key, replicas + (isLeaving ? 1 : 0))
        .filter((entry) => entry.subnetId !== selfSubnet)
        .slice(0, replicas);
      for (const { subnetId } of closest)
        listOf(bySubnet, subnetId).push(toItem(record, clock.monotonicMs()));
    }
    await Promise.all([...bySubnet].map(([subnetId, items]) => this.#push(subnetId, items)));
  }

  async #push(subnetId: string, items: readonly RecordItem[]): Promise<void> {
    const { neighbours, log } = this.#parts;
    try {
      for (const batch of batches(items)) {
        const body = PutRequestCodec.encode({ items: batch, isRepair: true, isInside: false });
        const { body: answer } = await neighbours.call(subnetId, CALL.put, body, PUSH_TIMEOUT_MS);
        const refused = PutResponseCodec.decode(answer).outcomes.filter((one) => !isKept(one));
        if (refused.length > 0) log.debug("repair refused", { subnet: subnetId, refused });
      }
    } catch (error) {
      log.debug("repair failed", { subnet: subnetId, reason: errorMessage(error) });
      for (const [slotId, closest] of this.#closest)
        this.#closest.set(
          slotId,
          closest.filter((id) => id !== subnetId),
        ); // tried again
      this.onChange();
    }
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

function* batches(items: readonly RecordItem[]): Generator<RecordItem[]> {
  for (let at = 0; at < items.length; at += BATCH_RECORDS)
    yield items.slice(at, at + BATCH_RECORDS);
}
