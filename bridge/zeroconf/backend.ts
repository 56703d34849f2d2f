/**
 * What the bridge needs of a multicast DNS responder and browser on its link.
 *
 * Two satisfy it, held to one conformance suite: Avahi over D-Bus, and our own.
 */
import type { LinkAddressing } from "../../platform/address.ts";
import type { DnsName } from "../../platform/dns/name.ts";
import type { ServiceId, ZeroconfService } from "./service.ts";

export type BrowseEvent =
  /** New, or changed in host, port, TXT or addresses: whole each time. */
  | { readonly type: "found"; readonly service: ZeroconfService; readonly isOwn: boolean }
  | { readonly type: "gone"; readonly id: ServiceId };

export type TypeEvent = { readonly type: "found" | "gone"; readonly serviceType: string };

/** A service that this backend is to answer for, of whatever host and address (proxy registration). */
export interface Registration {
  readonly service: ZeroconfService;
  /**
   * Others on the link register the same records and the same host name, each with addresses of its
   * own or none: identical records are no conflict, and the addresses are shared, not unique.
   */
  readonly isShared: boolean;
  /** The name is known to be ours on this link: announced without probing (RFC 6762 §8.1). */
  readonly isTakeover: boolean;
}

export interface Registered {
  /** Under which name; the service's own unless the link had another one of that name. */
  readonly instance: string;
  /** A change of TXT, port or addresses; announced at once, at most 10 times a minute (§8.4). */
  update(service: ZeroconfService): Promise<void>;
  /** Says goodbye (§10.1). */
  withdraw(): Promise<void>;
}

export interface ZeroconfBackend {
  readonly name: "avahi" | "own";
  /**
   * The instances of one type on this link, those known first, resolved. Those registered here come
   * too, with `isOwn`.
   *
   * @param type `_http._tcp`
   */
  browse(type: string, signal: AbortSignal): AsyncIterable<BrowseEvent>;
  /** Every service type that somebody on this link announces (RFC 6763 §9). */
  browseTypes(signal: AbortSignal): AsyncIterable<TypeEvent>;
  /**
   * Probes for the name and announces it. When the name is taken by another service, the next free
   * one of `candidates` is used.
   *
   * @param candidates names to try after the service's own, in order
   * @throws {BridgeError} ERR_BRIDGE_NAME_CONFLICT when all are taken, ERR_BRIDGE_BACKEND
   */
  register(registration: Registration, candidates: Iterable<string>): Promise<Registered>;
  /**
   * Addresses under a host name, besides those that registered services bring.
   *
   * @param isTakeover see `Registration`
   */
  registerHost(
    host: DnsName,
    addresses: readonly string[],
    isTakeover: boolean,
  ): Promise<{ withdraw(): Promise<void> }>;
  /** A conflict after a name was established: the loser is told its new name (§9). */
  onRenamed(listener: (from: ServiceId, to: ServiceId) => void): () => void;
  /** The addresses of its link, or the link itself, are other ones now. */
  becomeLink?(link: LinkAddressing): Promise<void>;
  /** Says goodbye to what is still registered. */
  close(): Promise<void>;
  /**
   * Closes without a goodbye: another back end of this host shows the same by now, and who hears a
   * goodbye drops it a second later (RFC 6762 §10.1). Absent: it has nothing to say.
   */
  handOver?(): Promise<void>;
}
