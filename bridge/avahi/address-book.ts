/**
 * Which addresses the registered services bring, each counted once.
 *
 * Avahi takes identical records from any number of services, but compares each with each: 400
 * services of one host and address took it half a minute to withdraw (measured with 0.8).
 */
import { nameKey, type DnsName } from "../../platform/dns/name.ts";
import type { Registration } from "../zeroconf/backend.ts";
import type { HostEntry } from "./entries.ts";

interface Held {
  readonly id: number;
  users: number;
}

export class AddressBook {
  readonly #held = new Map<string, Held>();
  #count = 0;

  /** @returns what nobody brought before, with a negative id for each */
  acquire(
    registration: Registration,
  ): readonly { readonly id: number; readonly entry: HostEntry }[] {
    const added: { readonly id: number; readonly entry: HostEntry }[] = [];
    const { host } = registration.service;
    for (const [key, address] of keysOf(registration)) {
      const held = this.#held.get(key);
      if (held !== undefined) {
        held.users++;
        continue;
      }
      const id = -++this.#count;
      this.#held.set(key, { id, users: 1 });
      const { isShared } = registration;
      added.push({ id, entry: { host, addresses: [address], isShared } });
    }
    return added;
  }

  /** @returns ids of what nobody brings any more */
  release(registration: Registration): readonly number[] {
    const dropped: number[] = [];
    for (const [key] of keysOf(registration)) {
      const held = this.#held.get(key);
      if (held === undefined || --held.users > 0) continue;
      this.#held.delete(key);
      dropped.push(held.id);
    }
    return dropped;
  }
}

function keysOf({ service, isShared }: Registration): readonly (readonly [string, string])[] {
  const host: DnsName = service.host;
  return [...new Set(service.addresses)].map((address) => [
    `${isShared} ${address} ${nameKey(host)}`,
    address,
  ]);
}
