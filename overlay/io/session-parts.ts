/** What a session in a subnet is made with. */
import type { Clock } from "../../platform/clock.ts";
import type { Logger } from "../../platform/logger.ts";
import type { Random } from "../../platform/random.ts";
import type { KeyPair } from "../identity/keys.ts";
import type { DurableRecords } from "../records/durable-records.ts";
import type { Membership, SubnetClaim } from "../schema/messages.ts";
import type { HostSet, RelayAt } from "../subnet/host-set.ts";
import type { ChannelPool } from "./channel-pool.ts";
import type { ChannelTrust } from "./channel-trust.ts";
import type { NodeReach } from "./nodes.ts";
import type { PeerLimits } from "./peer-limits.ts";
import type { OuterAddresses } from "../mapping/outer-address.ts";

export interface SessionParts {
  readonly subnetKey: KeyPair;
  readonly claim: SubnetClaim;
  readonly hostKey: KeyPair;
  readonly overlay: { readonly id: Uint8Array; readonly secret: Uint8Array };
  membership(): Membership;
  readonly records: DurableRecords;
  readonly hostPool: ChannelPool;
  readonly ports: { readonly subnet: number; readonly host: number };
  readonly reach: NodeReach;
  readonly hostName: string;
  readonly replicas: number;
  readonly allowsWan: boolean;
  readonly trust: ChannelTrust;
  readonly limits: PeerLimits;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Addresses of this host on the link, no zones. */
  addresses(): readonly string[];
  /** Host-node addresses of a host of the link as multicast tells them. */
  onLink(hostId: string): readonly string[];
  /** Asks the link which of some hosts hold a key; ids. */
  askLink(key: Uint8Array, hosts: () => readonly string[]): Promise<readonly string[]>;
  /** Greatest version of this subnet's host set known before. */
  readonly version: bigint;
  /** A handed-over host set, when joining. */
  readonly hostSet: HostSet | undefined;
  /** Whether that IP address is one of this host's link. */
  isOnLink(address: string): boolean;
  /** Through which this host is reached when it cannot be dialled. */
  relays(): readonly RelayAt[];
  /** Where the router maps this host's ports, as others have proven. */
  mapped(): OuterAddresses;
  /** The host set, or who is live, changed. */
  onChange(): void;
}
