/** Addresses of subnets in libp2p's peer store, where identify and lookups find and leave them. */
import { errorMessage } from "../../platform/errors.ts";
import type { Logger } from "../../platform/logger.ts";
import { fromBase32 } from "../../platform/base32.ts";
import { fromMultiaddrText } from "../address.ts";
import type { AddressStore } from "../peers/host-set-exchange.ts";
import type { HostSet } from "../subnet/host-set.ts";
import { peerIdOf, toMultiaddr, type SubnetNode } from "./nodes.ts";

export class PeerAddresses implements AddressStore {
  readonly #node: SubnetNode["node"];
  readonly #log: Logger;

  constructor({ node }: SubnetNode, log: Logger) {
    this.#node = node;
    this.#log = log;
  }

  async serve(set: HostSet, addresses: readonly string[]): Promise<void> {
    const { peerStore, peerId } = this.#node;
    const multiaddrs = addresses.map(toMultiaddr);
    await peerStore
      .patch(peerId, { peerRecordEnvelope: set.peerRecord, multiaddrs })
      .catch(() => {}); // the node is stopping
  }

  async note(set: HostSet): Promise<void> {
    const expectedPeer = peerIdOf(set.subnet);
    await this.#node.peerStore
      .consumePeerRecord(set.peerRecord, { expectedPeer })
      .catch((error: unknown) =>
        this.#log.debug("peer record refused", { reason: errorMessage(error) }),
      );
  }

  async addressesOf(subnetId: string): Promise<readonly string[]> {
    try {
      const peer = await this.#node.peerStore.get(peerIdOf(fromBase32(subnetId)));
      return peer.addresses
        .map(({ multiaddr }) => fromMultiaddrText(multiaddr.toString()))
        .filter((address) => address !== undefined);
    } catch {
      return []; // never heard of
    }
  }
}
