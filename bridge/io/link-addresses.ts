/** The addresses of the interface that the daemon lives on, as the system has them now. */
import { readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import type { LinkAddressing } from "../../platform/address.ts";

export interface NumberedLink extends LinkAddressing {
  /** The system's number of the interface: another one when it was plugged in anew. `null`: none is told. */
  readonly index: number | null;
}

/** @param name interface; `null` while there is none */
export function readLink(name: string | null): NumberedLink {
  const found = name === null ? [] : (networkInterfaces()[name] ?? []);
  return {
    name: name ?? "",
    index: name === null ? null : readIndex(name),
    addresses: found.map(({ address, cidr }) => ({
      address: address.split("%", 1)[0]!,
      prefixBits: Number(cidr?.split("/")[1] ?? (address.includes(":") ? 128 : 32)),
    })),
  };
}

function readIndex(name: string): number | null {
  try {
    return Number(readFileSync(`/sys/class/net/${name}/ifindex`, "utf8"));
  } catch {
    return null; // unplugged, or not Linux
  }
}
