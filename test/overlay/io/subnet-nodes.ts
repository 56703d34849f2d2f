/** Subnet nodes on loopback, behind one private network. */
import type { Multiaddr } from "@multiformats/multiaddr";
import {
  createSubnetNode,
  listeningPort,
  toMultiaddr,
  type SubnetNode,
} from "../../../overlay/io/nodes.ts";
import { pairOf } from "../identity/members.ts";
import { atStop, REACH, stopNode } from "./loopback.ts";

const SECRET = new Uint8Array(32).fill(7);

export interface Started extends SubnetNode {
  readonly address: Multiaddr;
}

export async function startSubnet(
  name: string,
  given: {
    secret?: Uint8Array;
    isQuarantined?: (address: string) => boolean;
    admitted?: () => Promise<void>;
  } = {},
): Promise<Started> {
  const announced: Multiaddr[] = [];
  const subnet = await createSubnetNode({
    key: pairOf(name),
    port: 0,
    ...REACH,
    secret: SECRET,
    isQuarantined: () => false,
    announced: () => announced,
    admitted: async () => {},
    ...given,
  });
  atStop(() => stopNode(subnet.node));
  const address = toMultiaddr(`/ip4/127.0.0.1/tcp/${listeningPort(subnet.node)}`);
  announced.push(address);
  return { ...subnet, address };
}
