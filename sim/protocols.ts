/** The protocols that can be simulated, by their names in scenarios. */
import { CHORD } from "./chord/chord.ts";
import type { ProtocolFactory } from "./engine/simulation.ts";
import { KADEMLIA } from "./kademlia/kademlia.ts";
import type { ProtocolName, Scenario } from "./scenario/scenario.ts";

export const PROTOCOLS: Readonly<Record<ProtocolName, ProtocolFactory>> = {
  chord: CHORD,
  kademlia: KADEMLIA,
};

export function protocolOf({ protocol }: Scenario): ProtocolFactory {
  return PROTOCOLS[protocol];
}

/** Names of its message types by their numbers. */
export function typeNamesOf(scenario: Scenario): ReadonlyMap<number, string> {
  return protocolOf(scenario).typeNames;
}
