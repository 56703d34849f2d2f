/**
 * The node under the subnet's key, opened before the session that answers on it is there.
 */
import { approveNeighbour } from "./approval.ts";
import { ChannelPool } from "./channel-pool.ts";
import { introduceMember } from "./introduction.ts";
import { createSubnetNode, toMultiaddr, type SubnetNode } from "./nodes.ts";
import type { SubnetSession } from "./session.ts";
import type { SessionParts } from "./session-parts.ts";

const NEIGHBOUR_HEARTBEAT_MS = 4_000;
const NEIGHBOUR_SILENCE_MS = 11_000;

/**
 * @param door  has the session once it is made; until then there is nothing to tell
 * @param ready the same, for questions that wait for it
 * @throws {OverlayError} ERR_OVERLAY_PORT when the subnet's port is taken
 */
export async function openSubnetNode(
  parts: SessionParts,
  door: { readonly session?: SubnetSession },
  ready: Promise<SubnetSession>,
): Promise<{ readonly node: SubnetNode; readonly pool: ChannelPool }> {
  const node = await createSubnetNode({
    key: parts.subnetKey,
    port: parts.ports.subnet,
    ...parts.reach,
    secret: parts.overlay.secret,
    announced: () => door.session?.announcedAddresses().map(toMultiaddr) ?? [],
    isQuarantined: (address) => door.session?.neighbours.isQuarantined(address) ?? false,
    admitted: async (connection) => (await ready).pool.admitted(connection),
  });
  const pool = await ChannelPool.start(
    node.node,
    {
      clock: parts.clock,
      log: parts.log,
      hostKey: parts.hostKey,
      overlay: () => parts.overlay.id,
      subnetKey: () => parts.subnetKey,
      introduce: () => door.session?.introduce() ?? introduceMember(parts),
      trust: parts.trust,
      limits: parts.limits,
      approve: (channel) => approveNeighbour(channel, parts.subnetKey.publicKey, parts.trust),
      onCall: async (channel, method, body) => (await ready).onNeighbourCall(channel, method, body),
      onNotice: (channel, method, body) => door.session?.onNeighbourNotice(channel, method, body),
      heartbeatMs: NEIGHBOUR_HEARTBEAT_MS,
      silenceMaxMs: NEIGHBOUR_SILENCE_MS,
    },
    {
      onOpen: (channel) => door.session?.onNeighbourOpen(channel),
      onClose: (channel, reason) => door.session?.onNeighbourClose(channel, reason),
    },
  );
  return { node, pool };
}
