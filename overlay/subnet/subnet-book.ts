/**
 * Host sets of other subnets as this host knows them: the newest version of each.
 */
import { isLeap, type HostSet } from "./host-set.ts";

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
    if (known !== undefined && !isNewer(set, known)) return false;
    if (known !== undefined && isLeap(known.version, set.version)) return false;
    this.#sets.delete(set.subnetId);
    this.#sets.set(set.subnetId, set);
    if (this.#sets.size > SUBNETS_KNOWN_MAX)
      this.#sets.delete(this.#sets.keys().next().value ?? "");
    return true;
  }

  forget(subnetId: string): void {
    this.#sets.delete(subnetId);
  }
}

function isNewer(set: HostSet, known: HostSet): boolean {
  if (set.generation !== known.generation) return set.generation > known.generation;
  return set.version > known.version;
}
