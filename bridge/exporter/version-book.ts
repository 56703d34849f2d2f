/**
 * The versions of what is exported: each higher than all that this host used or heard of for the service.
 *
 * A link may announce other names each minute, so the services changed longest ago are forgotten; what they
 * had got is a floor for all that are not known from then on.
 */

/** More than a link is looked at for. */
export const VERSIONS_MAX = 4096;

export class VersionBook {
  /** By origin id, the one changed last last. */
  readonly #versions = new Map<string, bigint>();
  #floor: bigint;

  /** @param first above all that this host ever used, such as the wall clock in ms */
  constructor(first: bigint) {
    this.#floor = first;
  }

  get size(): number {
    return this.#versions.size;
  }

  next(originId: string): bigint {
    const version = (this.#versions.get(originId) ?? this.#floor) + 1n;
    this.#set(originId, version);
    return version;
  }

  /** Another host exported it with this version. */
  note(originId: string, version: bigint): void {
    const known = this.#versions.get(originId) ?? this.#floor;
    this.#set(originId, version > known ? version : known);
  }

  #set(originId: string, version: bigint): void {
    this.#versions.delete(originId);
    this.#versions.set(originId, version);
    const [oldest] = this.#versions;
    if (this.#versions.size <= VERSIONS_MAX || oldest === undefined) return;
    this.#versions.delete(oldest[0]);
    if (oldest[1] > this.#floor) this.#floor = oldest[1];
  }
}
