/** Which hosts and which subnets a record belongs to. */
import { createHash } from "node:crypto";
import { compareBytes, utf8 } from "../../platform/bytes.ts";
import { OverlayError } from "../errors.ts";

/** Length of record keys and of ids in the DHT's key space. */
export const ID_BYTES = 32;

/**
 * Picks the hosts of this subnet that store a record.
 *
 * Rendezvous hashing, so a host that leaves moves only its own records.
 *
 * @param key    32-byte record key
 * @param hosts  ids of the live hosts, any order, no duplicates
 * @returns      1..copies hosts, best first; fewer when the subnet is smaller
 * @throws {OverlayError} ERR_OVERLAY_NO_HOSTS if `hosts` is empty
 * @see Thaler & Ravishankar 1998
 */
export function placeCopies(key: Uint8Array, hosts: readonly string[], copies: number): string[] {
  if (hosts.length === 0)
    throw new OverlayError("ERR_OVERLAY_NO_HOSTS", "no live host to place a record on");
  return hosts
    .map((host) => ({ host, score: scoreOf(key, host) }))
    .toSorted((a, b) => compareBytes(b.score, a.score) || compareText(a.host, b.host))
    .slice(0, Math.max(1, copies))
    .map(({ host }) => host);
}

function scoreOf(key: Uint8Array, host: string): Uint8Array {
  return createHash("sha256").update(key).update(utf8(host)).digest();
}

/** By code unit: the order must be the same on every host, so no locale. */
function compareText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
