/**
 * Where a host of the overlay is reached: as host sets say, or as it published itself.
 *
 * A host that cannot be dialled is in nobody's routing table, and the hosts of other subnets that
 * cannot be dialled either never hear its host set; so it keeps its statement as a record of the
 * overlay, under a key made of its own.
 */
import { createHash } from "node:crypto";
import { fromBase32 } from "../../platform/base32.ts";
import { concatBytes, utf8 } from "../../platform/bytes.ts";
import type { Clock } from "../../platform/clock.ts";
import { errorMessage, WireError } from "../../platform/errors.ts";
import type { Logger } from "../../platform/logger.ts";
import { OverlayError } from "../errors.ts";
import type { Revoked } from "../identity/revoked.ts";
import { SignedCodec, type Signed } from "../schema/messages.ts";
import { checkStatement, type RelayAt, type SetHost } from "../subnet/host-set.ts";
import type { Directory } from "../types.ts";

const KEY_DOMAIN = "causeway-host-place\0";
const SLOT = "place";
export const PLACE_TTL_MS = 15 * 60_000;

/** What is needed to dial a host. */
export interface HostPlace {
  readonly addresses: readonly string[];
  readonly relays: readonly RelayAt[];
}

export interface LocatorParts {
  readonly clock: Clock;
  readonly log: Logger;
  overlayId(): Uint8Array | undefined;
  revoked(): Revoked;
  directory(): Pick<Directory, "get" | "put"> | undefined;
  /** Of this host; `undefined` while it is in none. */
  subnetId(): string | undefined;
  /** Hosts of this subnet. */
  siblings(): readonly SetHost[];
  /** Hosts of other subnets whose host set is known. */
  others(): readonly SetHost[];
  isOnLink(address: string): boolean;
}

export class HostLocator {
  readonly #parts: LocatorParts;

  constructor(parts: LocatorParts) {
    this.#parts = parts;
  }

  /** Nowhere when nothing is known of that host. */
  async locate(hostId: string): Promise<HostPlace> {
    const { siblings, others } = this.#parts;
    const sibling = siblings().find(({ id }) => id === hostId);
    if (sibling !== undefined) return { addresses: sibling.hostAddresses, relays: [] };
    const known = others().find(({ id }) => id === hostId);
    if (known !== undefined && (known.reach === "reachable" || known.relays.length > 0))
      return this.#placeOf(known);
    // A set that was heard before its hosts knew that nobody can dial them says nothing of their relays.
    const published = await this.#published(hostId);
    const told = [known, published].filter((host) => host !== undefined);
    const places = told.map((host) => this.#placeOf(host));
    return {
      addresses: [...new Set(places.flatMap(({ addresses }) => addresses))],
      relays: places.flatMap(({ relays }) => relays),
    };
  }

  /**
   * Keeps this host's statement where any host of the overlay finds it.
   *
   * @returns whether another subnet holds it: this one's hosts are found by nobody who needs it
   */
  async publish(host: Uint8Array, statement: Signed): Promise<boolean> {
    const { directory, log, subnetId } = this.#parts;
    const value = SignedCodec.encode(statement);
    const options = { ttlMs: PLACE_TTL_MS, slot: SLOT };
    try {
      const { storedOn = [] } = (await directory()?.put(keyOf(host), value, options)) ?? {};
      const isFound = storedOn.some((subnet) => subnet !== subnetId());
      if (!isFound) log.debug("place not published", { reason: "no other subnet holds it" });
      return isFound;
    } catch (error) {
      log.debug("place not published", { reason: errorMessage(error) });
      return false;
    }
  }

  #placeOf(host: SetHost): HostPlace {
    const { isOnLink } = this.#parts;
    // Private networks repeat: an address of this link is here somebody else's.
    const addresses = host.hostAddresses.filter((address) => !isOnLink(hostOf(address)));
    return { addresses, relays: host.relays };
  }

  async #published(hostId: string): Promise<SetHost | undefined> {
    const { clock, overlayId, directory, log } = this.#parts;
    const key = fromBase32(hostId);
    const overlay = overlayId();
    const found = await directory()?.get(keyOf(key));
    for (const { value, publisher } of found?.records ?? [])
      try {
        if (overlay === undefined || Buffer.compare(publisher, key) !== 0) continue;
        const host = checkStatement(
          SignedCodec.decode(value),
          overlay,
          clock.wallMs(),
          this.#parts.revoked(),
        );
        if (host.id === hostId) return host;
      } catch (error) {
        if (!(error instanceof OverlayError || error instanceof WireError)) throw error;
        log.warn("place refused", { host: hostId, reason: error.message });
      }
    return undefined;
  }
}

function keyOf(host: Uint8Array): Uint8Array {
  const digest = createHash("sha256")
    .update(concatBytes(utf8(KEY_DOMAIN), host))
    .digest();
  return new Uint8Array(digest);
}

/** `10.0.0.1` of `10.0.0.1:4778`, `fd00::1` of `[fd00::1]:4778`. */
function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(":")).replace(/^\[|\]$/g, "");
}
