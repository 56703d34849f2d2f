/** Host sets of one host each, as others know them. */
import type { HostSet, SetHost } from "../../../overlay/subnet/host-set.ts";
import { pairOf } from "../identity/members.ts";

const NOTHING = new Uint8Array();

/** A subnet by that name, at an address where nobody answers unless another is given. */
export function setAt(
  name: string,
  address = "192.0.2.1:4777",
  changes: Partial<SetHost> = {},
): HostSet {
  const signed = { body: Buffer.from(name), signature: NOTHING };
  const host: SetHost = {
    ...{ id: name, key: NOTHING, name, sequence: 1, goodForMs: 600_000, mayAdmit: true },
    ...{ subnetAddresses: [address], hostAddresses: [address], reach: "reachable", relays: [] },
    signed,
    ...changes,
  };
  const { publicKey, id } = pairOf(name);
  return {
    ...{ subnet: publicKey, subnetId: id, generation: 1, version: 1n, hosts: [host] },
    ...{ peerRecord: NOTHING, signed },
  };
}
