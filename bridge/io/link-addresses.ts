/** The addresses of the interface that the daemon lives on, as the system has them now. */
import { networkInterfaces } from "node:os";
import type { LinkAddressing } from "../../platform/address.ts";

/** @param name interface; `null` while there is none */
export function readLink(name: string | null): LinkAddressing {
  const found = name === null ? [] : (networkInterfaces()[name] ?? []);
  return {
    name: name ?? "",
    addresses: found.map(({ address, cidr }) => ({
      address: address.split("%", 1)[0]!,
      prefixBits: Number(cidr?.split("/")[1] ?? (address.includes(":") ? 128 : 32)),
    })),
  };
}
