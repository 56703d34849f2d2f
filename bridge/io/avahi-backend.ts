/**
 * Multicast DNS by Avahi, over D-Bus.
 *
 * A restart of Avahi is followed: what was registered is registered anew, what was browsed is asked
 * for again, and nobody hears of it but by what has changed. Subtypes of other hosts' services are
 * not told: DNS-SD has no question for them (RFC 6763 §7.1).
 */
import type { LinkAddressing } from "../../platform/address.ts";
import type { Clock } from "../../platform/clock.ts";
import type { DnsName } from "../../platform/dns/name.ts";
import { EventQueue } from "../../platform/event-queue.ts";
import type { Logger } from "../../platform/logger.ts";
import type {
  BrowseEvent,
  Registered,
  Registration,
  TypeEvent,
  ZeroconfBackend,
} from "../zeroconf/backend.ts";
import type { ServiceId } from "../zeroconf/service.ts";
import { ServiceBrowse, TypeBrowse } from "./avahi-browser.ts";
import { AvahiConnector } from "./avahi-connector.ts";
import { AvahiRegistrar } from "./avahi-registrar.ts";

export interface AvahiBackendOptions {
  /** Name of the link's interface; nothing is said or heard on others. */
  readonly interface: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** @throws {BridgeError} ERR_BRIDGE_BACKEND when Avahi does not run */
export async function openAvahiBackend(options: AvahiBackendOptions): Promise<AvahiBackend> {
  const { interface: interfaceName, clock, log, ...rest } = options;
  rest satisfies Record<string, never>;
  const connector = new AvahiConnector(interfaceName, log);
  await connector.open();
  return new AvahiBackend(connector, clock, log);
}

export class AvahiBackend implements ZeroconfBackend {
  readonly name = "avahi";
  readonly #connector: AvahiConnector;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #registrar: AvahiRegistrar;
  readonly #browses = new Set<ServiceBrowse>();
  readonly #renamed = new Set<(from: ServiceId, to: ServiceId) => void>();
  readonly #end = new AbortController();

  constructor(connector: AvahiConnector, clock: Clock, log: Logger) {
    this.#connector = connector;
    this.#clock = clock;
    this.#log = log;
    this.#registrar = new AvahiRegistrar(connector, clock, log, {
      onRenamed: (from, to) => {
        for (const listener of this.#renamed) listener(from, to);
      },
      onOwn: (services) => {
        for (const browse of this.#browses) browse.setOwn(services);
      },
    });
  }

  async *browse(type: string, signal: AbortSignal): AsyncGenerator<BrowseEvent> {
    const queue = new EventQueue<BrowseEvent>();
    const browse = new ServiceBrowse(
      this.#connector,
      type.toLowerCase(),
      this.#clock,
      this.#log,
      (event) => queue.push(event),
    );
    browse.setOwn(this.#registrar.own());
    this.#browses.add(browse);
    try {
      yield* queue.read(AbortSignal.any([signal, this.#end.signal]));
    } finally {
      this.#browses.delete(browse);
      browse.close();
    }
  }

  async *browseTypes(signal: AbortSignal): AsyncGenerator<TypeEvent> {
    const queue = new EventQueue<TypeEvent>();
    const browse = new TypeBrowse(this.#connector, this.#log, (event) => queue.push(event));
    try {
      yield* queue.read(AbortSignal.any([signal, this.#end.signal]));
    } finally {
      browse.close();
    }
  }

  register(registration: Registration, candidates: Iterable<string>): Promise<Registered> {
    return this.#registrar.register(registration, candidates[Symbol.iterator]());
  }

  registerHost(
    host: DnsName,
    addresses: readonly string[],
    isTakeover: boolean,
  ): Promise<{ withdraw(): Promise<void> }> {
    return this.#registrar.registerHost({ host, addresses, isShared: false }, isTakeover);
  }

  onRenamed(listener: (from: ServiceId, to: ServiceId) => void): () => void {
    this.#renamed.add(listener);
    return () => this.#renamed.delete(listener);
  }

  /** Avahi sees addresses come and go itself, but is asked by the number of an interface. */
  async becomeLink({ name, addresses }: LinkAddressing): Promise<void> {
    if (addresses.length > 0) await this.#connector.becomeInterface(name);
  }

  /** Whether Avahi is there, each time that changes. */
  onAvailable(listener: (isAvailable: boolean) => void): () => void {
    return this.#connector.listen({
      onUp: () => listener(true),
      onDown: () => listener(false),
    });
  }

  close(): Promise<void> {
    this.#end.abort();
    this.#registrar.close();
    // Avahi says goodbye for a client that is gone.
    this.#connector.close();
    return Promise.resolve();
  }
}
