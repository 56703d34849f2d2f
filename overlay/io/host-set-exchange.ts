/**
 * Host sets on their way: heard from anyone, checked, kept, passed on where they are news.
 *
 * mDHT §3.3.3: pushed on a change, pulled once a minute.
 */
import type { Clock } from "../../platform/clock.ts";
import { errorMessage } from "../../platform/errors.ts";
import type { Logger } from "../../platform/logger.ts";
import { fromMultiaddrText } from "../address.ts";
import { fromBase32 } from "../../platform/base32.ts";
import { HostSetPullCodec, HostSetsCodec, SignedCodec, type Signed } from "../schema/messages.ts";
import { checkHostSet, type HostSet } from "../subnet/host-set.ts";
import { mayTell, type SubnetBook } from "../subnet/subnet-book.ts";
import type { ChannelTrust } from "./channel-trust.ts";
import type { HostSetKeeper } from "./host-set-keeper.ts";
import { CALL, NOTICE } from "./methods.ts";
import type { Neighbours } from "./neighbours.ts";
import { peerIdOf, toMultiaddr, type SubnetNode } from "./nodes.ts";
import type { PeerChannel } from "./peer-channel.ts";
import type { Siblings } from "./siblings.ts";

export interface ExchangeParts {
  readonly keeper: HostSetKeeper;
  readonly book: SubnetBook;
  readonly node: SubnetNode;
  readonly siblings: Siblings;
  readonly neighbours: Neighbours;
  readonly subnetId: string;
  readonly overlayId: Uint8Array;
  readonly trust: Pick<ChannelTrust, "revoked" | "isRetired" | "noteHosts">;
  readonly clock: Clock;
  readonly log: Logger;
  /** This subnet's set is another one. */
  onOwnSet(): void;
}

export class HostSetExchange {
  readonly #parts: ExchangeParts;
  #isStopped = false;

  constructor(parts: ExchangeParts) {
    this.#parts = parts;
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** A set of this subnet that this host has published or taken over. */
  serve(set: HostSet): void {
    void this.#store(set);
    this.#spread(set, undefined);
  }

  /** A set of its own subnet or of ours, from anybody; of any other, from a sibling. */
  hear(signed: Signed, from: PeerChannel): void {
    const { overlayId, clock, log, subnetId, keeper, book, neighbours, trust } = this.#parts;
    let set: HostSet;
    try {
      set = checkHostSet(signed, overlayId, clock.wallMs(), trust.revoked());
    } catch (error) {
      log.warn("host set refused", { from: from.hostId, reason: errorMessage(error) });
      return;
    }
    if (!mayTell(set, from.subnetId, subnetId)) {
      const reason = "it is of a subnet that is neither the sender's nor ours";
      return log.warn("host set refused", { from: from.hostId, reason });
    }
    if (set.subnetId === subnetId) {
      if (!keeper.hearSet(set)) return;
      void this.#store(set);
    } else {
      const last = book.get(set.subnetId);
      if (trust.isRetired(set.subnetId) || !book.consider(set, clock.monotonicMs())) return;
      if (set.hosts.length === 0) void neighbours.onResigned(set.subnetId, last);
      else {
        if (neighbours.channels(set.subnetId).length > 0) neighbours.judge(set.subnetId);
        void this.#storePeerRecord(set);
        // A sibling met it: to be met from here too, or a table that is empty may stay so.
        if (from.subnetId === subnetId && neighbours.channels(set.subnetId).length === 0)
          neighbours.remember(set);
      }
    }
    trust.noteHosts(set.hosts);
    this.#spread(set, from);
  }

  /** A neighbour's channel opened: its set, and ours of it if that is newer. */
  greet(channel: PeerChannel): void {
    const { hostSet } = channel.peerHello;
    if (hostSet !== null) this.hear(hostSet, channel);
    // After a crash a subnet may start behind what others know of it: it hears of that here.
    const known = this.#parts.book.newest(channel.subnetId);
    if (known !== undefined && known.signed !== hostSet)
      channel.notify(NOTICE.hostSet, SignedCodec.encode(known.signed));
  }

  answerPull(body: Uint8Array): Uint8Array {
    const { knownVersion } = HostSetPullCodec.decode(body);
    const { set } = this.#parts.keeper;
    const sets = set !== undefined && set.version > knownVersion ? [set.signed] : [];
    return HostSetsCodec.encode({ sets });
  }

  /** Asks one random host of each subnet. */
  async pull(): Promise<void> {
    const { neighbours, book, log } = this.#parts;
    for (const channel of neighbours.onePerSubnet()) {
      const knownVersion = book.newest(channel.subnetId)?.version ?? 0n;
      const body = HostSetPullCodec.encode({ knownVersion });
      try {
        const { sets } = HostSetsCodec.decode(await channel.call(CALL.hostSetPull, body));
        for (const signed of sets) this.hear(signed, channel);
      } catch (error) {
        log.debug("host set not pulled", { reason: errorMessage(error) });
      }
    }
  }

  /** Addresses of a subnet whose set is not known, as lookups brought them. */
  async addressesOf(subnetId: string): Promise<readonly string[]> {
    try {
      const { node } = this.#parts.node;
      const peer = await node.peerStore.get(peerIdOf(fromBase32(subnetId)));
      return peer.addresses
        .map(({ multiaddr }) => fromMultiaddrText(multiaddr.toString()))
        .filter((address) => address !== undefined);
    } catch {
      return []; // never heard of
    }
  }

  /** Makes a set of this subnet the one that identify gives out. */
  async #store(set: HostSet): Promise<void> {
    const { node, keeper, onOwnSet } = this.#parts;
    onOwnSet();
    if (this.#isStopped) return;
    const multiaddrs = keeper.announcedAddresses().map(toMultiaddr);
    const { peerStore, peerId } = node.node;
    await peerStore
      .patch(peerId, { peerRecordEnvelope: set.peerRecord, multiaddrs })
      .catch(() => {}); // the node is stopping
  }

  async #storePeerRecord(set: HostSet): Promise<void> {
    const { node, log } = this.#parts;
    const expectedPeer = peerIdOf(set.subnet);
    await node.node.peerStore
      .consumePeerRecord(set.peerRecord, { expectedPeer })
      .catch((error: unknown) => log.debug("peer record refused", { reason: errorMessage(error) }));
  }

  /** To all who may not have it: neighbours if it is ours, siblings unless one brought it. */
  #spread(set: HostSet, from: PeerChannel | undefined): void {
    const { subnetId, neighbours, siblings } = this.#parts;
    const notice = SignedCodec.encode(set.signed);
    if (set.subnetId === subnetId)
      for (const channel of neighbours.channels())
        if (channel !== from) channel.notify(NOTICE.hostSet, notice);
    if (from?.subnetId !== subnetId) siblings.notify(NOTICE.hostSet, notice);
  }
}
