/**
 * What of other links is shown on this one: records and rules in, keys to watch and services to show out.
 *
 * Every host of the crew shows the same PTR, SRV and TXT records under a host name that they share; the one that
 * acts for the service's slot shows it first, since it probes for the name and picks the port, and tells the
 * others both. So when it is killed no service vanishes, and only an address changes.
 */
import type { Machine, Tick } from "../../platform/machine.ts";
import { slotOfOrigin } from "../crew/slots.ts";
import { FreshnessBook, type KnownService, type Statement } from "../exchange/freshness.ts";
import { normalizeKey, typeKey, wordKey } from "../exchange/keys.ts";
import { importGuard } from "../exchange/loop-guard.ts";
import { Pace } from "../exchange/pace.ts";
import type { ServiceRecord } from "../exchange/service-record.ts";
import { selectsImport } from "../rules/matching.ts";
import type { ImportRule } from "../rules/rule.ts";
import { serviceKey } from "../zeroconf/service.ts";
import { freeNames, freePorts, isSamePlace } from "./free-places.ts";
import type { HomeLink, Neighbour, Place } from "./free-places.ts";
import {
  NOWHERE,
  situationText,
  type ImportAction,
  type ImportEvent,
  type ImportView,
} from "./import-events.ts";
import { firstPlace, hostOf, scopeOf, wantedText, type Wanted } from "./wanted.ts";
import { keysToWatch } from "./watched-keys.ts";

/** Services elsewhere that are known of, and those of them that one link is shown. */
const KNOWN_MAX = 4096;
const SHOWN_MAX = 512;
/** Updates of one service on the link (RFC 6762 §8.4: 10 a minute). */
const UPDATES_AT_ONCE = 5;
const UPDATE_MS = 6000;
/** What could not be shown is tried again. */
const RETRY_MS = 30_000;

export class ImportMachine implements Machine<ImportEvent, ImportAction> {
  #at = NOWHERE;
  readonly #book = new FreshnessBook(KNOWN_MAX);
  readonly #types = new Map<string, readonly string[]>();
  readonly #silentSites = new Set<string>();
  readonly #wanted = new Map<string, { readonly wanted: Wanted; readonly text: string }>();
  /** As shown by this host. */
  readonly #shown = new Map<string, Place>();
  /** Of these: on their way to another place. */
  readonly #moving = new Set<string>();
  /** As shown by a colleague that acted, since this host did last. */
  readonly #told = new Map<string, Place>();
  readonly #failures = new Map<string, string>();
  readonly #pace = new Pace(UPDATES_AT_ONCE, UPDATE_MS);
  readonly #waiting = new Map<string, number>();
  /** Names that services had on this link before. */
  readonly #names: ReadonlyMap<string, string>;
  readonly #home: HomeLink;
  #watched = "";
  #sites = "";

  /**
   * @param names kept up to date by its owner: origin id to instance
   */
  constructor(names: ReadonlyMap<string, string>, home: HomeLink) {
    this.#names = names;
    this.#home = home;
  }

  get wakeAtMs(): number {
    return Math.min(this.#book.nextExpiryMs(), ...this.#waiting.values());
  }

  step(event: ImportEvent | Tick, nowMs: number): readonly ImportAction[] {
    const actions: ImportAction[] = [];
    for (const originId of this.#apply(event, nowMs))
      actions.push(...this.#review(originId, nowMs));
    return [...this.#watch(), ...actions, ...this.#contact()];
  }

  /** All services elsewhere that a rule of this host selects. */
  views(): readonly ImportView[] {
    return [...this.#book.originIds].flatMap((originId) => {
      const known = this.#book.get(originId);
      const rules = known === undefined ? [] : this.#rulesFor(known);
      if (known === undefined || rules.length === 0) return [];
      // What comes home is no service of others, and nobody wonders why it is not shown.
      if (known.record.originSubnet === this.#at.subnetId) return [];
      const wanted = this.#wanted.get(originId)?.wanted;
      const shown = this.#shown.get(originId);
      return [{ known, rules, wanted, shown, reason: this.#reason(known, shown) }];
    });
  }

  /** `serviceKey` of all that this host and its colleagues show. */
  shownKeys(): ReadonlySet<string> {
    const keys = new Set<string>();
    for (const [originId, { instance }] of [...this.#told, ...this.#shown]) {
      const type = this.#book.get(originId)?.record.type;
      if (type !== undefined) keys.add(serviceKey({ instance, type }));
    }
    return keys;
  }

  /** What this host shows for all of the crew, for colleagues that came later. */
  shownByCrew(): readonly { readonly originId: string; readonly shown: Place }[] {
    return [...this.#shown].flatMap(([originId, shown]) =>
      this.#wanted.get(originId)?.wanted.scope === "crew" && !this.#moving.has(originId)
        ? [{ originId, shown }]
        : [],
    );
  }

  /** Takes the event in. @returns origin ids to look at again */
  #apply(event: ImportEvent | Tick, nowMs: number): Iterable<string> {
    switch (event.type) {
      case "situation":
        if (situationText(event.situation) !== situationText(this.#at)) this.#failures.clear();
        // What the colleagues of another link showed there has no name and no port on this one.
        if (event.situation.subnetId !== this.#at.subnetId) this.#told.clear();
        this.#at = event.situation;
        this.#book.verify((record, publisher) => this.#isOfOrigin(record, publisher));
        return this.#all();
      case "record":
        return this.#onRecord(event.statement);
      case "gone":
        return this.#one(this.#book.remove(event));
      case "types":
        if (event.types.length > 0) this.#types.set(event.publisher, event.types);
        else this.#types.delete(event.publisher);
        return [];
      case "site":
        if (event.isAlive) this.#silentSites.delete(event.subnetId);
        else this.#silentSites.add(event.subnetId);
        return this.#all();
      case "shown": {
        const { originId, instance, port } = event;
        // It was hidden while it was being announced.
        if (event.by === "self" && !this.#wanted.has(originId)) return [];
        const places = event.by === "self" ? this.#shown : this.#told;
        const hasMoved = places.has(originId) && places.get(originId)?.port !== port;
        this.#failures.delete(originId);
        if (event.by === "self") this.#onShownHere(originId);
        const isKnown = this.#book.get(originId) !== undefined;
        if (isKnown || places.size < KNOWN_MAX) places.set(originId, { instance, port });
        if (event.by === "self") return hasMoved ? this.#failed() : [];
        // Who was just started hears of it before its record; looked at now, it would be forgotten.
        if (!isKnown) return [];
        return [
          originId,
          ...[...this.#shown.keys()].filter((id) => this.#shown.get(id)?.port === port),
        ];
      }
      case "unshown":
        this.#told.delete(event.originId);
        return [event.originId];
      case "failed":
        this.#failures.set(event.originId, event.reason);
        this.#wanted.delete(event.originId);
        this.#shown.delete(event.originId);
        this.#moving.delete(event.originId);
        this.#waiting.set(event.originId, nowMs + RETRY_MS);
        return [];
      case "tick":
        return this.#onTick(nowMs);
    }
  }

  /** Whoever acts goes its own ways, and what it was told before is old by then. */
  #onShownHere(originId: string): void {
    this.#moving.delete(originId);
    if (this.#at.acting.has(slotOfOrigin(originId))) this.#told.delete(originId);
  }

  #onRecord(given: Omit<Statement, "isVerified">): Iterable<string> {
    const isVerified = this.#isOfOrigin(given.record, given.publisher);
    return this.#one(this.#book.add({ ...given, isVerified }));
  }

  /** A port is free by now that one of them may have wanted. */
  #failed(): Iterable<string> {
    const failed = [...this.#failures.keys()];
    this.#failures.clear();
    return failed;
  }

  #onTick(nowMs: number): Iterable<string> {
    const due = [...this.#waiting].filter(([, atMs]) => atMs <= nowMs).map(([id]) => id);
    for (const originId of due) {
      this.#waiting.delete(originId);
      this.#failures.delete(originId);
    }
    return new Set([...this.#book.expire(nowMs), ...due]);
  }

  #review(originId: string, nowMs: number): readonly ImportAction[] {
    const old = this.#wanted.get(originId);
    const wanted = this.#wish(originId);
    if (wanted === undefined) {
      this.#waiting.delete(originId);
      if (!this.#book.get(originId)) this.#forget(originId);
      if (old === undefined) return [];
      this.#wanted.delete(originId);
      this.#shown.delete(originId);
      this.#moving.delete(originId);
      return [{ type: "hide", originId }];
    }
    const text = wantedText(wanted);
    // Who shows it goes on under the name and port it got.
    if (old?.text === text) return [];
    if (old === undefined && this.#failures.has(originId)) return [];
    if (old !== undefined && !this.#mayUpdate(originId, nowMs)) return [];
    if (old === undefined && !this.#mayName(wanted, nowMs)) return [];
    if (old !== undefined && !isSamePlace(firstPlace(old.wanted), firstPlace(wanted)))
      this.#moving.add(originId);
    this.#wanted.set(originId, { wanted, text });
    return [{ type: "show", wanted }];
  }

  #wish(originId: string): Wanted | undefined {
    const known = this.#book.get(originId);
    if (known === undefined || this.#hiddenBecause(known) !== undefined) return undefined;
    const old = this.#wanted.get(originId)?.wanted;
    if (old === undefined && this.#wanted.size >= SHOWN_MAX) return undefined;
    const { record } = known;
    const rules = this.#rulesFor(known);
    const scope = scopeOf(rules, this.#at.isInCrew);
    if (scope === undefined) return undefined;
    const slot = slotOfOrigin(originId);
    const isDirect = rules.some((rule) => rule.isDirect) && record.addresses.length > 0;
    const way = isDirect ? "direct" : "relay";
    const host = hostOf(scope, way, { ...this.#at, slot }, originId);
    const told = scope === "crew" ? this.#told.get(originId) : undefined;
    const isActing = scope !== "crew" || this.#at.acting.has(slot);
    const base = { originId, record, scope, way, host } as const;
    const isPlaced = old !== undefined && old.scope === scope && old.way === way;
    if (isPlaced && isActing && this.#mustMove(originId)) {
      const { instance } = this.#shown.get(originId)!;
      const ports = freePorts(originId, record, this.#neighbours(originId));
      return { ...base, names: [instance], ports, isTakeover: true };
    }
    if (isPlaced && this.#keeps(old, told, isActing))
      return { ...base, names: old.names, ports: old.ports, isTakeover: old.isTakeover };
    if (told === undefined && !isActing) return undefined;
    const neighbours = isActing ? this.#neighbours(originId) : [];
    // Who stands by has the acting host's port or none; who takes over goes to another if it must.
    const others = isActing ? freePorts(originId, record, neighbours) : [];
    if (told !== undefined) {
      const ports = [...new Set([told.port, ...others])];
      return { ...base, names: [told.instance], ports, isTakeover: true };
    }
    const isAtHome = (key: string): boolean => this.#home.isAtHome(key);
    const names = freeNames(record, this.#names.get(originId), neighbours, isAtHome);
    return { ...base, names, ports: others, isTakeover: false };
  }

  /** Whether what was wanted of a service stands: unless the acting colleague shows it otherwise. */
  #keeps(old: Wanted, told: Place | undefined, isActing: boolean): boolean {
    if (isActing || told === undefined) return true;
    const shown = this.#moving.has(old.originId) ? undefined : this.#shown.get(old.originId);
    return isSamePlace(shown ?? firstPlace(old), told);
  }

  /** Two hosts gave one port to two services in one moment; none could stand by for the other. */
  #mustMove(originId: string): boolean {
    const port = this.#shown.get(originId)?.port;
    return [...this.#told].some(
      ([other, told]) => told.port === port && other < originId && !this.#shown.has(other),
    );
  }

  /** Other services, as far as they have a name or a port here, or are to get one. */
  #neighbours(originId: string): readonly Neighbour[] {
    const neighbours: Neighbour[] = [];
    for (const other of this.#book.originIds) {
      const known = other === originId ? undefined : this.#book.get(other);
      if (known === undefined) continue;
      const place = this.#shown.get(other) ?? this.#told.get(other);
      const awaited = this.#wanted.get(other)?.wanted.names[0];
      const isToCome = place === undefined && this.#hiddenBecause(known) === undefined;
      if (place === undefined && !isToCome) continue;
      neighbours.push({ originId: other, record: known.record, place, awaited });
    }
    return neighbours;
  }

  #reason(known: KnownService, shown: Place | undefined): string {
    const { originId } = known;
    if (shown !== undefined) return "";
    const failure = this.#failures.get(originId);
    if (failure !== undefined) return failure;
    const hidden = this.#hiddenBecause(known);
    if (hidden !== undefined) return hidden;
    if (this.#wanted.has(originId)) return "it is being announced";
    if (this.#waiting.has(originId)) return "this link's own services are being browsed first";
    if (this.#wanted.size >= SHOWN_MAX) return `this link is shown ${SHOWN_MAX} services already`;
    return "another host of this subnet shows it";
  }

  #hiddenBecause({ record, publisher, isVerified, originId }: KnownService): string | undefined {
    if (this.#at.subnetId === "") return "this host is in no subnet yet";
    const own = this.#at.subnets.find(({ id }) => id === this.#at.subnetId);
    const ownHosts = new Set((own?.hosts ?? []).map(({ id }) => id));
    const { subnetId: ownSubnet } = this.#at;
    const guard = importGuard(record, { ownSubnet, ownHosts, publisher });
    if (guard !== undefined) return guard;
    const known = this.#book.get(originId);
    if (known === undefined || this.#rulesFor({ ...known, isVerified }).length === 0)
      return "no rule imports it";
    if (this.#silentSites.has(record.originSubnet)) return "its site does not answer";
    return undefined;
  }

  #rulesFor(known: KnownService): readonly ImportRule[] {
    const { record, publisher, keys, isVerified } = known;
    return this.#ownRules().filter((rule) => {
      const foundUnder = rule.keys.filter(
        (key) => keys.has(wordKey(key)) || record.keys.includes(normalizeKey(key)),
      );
      return selectsImport(rule, {
        type: record.type,
        // Who only says so is from nowhere that a rule could name.
        originSubnet: isVerified ? record.originSubnet : "",
        originHosts: isVerified ? [publisher] : [],
        foundUnder,
        isListed: record.isListed || keys.has(typeKey(record.type)),
      });
    });
  }

  /** Who is not of the crew obeys rules that are for each host by itself. */
  #ownRules(): readonly ImportRule[] {
    return this.#at.rules
      .filter((rule) => rule.type === "import")
      .filter((rule) => this.#at.isInCrew || rule.isHere || rule.isLocalOnly);
  }

  #watch(): readonly ImportAction[] {
    const rules = this.#at.subnetId === "" ? [] : this.#ownRules();
    const keys = keysToWatch(rules, this.#at.self, [...this.#types.values()].flat());
    const text = JSON.stringify(keys);
    if (text === this.#watched) return [];
    this.#watched = text;
    return [{ type: "watch", keys }];
  }

  /** Touch is kept with the sites of all that is shown, or would be if they answered. */
  #contact(): readonly ImportAction[] {
    const sites = new Map<string, readonly string[]>();
    for (const originId of this.#book.originIds) {
      const known = this.#book.get(originId);
      if (known === undefined) continue;
      const { originSubnet, exporters } = known.record;
      const isSilent = this.#silentSites.has(originSubnet) && this.#rulesFor(known).length > 0;
      if (!isSilent && !this.#wanted.has(originId)) continue;
      const hosts = sites.get(originSubnet) ?? [];
      sites.set(originSubnet, [...new Set([...hosts, ...exporters])].slice(0, 8));
    }
    // Who is asked no longer cannot be heard to answer; a site that comes back is tried like a new one.
    for (const silent of this.#silentSites)
      if (!sites.has(silent)) this.#silentSites.delete(silent);
    const text = JSON.stringify([...sites]);
    if (text === this.#sites) return [];
    this.#sites = text;
    return [{ type: "sites", sites }];
  }

  #isOfOrigin(record: ServiceRecord, publisher: string): boolean {
    const origin = this.#at.subnets.find(({ id }) => id === record.originSubnet);
    return origin?.hosts.some(({ id }) => id === publisher) === true;
  }

  #forget(originId: string): void {
    this.#told.delete(originId);
    this.#failures.delete(originId);
    this.#pace.forget(originId);
  }

  #mayUpdate(originId: string, nowMs: number): boolean {
    const waitMs = this.#pace.take(originId, nowMs);
    if (waitMs === 0) this.#waiting.delete(originId);
    else this.#waiting.set(originId, nowMs + waitMs);
    return waitMs === 0;
  }

  /** Not while the link may have a service of that name which this host has not browsed yet. */
  #mayName({ originId, record, isTakeover }: Wanted, nowMs: number): boolean {
    const atMs = isTakeover ? nowMs : this.#home.isKnownFromMs(record.type);
    if (atMs > nowMs) this.#waiting.set(originId, atMs);
    return atMs <= nowMs;
  }

  #all(): Iterable<string> {
    return new Set([...this.#book.originIds, ...this.#wanted.keys()]);
  }

  #one(originId: string | undefined): Iterable<string> {
    return originId === undefined ? [] : [originId];
  }
}
