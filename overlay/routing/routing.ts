/**
 * What the overlay needs of a DHT: which subnets are closest to a key.
 *
 * No connections and no peer ids, so that another DHT can take kad-dht's place.
 */

/** Position of an id in the DHT's key space: 32 bytes, compared by XOR. */
export type Position = Uint8Array;

export interface RoutingEntry {
  /** Base32 of the subnet key. */
  readonly subnetId: string;
  readonly subnet: Uint8Array;
}

export type RoutingEvent =
  | { readonly type: "added"; readonly subnetId: string }
  | { readonly type: "removed"; readonly subnetId: string };

export interface Routing {
  /** Subnets in the own table; never this subnet. */
  entries(): readonly RoutingEntry[];
  /** Entries added plus removed since start. */
  readonly changes: number;
  /**
   * The closest subnets that this host knows of, itself among them, best first; no packet is sent.
   *
   * @param key 32 bytes
   */
  closestKnown(key: Uint8Array, count: number): readonly RoutingEntry[];
  /** The same by an iterative lookup; it falls back to what is known when nobody answers. */
  closest(key: Uint8Array, count: number, signal: AbortSignal): Promise<readonly RoutingEntry[]>;
  /** A subnet proved that it lives: let it into the table. */
  add(subnetId: string): void;
  /** A subnet cannot be dialled: out of the table until it is added again. */
  demote(subnetId: string): void;
  /** A subnet is dead: out of the table, and not back on hearsay. */
  evict(subnetId: string): Promise<void>;
  /** Whether the key's closest subnets are others with this entry gone or come. */
  onEvent(listener: (event: RoutingEvent) => void): void;
}
