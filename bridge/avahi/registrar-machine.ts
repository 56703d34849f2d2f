/**
 * Which entry groups Avahi holds for us, so that it answers for what is registered.
 *
 * A group says nothing about which of its services collided and cannot give up one of them. So a
 * group that collides is taken apart, each service then alone; and what stays when one is withdrawn
 * moves to a new group before the old one goes: Avahi sends no goodbye for a record that another of
 * its groups holds too (measured with 0.8).
 */
import type { Machine, Tick } from "../../platform/machine.ts";
import type { Registration } from "../zeroconf/backend.ts";
import type { ZeroconfService } from "../zeroconf/service.ts";
import { AddressBook } from "./address-book.ts";
import { hostCalls, serviceCalls, updateCalls } from "./entries.ts";
import { packGroups } from "./group-packing.ts";
import type { AvahiCall } from "./protocol.ts";
import type { RegistrarAction, RegistrarEvent } from "./registrar-events.ts";
import { RegisteredItem } from "./registered-item.ts";

interface Group {
  readonly id: number;
  readonly items: Set<RegisteredItem>;
  /** Withdrawn, and in the group until it is freed. */
  readonly leaving: number[];
  /** Older groups that hold the same records, freed once this one is established. */
  readonly replaces: readonly Group[];
  isEstablished: boolean;
  /** When Avahi has taken too long to say how it went. */
  readonly limitMs: number;
  /** When what it should hold is put into new groups; Infinity while it holds just that. */
  rebuildAtMs: number;
}

/** Registrations that come together go into groups together. */
const GATHER_MS = 5;
/** Withdrawals likewise. */
const REBUILD_MS = 20;
/** Groups that probe at a time; the rest waits. */
const REGISTERING_MAX = 16;
/** Without Avahi, or without an answer of its. */
const REGISTER_LIMIT_MS = 20_000;
const SILENT_RETRY_MS = 5000;
/** Others that share a service may be about to make the same change. */
const SHARED_RETRY_MS = 1000;
const SHARED_RETRIES = 3;
/** After a service lost all its names, or its host the only one. */
const NAMELESS_RETRY_MS = 30_000;

export class RegistrarMachine implements Machine<RegistrarEvent, RegistrarAction> {
  readonly #items = new Map<number, RegisteredItem>();
  readonly #queue = new Set<RegisteredItem>();
  readonly #groups = new Map<number, Group>();
  readonly #addresses = new AddressBook();
  #interfaceIndex: number | null = null;
  #groupCount = 0;
  #actions: RegistrarAction[] = [];
  #nowMs = 0;

  get wakeAtMs(): number {
    let wakeAtMs = Infinity;
    const canMake = this.#interfaceIndex !== null && this.#registering() < REGISTERING_MAX;
    if (canMake) for (const { dueAtMs } of this.#queue) wakeAtMs = Math.min(wakeAtMs, dueAtMs);
    for (const { isEstablished, rebuildAtMs, limitMs } of this.#groups.values())
      wakeAtMs = Math.min(wakeAtMs, isEstablished ? rebuildAtMs : limitMs);
    for (const item of this.#items.values()) wakeAtMs = Math.min(wakeAtMs, this.#wakeOf(item));
    return wakeAtMs;
  }

  /** What is registered here, under the names that it has on the link. */
  *registered(): Generator<ZeroconfService> {
    for (const { what, reportedInstance } of this.#items.values())
      if (what.type === "service" && reportedInstance !== null)
        yield { ...what.registration.service, instance: reportedInstance };
  }

  step(event: RegistrarEvent | Tick, nowMs: number): readonly RegistrarAction[] {
    this.#nowMs = nowMs;
    this.#actions = [];
    this.#apply(event);
    this.#tick();
    return this.#actions;
  }

  #apply(event: RegistrarEvent | Tick): void {
    switch (event.type) {
      case "tick":
        return;
      case "session-up":
        this.#interfaceIndex = event.interfaceIndex;
        return;
      case "session-down":
        return this.#onSessionDown();
      case "register":
        return this.#onRegister(event.id, event.registration, event.candidates);
      case "register-host": {
        const what = { type: "host", entry: event.entry, isBrought: false } as const;
        return this.#add(event.id, what, event.isTakeover);
      }
      case "update":
        return this.#onUpdate(event.id, event.service);
      case "withdraw":
        return this.#onWithdraw(event.id);
      case "group-state":
        return event.state === "established"
          ? this.#onEstablished(event.group)
          : this.#onCollision(event.group);
      case "group-failed":
        return this.#onFailed(event.group, event.reason);
    }
  }

  #onRegister(id: number, registration: Registration, candidates: Iterator<string>): void {
    const { instance } = registration.service;
    const what = { type: "service", registration, candidates, instance } as const;
    this.#add(id, what, registration.isTakeover);
    this.#bring(registration);
  }

  #add(id: number, what: RegisteredItem["what"], isTakeover: boolean): void {
    const item = new RegisteredItem(id, what, isTakeover, this.#nowMs + REGISTER_LIMIT_MS);
    this.#items.set(id, item);
    this.#enqueue(item, GATHER_MS);
  }

  /** The addresses of a service, unless another has brought them. */
  #bring(registration: Registration): void {
    for (const { id, entry } of this.#addresses.acquire(registration))
      this.#add(id, { type: "host", entry, isBrought: true }, registration.isTakeover);
  }

  #takeBack(registration: Registration): void {
    for (const id of this.#addresses.release(registration)) this.#onWithdraw(id);
  }

  #onUpdate(id: number, service: ZeroconfService): void {
    const item = this.#items.get(id);
    if (item?.what.type !== "service") return;
    const before = item.what.registration;
    const after = { ...before, service };
    item.change(after);
    this.#bring(after);
    this.#takeBack(before);
  }

  #onWithdraw(id: number): void {
    const item = this.#items.get(id);
    if (item === undefined) return;
    this.#drop(item);
    const group = this.#groupOf(item);
    if (group === undefined) {
      this.#actions.push({ type: "withdrawn", id });
      return;
    }
    group.items.delete(item);
    group.leaving.push(id);
    if (group.items.size === 0) this.#freeWithReplaced(group);
    else group.rebuildAtMs = Math.min(group.rebuildAtMs, this.#nowMs + REBUILD_MS);
  }

  #onSessionDown(): void {
    this.#interfaceIndex = null;
    for (const { leaving } of this.#groups.values())
      for (const id of leaving) this.#actions.push({ type: "withdrawn", id });
    this.#groups.clear();
    for (const item of this.#items.values()) {
      // Whoever has been away must ask again (RFC 6762 §8.1).
      item.isKnownOurs &&= !item.isReported;
      item.limitMs = this.#nowMs + REGISTER_LIMIT_MS;
      this.#enqueue(item, 0);
    }
  }

  #onEstablished(id: number): void {
    const group = this.#groups.get(id);
    if (group === undefined) return;
    group.isEstablished = true;
    this.#freeReplaced(group);
    for (const item of group.items) {
      item.isKnownOurs = true;
      const report = item.report();
      if (report !== null && !item.isBrought) this.#actions.push(report);
    }
  }

  #onCollision(id: number): void {
    const group = this.#groups.get(id);
    if (group === undefined) return;
    const { items, wasAlone } = this.#dissolve(group);
    for (const item of items) {
      item.isKnownOurs = false;
      if (!wasAlone) this.#enqueueAlone(item);
      else this.#onItemCollision(item);
    }
  }

  #onItemCollision(item: RegisteredItem): void {
    const { what, isReported } = item;
    item.collisions++;
    if (what.type === "host" && what.isBrought) {
      this.#actions.push({ type: "host-conflict", host: what.entry.host });
      this.#enqueue(item, NAMELESS_RETRY_MS);
      return;
    }
    if (isReported && (what.type === "host" || this.#isWorthRetrying(item))) {
      this.#enqueue(item, SHARED_RETRY_MS);
      return;
    }
    if (what.type === "service") {
      const next = what.candidates.next();
      if (next.done !== true) {
        what.instance = next.value;
        this.#enqueue(item, 0);
        return;
      }
      if (isReported) {
        this.#enqueue(item, NAMELESS_RETRY_MS);
        return;
      }
    }
    this.#fail(item, "ERR_BRIDGE_NAME_CONFLICT", `every name of ${item.text} is taken on the link`);
  }

  #isWorthRetrying({ what, collisions }: RegisteredItem): boolean {
    return what.type === "service" && what.registration.isShared && collisions <= SHARED_RETRIES;
  }

  #onFailed(id: number, reason: string): void {
    const group = this.#groups.get(id);
    if (group === undefined) return;
    const { items, wasAlone } = this.#dissolve(group);
    for (const item of items)
      if (!wasAlone) this.#enqueueAlone(item);
      else this.#fail(item, "ERR_BRIDGE_BACKEND", `Avahi refuses ${item.text}: ${reason}`);
  }

  /**
   * Frees a group that Avahi did not take, and what it was to replace.
   *
   * @returns its items, and whether it was one alone that Avahi did not take; else any may be
   */
  #dissolve(group: Group): { readonly items: RegisteredItem[]; readonly wasAlone: boolean } {
    this.#free(group);
    for (const old of group.replaces) this.#free(old);
    const items = [...group.items];
    return { items, wasAlone: items.length === 1 && group.replaces.length === 0 };
  }

  #fail(
    item: RegisteredItem,
    code: "ERR_BRIDGE_NAME_CONFLICT" | "ERR_BRIDGE_BACKEND",
    reason: string,
  ): void {
    this.#drop(item);
    this.#actions.push({ type: "failed", id: item.id, code, reason });
  }

  #drop(item: RegisteredItem): void {
    this.#items.delete(item.id);
    this.#queue.delete(item);
    if (item.what.type === "service") this.#takeBack(item.what.registration);
  }

  #enqueueAlone(item: RegisteredItem): void {
    item.isAlone = true;
    this.#enqueue(item, 0);
  }

  #enqueue(item: RegisteredItem, waitMs: number): void {
    item.groupId = null;
    item.published = null;
    item.dueAtMs = this.#nowMs + waitMs;
    this.#queue.add(item);
  }

  #tick(): void {
    for (const item of this.#items.values())
      if (this.#wakeOf(item) <= this.#nowMs) this.#onItemDue(item);
    for (const group of [...this.#groups.values()])
      if (!group.isEstablished && group.limitMs <= this.#nowMs) this.#onSilent(group);
      else if (group.isEstablished && group.rebuildAtMs <= this.#nowMs) this.#rebuild(group);
    if (this.#interfaceIndex === null) return;
    const due = [...this.#queue].filter(({ dueAtMs }) => dueAtMs <= this.#nowMs);
    if (due.length === 0) return;
    for (const items of packGroups(due, (item) => this.#callsOf(item))) {
      if (this.#registering() >= REGISTERING_MAX) return;
      for (const item of items) this.#queue.delete(item);
      this.#make(items, []);
    }
  }

  #onItemDue(item: RegisteredItem): void {
    if (!item.isReported) {
      this.#fail(item, "ERR_BRIDGE_BACKEND", `no Avahi to register ${item.text} with`);
      return;
    }
    const group = this.#groupOf(item);
    const change = item.takeChange(this.#nowMs);
    if (item.what.type !== "service" || change === null) return;
    if (group === undefined || this.#interfaceIndex === null) return;
    const { from, to } = change;
    const calls = updateCalls(from, to, item.what.instance, this.#interfaceIndex);
    if (calls.length > 0) this.#actions.push({ type: "change-group", group: group.id, calls });
    if (from.subtypes.toSorted().join() !== to.subtypes.toSorted().join())
      group.rebuildAtMs = this.#nowMs + REBUILD_MS;
  }

  #onSilent(group: Group): void {
    this.#freeWithReplaced(group);
    for (const item of group.items)
      if (item.isReported || item.isBrought) this.#enqueue(item, SILENT_RETRY_MS);
      else this.#fail(item, "ERR_BRIDGE_BACKEND", `Avahi took too long to register ${item.text}`);
  }

  /** A registration waits for Avahi so long; a change, until the group that it is made in stands. */
  #wakeOf(item: RegisteredItem): number {
    const isUp = this.#interfaceIndex !== null;
    if (!item.isReported) return isUp || item.isBrought ? Infinity : item.limitMs;
    return this.#groupOf(item)?.isEstablished === true ? item.changeAtMs : Infinity;
  }

  #groupOf({ groupId }: RegisteredItem): Group | undefined {
    return groupId === null ? undefined : this.#groups.get(groupId);
  }

  #rebuild(group: Group): void {
    if (this.#interfaceIndex === null) return;
    group.rebuildAtMs = Infinity;
    const items = [...group.items];
    group.items.clear();
    for (const part of packGroups(items, (item) => this.#callsOf(item))) this.#make(part, [group]);
  }

  #make(items: readonly RegisteredItem[], replaces: readonly Group[]): void {
    const id = this.#groupCount++;
    const group: Group = {
      id,
      items: new Set(items),
      leaving: [],
      replaces,
      isEstablished: false,
      limitMs: this.#nowMs + REGISTER_LIMIT_MS,
      rebuildAtMs: Infinity,
    };
    this.#groups.set(id, group);
    const calls = items.flatMap((item) => this.#callsOf(item));
    for (const item of items) item.enter(id);
    this.#actions.push({ type: "make-group", group: id, calls });
  }

  #callsOf({ what, isKnownOurs }: RegisteredItem): readonly AvahiCall[] {
    const index = this.#interfaceIndex ?? -1;
    return what.type === "host"
      ? hostCalls(what.entry, index, isKnownOurs)
      : serviceCalls(what.registration, what.instance, index, isKnownOurs);
  }

  #freeWithReplaced(group: Group): void {
    this.#free(group);
    this.#freeReplaced(group);
  }

  /** Unless another group is still to take over from them. */
  #freeReplaced(group: Group): void {
    for (const old of group.replaces) {
      const isNeeded = (one: Group): boolean =>
        one !== group && !one.isEstablished && one.replaces.includes(old);
      if (![...this.#groups.values()].some(isNeeded)) this.#free(old);
    }
  }

  #free(group: Group): void {
    if (!this.#groups.delete(group.id)) return;
    this.#actions.push({ type: "free-group", group: group.id });
    for (const id of group.leaving) this.#actions.push({ type: "withdrawn", id });
  }

  #registering(): number {
    let count = 0;
    for (const { isEstablished } of this.#groups.values()) if (!isEstablished) count++;
    return count;
  }
}
