/**
 * Host sets on their way: heard from anyone, checked, kept, passed on where they are news.
 *
 * mDHT §3.3.3: pushed on a change, pulled once a minute.
 */
import type { Clock } from "../../platform/clock.ts";
import { errorMessage } from "../../platform/errors.ts";
import type { Logger } from "../../platform/logger.ts";
import { HostSetPullCodec, HostSetsCodec, SignedCodec, type Signed } from "../schema/messages.ts";
import { checkHostSet, type HostSet, type SetHost } from "../subnet/host-set.ts";
import { mayTell, type SubnetBook } from "../subnet/subnet-book.ts";
import type { Revoked } from "../identity/revoked.ts";
import type { HostSetKeeper } from "../subnet/host-set-keeper.ts";
import { CALL, NOTICE } from "../schema/methods.ts";
import type { Neighbours } from "./neighbours.ts";
import type { Channel } from "./channel.ts";
import type { Siblings } from "./siblings.ts";

/** Where the DHT's own protocols leave addresses, and take them from. */
export interface AddressStore {
  /** The own subnet's set is this one from now on. @param addresses multiaddr texts */
  serve(set: HostSet, addresses: readonly string[]): Promise<void>;
  /** Another subnet's set. */
  note(set: HostSet): Promise<void>;
  /** Of a subnet whose set is not known, as lookups brought them: `ADDRESS:PORT`. */
  addressesOf(subnetId: string): Promise<readonly string[]>;
}

export interface SetTrust {
  /** Who has been removed from the overlay. */
  revoked(): Revoked;
  /** Whether another key has taken that subnet key's place. */
  isRetired(subnetId: string): boolean;
  /** To be told of the hosts of each set that is news. */
  noteHosts(hosts: readonly SetHost[]): void;
}

export interface ExchangeParts<C extends Channel = Channel> {
  readonly keeper: HostSetKeeper;
  readonly book: SubnetBook;
  readonly addresses: AddressStore;
  readonly siblings: Siblings<C>;
  readonly neighbours: Neighbours<C>;
  readonly subnetId: string;
  readonly overlayId: Uint8Array;
  readonly trust: SetTrust;
  readonly clock: Clock;
  readonly log: Logger;
  /** This subnet's set is another one. */
  onOwnSet(): void;
}

export class HostSetExchange<C extends Channel = Channel> {
  readonly #parts: ExchangeParts<C>;
  #isStopped = false;

  constructor(parts: ExchangeParts<C>) {
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
  hear(signed: Signed, from: C): void {
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
        void this.#parts.addresses.note(set);
        // A sibling met it: to be met from here too, or a table that is empty may stay so.
        if (from.subnetId === subnetId && neighbours.channels(set.subnetId).length === 0)
          neighbours.remember(set);
      }
    }
    trust.noteHosts(set.hosts);
    this.#spread(set, from);
  }

  /** A neighbour's channel opened: its set, and ours of it if that is newer. */
  greet(channel: C): void {
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

  /** Makes a set of this subnet the one that identify gives out. */
  async #store(set: HostSet): Promise<void> {
    const { addresses, keeper, onOwnSet } = this.#parts;
    onOwnSet();
    if (!this.#isStopped) await addresses.serve(set, keeper.announcedAddresses());
  }

  /** To all who may not have it: neighbours if it is ours, siblings unless one brought it. */
  #spread(set: HostSet, from: C | undefined): void {
    const { subnetId, neighbours, siblings } = this.#parts;
    const notice = SignedCodec.encode(set.signed);
    if (set.subnetId === subnetId)
      for (const channel of neighbours.channels())
        if (channel !== from) channel.notify(NOTICE.hostSet, notice);
    if (from?.subnetId !== subnetId) siblings.notify(NOTICE.hostSet, notice);
  }
}
