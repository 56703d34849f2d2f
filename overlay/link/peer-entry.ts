/**
 * One peer of the link: its records with their lifetimes, and when it is asked again (RFC 6762
 * §5.2, §10).
 */
import { ADDRESSES_MAX, OTHER_TTL_S } from "./announcement.ts";
import type { DnsData, DnsRecord } from "../../platform/dns/message.ts";
import { nameKey } from "../../platform/dns/name.ts";
import type { LinkPeer } from "./types.ts";

const REFRESH_AT = [0.8, 0.85, 0.9, 0.95] as const;
/** RFC 6762 §5.2: up to 2 % later, so that the hosts do not all ask at once. */
const REFRESH_JITTER = 0.02;
/** A peer known by its PTR alone is asked for the rest, then forgotten. */
const RESOLVE_AFTER_MS = [50, 1000, 3000] as const;
const RESOLVE_MAX_MS = 10_000;
/** RFC 6762 §10.1, §10.2: what is withdrawn lives one more second. */
const GRACE_MS = 1000;
/** Bounds of what is believed: nobody shall make us ask every second, nor remember for a year. */
const TTL_MIN_S = 10;
const TTL_MAX_S = OTHER_TTL_S;

export interface Timed<T> {
  readonly value: T;
  freshAtMs: number;
  ttlMs: number;
}

export interface PeerEntry {
  readonly tag: string;
  /** Who announced it first. */
  readonly source: string;
  readonly madeAtMs: number;
  /** 0..0.02 of a lifetime. */
  readonly jitter: number;
  heardAtMs: number;
  confirmedAtMs: number;
  ptr: Timed<null> | undefined;
  srv: Timed<Extract<DnsData, { type: "srv" }>> | undefined;
  /** Whose addresses are this peer's: key of the target of `srv`, or empty. */
  targetKey: string;
  txt: Timed<readonly Uint8Array[]> | undefined;
  /** Dialable text; `true` if announced, `false` if only sent from. */
  readonly addresses: Map<string, Timed<boolean>>;
  isLeaving: boolean;
  questionsAsked: number;
  /** As last reported. */
  shown: LinkPeer | undefined;
}

/** @param jitter 0..1, chosen once */
export function createPeerEntry(
  tag: string,
  source: string,
  jitter: number,
  nowMs: number,
): PeerEntry {
  return {
    tag,
    source,
    madeAtMs: nowMs,
    jitter: jitter * REFRESH_JITTER,
    heardAtMs: nowMs,
    confirmedAtMs: -Infinity,
    ptr: undefined,
    srv: undefined,
    targetKey: "",
    txt: undefined,
    addresses: new Map(),
    isLeaving: false,
    questionsAsked: 0,
    shown: undefined,
  };
}

/** The peer is known to live: as good as hearing its records again. */
export function confirmEntry(entry: PeerEntry, nowMs: number): void {
  if (entry.isLeaving) return;
  entry.confirmedAtMs = nowMs;
  entry.questionsAsked = 0;
  for (const timed of [entry.ptr, entry.srv, entry.txt, ...entry.addresses.values()])
    // What a flush has doomed stays doomed.
    if (timed !== undefined && timed.ttlMs > GRACE_MS) timed.freshAtMs = nowMs;
}

export function hearRecord(entry: PeerEntry, record: DnsRecord, nowMs: number): void {
  const timed = { freshAtMs: nowMs, ttlMs: ttlMs(record.ttlS) };
  if (record.type === "ptr") {
    entry.ptr = { value: null, ...timed };
    // Also what a rescued peer sends (RFC 6762 §10.1).
    entry.isLeaving = false;
    return;
  }
  if (record.type === "srv") {
    entry.srv = { value: record, ...timed };
    entry.targetKey = nameKey(record.target);
  }
  // A copy: the bytes of a packet do not outlive it.
  if (record.type === "txt")
    entry.txt = { value: record.strings.map((text) => text.slice()), ...timed };
  entry.isLeaving = false;
  entry.questionsAsked = 0;
}

export function becomeLeaving(entry: PeerEntry, nowMs: number): void {
  if (entry.isLeaving) return;
  entry.isLeaving = true;
  entry.heardAtMs = nowMs;
}

export function hearAddress(
  entry: PeerEntry,
  address: string,
  ttlS: number,
  isAnnounced: boolean,
  nowMs: number,
): void {
  const known = entry.addresses.get(address);
  // Own addresses and as many senders.
  if (known === undefined && entry.addresses.size >= 2 * ADDRESSES_MAX) return;
  const value = isAnnounced || (known?.value ?? false);
  entry.addresses.set(address, { value, freshAtMs: nowMs, ttlMs: ttlMs(ttlS) });
}

/** RFC 6762 §10.2: a flush ends what is older than a second, of the families it names. */
export function flushAddresses(
  entry: PeerEntry,
  kept: readonly DnsRecord[],
  from: string,
  nowMs: number,
): void {
  const families = new Set(kept.map(({ type }) => type));
  for (const [address, timed] of entry.addresses) {
    if (address === from || timed.freshAtMs > nowMs - GRACE_MS) continue;
    if (!families.has(address.includes(":") ? "aaaa" : "a")) continue;
    timed.freshAtMs = nowMs;
    timed.ttlMs = GRACE_MS;
  }
}

/** @returns whether an address went away */
export function forgetAddresses(entry: PeerEntry, nowMs: number): boolean {
  const before = entry.addresses.size;
  for (const [address, timed] of entry.addresses)
    if (nowMs >= endsAtMs(timed)) entry.addresses.delete(address);
  return entry.addresses.size < before;
}

function ttlMs(ttlS: number): number {
  return Math.min(Math.max(ttlS, TTL_MIN_S), TTL_MAX_S) * 1000;
}

export function endsAtMs(timed: Timed<unknown>): number {
  return timed.freshAtMs + timed.ttlMs;
}

/** The record that runs out first, of the two that a peer lives by. */
function shortest({ srv, txt }: PeerEntry): Timed<unknown> | undefined {
  if (srv === undefined || txt === undefined) return undefined;
  return endsAtMs(srv) < endsAtMs(txt) ? srv : txt;
}

export function entryEndsAtMs(entry: PeerEntry): number {
  if (entry.isLeaving) return entry.heardAtMs + GRACE_MS;
  const first = shortest(entry);
  return first === undefined ? entry.madeAtMs + RESOLVE_MAX_MS : endsAtMs(first);
}

export function askAtMs(entry: PeerEntry): number {
  if (entry.isLeaving) return Infinity;
  const first = shortest(entry);
  if (first === undefined)
    return entry.madeAtMs + (RESOLVE_AFTER_MS[entry.questionsAsked] ?? Infinity);
  const share = REFRESH_AT[entry.questionsAsked];
  return share === undefined ? Infinity : first.freshAtMs + first.ttlMs * (share + entry.jitter);
}

/** How much earlier an entry may be asked, when another is. */
export function alongMs(entry: PeerEntry): number {
  return (shortest(entry)?.ttlMs ?? 0) * REFRESH_JITTER;
}

export function nextAtMs(entry: PeerEntry): number {
  let next = Math.min(entryEndsAtMs(entry), askAtMs(entry));
  for (const timed of entry.addresses.values()) next = Math.min(next, endsAtMs(timed));
  return next;
}
