/**
 * Who was removed from the overlay, and which certificate chains that voids: an immutable view.
 *
 * A revocation counts unless its issuer was removed by somebody nearer to the authority: of two who
 * revoke each other the nearer one stays, and at equal depth both are out. A chain through a removed
 * host is void, so that an ex-member that could admit mints nothing, whatever date it writes; what
 * that host had admitted and the revocation names as kept goes on.
 */
import { toHex } from "../../platform/bytes.ts";

/** A revocation, every signature checked. */
export interface Revocation {
  readonly host: Uint8Array;
  readonly issuer: Uint8Array;
  /** Host keys of the issuer's chain, its own first; empty for the authority. */
  readonly issuerHosts: readonly Uint8Array[];
  /** Wall clock of the issuer. */
  readonly revokedAtMs: number;
  readonly kept: readonly Uint8Array[];
}

interface Removal {
  /** The first of those that count, by date: what people are told. */
  readonly told: Revocation;
  /** Hex of those admitted by it that every revocation keeps. */
  readonly kept: ReadonlySet<string>;
}

export class Revoked {
  readonly #removals = new Map<string, Removal>();

  constructor(all: readonly Revocation[]) {
    const depths = [...new Set(all.map(({ issuerHosts }) => issuerHosts.length))];
    for (const depth of depths.toSorted((a, b) => a - b)) {
      const level = all.filter(({ issuerHosts }) => issuerHosts.length === depth);
      // Judged by those nearer to the authority only, all of one depth at once.
      const counting = level.filter(({ issuerHosts }) => this.refusalOf(issuerHosts) === undefined);
      for (const revocation of counting) this.#add(revocation);
    }
  }

  get isEmpty(): boolean {
    return this.#removals.size === 0;
  }

  /** The revocation of that very host, if it counts. */
  of(host: Uint8Array): Revocation | undefined {
    return this.#removals.get(toHex(host))?.told;
  }

  /**
   * What voids a chain; `undefined` when it holds.
   *
   * @param hosts host keys, the member's own first, the one that the authority admitted last
   */
  refusalOf(hosts: readonly Uint8Array[]): Revocation | undefined {
    for (const [i, host] of hosts.entries()) {
      const removal = this.#removals.get(toHex(host));
      if (removal === undefined) continue;
      const admitted = hosts[i - 1]; // by the removed one
      if (admitted === undefined || !removal.kept.has(toHex(admitted))) return removal.told;
    }
    return undefined;
  }

  /** Whether a chain leads through a removed host, kept or not: time to be certified by another. */
  isShaken(hosts: readonly Uint8Array[]): boolean {
    return hosts.some((host) => this.#removals.has(toHex(host)));
  }

  #add(revocation: Revocation): void {
    const name = toHex(revocation.host);
    const known = this.#removals.get(name);
    const kept = new Set(revocation.kept.map(toHex));
    if (known === undefined) this.#removals.set(name, { told: revocation, kept });
    else
      this.#removals.set(name, {
        told: known.told.revokedAtMs <= revocation.revokedAtMs ? known.told : revocation,
        kept: known.kept.intersection(kept),
      });
  }
}

export const NOBODY_REVOKED = new Revoked([]);
