/**
 * Short names for multicast: enough to recognise one's own overlay and subnet, and no more.
 *
 * Hashes, so that a TXT record shows no key.
 */
import { createHash } from "node:crypto";
import { toBase32 } from "../../platform/base32.ts";

const TAG_CHARACTERS = 20;

export function overlayTagOf(overlay: Uint8Array): string {
  return tagOf("causeway-overlay", overlay);
}

export function subnetTagOf(subnet: Uint8Array): string {
  return tagOf("causeway-subnet", subnet);
}

/** A host's tag begins its id, so that a sibling that answers a question is recognised. */
export function hostTagOf(hostId: string): string {
  return hostId.slice(0, TAG_CHARACTERS);
}

function tagOf(purpose: string, key: Uint8Array): string {
  const digest = createHash("sha256").update(purpose).update(key).digest();
  return toBase32(digest).slice(0, TAG_CHARACTERS);
}
