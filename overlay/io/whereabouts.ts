/**
 * Where a host is: on which link, with which addresses, and what follows when that changes.
 *
 * Puts `Roaming`, which judges, together with what its verdicts do to the host, its formation and
 * the records that it kept for the subnet it was in.
 */
import { ipOfMultiaddrText } from "../address.ts";
import { refineFingerprint, type LinkFingerprint } from "../link/fingerprint.ts";
import type { LinkPeer } from "../link/types.ts";
import { FormerSubnets } from "./former-subnet.ts";
import type { NextSubnet } from "./formation.ts";
import type { LinkNotice } from "./mdns-link.ts";
import type { OverlayHost } from "./overlay-host.ts";
import type { PeerChannel } from "./peer-channel.ts";
import { dialTexts, Roaming } from "./roaming.ts";
import type { SubnetSession } from "./session.ts";
import type { StateKeeper } from "./state-keeper.ts";

/** A subnet as young as that was made during the power cut that its link comes back from. */
const FRESH_MS = 10 * 60_000;
const NOWHERE: LinkFingerprint = { prefixes: [], gatewayMac: null };

export interface WhereaboutsParts {
  readonly keeper: StateKeeper;
  /** Announces this host as what it is now. */
  announce(): void;
  onPeer(peer: LinkPeer): void;
}

export class Whereabouts {
  readonly #host: OverlayHost;
  readonly #parts: WhereaboutsParts;
  readonly #roaming: Roaming;
  readonly #former: FormerSubnets;

  constructor(host: OverlayHost, parts: WhereaboutsParts) {
    this.#host = host;
    this.#parts = parts;
    const { link, records, options } = host;
    const { clock, log } = host.parts;
    const session = (): SubnetSession | undefined => host.session;
    this.#former = new FormerSubnets({
      records,
      clock,
      log,
      replicas: options.replicas,
      session,
    });
    this.#roaming = new Roaming({
      link,
      clock,
      log,
      session,
      hostPool: () => host.hostPool,
      onLink: (hostId) => this.addressesOf(hostId),
      doubt: () => host.formation.feed({ type: "link-doubted" }),
      keep: () => {
        parts.announce();
        host.formation.feed({ type: "link-kept" });
      },
      move: (isElsewhere) => this.#move(isElsewhere),
      look: () => this.look(),
      run: (step) => host.formation.run(step),
      save: (home) => parts.keeper.saveHome(home),
    });
  }

  /** Addresses of this host on the link, no zones. */
  get addresses(): readonly string[] {
    return this.#roaming.addresses;
  }

  /** Whether the link is known to be the one that the present subnet is on. */
  isSure(): boolean {
    return this.#roaming.isSure();
  }

  isOnLink(channel: PeerChannel): boolean {
    return this.#roaming.isOnLink(ipOfMultiaddrText(channel.connection.remoteAddr.toString()));
  }

  /** Host-node addresses of a host as multicast tells them, with zones. */
  addressesOf(hostId: string): readonly string[] {
    const { link } = this.#host;
    const tags = link.tagsOf(hostId);
    const peer = link.peers().find((one) => tags.includes(one.hostTag));
    return peer === undefined ? [] : dialTexts(peer.addresses, peer.announcement.hostPort);
  }

  /** When that host's subnet was made, if that was not long ago. */
  freshStampOf({ announcement }: LinkPeer): number | null {
    const { stampMs } = announcement;
    const wallMs = this.#host.parts.clock.wallMs();
    return stampMs !== null && wallMs - stampMs < FRESH_MS ? stampMs : null;
  }

  hear(notice: Extract<LinkNotice, { type: "link-changed" }>): void {
    this.#roaming.hear(notice);
  }

  /**
   * Looks for a subnet on the link.
   *
   * @param left key of the subnet just left, whose hosts are on another link for certain
   */
  async look(left: Uint8Array | null = null): Promise<void> {
    await this.#host.formation.look(left);
    for (const peer of this.#host.link.peers()) this.#parts.onPeer(peer);
  }

  /** This host is in a subnet. @returns what the subnet's link looks like, as far as known */
  settle(
    session: SubnetSession,
    { home }: NextSubnet,
    seen: LinkFingerprint | null,
  ): LinkFingerprint {
    this.#former.settle(session);
    const now = seen ?? NOWHERE;
    const known = home === undefined ? now : refineFingerprint(home, now);
    this.#roaming.settle(known);
    return known;
  }

  stop(): void {
    this.#roaming.stop();
    this.#former.stop();
  }

  /** Another link: whoever is on this one is to be found. */
  async #move(isElsewhere: boolean): Promise<void> {
    const host = this.#host;
    const { session } = host;
    host.session = undefined;
    if (session?.hostSet !== undefined) this.#former.leave(session.hostSet);
    host.hostPool.abandon("this host is on another link");
    await session?.close("elsewhere");
    if (isElsewhere) await host.members.goAbroad().catch(() => {}); // tried again with the next
    host.link.renew();
    await this.look(isElsewhere ? (session?.key.publicKey ?? null) : null);
  }
}
