/**
 * The other hosts of the link, from the records they send (RFC 6762 §5.2, §10).
 *
 * A peer lives as long as its SRV and TXT records do. Before they run out it is asked again, at
 * 80, 85, 90 and 95 % of their lifetime, unless the overlay confirmed meanwhile that it lives.
 * Everything here is a hint, and bounded: whoever is on the link can send such records.
 */
import { WireError } from "../../platform/errors.ts";
import type { Random } from "../../platform/random.ts";
import { type LinkAddressing, isOnLink, withZone } from "../../platform/address.ts";
import {
  HOST_TTL_S,
  OTHER_TTL_S,
  SERVICE_TYPE,
  decodeAnnouncement,
  hostTagOf,
  instanceName,
} from "./announcement.ts";
import {
  CLASS_IN,
  type DnsData,
  type DnsQuestion,
  type DnsRecord,
  RECORD_CODE,
} from "../../platform/dns/message.ts";
import { type DnsName, isSameName, nameKey } from "../../platform/dns/name.ts";
import {
  type PeerEntry,
  alongMs,
  askAtMs,
  becomeLeaving,
  confirmEntry,
  createPeerEntry,
  endsAtMs,
  entryEndsAtMs,
  flushAddresses,
  forgetAddresses,
  hearAddress,
  hearRecord,
  nextAtMs,
} from "./peer-entry.ts";
import type { GoneReason, LinkAction, LinkCounters, LinkPeer } from "./types.ts";

export const PEERS_MAX = 256;
/** One source announces a few hosts at most (containers that share an address). */
export const PEERS_PER_SOURCE_MAX = 16;

const CONFIRMED_FOR_MS = 300_000;

export class PeerTable {
  readonly #random: Random;
  readonly #counters: LinkCounters;
  readonly #entries = new Map<string, PeerEntry>();
  #link: LinkAddressing = { name: "", addresses: [] };

  constructor(random: Random, counters: LinkCounters) {
    this.#random = random;
    this.#counters = counters;
  }

  get wakeAtMs(): number {
    let wakeAtMs = Infinity;
    for (const entry of this.#entries.values()) wakeAtMs = Math.min(wakeAtMs, nextAtMs(entry));
    return wakeAtMs;
  }

  peers(): LinkPeer[] {
    return [...this.#entries.values()].flatMap(({ shown }) => shown ?? []);
  }

  /** Whether a known peer has this address, as sockets write it. */
  hasAddress(address: string): boolean {
    return this.peers().some(({ addresses }) => addresses.includes(address));
  }

  /** Forgets addresses that the new link does not have, and peers that had no other. */
  becomeLink(link: LinkAddressing): LinkAction[] {
    this.#link = link;
    return [...this.#entries.values()].flatMap((entry) => {
      for (const address of entry.addresses.keys())
        if (!isOnLink(address, link)) entry.addresses.delete(address);
      return entry.addresses.size === 0 ? this.#drop(entry, "link-changed") : this.#show(entry);
    });
  }

  /** Another link with the same prefix may have other hosts at the same addresses. */
  forgetBefore(sinceMs: number): LinkAction[] {
    return [...this.#entries.values()].flatMap((entry) =>
      entry.heardAtMs < sinceMs ? this.#drop(entry, "link-changed") : [],
    );
  }

  /** @param ownTag own records are not a peer's; `undefined` while nothing is announced */
  hear(
    records: readonly DnsRecord[],
    from: string,
    ownTag: string | undefined,
    nowMs: number,
  ): LinkAction[] {
    const actions: LinkAction[] = [];
    const heard = new Set<PeerEntry>();
    for (const record of records) {
      const tag = hostTagOf(subjectOf(record));
      if (tag === undefined || tag === ownTag) continue;
      const entry = this.#entries.get(tag) ?? this.#make(tag, from, record, nowMs, actions);
      if (entry === undefined) continue;
      if (record.ttlS === 0) becomeLeaving(entry, nowMs);
      else hearRecord(entry, record, nowMs);
      heard.add(entry);
    }
    for (const entry of heard) {
      if (!entry.isLeaving) {
        entry.heardAtMs = nowMs;
        hearAddress(entry, from, HOST_TTL_S, false, nowMs);
      }
    }
    this.#hearAddresses(records, from, nowMs, heard);
    for (const entry of heard)
      if (this.#entries.get(entry.tag) === entry) actions.push(...this.#show(entry));
    return actions;
  }

  /** The overlay knows this peer alive. */
  confirm(hostTag: string, nowMs: number): void {
    const entry = this.#entries.get(hostTag);
    if (entry !== undefined) confirmEntry(entry, nowMs);
  }

  /** RFC 6762 §7.1: PTR records with more than half of their lifetime left. */
  knownAnswers(nowMs: number): DnsRecord[] {
    return [...this.#entries.values()].flatMap((entry): DnsRecord[] => {
      if (entry.ptr === undefined || entry.isLeaving || entry.shown === undefined) return [];
      const ttlS = Math.floor((endsAtMs(entry.ptr) - nowMs) / 1000);
      if (ttlS <= OTHER_TTL_S / 2) return [];
      const target = instanceName(entry.tag);
      return [{ name: SERVICE_TYPE, ttlS, isFlush: false, type: "ptr", target }];
    });
  }

  /** What ran out, and what has to be asked. */
  tick(nowMs: number): {
    readonly actions: LinkAction[];
    readonly questions: readonly DnsQuestion[][];
  } {
    const actions: LinkAction[] = [];
    const questions: DnsQuestion[][] = [];
    let isAsking = false;
    for (const entry of this.#entries.values()) {
      if (nowMs >= entryEndsAtMs(entry)) {
        actions.push(...this.#drop(entry, entry.isLeaving ? "goodbye" : "expired"));
        continue;
      }
      if (forgetAddresses(entry, nowMs)) actions.push(...this.#show(entry));
      isAsking ||= nowMs >= askAtMs(entry);
    }
    if (!isAsking) return { actions, questions };
    for (const entry of this.#entries.values()) {
      // Whoever is due soon is asked along, so that peers heard together cost one packet.
      if (nowMs < askAtMs(entry) - alongMs(entry)) continue;
      entry.questionsAsked++;
      questions.push(questionsFor(entry.tag));
    }
    return { actions, questions };
  }

  #make(
    tag: string,
    from: string,
    record: DnsRecord,
    nowMs: number,
    actions: LinkAction[],
  ): PeerEntry | undefined {
    if (record.ttlS === 0) return undefined;
    const entries = [...this.#entries.values()];
    if (entries.filter(({ source }) => source === from).length >= PEERS_PER_SOURCE_MAX) {
      this.#counters.evicted++;
      return undefined;
    }
    if (entries.length >= PEERS_MAX) {
      const victim = oldestUnconfirmed(entries, nowMs);
      this.#counters.evicted++;
      if (victim === undefined) return undefined;
      actions.push(...this.#drop(victim, "evicted"));
    }
    const entry = createPeerEntry(tag, from, this.#random.next(), nowMs);
    this.#entries.set(tag, entry);
    return entry;
  }

  /** A and AAAA records count for the peers whose SRV record names their owner. */
  #hearAddresses(
    records: readonly DnsRecord[],
    from: string,
    nowMs: number,
    heard: Set<PeerEntry>,
  ): void {
    const addresses = records.filter(({ type, ttlS }) => isAddressType(type) && ttlS > 0);
    if (addresses.length === 0) return;
    const byOwner = Map.groupBy(addresses, ({ name }) => nameKey(name));
    for (const entry of this.#entries.values()) {
      const own = byOwner.get(entry.targetKey);
      if (own === undefined || entry.isLeaving) continue;
      if (own.some(({ isFlush }) => isFlush)) flushAddresses(entry, own, from, nowMs);
      for (const record of own) {
        if (record.type !== "a" && record.type !== "aaaa") continue;
        if (isOnLink(record.address, this.#link))
          hearAddress(entry, withZone(record.address, this.#link), record.ttlS, true, nowMs);
      }
      heard.add(entry);
    }
  }

  #show(entry: PeerEntry): LinkAction[] {
    const { srv, txt, shown } = entry;
    if (srv === undefined || txt === undefined || entry.isLeaving) return [];
    const announced = [...entry.addresses].filter(([, { value }]) => value);
    try {
      const peer: LinkPeer = {
        hostTag: entry.tag,
        announcement: decodeAnnouncement(
          entry.tag,
          srv.value,
          txt.value,
          announced.map(([address]) => address.split("%", 1)[0]!),
        ),
        addresses: [...entry.addresses.keys()],
      };
      if (shown !== undefined && JSON.stringify(shown) === JSON.stringify(peer)) return [];
      entry.shown = peer;
      return [{ type: shown === undefined ? "peer-found" : "peer-changed", peer }];
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#counters.malformed++;
      return this.#drop(entry, "malformed");
    }
  }

  #drop(entry: PeerEntry, reason: GoneReason): LinkAction[] {
    this.#entries.delete(entry.tag);
    return entry.shown === undefined ? [] : [{ type: "peer-gone", peer: entry.shown, reason }];
  }
}

/** The instance that a record speaks of. */
function subjectOf(record: DnsRecord): DnsName {
  switch (record.type) {
    case "ptr":
      return isSameName(record.name, SERVICE_TYPE) ? record.target : [];
    case "srv":
    case "txt":
      return record.name;
    case "a":
    case "aaaa":
    case "nsec":
    case "other":
      return [];
    default:
      return record satisfies never;
  }
}

function isAddressType(type: DnsData["type"]): boolean {
  return type === "a" || type === "aaaa";
}

function oldestUnconfirmed(entries: readonly PeerEntry[], nowMs: number): PeerEntry | undefined {
  let oldest: PeerEntry | undefined;
  for (const entry of entries) {
    if (nowMs - entry.confirmedAtMs < CONFIRMED_FOR_MS) continue;
    if (oldest === undefined || entry.heardAtMs < oldest.heardAtMs) oldest = entry;
  }
  return oldest;
}

function questionsFor(tag: string): DnsQuestion[] {
  const name = instanceName(tag);
  return [RECORD_CODE.srv, RECORD_CODE.txt].map((code) => ({
    name,
    code,
    class: CLASS_IN,
    isUnicast: false,
  }));
}
