/** What every channel, of whatever node, has to do with who was removed, renewed and let in. */
import { NOBODY_REVOKED, type Revoked } from "../identity/revoked.ts";
import type { SetHost } from "../subnet/host-set.ts";
import type { PeerChannel } from "./peer-channel.ts";

export interface ChannelTrust {
  /** Who has been removed from the overlay. */
  revoked(): Revoked;
  /** Digest of the revocations known, for the hello. */
  digest(): Uint8Array;
  /** Whether another key has taken that subnet key's place. */
  isRetired(subnetId: string): boolean;
  /** To be told of the hosts of each set that is news. */
  noteHosts(hosts: readonly SetHost[]): void;
  /** To be told of each channel that opens. */
  onOpen(channel: PeerChannel): void;
  /** `undefined` when the call is not about trust. */
  answer(channel: PeerChannel, method: string, body: Uint8Array): Promise<Uint8Array> | undefined;
  /** Whether the notice was about trust, and is done with. */
  hear(channel: PeerChannel, method: string, body: Uint8Array): boolean;
}

/** For a pool without an overlay around it. */
export const NO_TRUST: ChannelTrust = {
  revoked: () => NOBODY_REVOKED,
  digest: () => new Uint8Array(),
  isRetired: () => false,
  noteHosts: () => {},
  onOpen: () => {},
  answer: () => undefined,
  hear: () => false,
};
