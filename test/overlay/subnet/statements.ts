/** Signed hosts of a subnet to test with. */
import { checkStatement, signStatement, type SetHost } from "../../../overlay/subnet/host-set.ts";
import type { HostStatement } from "../../../overlay/schema/messages.ts";
import { membershipOf, OVERLAY, pairOf, WALL_MS } from "../identity/members.ts";

export const SUBNET = pairOf("a subnet");

export function statementOf(name: string, change: Partial<HostStatement> = {}): HostStatement {
  return {
    host: pairOf(name).publicKey,
    subnet: SUBNET.publicKey,
    name,
    subnetAddresses: ["192.0.2.1:4711"],
    hostAddresses: ["192.0.2.1:4712", "[2001:db8::1]:4712"],
    sequence: 1,
    goodForMs: 600_000,
    membership: membershipOf(name),
    relays: [],
    reach: 1,
    ...change,
  };
}

export function signedStatementOf(name: string, change: Partial<HostStatement> = {}) {
  return signStatement(pairOf(name), statementOf(name, change));
}

export function setHostOf(name: string, change: Partial<HostStatement> = {}): SetHost {
  return checkStatement(signedStatementOf(name, change), OVERLAY, WALL_MS);
}

/** A host set's entry whose signature nobody looks at, for machines that only compare. */
export function plainHost(index: number, sequence = 1): SetHost {
  const key = new Uint8Array(32).fill(index);
  return {
    id: `host-${String(index).padStart(3, "0")}`,
    key,
    name: `host ${index}`,
    subnetAddresses: [`10.0.0.${index}:4711`],
    hostAddresses: [`10.0.0.${index}:4712`],
    sequence,
    goodForMs: 600_000,
    mayAdmit: true,
    reach: "reachable",
    relays: [],
    signed: { body: key, signature: new Uint8Array() },
  };
}
