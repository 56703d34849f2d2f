/**
 * What the hosts of a subnet hear from each other: who is there, who leaves, and the host set.
 *
 * A host is live once it said hello over a connection, and no longer on its signed leave or a
 * failed stream. Those that a handed-over set names are met, or count as gone.
 */
import { fromBase32 } from "../../platform/base32.ts";
import type { Clock } from "../../platform/clock.ts";
import type { WatchDesk } from "../custody/watch-desk.ts";
import { InterestNoticeCodec, SignedCodec } from "../schema/messages.ts";
import { NOTICE } from "../schema/methods.ts";
import type { HostSet, SetHost } from "../subnet/host-set.ts";
import type { HostSetKeeper } from "../subnet/host-set-keeper.ts";
import type { Channel } from "./channel.ts";
import type { HostSetExchange } from "./host-set-exchange.ts";
import type { Siblings } from "./siblings.ts";

export interface SiblingDeskParts<C extends Channel> {
  readonly siblings: Siblings<C>;
  readonly keeper: HostSetKeeper;
  readonly exchange: HostSetExchange<C>;
  readonly watches: WatchDesk;
  readonly clock: Clock;
  /** Id of this host. */
  readonly self: string;
  readonly subnetId: string;
}

export class SiblingDesk<C extends Channel = Channel> {
  readonly #parts: SiblingDeskParts<C>;
  #isClosed = false;

  constructor(parts: SiblingDeskParts<C>) {
    this.#parts = parts;
  }

  /** A member's channel under its host key opened: a sibling if it is of this subnet. */
  onOpen(channel: C): void {
    const { subnetId, exchange, keeper, watches } = this.#parts;
    if (channel.subnetId !== subnetId) return;
    const { statement, hostSet } = channel.peerHello;
    if (hostSet !== null) exchange.hear(hostSet, channel);
    if (statement !== null) keeper.hearStatement(statement, channel.hostId);
    watches.introduce(channel);
  }

  onClose(channel: C): void {
    const { subnetId, siblings, keeper, watches, clock } = this.#parts;
    if (channel.subnetId !== subnetId) return;
    watches.forget(channel);
    if (siblings.has(channel.hostId) || this.#isClosed) return;
    const host = keeper.hosts.find(({ id }) => id === channel.hostId);
    if (host !== undefined && siblings.isRenewing) return void this.#meet(host);
    keeper.hostDown(channel.hostId);
    if (host !== undefined) siblings.miss(host, clock.monotonicMs());
  }

  onNotice(channel: C, method: string, body: Uint8Array): void {
    const { subnetId, exchange, keeper, siblings, watches } = this.#parts;
    if (method === NOTICE.hostSet) return exchange.hear(SignedCodec.decode(body), channel);
    if (channel.subnetId !== subnetId) return;
    if (method === NOTICE.statement) keeper.hearStatement(SignedCodec.decode(body), channel.hostId);
    else if (method === NOTICE.leave) {
      keeper.hearLeave(SignedCodec.decode(body), fromBase32(channel.hostId));
      siblings.forget(channel.hostId);
    } else if (method === NOTICE.interest) {
      const { key, isCancel } = InterestNoticeCodec.decode(body);
      watches.onInterest(channel.hostId, key, isCancel);
    } else if (method === NOTICE.changed) watches.hear(body);
  }

  /** Begins with the set that was handed over. */
  begin(hostSet: HostSet): void {
    const { keeper, exchange } = this.#parts;
    keeper.hearSet(hostSet);
    exchange.serve(hostSet);
    for (const host of hostSet.hosts) void this.#meet(host);
  }

  reachAll(): void {
    const { keeper, siblings, self } = this.#parts;
    for (const host of keeper.hosts) if (host.id !== self) void siblings.reach(host);
  }

  /** From here on a lost channel tells nothing. */
  close(): void {
    this.#isClosed = true;
  }

  /** A host of the handed-over set: met, or gone. */
  async #meet(host: SetHost): Promise<void> {
    const { self, siblings, keeper } = this.#parts;
    if (host.id === self) return;
    if (await siblings.meet(host)) return;
    keeper.hostDown(host.id);
  }
}
