/** The protocols that can be simulated, by their names in scenarios. */
import type { ProtocolFactory } from "./engine/simulation.ts";
import { KADEMLIA } from "./kademlia/kademlia.ts";
import type { ProtocolName } from "./scenario/scenario.ts";

export const PROTOCOLS: Readonly<Partial<Record<ProtocolName, ProtocolFactory>>> = {
  kademlia: KADEMLIA,
};
