/** Hosts and memberships to test with: each name has its key pair, the same each time. */
import { createHash } from "node:crypto";
import { certifyByAuthority, certifyByHost } from "../../../overlay/identity/certificate.ts";
import { createKeyPair, type KeyPair } from "../../../overlay/identity/keys.ts";
import type { Membership } from "../../../overlay/schema/messages.ts";

export const WALL_MS = 1_790_000_000_000;
export const DAY_MS = 24 * 3_600_000;

const pairs = new Map<string, KeyPair>();

export function pairOf(name: string): KeyPair {
  const seed = createHash("sha256").update(`pair of ${name}`).digest();
  const pair = pairs.get(name) ?? createKeyPair(new Uint8Array(seed));
  pairs.set(name, pair);
  return pair;
}

/** The authority of the overlay that all tests are in, unless they say otherwise. */
export const AUTHORITY = pairOf("authority");
export const OVERLAY = AUTHORITY.publicKey;

export interface Admission {
  readonly mayAdmit?: boolean;
  readonly linkSubnet?: Uint8Array;
  readonly wallMs?: number;
  /** Name of the host that admits, under its own membership; by default the authority. */
  readonly by?: readonly [string, Membership];
}

export function membershipOf(name: string, given: Admission = {}): Membership {
  const { mayAdmit = true, linkSubnet = null, wallMs = WALL_MS, by } = given;
  const request = { host: pairOf(name).publicKey, mayAdmit, linkSubnet, wallMs };
  if (by === undefined) return certifyByAuthority(AUTHORITY, request);
  return certifyByHost(pairOf(by[0]), by[1], request);
}

/** A copy with one bit of one byte turned. */
export function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const copy = new Uint8Array(bytes);
  copy[at]! ^= 1;
  return copy;
}
