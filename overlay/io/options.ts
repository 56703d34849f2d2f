/** What an overlay host is started with. */
import type { Clock } from "../../platform/clock.ts";
import type { Metrics } from "../../platform/io/metrics.ts";
import type { Logger } from "../../platform/logger.ts";
import type { Random } from "../../platform/random.ts";
import type { RelayLimits } from "./nodes.ts";

export interface OverlayOptions {
  /** Made if absent. */
  readonly stateDir: string;
  /** Null: the interface of the default route. */
  readonly interface: string | null;
  /** TCP port of the subnet node; the host node takes the next one. 0: two free ones. */
  readonly port: number;
  /** Text of a one-time token. */
  readonly token: string | null;
  /** False: no packet beyond the link. */
  readonly allowsWan: boolean;
  /** Keeps the link open to newcomers without a token. */
  readonly isOpen: boolean;
  /** Shown to people; 64 bytes at most. */
  readonly hostName: string;
  /** Subnets that keep a record. */
  readonly replicas: number;
  readonly storageMaxBytes: number;
  readonly recordsPerKeyMax: number;
  /** Whether the router may be asked to map ports to this host. */
  readonly mapsPorts: boolean;
  /** What this host does for hosts that cannot be dialled. */
  readonly relay: Pick<RelayLimits, "reservationsMax" | "connectionBytesMax">;
}

export interface OverlayParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
}
