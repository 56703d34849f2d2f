/** The protocols that can be simulated, by their names in scenarios. */
import type { ProtocolFactory } from "./engine/simulation.ts";
import { KADEMLIA } from "./kademlia/kademlia.ts";
import type { ProtocolName, Scenario } from "./scenario/scenario.ts";

export const PROTOCOLS: Readonly<Partial<Record<ProtocolName, ProtocolFactory>>> = {
  kademlia: KADEMLIA,
};

export function protocolOf({ protocol }: Scenario): ProtocolFactory {
  const factory = PROTOCOLS[protocol];
  if (factory === undefined) throw new Error(`${protocol} is not there yet`);
  return factory;
}

/** Names of its message types by their numbers. */
export function typeNamesOf(scenario: Scenario): ReadonlyMap<number, string> {
  return protocolOf(scenario).typeNames;
}
