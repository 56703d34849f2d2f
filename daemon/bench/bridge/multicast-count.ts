/** Who sent how many multicast packets, of a recording. */
import { formatAddress, parseAddress } from "../../../platform/address.ts";
import type { Packet } from "../capture.ts";

/**
 * @param owners hosts by each of their addresses, as `formatAddress` writes them
 * @returns packets by host; what nobody owns is under its address
 */
export function countMulticast(
  packets: readonly Pick<Packet, "source" | "destination">[],
  owners: ReadonlyMap<string, string>,
): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { source, destination } of packets) {
    if (!isMulticast(destination)) continue;
    const address = canonical(source);
    const owner = owners.get(address) ?? address;
    counts.set(owner, (counts.get(owner) ?? 0) + 1);
  }
  return counts;
}

/** As two ways to write one address are. */
function canonical(text: string): string {
  const bytes = parseAddress(text);
  return bytes === undefined ? text : formatAddress(bytes);
}

function isMulticast(text: string): boolean {
  const bytes = parseAddress(text);
  if (bytes === undefined) return false;
  return bytes.length === 4 ? bytes[0]! >= 224 && bytes[0]! < 240 : bytes[0] === 0xff;
}
