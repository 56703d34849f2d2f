/** A host set as libp2p's identify carries it: one number for all hosts, and not the clock's. */
import { privateKeyFromRaw } from "@libp2p/crypto/keys";
import { PeerRecord, RecordEnvelope } from "@libp2p/peer-record";
import { concatBytes } from "../../platform/bytes.ts";
import { parseAddress, toMultiaddrText } from "../address.ts";
import type { KeyPair } from "../identity/keys.ts";
import type { SetHost } from "../subnet/host-set.ts";
import { peerIdOf, toMultiaddr } from "./nodes.ts";

export async function sealPeerRecord(
  subnet: KeyPair,
  version: bigint,
  hosts: readonly SetHost[],
): Promise<Uint8Array> {
  const multiaddrs = hosts
    .flatMap((host) => host.subnetAddresses)
    .map((address) => toMultiaddr(toMultiaddrText(parseAddress(address))));
  const peerId = peerIdOf(subnet.publicKey);
  const record = new PeerRecord({ peerId, multiaddrs, seqNumber: version });
  const key = privateKeyFromRaw(concatBytes(subnet.seed, subnet.publicKey));
  return (await RecordEnvelope.seal(record, key)).marshal();
}
