/** The last word on a proven hello: does the connection's key fit what the hello claims? */
import { isEqualBytes } from "../../platform/bytes.ts";
import { OverlayError } from "../errors.ts";
import type { ChannelTrust } from "./channel-trust.ts";
import { publicKeyOf } from "./nodes.ts";
import type { PeerChannel } from "./peer-channel.ts";

/** On the subnet node: a member, acting for the subnet whose key the connection proves. */
export function approveNeighbour(
  channel: PeerChannel,
  ownSubnet: Uint8Array,
  trust: Pick<ChannelTrust, "isRetired">,
): void {
  const key = publicKeyOf(channel.connection.remotePeer);
  const { subnet } = channel.peerHello;
  if (!channel.isMember) throw new OverlayError("ERR_OVERLAY_REFUSED", whyNone(channel));
  if (key === undefined || !isEqualBytes(key, subnet) || isEqualBytes(subnet, ownSubnet))
    throw new OverlayError("ERR_OVERLAY_WRONG_PEER", "it does not hold the subnet's key it claims");
  if (trust.isRetired(channel.subnetId))
    throw new OverlayError("ERR_OVERLAY_REFUSED", "that subnet has another key now");
}

/** On the host node: whoever holds the host key that the hello names. */
export function approveHost(channel: PeerChannel): void {
  const key = publicKeyOf(channel.connection.remotePeer);
  if (key === undefined || !isEqualBytes(key, channel.greeting.host))
    throw new OverlayError("ERR_OVERLAY_WRONG_PEER", "it does not hold the host key it claims");
}

function whyNone({ greeting: { former } }: PeerChannel): string {
  if (former === undefined) return "not a member of this overlay";
  return former.why === "expired"
    ? "its membership has expired"
    : "it was removed from the overlay";
}
