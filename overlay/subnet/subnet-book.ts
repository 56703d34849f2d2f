/**
 * Host sets of other subnets as this host knows them: the newest version of each, as long as its
 * statements hold.
 *
 * A statement is counted down from its receipt, on no clock but this host's monotonic one, and anew
 * when its host has stated again. A set without a host left counts as unknown; its version is kept,
 * so that it is no news when somebody brings it back.
 */
import { isLeap, mayLeapTo, type HostSet, type SetHost } from "./host-set.ts";

/** Subnets remembered at most; the longest unheard makes room. */
export const SUBNETS_KNOWN_MAX = 4096;
/**
 * Subnets that one host may stand for at a time. It is in one, and remembered in those it was
 * carried from until their statements run out; more of them are made up.
 */
export const SUBNETS_PER_HOST_MAX = 4;
/** A statement counts no longer than this, whatever it says. */
export const GOOD_FOR_MAX_MS = 3_600_000;

export class SubnetBook {
  readonly #sets = new Map<string, HostSet>();
  /** The last sets of subnets whose statements have all run out. */
  readonly #expired = new Map<string, HostSet>();
  readonly #ends = new WeakMap<SetHost, number>();

  get(subnetId: string): HostSet | undefined {
    return this.#sets.get(subnetId);
  }

  all(): readonly HostSet[] {
    return [...this.#sets.values()];
  }

  /** The newest set that was heard of a subnet, whether or not its statements hold. */
  newest(subnetId: string): HostSet | undefined {
    return this.#sets.get(subnetId) ?? this.#expired.get(subnetId);
  }

  /**
   * Takes a verified set in; false when it is no news.
   *
   * A member can sign for itself alone, in as many subnets as it likes: a set whose every host
   * stands for several already takes the place of the one of those heard of longest ago.
   *
   * A version that leaps is refused while the known set holds: a host that was off for long has
   * an old one, which runs out.
   */
  consider(set: HostSet, nowMs: number): boolean {
    const { subnetId, version } = set;
    const known = this.newest(subnetId);
    if (known !== undefined && version <= known.version) return false;
    if (known !== undefined && isLeap(known.version, version))
      if (this.#sets.has(subnetId) || !mayLeapTo(version)) return false;
    if (!this.#makeRoom(set)) return false;
    for (const host of set.hosts) this.#ends.set(host, this.#endOf(host, known, nowMs));
    this.#drop(subnetId);
    putLast(this.#sets, set);
    return true;
  }

  /** Whether the hosts of a set may stand for one more; lets one go that rests on them alone. */
  #makeRoom(set: HostSet): boolean {
    if (set.hosts.length === 0) return true;
    const counts = new Map(set.hosts.map(({ id }) => [id, 0]));
    let oldest: string | undefined;
    for (const { subnetId, hosts } of this.#sets.values()) {
      if (subnetId === set.subnetId || hosts.length === 0) continue;
      for (const { id } of hosts) if (counts.has(id)) counts.set(id, counts.get(id)! + 1);
      if (hosts.every(({ id }) => counts.has(id))) oldest ??= subnetId;
    }
    if ([...counts.values()].some((count) => count < SUBNETS_PER_HOST_MAX)) return true;
    if (oldest === undefined) return false;
    this.#sets.delete(oldest);
    return true;
  }

  /** Takes out hosts whose statements have run out. */
  expire(nowMs: number): void {
    for (const [subnetId, set] of this.#sets) {
      const hosts = set.hosts.filter((host) => (this.#ends.get(host) ?? Infinity) > nowMs);
      if (hosts.length === set.hosts.length) continue;
      if (hosts.length > 0) this.#sets.set(subnetId, { ...set, hosts });
      else {
        this.#sets.delete(subnetId);
        putLast(this.#expired, set);
      }
    }
  }

  /** One that was not stated anew ends when it would have, or a dead host lived on in new sets. */
  #endOf(host: SetHost, known: HostSet | undefined, nowMs: number): number {
    const former = known?.hosts.find(({ id }) => id === host.id);
    const isSame = former !== undefined && former.sequence === host.sequence;
    const end = isSame ? this.#ends.get(former) : undefined;
    return end ?? nowMs + Math.min(host.goodForMs, GOOD_FOR_MAX_MS);
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

  /** No host is left: unknown from now on, but for the version that a set must pass to be news. */
  end(subnetId: string): void {
    const set = this.#sets.get(subnetId);
    if (set === undefined) return;
    this.#sets.delete(subnetId);
    putLast(this.#expired, set);
  }

  #drop(subnetId: string): void {
    this.#sets.delete(subnetId);
    this.#expired.delete(subnetId);
  }
}

/**
 * Whether a host has that set to tell: its own subnet's, ours as it knows it, or, as a sibling,
 * any that it heard.
 */
export function mayTell({ subnetId }: HostSet, sender: string, own: string): boolean {
  return subnetId === sender || subnetId === own || sender === own;
}

function putLast(sets: Map<string, HostSet>, set: HostSet): void {
  sets.set(set.subnetId, set);
  if (sets.size > SUBNETS_KNOWN_MAX) sets.delete(sets.keys().next().value ?? "");
}
