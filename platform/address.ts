/**
 * IP addresses as bytes, and which of them are on the link.
 *
 * Text is what sockets and people use; bytes are what prefixes and DNS records need. A zone
 * (`fe80::1%eth0`) belongs to the text only.
 */

/** One address of an interface, with the length of its prefix. */
export interface InterfaceAddress {
  /** Text without a zone. */
  readonly address: string;
  readonly prefixBits: number;
}

/** The interface that the daemon lives on, as far as the protocol needs to know it. */
export interface LinkAddressing {
  /** Interface name, such as `eth0`; the zone of its link-local addresses. */
  readonly name: string;
  /** Link-local ones included; empty while the link is down. */
  readonly addresses: readonly InterfaceAddress[];
}

const IPV4 = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/;
const IPV6_GROUP = /^[0-9a-f]{1,4}$/i;

/** @returns 4 or 16 bytes; `undefined` when `text` is no address. A zone is ignored. */
export function parseAddress(text: string): Uint8Array | undefined {
  const bare = text.split("%", 1)[0]!;
  return bare.includes(":") ? parseIpv6(bare) : parseIpv4(bare);
}

/** @param bytes 4 or 16 */
export function formatAddress(bytes: Uint8Array): string {
  return bytes.length === 4 ? bytes.join(".") : formatIpv6(bytes);
}

export function isIpv6LinkLocal(bytes: Uint8Array): boolean {
  return bytes.length === 16 && bytes[0] === 0xfe && (bytes[1]! & 0xc0) === 0x80;
}

/** Whether the first `bits` bits are the same; different families never match. */
export function isSamePrefix(a: Uint8Array, b: Uint8Array, bits: number): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0, left = bits; left > 0 && at < a.length; at++, left -= 8) {
    const mask = left >= 8 ? 0xff : 0xff & (0xff << (8 - left));
    if (((a[at]! ^ b[at]!) & mask) !== 0) return false;
  }
  return true;
}

/** `192.168.1.7`/24 gives `192.168.1.0/24`. */
export function prefixText({ address, prefixBits }: InterfaceAddress): string {
  const bytes = parseAddress(address)?.slice() ?? new Uint8Array(4);
  for (let bit = prefixBits; bit < bytes.length * 8; bit++)
    bytes[bit >> 3]! &= ~(0x80 >> (bit & 7));
  return `${formatAddress(bytes)}/${prefixBits}`;
}

/**
 * Whether an address is a neighbour's: inside a prefix of the interface, or IPv6 link-local.
 *
 * A link-local address that names another zone is another link's.
 */
export function isOnLink(address: string, link: LinkAddressing): boolean {
  const bytes = parseAddress(address);
  if (bytes === undefined) return false;
  const zone = address.split("%", 2)[1];
  if (zone !== undefined && zone !== link.name) return false;
  if (isIpv6LinkLocal(bytes)) return true;
  return link.addresses.some((own) => {
    const ownBytes = parseAddress(own.address);
    return ownBytes !== undefined && isSamePrefix(bytes, ownBytes, own.prefixBits);
  });
}

/** The text a socket can dial: link-local addresses get the zone of the link. */
export function withZone(address: string, link: LinkAddressing): string {
  const bytes = parseAddress(address);
  const isZoned = address.includes("%");
  return bytes !== undefined && isIpv6LinkLocal(bytes) && !isZoned
    ? `${address}%${link.name}`
    : address;
}

function parseIpv4(text: string): Uint8Array | undefined {
  const parts = IPV4.exec(text)?.slice(1).map(Number);
  return parts?.every((part) => part <= 255) ? Uint8Array.from(parts) : undefined;
}

function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half, i) => groupBytes(half, i === halves.length - 1));
  if (head === undefined || (halves.length === 2 && tail === undefined)) return undefined;
  const gap = 16 - head.length - (tail?.length ?? 0);
  // RFC 4291 §2.2: `::` stands for at least one group.
  if (halves.length === 2 ? gap < 2 : gap !== 0) return undefined;
  return Uint8Array.from([...head, ...Array<number>(gap).fill(0), ...(tail ?? [])]);
}

/** Bytes of `a:b:c`; the last group of an address may be a dotted IPv4 address. */
function groupBytes(text: string, isEnd: boolean): number[] | undefined {
  if (text === "") return [];
  const bytes: number[] = [];
  const groups = text.split(":");
  for (const [index, group] of groups.entries()) {
    if (group.includes(".")) {
      const ipv4 = isEnd && index === groups.length - 1 ? parseIpv4(group) : undefined;
      if (ipv4 === undefined) return undefined;
      bytes.push(...ipv4);
    } else {
      if (!IPV6_GROUP.test(group)) return undefined;
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
    }
  }
  return bytes.length <= 16 ? bytes : undefined;
}

/** RFC 5952: lower case, no leading zeros, the longest run of zero groups (two or more) as `::`. */
function formatIpv6(bytes: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, i) => (bytes[2 * i]! << 8) | bytes[2 * i + 1]!);
  let best = { from: 0, count: 1 };
  for (let from = 0; from < 8; from++) {
    let count = 0;
    while (from + count < 8 && groups[from + count] === 0) count++;
    if (count > best.count) best = { from, count };
  }
  if (best.count < 2) return hexGroups(groups);
  const tail = groups.slice(best.from + best.count);
  return `${hexGroups(groups.slice(0, best.from))}::${hexGroups(tail)}`;
}

function hexGroups(groups: readonly number[]): string {
  return groups.map((group) => group.toString(16)).join(":");
}
