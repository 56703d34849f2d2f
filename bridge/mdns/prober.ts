/**
 * Asks the link whether a name is free (RFC 6762 §8.1, §8.2).
 *
 * Names registered together are probed together, a frame of them at a time. Answers are asked for
 * by multicast (QM): a socket that shares port 5353 with another responder gets no unicast.
 */
import type { Random } from "../../platform/random.ts";
import {
  CLASS_IN,
  type DnsMessage,
  type DnsQuestion,
  type DnsRecord,
  RECORD_CODE,
} from "../../platform/dns/message.ts";
import { type DnsName, isSameName, nameKey } from "../../platform/dns/name.ts";
import { type Parcel, packMessages } from "../../platform/dns/packing.ts";
import type { Claim, Publication } from "./publication.ts";

const PROBES = 3;
const PROBE_EVERY_MS = 250;
const START_WITHIN_MS = 250;
/** §8.2: the loser of a tie-break waits for the winner to announce. */
const YIELD_MS = 1_000;

export class Prober {
  readonly #random: Random;
  readonly #probing = new Map<Publication, readonly Claim[]>();
  readonly #byName = new Map<string, Set<Publication>>();
  /** When the probes of whatever is registered until then begin. */
  #startAtMs = -Infinity;

  constructor(random: Random) {
    this.#random = random;
  }

  get wakeAtMs(): number {
    let wakeAtMs = Infinity;
    for (const { probeAtMs } of this.#probing.keys()) wakeAtMs = Math.min(wakeAtMs, probeAtMs);
    return wakeAtMs;
  }

  /** Probes from the beginning, after a random delay (§8.1) on top of what it has to wait. */
  start(publication: Publication, claims: readonly Claim[], nowMs: number, waitMs = 0): void {
    this.stop(publication);
    if (this.#startAtMs <= nowMs)
      this.#startAtMs = nowMs + this.#random.between(0, START_WITHIN_MS);
    publication.state = "probing";
    publication.probesSent = 0;
    publication.probeAtMs = this.#startAtMs + waitMs;
    this.#probing.set(publication, claims);
    for (const { name } of claims) {
      const key = nameKey(name);
      const same = this.#byName.get(key) ?? new Set();
      this.#byName.set(key, same.add(publication));
    }
  }

  /** Proposes other records for the same names from now on. @returns `false` for other names */
  renew(publication: Publication, claims: readonly Claim[]): boolean {
    const former = this.#probing.get(publication) ?? [];
    const isSame =
      former.length === claims.length &&
      former.every(({ name }, i) => isSameName(name, claims[i]!.name));
    if (isSame) this.#probing.set(publication, claims);
    return isSame;
  }

  stop(publication: Publication): void {
    for (const { name } of this.#probing.get(publication) ?? []) {
      const same = this.#byName.get(nameKey(name));
      same?.delete(publication);
      if (same?.size === 0) this.#byName.delete(nameKey(name));
    }
    this.#probing.delete(publication);
  }

  /** Those that somebody else's records of a name contradict, from the first probe on (§8.1). */
  contradictedAt(name: string, heard: readonly DnsRecord[]): Publication[] {
    return [...(this.#byName.get(name) ?? [])].filter(
      (one) => one.probesSent > 0 && one.isContradicted(heard),
    );
  }

  /** Another host probes: whoever proposes less yields (§8.2). */
  hearProbe({ questions, authorities }: DnsMessage, nowMs: number): void {
    for (const { name } of questions) {
      const same = this.#byName.get(nameKey(name));
      if (same === undefined) continue;
      const proposed = authorities.filter((record) => isSameName(record.name, name));
      if (proposed.length === 0) continue;
      for (const publication of same) {
        if (publication.probesSent === 0 || !publication.yieldsTo(name, proposed)) continue;
        publication.probesSent = 0;
        publication.probeAtMs = nowMs + YIELD_MS;
      }
    }
  }

  /** @returns probes that are due, and those that heard nothing to the contrary */
  tick(nowMs: number): {
    readonly messages: DnsMessage[];
    readonly unopposed: readonly Publication[];
  } {
    const due = [...this.#probing.keys()].filter(({ probeAtMs }) => nowMs >= probeAtMs);
    const unopposed = due.filter(({ probesSent }) => probesSent >= PROBES);
    for (const publication of unopposed) this.stop(publication);
    const asked = new Set<string>();
    const parcels: Parcel[] = [];
    for (const publication of due) {
      if (publication.probesSent >= PROBES) continue;
      publication.probesSent++;
      publication.probeAtMs = nowMs + PROBE_EVERY_MS;
      for (const { name, records } of this.#probing.get(publication) ?? []) {
        // Services of one host claim its name together.
        const key = nameKey(name);
        if (asked.has(key)) continue;
        asked.add(key);
        parcels.push({ questions: [probeQuestion(name)], authorities: records });
      }
    }
    return { messages: packMessages(parcels), unopposed };
  }
}

function probeQuestion(name: DnsName): DnsQuestion {
  return { name, code: RECORD_CODE.any, class: CLASS_IN, isUnicast: false };
}
