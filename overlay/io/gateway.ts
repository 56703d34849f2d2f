/** The router of this host's link, as far as it maps ports. */
import type { Grant } from "../mapping/mapping-machine.ts";

/** Where the router is, and where it is asked. */
export interface GatewayPlace {
  /** The router's IPv4 address on the link; answers of others do not count. */
  readonly address: string;
  /** This host's, to which it is to map. */
  readonly local: string;
  readonly natPmpPort: number;
  /** Where searches for UPnP go. */
  readonly search: { readonly address: string; readonly port: number };
}

/** One of the protocols that a router may speak. All reject with an `OverlayError`. */
export interface GatewayProtocol {
  readonly name: Grant["protocol"];
  /**
   * Maps a TCP port, or renews that.
   *
   * @param outerPorts ports to ask for, best first; the router may choose another
   */
  map(
    innerPort: number,
    outerPorts: readonly number[],
    lifetimeMs: number,
    signal: AbortSignal,
  ): Promise<Grant>;
  /** Whether the router still has it, at the same outer address. */
  check(innerPort: number, grant: Grant, signal: AbortSignal): Promise<boolean>;
  unmap(innerPort: number, grant: Grant, signal: AbortSignal): Promise<void>;
}
