/**
 * Answers for registered services and hosts on one link (RFC 6762, RFC 6763).
 *
 * Read `publication.ts` (one registration), `prober.ts` (is its name free?), `record-book.ts` (what
 * we answer for), `answers.ts` (which of it answers a question) and `answer-queue.ts` (when), then
 * this. Not supported: QU questions of our own, since the socket gets no unicast; other classes
 * than IN.
 */
import { nameKey } from "../../platform/dns/name.ts";
import type { DnsMessage, DnsRecord } from "../../platform/dns/message.ts";
import { packMessages } from "../../platform/dns/packing.ts";
import { recordCode, recordKey } from "../../platform/dns/record.ts";
import type { Machine, Tick } from "../../platform/machine.ts";
import type { Random } from "../../platform/random.ts";
import { TokenBucket } from "../../platform/token-bucket.ts";
import type { ServiceId } from "../zeroconf/service.ts";
import { Answerer } from "./answerer.ts";
import { instanceName } from "./own-records.ts";
import { legacyAnswer } from "./legacy-answer.ts";
import { Prober } from "./prober.ts";
import { type Claim, Publication, type Subject } from "./publication.ts";
import { type BookChange, type OwnRecord, RecordBook } from "./record-book.ts";
import { type HeardMessage, type ResponderAction, type ResponderEvent, sendAll } from "./types.ts";

const MDNS_PORT = 5353;
const ANNOUNCEMENTS = 2;
const ANNOUNCE_EVERY_MS = 1_000;
/** Plain DNS clients; they cannot be told from whoever has us flood a third. */
const LEGACY_RATE = { perSecond: 50, burst: 100 } as const;

export class ResponderMachine implements Machine<ResponderEvent, ResponderAction> {
  /** Conflicts of names since the start. */
  conflicts = 0;
  readonly #prober: Prober;
  readonly #book = new RecordBook();
  readonly #answerer: Answerer;
  readonly #publications = new Map<number, Publication>();
  /** Ids by the names of instances. */
  readonly #holders = new Map<string, number>();
  readonly #announcing = new Set<Publication>();
  readonly #legacyRate = new TokenBucket(LEGACY_RATE);

  constructor(random: Random) {
    this.#prober = new Prober(random);
    this.#answerer = new Answerer(this.#book, random);
  }

  get wakeAtMs(): number {
    let wakeAtMs = Math.min(this.#prober.wakeAtMs, this.#answerer.wakeAtMs);
    for (const { announceAtMs } of this.#announcing) wakeAtMs = Math.min(wakeAtMs, announceAtMs);
    return wakeAtMs;
  }

  step(event: ResponderEvent | Tick, nowMs: number): readonly ResponderAction[] {
    return [...this.#apply(event, nowMs), ...this.#tick(nowMs)];
  }

  #apply(event: ResponderEvent | Tick, nowMs: number): ResponderAction[] {
    switch (event.type) {
      case "message":
        return this.#onMessage(event, nowMs);
      case "register": {
        const { service, isShared, candidates } = event;
        const subject: Subject = {
          type: "service",
          service,
          isShared,
          candidates: candidates[Symbol.iterator](),
        };
        return this.#register(new Publication(event.id, subject, event.isTakeover), nowMs);
      }
      case "register-host": {
        const { host, addresses } = event;
        const subject: Subject = { type: "host", host, addresses };
        return this.#register(new Publication(event.id, subject, event.isTakeover), nowMs);
      }
      case "update":
        return this.#update(event, nowMs);
      case "withdraw":
        return this.#withdraw(event.id);
      case "link-changed":
        return this.#onLinkChanged(nowMs);
      case "stop":
        return [...this.#publications.keys()].flatMap((id) => this.#withdraw(id));
      case "tick":
        return [];
      default:
        return event satisfies never;
    }
  }

  #register(publication: Publication, nowMs: number): ResponderAction[] {
    this.#publications.set(publication.id, publication);
    return this.#probe(publication, nowMs);
  }

  /** Goes on to probing, past names that are our own already; establishes what needs none. */
  #probe(publication: Publication, nowMs: number, waitMs = 0): ResponderAction[] {
    while (!this.#hold(publication))
      if (!publication.becomeNext()) return this.#refuse(publication);
    const claims = this.#openClaims(publication);
    if (publication.isTakeover || claims.length === 0) return this.#establish(publication, nowMs);
    this.#prober.start(publication, claims, nowMs, waitMs);
    return [];
  }

  /** Names to ask for; that of a host may be ours by another registration. */
  #openClaims(publication: Publication): Claim[] {
    return publication
      .claims()
      .filter(({ name }) => !this.#book.at(name).some((own) => this.#book.isUnique(own)));
  }

  /** Keeps the instance's name from other registrations of ours. @returns `false` when one has it */
  #hold(publication: Publication): boolean {
    const { id, serviceId, heldName } = publication;
    const name = serviceId && instanceKey(serviceId);
    if (name === undefined || name === heldName) return true;
    if (this.#holders.has(name)) return false;
    if (heldName !== undefined) this.#holders.delete(heldName);
    this.#holders.set(name, id);
    publication.heldName = name;
    return true;
  }

  /** @param names keys of those that are taken; the first of its own when absent */
  #refuse(publication: Publication, names: readonly string[] = []): ResponderAction[] {
    const claims = publication.claims();
    const taken = claims.find(({ name }) => names.includes(nameKey(name))) ?? claims[0];
    this.#forget(publication);
    return [{ type: "refused", id: publication.id, name: taken?.name ?? [] }];
  }

  #establish(publication: Publication, nowMs: number): ResponderAction[] {
    const { established, serviceId, id } = publication;
    publication.settle();
    this.#announceFrom(publication, nowMs);
    const actions = this.#ownChange(this.#book.put(id, publication.claimed));
    if (established === undefined)
      return [...actions, { type: "registered", id, instance: serviceId?.instance ?? "" }];
    const isRenamed =
      serviceId && established !== "host" && instanceKey(serviceId) !== instanceKey(established);
    return isRenamed
      ? [...actions, { type: "renamed", id, from: established, to: serviceId }]
      : actions;
  }

  #announceFrom(publication: Publication, atMs: number): void {
    publication.announcementsLeft = ANNOUNCEMENTS;
    publication.announceAtMs = atMs;
    this.#announcing.add(publication);
  }

  #update({ id, service }: ResponderEvent & { type: "update" }, nowMs: number): ResponderAction[] {
    const publication = this.#publications.get(id);
    if (publication?.subject.type !== "service") return [];
    const { subject, updates } = publication;
    const { instance, type } = subject.service;
    publication.become({ ...subject, service: { ...service, instance, type } });
    if (publication.state === "probing") {
      const isRenewed = this.#prober.renew(publication, this.#openClaims(publication));
      return isRenewed ? [] : this.#probe(publication, nowMs);
    }
    const isNewName = publication.claims().some(({ name }) => this.#book.at(name).length === 0);
    if (isNewName && !publication.isTakeover) {
      this.#announcing.delete(publication);
      const change = this.#book.put(id, []);
      return [...this.#retract(change), ...this.#probe(publication, nowMs)];
    }
    const change = this.#book.put(id, publication.claimed);
    const isPending = publication.announcementsLeft === ANNOUNCEMENTS;
    this.#announceFrom(
      publication,
      isPending ? publication.announceAtMs : updates.readyAtMs(nowMs),
    );
    return this.#retract(change);
  }

  #withdraw(id: number): ResponderAction[] {
    const publication = this.#publications.get(id);
    if (publication === undefined) return [];
    this.#forget(publication);
    return this.#retract(this.#book.put(id, []));
  }

  #forget(publication: Publication): void {
    this.#publications.delete(publication.id);
    this.#announcing.delete(publication);
    this.#prober.stop(publication);
    if (publication.heldName !== undefined) this.#holders.delete(publication.heldName);
  }

  /** Says goodbye (§10.1) to what is gone, unless an announcement is about to flush it (§8.4). */
  #retract(change: BookChange): ResponderAction[] {
    const farewells = change.gone.filter((own) => {
      const code = recordCode(own.record);
      const others = this.#book.at(own.record.name);
      const isReplaced = others.some(
        (other) => recordCode(other.record) === code && this.#book.isUnique(other),
      );
      return !isReplaced && own.lastSentMs > -Infinity;
    });
    const parcels = farewells.map(({ record }) => ({ answers: [{ ...record, ttlS: 0 }] }));
    return [...this.#ownChange(change), ...sendAll(packMessages(parcels, RESPONSE))];
  }

  /** Tells the browser; what is ours alone flushes what it heard of others. */
  #ownChange({ added, gone }: BookChange): ResponderAction[] {
    const lost = gone.map(({ record }) => record);
    const won = added.map((own) => this.#book.wire(own));
    return [
      ...(lost.length > 0 ? [{ type: "own-removed" as const, records: lost }] : []),
      ...(won.length > 0 ? [{ type: "own-added" as const, records: won }] : []),
    ];
  }

  /** RFC 6762 §8: what was free on one link may be taken on another. */
  #onLinkChanged(nowMs: number): ResponderAction[] {
    this.#answerer.clear();
    const all = [...this.#publications.values()];
    return [
      ...all.flatMap((publication) => this.#suspend(publication)),
      ...all.flatMap((publication) => this.#probe(publication, nowMs)),
    ];
  }

  /** Takes its records back without a goodbye: perhaps they are another's. */
  #suspend(publication: Publication): ResponderAction[] {
    publication.isTakeover = false;
    publication.state = "probing";
    this.#announcing.delete(publication);
    return this.#ownChange(this.#book.put(publication.id, []));
  }

  #onMessage({ message, from }: HeardMessage, nowMs: number): ResponderAction[] {
    // §6: responses come from port 5353 or are none.
    if (message.isResponse) return from.port === MDNS_PORT ? this.#onResponse(message, nowMs) : [];
    if (from.port === MDNS_PORT) {
      this.#answerer.hearQuery(message, from, nowMs);
      this.#prober.hearProbe(message, nowMs);
      return [];
    }
    const answer = legacyAnswer(this.#book, message);
    if (answer === undefined || !this.#legacyRate.take(nowMs)) return [];
    return [{ type: "send", message: answer, to: from }];
  }

  #onResponse({ answers, additionals }: DnsMessage, nowMs: number): ResponderAction[] {
    const byName = new Map<string, DnsRecord[]>();
    for (const record of [...answers, ...additionals]) {
      const key = nameKey(record.name);
      const same = byName.get(key);
      if (same === undefined) byName.set(key, [record]);
      else same.push(record);
    }
    this.#answerer.hearRecords([...answers, ...additionals], nowMs);
    /** With the names that are contradicted. */
    const contradicted = new Map<Publication, string[]>();
    for (const [name, records] of byName) {
      const alive = records.filter(({ ttlS }) => ttlS > 0);
      for (const one of [
        ...this.#prober.contradictedAt(name, alive),
        ...this.#contradictedOwners(alive),
      ])
        contradicted.set(one, [...(contradicted.get(one) ?? []), name]);
    }
    const established = [...contradicted.keys()].filter(({ state }) => state === "established");
    const probing = [...contradicted].filter(([{ state }]) => state === "probing");
    this.conflicts += contradicted.size;
    return [
      ...probing.flatMap(([one, names]) => this.#yield(one, names, nowMs)),
      // All of them first, so that a host's name is asked for again by each.
      ...established.flatMap((one) => this.#suspend(one)),
      ...established.flatMap((one) => this.#probe(one, nowMs, one.conflict(nowMs))),
    ];
  }

  /** Established registrations that records of one name contradict (§9). */
  #contradictedOwners(records: readonly DnsRecord[]): Publication[] {
    const [first] = records;
    const own = first === undefined ? [] : this.#book.at(first.name);
    if (own.length === 0) return [];
    const unknown = records.filter((record) => this.#book.get(recordKey(record)) === undefined);
    const codes = new Set(unknown.map(recordCode));
    const owners = new Set(
      own
        .filter((one) => codes.has(recordCode(one.record)) && this.#book.isUnique(one))
        .flatMap(({ owners: ids }) => [...ids.keys()]),
    );
    return [...owners]
      .map((id) => this.#publications.get(id)!)
      .filter((publication) => publication.isContradicted(unknown));
  }

  /** The name is taken: on to the next one; a host has none, and asks again later. */
  #yield(publication: Publication, names: readonly string[], nowMs: number): ResponderAction[] {
    const waitMs = publication.conflict(nowMs);
    this.#prober.stop(publication);
    const { serviceId, established } = publication;
    const isInstance = serviceId !== undefined && names.includes(nameKey(instanceName(serviceId)));
    if (isInstance && publication.becomeNext()) return this.#probe(publication, nowMs, waitMs);
    if (established === undefined) return this.#refuse(publication, names);
    return this.#probe(publication, nowMs, Math.max(waitMs, publication.retryWaitMs()));
  }

  #tick(nowMs: number): ResponderAction[] {
    if (nowMs < this.wakeAtMs) return [];
    const { messages, unopposed } = this.#prober.tick(nowMs);
    const established = unopposed.flatMap((one) => this.#establish(one, nowMs));
    return [
      ...sendAll(messages),
      ...established,
      ...sendAll(this.#announce(nowMs)),
      ...this.#answerer.tick(nowMs),
    ];
  }

  #announce(nowMs: number): DnsMessage[] {
    const records = new Set<OwnRecord>();
    for (const publication of this.#announcing) {
      if (nowMs < publication.announceAtMs) continue;
      for (const own of this.#book.of(publication.id)) records.add(own);
      if (publication.announcementsLeft === ANNOUNCEMENTS) publication.updates.take(nowMs);
      publication.announcementsLeft--;
      publication.announceAtMs = nowMs + ANNOUNCE_EVERY_MS;
      if (publication.announcementsLeft === 0) this.#announcing.delete(publication);
    }
    const announced = new Set<OwnRecord>();
    const parcels = [...records].flatMap((own) => {
      if (announced.has(own)) return [];
      const set = this.#book.setOf(own);
      for (const one of set) {
        announced.add(one);
        one.lastSentMs = nowMs;
      }
      return { answers: set.map((one) => this.#book.wire(one)) };
    });
    return packMessages(parcels, RESPONSE);
  }
}

const RESPONSE = { isResponse: true } as const;

function instanceKey({ instance, type }: ServiceId): string {
  return nameKey([instance, type]);
}
