/**
 * What of this link is exported, by whom, and when it changes: browse events and rules in, records out.
 *
 * Every host of the crew follows all services that the rules select, so that each knows what the others
 * export and can answer for it; the one that acts for a service's slot publishes it. Whoever loses a slot
 * while it lives leaves its records for a moment, until the next one's are there.
 */
import type { Machine, Tick } from "../../platform/machine.ts";
import { slotOfService } from "../crew/slots.ts";
import { exportGuard } from "../exchange/loop-guard.ts";
import { Pace } from "../exchange/pace.ts";
import { originIdOf, type ServiceRecord } from "../exchange/service-record.ts";
import { exportsOf, grantsOf, mayHave, type KnownSubnets } from "../rules/matching.ts";
import type { ExportRule, Rule } from "../rules/rule.ts";
import { serviceKey, type ServiceId, type ZeroconfService } from "../zeroconf/service.ts";
import { VersionBook } from "./version-book.ts";
import { exportProblem, publicationsOf, recordOf, type Publication } from "./publication.ts";

/** A link announces what it likes; more than this is not looked at. */
const SERVICES_MAX = 2048;
/** Updates of one service: so many at once, and one more each `UPDATE_MS` (RFC 6762 §8.4: 10 a minute). */
const UPDATES_AT_ONCE = 5;
const UPDATE_MS = 6000;
/** Likewise one that comes and goes: each time costs every importer a registration. */
const RETURNS_AT_ONCE = 10;
/** After a goodbye that the back end does not confirm by then, the service was rescued (RFC 6762 §10.1). */
const RESCUE_MS = 2000;
/** How long records stay that another host has taken over. */
const HAND_OVER_MS = 5000;
/** How long records of a former exporter may be around: their lifetime. */
const INHERITED_MS = 10 * 60_000;

export interface ExportSituation {
  readonly self: string;
  readonly subnetId: string;
  readonly siteName: string;
  /** Hosts that can answer for what is exported, this one among them. */
  readonly crew: readonly string[];
  /** Slots that this host acts for. */
  readonly acting: ReadonlySet<number>;
  readonly rules: readonly Rule[];
  /** `serviceKey` of what the bridges of this subnet show here. */
  readonly shown: ReadonlySet<string>;
  readonly subnets: KnownSubnets;
}

export type ExportEvent =
  | { readonly type: "situation"; readonly situation: ExportSituation }
  | { readonly type: "found"; readonly service: ZeroconfService; readonly isOwn: boolean }
  | { readonly type: "gone"; readonly id: ServiceId }
  /** It said so itself; the back end confirms it a second later, unless somebody rescues it. */
  | { readonly type: "goodbye"; readonly id: ServiceId }
  /** Whether the host of some services answers. */
  | { readonly type: "presence"; readonly host: string; readonly isPresent: boolean }
  /** A colleague exports, or exported, this version of a service. */
  | { readonly type: "version"; readonly originId: string; readonly version: bigint };

export type ExportAction =
  /** Says this of the service from now on, under these keys and no other ones. */
  | { readonly type: "publish"; readonly export: PublishedExport }
  | {
      readonly type: "withdraw";
      readonly originId: string;
      /** Records of another host may be around: a record that says so voids them. */
      readonly word: PublishedExport | undefined;
    };

export interface PublishedExport {
  readonly originId: string;
  readonly record: ServiceRecord;
  readonly publications: readonly Publication[];
}

/** A service of this link, as the rules see it. */
export interface LocalService {
  readonly service: ZeroconfService;
  readonly originId: string;
  readonly rules: readonly ExportRule[];
  /** Why it is not exported; empty when it is, by this host or by another one. */
  readonly reason: string;
}

interface Sight {
  readonly service: ZeroconfService;
  readonly isOwn: boolean;
}

interface Published {
  readonly export: PublishedExport;
  /** What was said, without the version. */
  readonly text: string;
  /** Another host acts for it by now: it is taken back then. */
  releaseAtMs: number;
}

const NOWHERE: ExportSituation = {
  self: "",
  subnetId: "",
  siteName: "",
  crew: [],
  acting: new Set(),
  rules: [],
  shown: new Set(),
  subnets: [],
};

export class ExportMachine implements Machine<ExportEvent, ExportAction> {
  #at = NOWHERE;
  readonly #sights = new Map<string, Sight>();
  /** By origin id: those and some that are gone. */
  readonly #seen = new Map<string, Sight>();
  readonly #absent = new Set<string>();
  /** Services that said goodbye and that the back end still shows. */
  readonly #leaving = new Set<string>();
  readonly #published = new Map<string, Published>();
  readonly #versions: VersionBook;
  /** When a colleague was last heard to export it, the oldest word first. */
  readonly #inheritedAtMs = new Map<string, number>();
  readonly #pace = new Pace(UPDATES_AT_ONCE, UPDATE_MS);
  /** Kept of what is gone. */
  readonly #returns = new Pace(RETURNS_AT_ONCE, UPDATE_MS);
  /** Services whose next update has to wait. */
  readonly #waiting = new Map<string, number>();
  /** @param firstVersion above all that this host ever used, such as the wall clock in ms */
  constructor(firstVersion: bigint) {
    this.#versions = new VersionBook(firstVersion);
  }

  get wakeAtMs(): number {
    let wakeAtMs = Infinity;
    for (const { releaseAtMs } of this.#published.values())
      wakeAtMs = Math.min(wakeAtMs, releaseAtMs);
    for (const atMs of this.#waiting.values()) wakeAtMs = Math.min(wakeAtMs, atMs);
    return wakeAtMs;
  }

  get published(): Iterable<PublishedExport> {
    return [...this.#published.values()].map((one) => one.export);
  }

  step(event: ExportEvent | Tick, nowMs: number): readonly ExportAction[] {
    switch (event.type) {
      case "situation":
        return this.#onSituation(event.situation, nowMs);
      case "found":
        return this.#onFound(event, nowMs);
      case "gone":
        this.#sights.delete(serviceKey(event.id));
        this.#leaving.delete(serviceKey(event.id));
        this.#pace.forget(serviceKey(event.id));
        return this.#review(serviceKey(event.id), event.id, nowMs);
      case "goodbye":
        return this.#onGoodbye(event.id, nowMs);
      case "presence":
        if (event.isPresent) this.#absent.delete(event.host);
        else this.#absent.add(event.host);
        return [...this.#sights].flatMap(([key, { service }]) =>
          hostText(service) === event.host ? this.#review(key, service, nowMs) : [],
        );
      case "version":
        this.#versions.note(event.originId, event.version);
        this.#inherit(event.originId, nowMs);
        return [];
      case "tick":
        return this.#onTick(nowMs);
    }
  }

  /** The services of this link and what the rules say of them; those that a bridge shows left out. */
  services(): readonly LocalService[] {
    return [...this.#sights.values()]
      .filter(({ service, isOwn }) => this.#guard(service, isOwn) === undefined)
      .map(({ service }) => ({
        service,
        originId: this.#originId(service),
        rules: exportsOf(this.#at.rules, service),
        reason: this.#reason(service),
      }));
  }

  /** Whether the link has a service of its own by that `serviceKey`, which no bridge shows. */
  isAtHome(key: string): boolean {
    const sight = this.#sights.get(key);
    return sight !== undefined && this.#guard(sight.service, sight.isOwn) === undefined;
  }

  /** Why a service would not be exported, whatever the rules say; empty when it would be. */
  problemOf(service: ZeroconfService): string {
    if (this.#leaving.has(serviceKey(service))) return "it said goodbye";
    if (this.#absent.has(hostText(service))) return "its host does not answer";
    return exportProblem(service) ?? "";
  }

  /**
   * Whom a stream for this service may be led to: also to one that said goodbye a while ago, since
   * connections outlive a restart of what announces them.
   *
   * @param originId   base32
   * @param opener     host id
   * @returns the service as the link had it last; `undefined` when no rule exports such a one
   */
  resolve(originId: string, opener: string): ZeroconfService | "refused" | undefined {
    const sight = this.#seen.get(originId);
    if (sight === undefined || this.#guard(sight.service, sight.isOwn) !== undefined)
      return undefined;
    const rules = exportsOf(this.#at.rules, sight.service);
    if (rules.length === 0) return undefined;
    const isAllowed = rules.some((rule) => mayHave(rule, opener, this.#at.subnets));
    return isAllowed ? sight.service : "refused";
  }

  /** Hosts of exported services, to be asked whether they are there: name, and an address each. */
  hostsToWatch(): ReadonlyMap<string, readonly string[]> {
    const hosts = new Map<string, readonly string[]>();
    for (const { service, isOwn } of this.#sights.values())
      if (!isOwn && this.#actsFor(service) && exportsOf(this.#at.rules, service).length > 0)
        hosts.set(hostText(service), service.addresses);
    return hosts;
  }

  #onSituation(situation: ExportSituation, nowMs: number): readonly ExportAction[] {
    const hasMoved = situation.subnetId !== this.#at.subnetId;
    const left = hasMoved ? this.#withdrawAll() : [];
    this.#at = situation;
    if (hasMoved) {
      this.#seen.clear();
      for (const sight of this.#sights.values()) this.#see(sight);
    }
    const changes = [...this.#sights].flatMap(([key, { service }]) =>
      this.#review(key, service, nowMs),
    );
    return [...left, ...changes];
  }

  /** In another subnet all services have other origin ids. */
  #withdrawAll(): readonly ExportAction[] {
    const ids = [...this.#published.keys()];
    this.#published.clear();
    return ids.map((originId) => ({ type: "withdraw", originId, word: undefined }));
  }

  #onFound(
    { service, isOwn }: { readonly service: ZeroconfService; readonly isOwn: boolean },
    nowMs: number,
  ): readonly ExportAction[] {
    const key = serviceKey(service);
    if (!this.#sights.has(key) && this.#sights.size >= SERVICES_MAX) return [];
    this.#sights.set(key, { service, isOwn });
    this.#leaving.delete(key);
    this.#see({ service, isOwn });
    // It was announced just now: whoever did is there, whatever it answers.
    this.#absent.delete(hostText(service));
    return this.#review(key, service, nowMs);
  }

  /** It may be back at any moment, so what waits for that looks again. */
  #onGoodbye(id: ServiceId, nowMs: number): readonly ExportAction[] {
    const key = serviceKey(id);
    if (!this.#sights.has(key) || this.#leaving.has(key)) return [];
    this.#leaving.add(key);
    const actions = this.#review(key, id, nowMs);
    this.#waiting.set(key, nowMs + RESCUE_MS);
    return actions;
  }

  #see(sight: Sight): void {
    const originId = this.#originId(sight.service);
    this.#seen.delete(originId);
    this.#seen.set(originId, sight);
    const oldest = this.#seen.keys().next().value;
    if (this.#seen.size > SERVICES_MAX && oldest !== undefined) this.#seen.delete(oldest);
  }

  #onTick(nowMs: number): readonly ExportAction[] {
    const actions: ExportAction[] = [];
    for (const [originId, { releaseAtMs }] of this.#published) {
      if (releaseAtMs > nowMs) continue;
      this.#published.delete(originId);
      actions.push({ type: "withdraw", originId, word: undefined });
    }
    for (const [key, atMs] of this.#waiting) {
      const service = this.#sights.get(key)?.service;
      if (atMs > nowMs) continue;
      this.#waiting.delete(key);
      this.#leaving.delete(key);
      if (service !== undefined) actions.push(...this.#review(key, service, nowMs));
    }
    return actions;
  }

  /** Compares what is said of a service with what is to be said. */
  #review(key: string, id: ServiceId, nowMs: number): readonly ExportAction[] {
    if (this.#at.subnetId === "") return [];
    const originId = this.#originId(id);
    const old = this.#published.get(originId);
    const service = this.#sights.get(key)?.service;
    if (service === undefined || this.#reason(service) !== "") {
      if (!this.#leaving.has(key)) this.#waiting.delete(key);
      return old === undefined ? [] : this.#withdraw(originId, old, nowMs);
    }
    if (!this.#actsFor(service)) {
      if (old !== undefined && old.releaseAtMs === Infinity) old.releaseAtMs = nowMs + HAND_OVER_MS;
      return [];
    }
    return this.#publish(key, originId, service, nowMs);
  }

  #publish(
    key: string,
    originId: string,
    service: ZeroconfService,
    nowMs: number,
  ): readonly ExportAction[] {
    const { self, subnetId, siteName, crew, subnets } = this.#at;
    const grants = grantsOf(exportsOf(this.#at.rules, service));
    const exporters = [self, ...crew.filter((host) => host !== self)];
    const record = recordOf(service, { subnetId, siteName, exporters });
    const publications = publicationsOf(service, grants, subnets, self);
    const text = textOf(record, publications);
    const old = this.#published.get(originId);
    if (old?.text === text && old.releaseAtMs === Infinity) return [];
    if (!this.#isAllowed(old === undefined ? this.#returns : this.#pace, key, nowMs)) return [];
    const version = this.#versions.next(originId);
    const published = { originId, record: { ...record, version }, publications };
    this.#published.set(originId, { export: published, text, releaseAtMs: Infinity });
    return [{ type: "publish", export: published }];
  }

  #withdraw(originId: string, old: Published, nowMs: number): readonly ExportAction[] {
    this.#published.delete(originId);
    const inheritedAtMs = this.#inheritedAtMs.get(originId) ?? -Infinity;
    if (nowMs - inheritedAtMs > INHERITED_MS)
      return [{ type: "withdraw", originId, word: undefined }];
    const version = this.#versions.next(originId);
    const record = { ...old.export.record, version, isWithdrawn: true };
    return [{ type: "withdraw", originId, word: { ...old.export, record } }];
  }

  /** Why it is not exported, by nobody; empty when it is. */
  #reason(service: ZeroconfService): string {
    const isOwn = this.#sights.get(serviceKey(service))?.isOwn === true;
    const guard = this.#guard(service, isOwn);
    if (guard !== undefined) return guard;
    if (exportsOf(this.#at.rules, service).length === 0) return "no rule exports it";
    return this.problemOf(service);
  }

  #guard(service: ZeroconfService, isOwn: boolean): string | undefined {
    return exportGuard({ id: service, host: service.host, isOwn }, this.#at.shown);
  }

  /** A rule of this host alone is obeyed by it, whoever acts for the subnet. */
  #actsFor(service: ZeroconfService): boolean {
    if (this.#at.acting.has(slotOfService(service))) return true;
    return exportsOf(this.#at.rules, service).some((rule) => rule.isHere);
  }

  #originId({ instance, type }: ServiceId): string {
    return originIdOf({ originSubnet: this.#at.subnetId, instance, type });
  }

  #inherit(originId: string, nowMs: number): void {
    this.#inheritedAtMs.delete(originId);
    this.#inheritedAtMs.set(originId, nowMs);
    for (const [id, atMs] of this.#inheritedAtMs) {
      if (nowMs - atMs <= INHERITED_MS) break;
      this.#inheritedAtMs.delete(id);
    }
  }

  /** Whether it may go out now; else it is looked at again when it may. */
  #isAllowed(pace: Pace, key: string, nowMs: number): boolean {
    const waitMs = pace.take(key, nowMs);
    if (waitMs === 0) this.#waiting.delete(key);
    else this.#waiting.set(key, nowMs + waitMs);
    return waitMs === 0;
  }
}

function hostText({ host }: ZeroconfService): string {
  return host.join(".").toLowerCase();
}

function textOf(record: ServiceRecord, publications: readonly Publication[]): string {
  const txt = record.txt.map((one) => Buffer.from(one).toString("latin1"));
  return JSON.stringify([{ ...record, txt, version: 0 }, publications]);
}
