/**
 * What a host does when its link changes under it: find out whether it is another link, and stay in
 * the subnet or leave it.
 *
 * A laptop carried from one site to another changes subnet and never merges two. So between a change
 * and the verdict this host announces nothing, meets nobody and hands no key out. Design, "A host
 * adopts the link it is on"; RFC 4436 for the idea of asking the gateway who it is.
 */
import type { Clock } from "../../platform/clock.ts";
import type { Logger } from "../../platform/logger.ts";
import { formatAddress } from "../address.ts";
import {
  compareLinks,
  isGatewayOther,
  refineFingerprint,
  type LinkFingerprint,
} from "../link/fingerprint.ts";
import type { SetHost } from "../subnet/host-set.ts";
import type { ChannelPool } from "./channel-pool.ts";
import { dialableAddresses, isAddressOnLink } from "./link-reach.ts";
import type { LinkChange } from "./link-watch.ts";
import type { Link, LinkNotice } from "./mdns-link.ts";
import type { SubnetSession } from "./session.ts";

const GATEWAY_WAIT_MS = 300;
/** An address by DHCP comes later than the link-local one. */
const ADDRESS_WAIT_MS = 4_000;
const COMPANION_WAIT_MS = 800;
const WAKE_PROBE_MS = 1_000;
/** Whose connection failed so shortly before the change was on this link. */
const COMPANION_LOST_MS = 10_000;
/** A gateway that was off when this host came is looked for again. */
const REFINE_EVERY_MS = 30_000;

export interface RoamingParts {
  readonly link: Link;
  readonly clock: Clock;
  readonly log: Logger;
  hostPool(): ChannelPool;
  session(): SubnetSession | undefined;
  /** Multicast's addresses for a host, with ports and zones. */
  onLink(hostId: string): readonly string[];
  /** The link may be another one: nobody is to be met. */
  doubt(): void;
  /** It is the same link: announce this host again and meet whom it hears. */
  keep(): void;
  /** Leaves the subnet without a word and forms one on this link. `isElsewhere`: for certain. */
  move(isElsewhere: boolean): Promise<void>;
  /** This host is in no subnet: look around (anew). */
  look(): Promise<void>;
  /** Runs a step after those under way that change the subnet. */
  run(step: () => Promise<void>): void;
  /** The link's fingerprint is known better. */
  save(home: LinkFingerprint): Promise<void>;
}

type Verdict = "home" | "elsewhere" | "unsure";

export class Roaming {
  readonly #parts: RoamingParts;
  readonly #refineTimer: NodeJS.Timeout;
  #addresses: readonly string[];
  /** Of the link where the present subnet lives. */
  #home: LinkFingerprint | undefined;
  #isSure = true;
  /** Hosts of the subnet that were there before the change. */
  #companions = new Map<string, SetHost>();
  #waitTimer: NodeJS.Timeout | undefined;
  #waitedSinceMs = Infinity;

  constructor(parts: RoamingParts) {
    this.#parts = parts;
    this.#addresses = dialableAddresses(parts.link.current());
    this.#refineTimer = setInterval(() => void this.#refine(), REFINE_EVERY_MS);
    this.#refineTimer.unref();
  }

  /** Addresses of this host on the link, no zones. */
  get addresses(): readonly string[] {
    return this.#addresses;
  }

  /** Whether the link is the one that it was when this host entered its subnet. */
  isSure(): boolean {
    return this.#isSure && !this.#parts.link.look();
  }

  isOnLink(address: string): boolean {
    return this.isSure() && isAddressOnLink(address, this.#parts.link.current());
  }

  /** This host entered a subnet on the link that looks like that. */
  settle(home: LinkFingerprint): void {
    this.#home = home;
    this.#companions.clear();
    this.#isSure = true;
  }

  hear({ link, reason }: Extract<LinkNotice, { type: "link-changed" }>): void {
    const { session, run, doubt } = this.#parts;
    this.#isSure = false;
    for (const host of this.#presentHosts(session())) this.#companions.set(host.id, host);
    doubt();
    clearTimeout(this.#waitTimer);
    if (link !== null) run(() => this.#judge(reason));
  }

  stop(): void {
    clearInterval(this.#refineTimer);
    clearTimeout(this.#waitTimer);
  }

  #presentHosts(session: SubnetSession | undefined): readonly SetHost[] {
    if (session === undefined) return [];
    const sinceMs = this.#parts.clock.monotonicMs() - COMPANION_LOST_MS;
    const linked = session.hosts.filter((host) => session.siblings.has(host.id));
    return [...linked, ...session.siblings.missedSince(sinceMs)];
  }

  async #judge(reason: LinkChange): Promise<void> {
    const { link, session, look, move, log } = this.#parts;
    const former = this.#addresses;
    const now = await link.fingerprint(GATEWAY_WAIT_MS);
    const present = session();
    if (now === null) return; // down again; the next notice comes when it is up
    this.#addresses = dialableAddresses(link.current());
    if (present === undefined || this.#home === undefined) {
      this.#isSure = true;
      return look();
    }
    if (this.#isAddressAwaited(now)) return this.#judgeLater();
    const verdict = await this.#compare(present, now, former, reason);
    log.info("the link changed", { verdict, ...now });
    this.#waitedSinceMs = Infinity;
    if (verdict === "home") return this.#stay(present, now, former);
    this.#isSure = true;
    this.#companions.clear();
    this.#home = undefined;
    await move(verdict === "elsewhere");
  }

  /** Link-local addresses alone, where there were others: those are on their way, most likely. */
  #isAddressAwaited(now: LinkFingerprint): boolean {
    if (now.prefixes.length > 0 || this.#home?.prefixes.length === 0) return false;
    const nowMs = this.#parts.clock.monotonicMs();
    this.#waitedSinceMs = Math.min(this.#waitedSinceMs, nowMs);
    return nowMs - this.#waitedSinceMs < ADDRESS_WAIT_MS;
  }

  #judgeLater(): void {
    const judge = (): Promise<void> => this.#judge("addresses");
    clearTimeout(this.#waitTimer);
    this.#waitTimer = setTimeout(() => this.#parts.run(judge), ADDRESS_WAIT_MS);
  }

  async #compare(
    session: SubnetSession,
    now: LinkFingerprint,
    former: readonly string[],
    reason: LinkChange,
  ): Promise<Verdict> {
    const home = this.#home!;
    const verdict = compareLinks(home, now);
    if (verdict === "same") return "home";
    // A gateway may be replaced where nothing else changes; the others know.
    if (isGatewayOther(home, now) && reason !== "gateway") return "elsewhere";
    const isAddressKept =
      former.length === 0 || former.some((one) => this.#addresses.includes(one));
    const isGentle = (reason === "wake" || reason === "addresses") && isAddressKept;
    if (verdict === "unknown" && isGentle) return "home";
    if (await this.#isAnyCompanionHere(session)) return "home";
    return verdict === "unknown" && this.#companions.size === 0 ? "unsure" : "elsewhere";
  }

  /** Whether a host that was in the subnet before answers on this link. */
  async #isAnyCompanionHere(session: SubnetSession): Promise<boolean> {
    const found = [...this.#companions.values()].map(async (host) => {
      if (!(await this.#isHere(session, host))) throw new Error("not here");
    });
    return Promise.any(found).then(
      () => true,
      () => false,
    );
  }

  async #isHere(session: SubnetSession, host: SetHost): Promise<boolean> {
    const { hostPool, link, onLink } = this.#parts;
    // A connection that lives through the change proves as much as a new one.
    if (await session.siblings.channel(host.id)?.probe(COMPANION_WAIT_MS / 2)) return true;
    const present = link.current();
    const stated = host.hostAddresses.filter((one) => isAddressOnLink(ipOf(one), present));
    const signal = AbortSignal.timeout(COMPANION_WAIT_MS);
    const dials = [...new Set([...stated, ...onLink(host.id)])].map(async (address) => {
      const channel = await hostPool().dial(address, signal);
      if (channel.hostId !== host.id || channel.subnetId !== session.subnetId)
        throw new Error("another host");
    });
    return Promise.any(dials).then(
      () => true,
      () => false,
    );
  }

  /** Other addresses, the same link: connections are made anew at once. */
  async #stay(
    session: SubnetSession,
    now: LinkFingerprint,
    former: readonly string[],
  ): Promise<void> {
    const { keep, save } = this.#parts;
    const home = refineFingerprint(this.#home!, now);
    this.#home = home;
    this.#isSure = true;
    this.#companions.clear();
    const isChanged = String(former) !== String(this.#addresses);
    if (former.length > 0 && !former.some((address) => this.#addresses.includes(address))) {
      session.siblings.renew();
      session.neighbours.renew();
    }
    if (isChanged) session.restate();
    keep();
    awaken(session);
    await save(home);
  }

  async #refine(): Promise<void> {
    const home = this.#home;
    if (home === undefined || home.gatewayMac !== null || !this.isSure()) return;
    const now = await this.#parts.link.fingerprint();
    if (now === null || now.gatewayMac === null || home !== this.#home) return;
    if (compareLinks(home, now) === "different") return;
    this.#home = refineFingerprint(home, now);
    await this.#parts.save(this.#home);
  }
}

/** After a sleep or a change of address: dead connections go, and all are made anew. */
function awaken(session: SubnetSession): void {
  const channels = [...session.siblings.channels(), ...session.neighbours.channels()];
  for (const channel of channels) void channel.probe(WAKE_PROBE_MS);
  session.neighbours.retryNow();
  session.siblings.retryNow();
  session.maintainSoon(0);
  session.maintainSoon(WAKE_PROBE_MS + 50); // for those that did not answer
}

function ipOf(address: string): string {
  return address.replace(/:\d+$/, "").replace(/^\[|\]$/g, "");
}

/** Where multicast says that a host's node answers; link-local addresses last. */
export function dialTexts(addresses: readonly string[], port: number): readonly string[] {
  const isLocal = (address: string): number => (address.includes("%") ? 1 : 0);
  return [...addresses]
    .sort((a, b) => isLocal(a) - isLocal(b))
    .map((address) => formatAddress(address, port));
}
