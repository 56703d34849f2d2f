/** The last word on a proven hello: does the connection's key fit what the hello claims? */
import { isEqualBytes } from "../../platform/bytes.ts";
import { OverlayError } from "../errors.ts";
import { publicKeyOf } from "./nodes.ts";
import type { PeerChannel } from "./peer-channel.ts";

/** On the subnet node: a member, acting for the subnet whose key the connection proves. */
export function approveNeighbour(channel: PeerChannel, ownSubnet: Uint8Array): void {
  const key = publicKeyOf(channel.connection.remotePeer);
  const { subnet } = channel.peerHello;
  if (!channel.isMember)
    throw new OverlayError("ERR_OVERLAY_REFUSED", "not a member of this overlay");
  if (key === undefined || !isEqualBytes(key, subnet) || isEqualBytes(subnet, ownSubnet))
    throw new OverlayError("ERR_OVERLAY_WRONG_PEER", "it does not hold the subnet's key it claims");
}

/** On the host node: whoever holds the host key that the hello names. */
export function approveHost(channel: PeerChannel): void {
  const key = publicKeyOf(channel.connection.remotePeer);
  if (key === undefined || !isEqualBytes(key, channel.greeting.host))
    throw new OverlayError("ERR_OVERLAY_WRONG_PEER", "it does not hold the host key it claims");
}
