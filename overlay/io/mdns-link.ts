/** The link as the overlay uses it: sockets, interface and clock around the link machine. */
import type { Clock } from "../../platform/clock.ts";
import { errorMessage } from "../../platform/errors.ts";
import { type Driver, createDriver } from "../../platform/io/driver.ts";
import type { Logger } from "../../platform/logger.ts";
import type { Random } from "../../platform/random.ts";
import { OverlayError } from "../errors.ts";
import { type LinkAddressing, parseAddress } from "../../platform/address.ts";
import type { HostAnnouncement } from "../link/announcement.ts";
import { LinkMachine } from "../link/link-machine.ts";
import type { GoneReason, LinkAction, LinkCounters, LinkEvent, LinkPeer } from "../link/types.ts";
import type { LinkFingerprint } from "../link/fingerprint.ts";
import {
  knownGatewayMac,
  linkFingerprint,
  pickLink,
  readLink,
  readPlug,
  routedLink,
} from "./interfaces.ts";
import { type LinkChange, LinkWatch } from "./link-watch.ts";
import { EchoFilter } from "../../platform/io/mdns-echo.ts";
import { openLinkSockets } from "../../platform/io/link-sockets.ts";
import type { Family, MdnsSocket } from "../../platform/io/mdns-socket.ts";

/** What happens on the link. All of it is a hint: verify over a connection. */
export type LinkNotice =
  | { readonly type: "peer-found" | "peer-changed"; readonly peer: LinkPeer }
  | { readonly type: "peer-gone"; readonly peer: LinkPeer; readonly reason: GoneReason }
  /**
   * Other addresses, another interface or cable, or a wake-up from sleep; `null` while down.
   *
   * Perhaps another link: what was announced is withdrawn in silence until `announce` is called
   * anew.
   */
  | {
      readonly type: "link-changed";
      readonly link: LinkAddressing | null;
      readonly reason: LinkChange;
    };

export interface LinkOptions {
  /** `null` for the interface of the default route. */
  readonly interface: string | null;
  readonly random: Random;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onEvent: (notice: LinkNotice) => void;
  /** Whether this host holds a record with that label. */
  readonly onQuestion: (label: string) => boolean | Promise<boolean>;
  /** How often the interface is looked at. Default 250 ms. */
  readonly watchEveryMs: number;
}

export interface LinkStats extends LinkCounters {
  readonly interface: string | null;
  readonly addresses: readonly string[];
  readonly families: readonly Family[];
  /** Datagrams, each address family counted. */
  readonly packetsSent: number;
  readonly packetsReceived: number;
  readonly sendFailures: number;
  /**
   * `heard`: others' multicasts arrive. `alone`: only our own come back, from this host's kernel,
   * which proves nothing about the network. `none`: not even those, so multicast does not work.
   */
  readonly multicast: "heard" | "alone" | "none";
}

export interface Link {
  /** Starts, changes or (with `null`) withdraws the announcement. */
  announce(announcement: HostAnnouncement | null): void;
  peers(): readonly LinkPeer[];
  /**
   * Asks who holds the record with a label.
   *
   * @returns host tags, 30 ms after the first answer; none when nobody answers in time (default
   *          250 ms) or when more is asked than the link should bear
   */
  ask(label: string, options?: { readonly timeoutMs?: number }): Promise<readonly string[]>;
  /** Spares a peer known alive from being asked; to be repeated within 90 s. */
  confirm(hostTag: string): void;
  stats(): LinkStats;
  /** The interface in use with its addresses; `undefined` while there is none. */
  current(): LinkAddressing | undefined;
  /** Looks at the interface now. @returns whether a notice of a change is on its way */
  look(): boolean;
  /** This is another link since the last change: forgets everyone heard before. */
  renew(): void;
  /** @param waitMs how long an unknown gateway may take to answer; default 200 */
  fingerprint(waitMs?: number): Promise<LinkFingerprint | null>;
  /** Says goodbye and closes the sockets. */
  close(): Promise<void>;
}

const ASK_TIMEOUT_MS = 250;
const FINGERPRINT_WAIT_MS = 200;
const WATCH_EVERY_MS = 250;

/**
 * Opens the link and starts browsing, without announcing anything yet.
 *
 * Where no interface is usable yet the link is down, and comes up by itself.
 *
 * @throws {OverlayError} ERR_OVERLAY_LINK if the named interface does not exist, or port 5353 is
 *         not to be shared
 */
export async function openLink(
  given: Omit<LinkOptions, "watchEveryMs"> & Partial<LinkOptions>,
): Promise<Link> {
  const link = new MdnsLink({ watchEveryMs: WATCH_EVERY_MS, ...given });
  await link.open();
  return link;
}

class MdnsLink implements Link {
  readonly #options: LinkOptions;
  readonly #machine: LinkMachine;
  readonly #driver: Driver<LinkEvent>;
  readonly #echoes: EchoFilter;
  readonly #asks = new Map<number, (hostTags: readonly string[]) => void>();
  #askCount = 0;
  #sockets: readonly MdnsSocket[] = [];
  #addressing: LinkAddressing | undefined;
  /** Sends not yet handed to the kernel; a close waits for the goodbye. */
  readonly #sending = new Set<Promise<unknown>>();
  #reopening: Promise<void> = Promise.resolve();
  #watch: LinkWatch | undefined;
  /** Seen, and not told yet. */
  #changes = 0;
  #isClosed = false;
  #sent = 0;
  #received = 0;
  #echoed = 0;
  #sendFailures = 0;

  constructor(options: LinkOptions) {
    const { random, clock, log, onEvent, onQuestion, watchEveryMs, ...others } = options;
    const { interface: named, ...rest } = others;
    rest satisfies Record<string, never>;
    this.#options = { random, clock, log, onEvent, onQuestion, watchEveryMs, interface: named };
    this.#machine = new LinkMachine(options.random);
    this.#driver = createDriver(this.#machine, options.clock, (action) => this.#perform(action));
    this.#echoes = new EchoFilter(options.clock);
  }

  async open(): Promise<void> {
    const { clock, watchEveryMs, interface: named } = this.#options;
    const picked = pickLink(named);
    const link = picked?.addresses.length === 0 ? undefined : picked;
    await this.#openSockets(link);
    this.#driver.feed({ type: "start", link: link ?? DOWN, announcement: null });
    this.#watch = new LinkWatch({
      read: () => this.#currentLink(),
      readPlug,
      readGateway: knownGatewayMac,
      clock,
      everyMs: watchEveryMs,
      onChange: (next, reason) => this.#onChange(next, reason),
    });
  }

  announce(announcement: HostAnnouncement | null): void {
    this.#driver.feed({ type: "announce", announcement });
  }

  peers(): readonly LinkPeer[] {
    return this.#machine.peers();
  }

  ask(label: string, { timeoutMs = ASK_TIMEOUT_MS } = {}): Promise<readonly string[]> {
    if (this.#isClosed) return Promise.resolve([]);
    const id = this.#askCount++;
    return new Promise((resolve) => {
      this.#asks.set(id, resolve);
      this.#driver.feed({ type: "ask", id, label, timeoutMs });
    });
  }

  confirm(hostTag: string): void {
    this.#driver.feed({ type: "confirm", hostTag });
  }

  stats(): LinkStats {
    return {
      ...this.#machine.counters,
      interface: this.#addressing?.name ?? null,
      addresses: this.#addressing?.addresses.map(({ address }) => address) ?? [],
      families: this.#sockets.map(({ family }) => family),
      packetsSent: this.#sent,
      packetsReceived: this.#received,
      sendFailures: this.#sendFailures,
      multicast: this.#multicast(),
    };
  }

  current(): LinkAddressing | undefined {
    return this.#addressing;
  }

  look(): boolean {
    return this.#watch?.look() === true || this.#changes > 0;
  }

  renew(): void {
    this.#driver.feed({ type: "renew" });
  }

  async fingerprint(waitMs = FINGERPRINT_WAIT_MS): Promise<LinkFingerprint | null> {
    return this.#addressing === undefined ? null : linkFingerprint(this.#addressing, waitMs);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#watch?.stop();
    await this.#reopening;
    this.#driver.feed({ type: "stop" });
    this.#driver.stop();
    await Promise.all(this.#sending);
    await this.#closeSockets();
  }

  /** The interface of the default route; while there is no route, the one in use. */
  #currentLink(): LinkAddressing | undefined {
    const { interface: named } = this.#options;
    if (named !== null) {
      const link = readLink(named);
      return link.addresses.length > 0 ? link : undefined;
    }
    const current = this.#addressing === undefined ? undefined : readLink(this.#addressing.name);
    const isUp = current !== undefined && current.addresses.length > 0;
    return isUp ? (routedLink() ?? current) : pickLink(null);
  }

  #onChange(link: LinkAddressing | undefined, reason: LinkChange): void {
    this.#options.log.info("link changed", { reason, ...link });
    // At once: a host that answers for its subnet on another link would be taken for one of it.
    this.#driver.feed({ type: "hush" });
    this.#changes++;
    this.#reopening = this.#reopenAfter(this.#reopening, link, reason);
  }

  async #reopenAfter(
    former: Promise<void>,
    link: LinkAddressing | undefined,
    reason: LinkChange,
  ): Promise<void> {
    await former;
    if (this.#isClosed) return;
    try {
      await this.#closeSockets();
      await this.#openSockets(link);
    } catch (error) {
      this.#options.log.error("link does not open", { reason: errorMessage(error) });
    }
    try {
      this.#driver.feed({ type: "link-changed", link: link ?? DOWN });
      this.#changes--;
      this.#options.onEvent({ type: "link-changed", link: link ?? null, reason });
    } catch (error) {
      // The next change is to find a link that still listens.
      this.#options.log.error("link change not taken in", { reason: errorMessage(error) });
    }
  }

  /** Opens what families there are; one of them is enough. */
  async #openSockets(link: LinkAddressing | undefined): Promise<void> {
    this.#addressing = link;
    if (link === undefined) return;
    const { log } = this.#options;
    const { opened, failures, problem } = await openLinkSockets({
      link,
      onMessage: (bytes, from) => this.#onMessage(bytes, from.address, from.port),
      onFailure: (error, family) => {
        this.#sendFailures++;
        log.debug("multicast failed", { family, reason: error.message });
      },
    });
    this.#sockets = opened;
    for (const { family, cause } of failures)
      log.warn("no multicast", { family, reason: errorMessage(cause) });
    if (problem !== undefined)
      throw new OverlayError("ERR_OVERLAY_LINK", problem, { cause: failures[0]?.cause });
  }

  async #closeSockets(): Promise<void> {
    const sockets = this.#sockets;
    this.#sockets = [];
    await Promise.all(sockets.map((socket) => socket.close()));
  }

  #onMessage(bytes: Uint8Array, from: string, port: number): void {
    this.#received++;
    if (this.#isOwnAddress(from) && this.#echoes.isEcho(bytes)) {
      this.#echoed++;
      return;
    }
    this.#driver.feed({ type: "packet", bytes, from, port });
  }

  #isOwnAddress(from: string): boolean {
    const bare = from.split("%", 1)[0];
    return this.#addressing?.addresses.some(({ address }) => address === bare) ?? false;
  }

  #perform(action: LinkAction): void {
    switch (action.type) {
      case "send":
        return this.#send(action.bytes, action.to);
      case "question-heard":
        void this.#onQuestion(action.label);
        return;
      case "answer-heard":
        return;
      case "asked":
        this.#asks.get(action.id)?.(action.hostTags);
        this.#asks.delete(action.id);
        return;
      case "peer-found":
      case "peer-changed":
      case "peer-gone":
        this.#options.onEvent(action);
    }
  }

  #send(bytes: Uint8Array, to: { readonly address: string; readonly port: number } | null): void {
    for (const socket of this.#sockets) {
      if (to !== null && familyOf(to.address) !== socket.family) continue;
      if (to === null) this.#echoes.sent(bytes);
      this.#sent++;
      const sending = socket.send(bytes, to);
      this.#sending.add(sending);
      void sending.finally(() => this.#sending.delete(sending));
    }
  }

  async #onQuestion(label: string): Promise<void> {
    try {
      if (await this.#options.onQuestion(label)) this.#driver.feed({ type: "hold", label });
    } catch (error) {
      this.#options.log.warn("key question failed", { label, reason: errorMessage(error) });
    }
  }

  #multicast(): LinkStats["multicast"] {
    if (this.#received > this.#echoed) return "heard";
    return this.#echoed > 0 ? "alone" : "none";
  }
}

const DOWN: LinkAddressing = { name: "", addresses: [] };

function familyOf(address: string): Family {
  return parseAddress(address)?.length === 4 ? "ipv4" : "ipv6";
}
