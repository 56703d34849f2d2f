/**
 * What Avahi's browsers tell of one service type, put together to whole services.
 *
 * Its service resolver gives one address only and the TXT strings in another order; so each
 * instance has record browsers for SRV and TXT, and each host for A and AAAA.
 */
import { RECORD_CODE, type DnsData } from "../../platform/dns/message.ts";
import { nameKey, type DnsName } from "../../platform/dns/name.ts";
import type { Machine, Tick } from "../../platform/machine.ts";
import type { BrowseEvent } from "../zeroconf/backend.ts";
import { serviceKey, type ServiceId, type ZeroconfService } from "../zeroconf/service.ts";
import { typeName } from "./entries.ts";

/** One record browser. */
export interface RecordWatch {
  readonly name: DnsName;
  /** One of `RECORD_CODE`. */
  readonly code: number;
}

export type BrowseTableEvent =
  /** Seen by one address family; each family counts on its own. */
  | { readonly type: "instance-new"; readonly instance: string; readonly family: number }
  | { readonly type: "instance-gone"; readonly instance: string; readonly family: number }
  | {
      readonly type: "record-new" | "record-gone";
      readonly watch: RecordWatch;
      readonly family: number;
      readonly data: DnsData;
    }
  /** All services that are registered here, whenever they change. */
  | { readonly type: "own"; readonly services: readonly ZeroconfService[] }
  /** Avahi began anew: what it does not tell again is gone. */
  | { readonly type: "restarted" };

export type BrowseTableAction =
  | { readonly type: "watch" | "unwatch"; readonly watch: RecordWatch }
  | { readonly type: "emit"; readonly event: BrowseEvent };

/** A record of one name and type, by how many families it is known. */
interface Watched {
  readonly watch: RecordWatch;
  /** In order of arrival. */
  readonly records: Map<string, { readonly data: DnsData; readonly families: Set<number> }>;
  users: number;
}

interface Instance {
  readonly id: ServiceId;
  readonly families: Set<number>;
  watches: readonly Watched[];
  /** Whose addresses are watched too. */
  host: DnsName | null;
  hostWatches: readonly Watched[];
  /** What was said of it last; null while nothing was. */
  told: string | null;
  /** When to look again at what is known of it. */
  dueAtMs: number;
}

/** Addresses come one after the other, and one record may replace another. */
const SETTLE_MS = 100;
/** After a restart of Avahi: it has to ask the link again. */
const GRACE_MS = 5000;
/** What was withdrawn here is still known until its goodbye has sunk in (RFC 6762 §10.1). */
const GOODBYE_MS = 2500;
const INSTANCES_MAX = 4096;
const RECORDS_MAX = 64;

export class BrowseTable implements Machine<BrowseTableEvent, BrowseTableAction> {
  readonly #type: string;
  readonly #instances = new Map<string, Instance>();
  readonly #watched = new Map<string, Watched>();
  #own = new Map<string, ZeroconfService>();
  /** Until when what was our own is not taken for somebody else's. */
  readonly #quietUntilMs = new Map<string, number>();
  #graceEndMs = Infinity;
  #actions: BrowseTableAction[] = [];
  #nowMs = 0;

  /** @param type `_http._tcp` */
  constructor(type: string) {
    this.#type = type;
  }

  get wakeAtMs(): number {
    let wakeAtMs = this.#graceEndMs;
    for (const { dueAtMs } of this.#instances.values()) wakeAtMs = Math.min(wakeAtMs, dueAtMs);
    return wakeAtMs;
  }

  step(event: BrowseTableEvent | Tick, nowMs: number): readonly BrowseTableAction[] {
    this.#nowMs = nowMs;
    this.#actions = [];
    this.#apply(event);
    for (const instance of [...this.#instances.values()])
      if (instance.dueAtMs <= nowMs) this.#look(instance);
    if (nowMs >= this.#graceEndMs) this.#onGraceEnd();
    return this.#actions;
  }

  #apply(event: BrowseTableEvent | Tick): void {
    switch (event.type) {
      case "tick":
        return;
      case "instance-new":
        return this.#onInstanceNew(event.instance, event.family);
      case "instance-gone":
        return this.#onInstanceGone(event.instance, event.family);
      case "record-new":
      case "record-gone":
        return this.#onRecord(event.watch, event.type === "record-new", event.family, event.data);
      case "own":
        return this.#onOwn(event.services);
      case "restarted":
        return this.#onRestarted();
    }
  }

  #onInstanceNew(instance: string, family: number): void {
    const id = { instance, type: this.#type };
    const key = serviceKey(id);
    const known = this.#instances.get(key);
    if (known !== undefined) {
      known.families.add(family);
      return;
    }
    if (this.#instances.size >= INSTANCES_MAX) return;
    const added: Instance = {
      id,
      families: new Set([family]),
      watches: [],
      host: null,
      hostWatches: [],
      told: null,
      dueAtMs: Infinity,
    };
    this.#instances.set(key, added);
    this.#look(added);
  }

  #onInstanceGone(instance: string, family: number): void {
    const known = this.#instances.get(serviceKey({ instance, type: this.#type }));
    known?.families.delete(family);
    if (known?.families.size === 0) this.#remove(known);
  }

  #onRecord(watch: RecordWatch, isNew: boolean, family: number, data: DnsData): void {
    const watched = this.#watched.get(watchKey(watch));
    if (watched === undefined) return;
    const key = dataKey(data);
    const known = watched.records.get(key);
    if (!isNew) {
      known?.families.delete(family);
      if (known?.families.size === 0) watched.records.delete(key);
    } else if (known !== undefined) known.families.add(family);
    else if (watched.records.size < RECORDS_MAX)
      watched.records.set(key, { data, families: new Set([family]) });
    const dueAtMs = this.#nowMs + SETTLE_MS;
    for (const instance of this.#instances.values())
      if (instance.watches.includes(watched) || instance.hostWatches.includes(watched))
        instance.dueAtMs = Math.min(instance.dueAtMs, dueAtMs);
  }

  #onOwn(services: readonly ZeroconfService[]): void {
    const before = this.#own;
    this.#own = new Map(
      services
        .filter(({ type }) => type.toLowerCase() === this.#type)
        .map((service) => [serviceKey(service), service]),
    );
    for (const [key, untilMs] of this.#quietUntilMs)
      if (untilMs <= this.#nowMs) this.#quietUntilMs.delete(key);
    for (const key of before.keys())
      if (!this.#own.has(key)) this.#quietUntilMs.set(key, this.#nowMs + GOODBYE_MS);
    for (const instance of [...this.#instances.values()]) this.#look(instance);
  }

  #onRestarted(): void {
    for (const instance of this.#instances.values()) instance.families.clear();
    for (const { records } of this.#watched.values()) records.clear();
    for (const { watch } of this.#watched.values()) this.#actions.push({ type: "watch", watch });
    if (this.#instances.size > 0) this.#graceEndMs = this.#nowMs + GRACE_MS;
  }

  #onGraceEnd(): void {
    this.#graceEndMs = Infinity;
    for (const instance of [...this.#instances.values()])
      if (instance.families.size === 0) this.#remove(instance);
      else this.#look(instance);
  }

  /** Says what is new about it, and sees to it that what must be known is watched. */
  #look(instance: Instance): void {
    instance.dueAtMs = Infinity;
    const own = this.#own.get(serviceKey(instance.id));
    if (own !== undefined) {
      this.#unwatchAll(instance);
      this.#tell(instance, { type: "found", service: own, isOwn: true });
      return;
    }
    const quietUntilMs = this.#quietUntilMs.get(serviceKey(instance.id)) ?? -Infinity;
    if (this.#nowMs < quietUntilMs) {
      instance.dueAtMs = quietUntilMs;
      this.#tellGone(instance);
      return;
    }
    if (instance.watches.length === 0) {
      const name = [instance.id.instance, ...typeName(this.#type)];
      instance.watches = [RECORD_CODE.srv, RECORD_CODE.txt].map((code) => this.#use(name, code));
    }
    const service = this.#resolve(instance);
    if (service !== null) this.#tell(instance, { type: "found", service, isOwn: false });
    // Not while Avahi is asking the link again.
    else if (this.#graceEndMs === Infinity) this.#tellGone(instance);
  }

  #resolve(instance: Instance): ZeroconfService | null {
    const [srv, txt] = instance.watches.map((watched) => latest(watched));
    if (srv?.type !== "srv") return null;
    this.#watchHost(instance, srv.target);
    const addresses = instance.hostWatches.flatMap(({ records }) =>
      [...records.values()].flatMap(({ data }) => ("address" in data ? [data.address] : [])),
    );
    // At first one address is waited for; a host that loses its last one later is told of.
    const isTold = instance.told !== null && this.#graceEndMs === Infinity;
    if (txt?.type !== "txt" || (addresses.length === 0 && !isTold)) return null;
    return {
      ...instance.id,
      subtypes: [],
      host: srv.target,
      port: srv.port,
      txt: txt.strings,
      addresses: addresses.toSorted(),
    };
  }

  #watchHost(instance: Instance, host: DnsName): void {
    if (instance.host !== null && nameKey(instance.host) === nameKey(host)) return;
    const before = instance.hostWatches;
    instance.host = host;
    instance.hostWatches = [RECORD_CODE.a, RECORD_CODE.aaaa].map((code) => this.#use(host, code));
    for (const watched of before) this.#release(watched);
  }

  #tell(instance: Instance, event: BrowseEvent & { readonly type: "found" }): void {
    const { txt, ...service } = event.service;
    const strings = txt.map((text) => Buffer.from(text).toString("hex"));
    const told = JSON.stringify([service, strings, event.isOwn]);
    if (told === instance.told) return;
    instance.told = told;
    this.#emit(event);
  }

  #tellGone(instance: Instance): void {
    if (instance.told === null) return;
    instance.told = null;
    this.#emit({ type: "gone", id: instance.id });
  }

  #emit(event: BrowseEvent): void {
    this.#actions.push({ type: "emit", event });
  }

  #remove(instance: Instance): void {
    this.#instances.delete(serviceKey(instance.id));
    this.#unwatchAll(instance);
    this.#tellGone(instance);
  }

  #unwatchAll(instance: Instance): void {
    for (const watched of [...instance.watches, ...instance.hostWatches]) this.#release(watched);
    instance.watches = [];
    instance.hostWatches = [];
    instance.host = null;
  }

  #use(name: DnsName, code: number): Watched {
    const watch = { name, code };
    let watched = this.#watched.get(watchKey(watch));
    if (watched === undefined) {
      watched = { watch, records: new Map(), users: 0 };
      this.#watched.set(watchKey(watch), watched);
      this.#actions.push({ type: "watch", watch });
    }
    watched.users++;
    return watched;
  }

  #release(watched: Watched): void {
    if (--watched.users > 0) return;
    this.#watched.delete(watchKey(watched.watch));
    this.#actions.push({ type: "unwatch", watch: watched.watch });
  }
}

export function watchKey({ name, code }: RecordWatch): string {
  return `${code} ${nameKey(name)}`;
}

/** A newer record of a unique name stands for the older ones, which are about to go. */
function latest({ records }: Watched): DnsData | undefined {
  return [...records.values()].at(-1)?.data;
}

function dataKey(data: DnsData): string {
  return JSON.stringify(data, (_, value: unknown) =>
    value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value,
  );
}
