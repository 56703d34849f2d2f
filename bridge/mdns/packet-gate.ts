/**
 * Which packets are looked at: those from the link, as many as a link should bear.
 *
 * RFC 6762 §11 would have the IP TTL of 255 checked instead of the source, which Node cannot read: a
 * router that lets a forged on-link source in from outside defeats this.
 */
import { type LinkAddressing, isOnLink } from "../../platform/address.ts";
import { type DnsMessage, decodeMessage } from "../../platform/dns/message.ts";
import { WireError } from "../../platform/errors.ts";
import { TokenBucket } from "../../platform/token-bucket.ts";

/** In frames; a thousand services are announced or answered in some 200. */
const SOURCE_RATE = { perSecond: 200, burst: 600 } as const;
const LINK_RATE = { perSecond: 800, burst: 2_400 } as const;
const SOURCES_MAX = 256;
const FRAME_BYTES = 1_500;

export interface GateCounters {
  received: number;
  /** The source is no address of this link. */
  offLink: number;
  /** More than this source, or all together, may send. */
  limited: number;
  malformed: number;
}

export class PacketGate {
  readonly counters: GateCounters = { received: 0, offLink: 0, limited: 0, malformed: 0 };
  readonly #all = new TokenBucket(LINK_RATE);
  readonly #sources = new Map<string, TokenBucket>();
  #link: LinkAddressing;

  constructor(link: LinkAddressing) {
    this.#link = link;
  }

  becomeLink(link: LinkAddressing): void {
    this.#link = link;
  }

  /** @returns `undefined` for what is not to be looked at */
  accept(bytes: Uint8Array, from: string, nowMs: number): DnsMessage | undefined {
    this.counters.received++;
    const frames = Math.ceil(bytes.length / FRAME_BYTES);
    // The source first, so that one that sends too much takes nothing from the others.
    if (!this.#source(from).take(nowMs, frames)) return this.#refuse("limited");
    if (!isOnLink(from, this.#link)) return this.#refuse("offLink");
    if (!this.#all.take(nowMs, frames)) return this.#refuse("limited");
    try {
      return decodeMessage(bytes);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      return this.#refuse("malformed");
    }
  }

  #refuse(reason: "offLink" | "limited" | "malformed"): undefined {
    this.counters[reason]++;
    return undefined;
  }

  #source(from: string): TokenBucket {
    const known = this.#sources.get(from);
    if (known !== undefined) return known;
    const [oldest] = this.#sources.keys();
    if (this.#sources.size >= SOURCES_MAX && oldest !== undefined) this.#sources.delete(oldest);
    const made = new TokenBucket(SOURCE_RATE);
    this.#sources.set(from, made);
    return made;
  }
}
