/**
 * Finds and resolves services on one link (RFC 6762 §5, §7, §10, RFC 6763 §4).
 *
 * Read `record-cache.ts` (what others said), `link-view.ts` (and we), `question-plan.ts` (what to
 * ask, when) and `instances.ts` (what is known of a service), then this. Only what somebody browses
 * is kept. Everything is a hint: whoever is on the link can send such records. Subtypes are told as
 * far as they are heard, since nobody can ask for them all.
 */
import { isOnLink } from "../../platform/address.ts";
import {
  CLASS_IN,
  type DnsMessage,
  type DnsQuestion,
  type DnsRecord,
  RECORD_CODE,
} from "../../platform/dns/message.ts";
import { isSameName, nameKey } from "../../platform/dns/name.ts";
import { packQuery } from "../../platform/dns/packing.ts";
import { recordCode } from "../../platform/dns/record.ts";
import type { Machine, Tick } from "../../platform/machine.ts";
import type { Random } from "../../platform/random.ts";
import { TokenBucket } from "../../platform/token-bucket.ts";
import type { ZeroconfService } from "../zeroconf/service.ts";
import { Instances } from "./instances.ts";
import { LinkView } from "./link-view.ts";
import { ALL_TYPES, serviceIdOf, serviceTypeOf, subtypeOf, typeName } from "./own-records.ts";
import { QuestionPlan, questionKey } from "./question-plan.ts";
import { type BrowserAction, type BrowserEvent, type HeardMessage, sendAll } from "./types.ts";

const MDNS_PORT = 5353;
/** §5.2: so that hosts that boot together do not ask together. */
const FIRST_DELAY_MS = [20, 120] as const;
/** What belongs to an answer mostly comes with it. */
const RESOLVE_DELAY_MS = [50, 150] as const;
/** Refreshes due within this share a message. */
const REFRESH_AHEAD_MS = 2_000;
/** Questions; more than that only a flood of announcements would want. */
const QUESTION_RATE = { perSecond: 50, burst: 200 } as const;
/** On another link, what is not heard again by then is gone. */
const DOUBT_MS = 5_000;
const TYPES_OWNER = "types";
const { ptr } = RECORD_CODE;

export interface BrowserStats {
  readonly cached: number;
  /** Records that found no room in the cache, or lost it. */
  readonly refused: number;
  readonly instances: number;
  /** Of all instances together. */
  readonly subtypes: number;
}

export class BrowserMachine implements Machine<BrowserEvent, BrowserAction> {
  readonly #random: Random;
  readonly #view = new LinkView();
  readonly #plan = new QuestionPlan();
  readonly #instances = new Instances(this.#view, this.#plan);
  readonly #questionRate = new TokenBucket(QUESTION_RATE);
  /** Types that are browsed. */
  readonly #types = new Set<string>();
  /** Types that were told of. */
  readonly #shownTypes = new Set<string>();
  #isBrowsingTypes = false;
  /** Not before this, because of the rate. */
  #askFromMs = -Infinity;

  constructor(random: Random) {
    this.#random = random;
  }

  get wakeAtMs(): number {
    return Math.min(this.#view.cache.wakeAtMs, Math.max(this.#plan.wakeAtMs, this.#askFromMs));
  }

  /** How much is kept of others. */
  get stats(): BrowserStats {
    const { size, refused } = this.#view.cache;
    const { size: instances, subtypes } = this.#instances;
    return { cached: size, refused, instances, subtypes };
  }

  /** What is known of a type that is browsed. */
  known(type: string): readonly { readonly service: ZeroconfService; readonly isOwn: boolean }[] {
    return this.#instances.shown().filter(({ service }) => service.type === type);
  }

  knownTypes(): readonly string[] {
    return [...this.#shownTypes];
  }

  step(event: BrowserEvent | Tick, nowMs: number): readonly BrowserAction[] {
    return [...this.#apply(event, nowMs), ...this.#tick(nowMs)];
  }

  #apply(event: BrowserEvent | Tick, nowMs: number): BrowserAction[] {
    switch (event.type) {
      case "message":
        return this.#onMessage(event, nowMs);
      case "own-added":
        for (const record of event.records) {
          this.#view.addOwn({ ...record, isFlush: false });
          if (record.isFlush) this.#view.cache.flush(record, nowMs, 0);
        }
        return this.#lookAt(event.records, nowMs);
      case "own-removed":
        for (const record of event.records) this.#view.removeOwn(record);
        return this.#lookAt(event.records, nowMs);
      case "browse":
        return this.#browse(event.serviceType.toLowerCase(), nowMs);
      case "unbrowse":
        return this.#unbrowse(event.serviceType.toLowerCase());
      case "browse-types":
        this.#isBrowsingTypes = true;
        this.#plan.want(ALL_TYPES, ptr, TYPES_OWNER, this.#firstAtMs(nowMs));
        return this.#lookAt(this.#view.ownPointers(), nowMs);
      case "unbrowse-types":
        this.#isBrowsingTypes = false;
        this.#plan.unwant(ALL_TYPES, ptr, TYPES_OWNER);
        this.#shownTypes.clear();
        this.#forget();
        return [];
      case "link-changed":
        this.#view.cache.doubt((source) => isOnLink(source, event.link), nowMs + DOUBT_MS, nowMs);
        this.#plan.restart(this.#firstAtMs(nowMs));
        return [];
      case "stop":
        this.#types.clear();
        this.#isBrowsingTypes = false;
        return [];
      case "tick":
        return [];
      default:
        return event satisfies never;
    }
  }

  #browse(type: string, nowMs: number): BrowserAction[] {
    if (this.#types.has(type)) return [];
    this.#types.add(type);
    this.#plan.want(typeName(type), ptr, type, this.#firstAtMs(nowMs));
    return this.#lookAt(this.#view.ownPointers(), nowMs);
  }

  #unbrowse(type: string): BrowserAction[] {
    if (!this.#types.delete(type)) return [];
    this.#plan.unwant(typeName(type), ptr, type);
    this.#instances.dropType(type);
    this.#forget();
    return [];
  }

  #forget(): void {
    this.#view.cache.forget((record) => this.#isWanted(record));
  }

  #firstAtMs(nowMs: number): number {
    return nowMs + this.#random.between(...FIRST_DELAY_MS);
  }

  #onMessage({ message, from }: HeardMessage, nowMs: number): BrowserAction[] {
    if (from.port !== MDNS_PORT) return [];
    if (!message.isResponse) {
      this.#hearQuery(message, nowMs);
      return [];
    }
    const records = [...message.answers, ...message.additionals];
    const pointers = records.filter(({ type }) => type === "ptr");
    const services = records.filter(({ type }) => type === "srv" || type === "txt");
    const addresses = records.filter(({ type }) => type === "a" || type === "aaaa");
    // In this order: what a later one belongs to is known by then.
    const changed = [pointers, services].flatMap((p) => this.#hear(p, from.address, nowMs));
    for (const key of this.#subjects(changed).keys) this.#instances.locate(key);
    return this.#lookAt([...changed, ...this.#hear(addresses, from.address, nowMs)], nowMs);
  }

  /** @returns what of it is news, or may be */
  #hear(records: readonly DnsRecord[], source: string, nowMs: number): DnsRecord[] {
    const { cache } = this.#view;
    const wanted = records.filter((record) => this.#isWanted(record) && !this.#view.isOwn(record));
    const changed = wanted.flatMap((record) =>
      cache.hear(record, source, this.#random.next(), nowMs),
    );
    const flushing = wanted.filter(
      (record) => record.isFlush && record.ttlS > 0 && cache.flush(record, nowMs),
    );
    return [...changed, ...flushing];
  }

  /** Whether it belongs to what somebody browses. */
  #isWanted(record: DnsRecord): boolean {
    switch (record.type) {
      case "ptr": {
        if (isSameName(record.name, ALL_TYPES)) return this.#isBrowsingTypes;
        const type = serviceTypeOf(record.name) ?? subtypeOf(record.name)?.type;
        return (
          type !== undefined && this.#types.has(type) && serviceIdOf(record.target)?.type === type
        );
      }
      case "srv":
      case "txt":
        return this.#types.has(serviceIdOf(record.name)?.type ?? "");
      case "a":
      case "aaaa":
        return this.#instances.hasHost(record.name);
      default:
        return false;
    }
  }

  /** Looks anew at what records speak of that came, changed or went. */
  #lookAt(records: readonly DnsRecord[], nowMs: number): BrowserAction[] {
    const { keys, types } = this.#subjects(records);
    const askAtMs = nowMs + this.#random.between(...RESOLVE_DELAY_MS);
    return [
      ...[...types].flatMap((type) => this.#updateType(type)),
      ...[...keys].flatMap((key) => this.#instances.update(key, askAtMs)),
    ];
  }

  /** Keys of the instances, and types, that records speak of. */
  #subjects(records: readonly DnsRecord[]): {
    readonly keys: Set<string>;
    readonly types: Set<string>;
  } {
    const keys = new Set<string>();
    const types = new Set<string>();
    for (const record of records) {
      if (!this.#isWanted(record)) continue;
      if (record.type === "ptr") this.#lookAtPointer(record, keys, types);
      else if (record.type === "a" || record.type === "aaaa")
        for (const key of this.#instances.at(record.name)) keys.add(key);
      else keys.add(nameKey(record.name));
    }
    return { keys, types };
  }

  #lookAtPointer(
    { name, target }: DnsRecord & { type: "ptr" },
    keys: Set<string>,
    types: Set<string>,
  ): void {
    if (isSameName(name, ALL_TYPES)) {
      const type = serviceTypeOf(target);
      if (type !== undefined) types.add(type);
      return;
    }
    const id = serviceIdOf(target);
    if (id === undefined) return;
    const key = this.#instances.add(target, id);
    if (subtypeOf(name) !== undefined) this.#instances.noteSubtype(key, name);
    keys.add(key);
  }

  #updateType(serviceType: string): BrowserAction[] {
    const isThere = this.#view.points(ALL_TYPES, typeName(serviceType));
    if (isThere === this.#shownTypes.has(serviceType)) return [];
    if (isThere) this.#shownTypes.add(serviceType);
    else this.#shownTypes.delete(serviceType);
    return [{ type: isThere ? "type-found" : "type-gone", serviceType }];
  }

  /** §7.3: what another host asks, knowing no more than we do, need not be asked by us. */
  #hearQuery({ questions, answers, isTruncated }: DnsMessage, nowMs: number): void {
    if (isTruncated) return;
    for (const question of questions) {
      const { name, code } = question;
      const known = answers.filter((record) => isSameName(record.name, name));
      const isOurs = known.every(
        (record) => this.#view.isOwn(record) || this.#view.cache.has(record),
      );
      if (isOurs && this.#view.all(name, code).length > 0) this.#plan.hear(question, nowMs);
    }
  }

  #tick(nowMs: number): BrowserAction[] {
    if (nowMs < this.wakeAtMs) return [];
    const { expired, stale } = this.#view.cache.tick(nowMs, REFRESH_AHEAD_MS);
    const actions = this.#lookAt(expired, nowMs);
    return [...actions, ...sendAll(this.#ask(stale, nowMs))];
  }

  #ask(stale: readonly DnsRecord[], nowMs: number): DnsMessage[] {
    const isAllowed = (): boolean => this.#questionRate.take(nowMs);
    const refreshes = stale
      .filter((record) => this.#isWanted(record) && !this.#view.isOwn(record) && isAllowed())
      .map((record) => ({
        name: record.name,
        code: recordCode(record),
        class: CLASS_IN,
        isUnicast: false,
      }));
    const planned = this.#plan.due(nowMs, isAllowed);
    this.#askFromMs = this.#questionRate.readyAtMs(nowMs);
    const questions = new Map<string, DnsQuestion>();
    for (const question of [...planned, ...refreshes])
      questions.set(questionKey(question.name, question.code), question);
    const known = [...questions.values()]
      .filter(({ code }) => code === ptr)
      .flatMap(({ name, code }) => this.#view.knownAnswers(name, code, nowMs));
    return packQuery([...questions.values()], known);
  }
}
