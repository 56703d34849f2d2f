/**
 * Host sets of other subnets as this host knows them: the newest version of each.
 */
import { isLeap, type HostSet, type SetHost } from "./host-set.ts";

/** Subnets remembered at most; the longest unheard makes room. */
export const SUBNETS_KNOWN_MAX = 4096;

export class SubnetBook {
  readonly #sets = new Map<string, HostSet>();

  get(subnetId: string): HostSet | undefined {
    return this.#sets.get(subnetId);
  }

  all(): readonly HostSet[] {
    return [...this.#sets.values()];
  }

  /** Takes a verified set in; false when it is no news. */
  consider(set: HostSet): boolean {
    const known = this.#sets.get(set.subnetId);
    if (known !== undefined && set.version <= known.version) return false;
    if (known !== undefined && isLeap(known.version, set.version)) return false;
    this.#sets.delete(set.subnetId);
    this.#sets.set(set.subnetId, set);
    if (this.#sets.size > SUBNETS_KNOWN_MAX)
      this.#sets.delete(this.#sets.keys().next().value ?? "");
    return true;
  }

  /**
   * Takes those hosts out of every set that do not hold any more.
   *
   * @returns the subnets that have none left
   */
  strike(isOut: (host: SetHost) => boolean): string[] {
    const emptied: string[] = [];
    for (const [subnetId, set] of this.#sets) {
      const hosts = set.hosts.filter((host) => !isOut(host));
      if (hosts.length === set.hosts.length) continue;
      this.#sets.set(subnetId, { ...set, hosts });
      if (hosts.length === 0) emptied.push(subnetId);
    }
    return emptied;
  }

  forget(subnetId: string): void {
    this.#sets.delete(subnetId);
  }
}
