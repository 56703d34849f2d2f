/**
 * What the lease inside a subnet promises: one live holder for each slot, and no way back for what a
 * slot's holder has told.
 *
 * A tenure is the time that a host holds a slot. It goes on from another one: from what its host had been told of the
 * slot when it took it. So tenures are a tree, whatever epochs the machines count, and what
 * was told in an ancestor of a tenure is older than what is told in that one. Tenures of two sides of a
 * cut link are neither, and either may yield.
 */
import type { Network } from "../network.ts";
import { RESEND_MAX_MS } from "../network.ts";
import type { SimHost } from "../sim-host.ts";
import type { PromiseName, Violation } from "../violation.ts";

export const LEASE_SLOTS = 4;
/** Of the former holder's death, when nothing is late. */
const HELD_WITHIN_MS = 2_000;
const ONE_WITHIN_MS = 3_000;
/** A host that was just started, or paused, waits for the others before it acts. */
const STEADY_MS = 8_000;

/** What a host keeps of a slot, as its holder told it. */
export interface Telling {
  readonly tenure: number;
  /** Writes of that tenure. */
  readonly count: number;
}

export interface LeaseRulesParts {
  readonly network: Network;
  running(): readonly SimHost[];
  tell(violations: readonly Violation[]): void;
}

interface Tenure {
  readonly host: string;
  /** That of what its holder had been told; 0: nothing. */
  readonly parent: number;
}

export class LeaseRules {
  readonly #parts: LeaseRulesParts;
  /** Number n at n - 1. */
  readonly #tenures: Tenure[] = [];
  readonly #sinceMs = new Map<SimHost, number>();
  /** When the last host of a link went, which may have been about to take a slot. */
  readonly #goneMs = new Map<number, number>();
  /** When a slot was last held by one of those that a host reaches, by host and slot. */
  readonly #heldMs = new Map<string, number>();
  /** Since when several hosts hold a slot that hear each other, by all that do, and slot. */
  readonly #twoSinceMs = new Map<string, number>();
  /** When the last storm was over for long enough. */
  #calmMs = 0;

  constructor(parts: LeaseRulesParts) {
    this.#parts = parts;
  }

  /** It starts, stands still, goes on, or is in another subnet. */
  onChange(host: SimHost): void {
    this.#sinceMs.set(host, this.#nowMs);
    if (!host.isUp || host.isPaused) this.#goneMs.set(host.place.link, this.#nowMs);
  }

  /**
   * A host takes a slot. @returns the number of its tenure
   *
   * @param told    of the tenure that it goes on from; 0: it knows nothing
   * @param others  the same of those that it hears
   */
  take(host: string, slot: number, told: number, others: readonly number[]): number {
    const newer = others.find((other) => this.#isAncestor(told, other));
    if (newer !== undefined)
      this.#tell(
        "lease-stale",
        `${host} takes slot ${slot} with what ${this.#name(told)} told; it hears a host that knows what ${this.#name(newer)} did`,
      );
    return this.#tenures.push({ host, parent: told });
  }

  /** What a host knows of a slot is something else from now on. */
  hear(host: string, slot: number, old: Telling | undefined, next: Telling): void {
    if (old === undefined) return;
    const isOlder = next.tenure === old.tenure && next.count < old.count;
    if (!isOlder && !this.#isAncestor(next.tenure, old.tenure)) return;
    const what = `${host} had slot ${slot} from ${this.#name(old.tenure)} and takes in what ${this.#name(next.tenure)} told before that`;
    this.#tell("lease-stale", what);
  }

  /** To be called several times a second. */
  look(): void {
    const { network } = this.#parts;
    if (network.trouble.frameLoss > 0.1) this.#calmMs = this.#nowMs + STEADY_MS;
    for (const hosts of this.#groups())
      for (let slot = 0; slot < LEASE_SLOTS; slot++) this.#lookAt(hosts, slot);
  }

  #lookAt(hosts: readonly SimHost[], slot: number): void {
    const { network } = this.#parts;
    const lateMs = network.trouble.frameLoss > 0 ? RESEND_MAX_MS : 0;
    const names = hosts.map((host) => host.name);
    const holders = hosts.filter(({ process }) => process?.lease.acts(slot) === true);
    if (holders.length > 0)
      for (const name of names) this.#heldMs.set(`${name} ${slot}`, this.#nowMs);
    const heldMs = Math.max(...names.map((name) => this.#heldMs.get(`${name} ${slot}`) ?? 0));
    const steadyMs = STEADY_MS + Math.min(...hosts.map((host) => this.#sinceMs.get(host) ?? 0));
    const goneMs = this.#goneMs.get(hosts[0]!.place.link) ?? 0;
    const fromMs = Math.max(steadyMs, network.quietSinceMs, goneMs, heldMs);
    if (this.#nowMs - fromMs > HELD_WITHIN_MS + lateMs) {
      this.#tell("lease-held", `nobody holds slot ${slot}, though ${names.join(" ")} lives`);
      for (const name of names) this.#heldMs.set(`${name} ${slot}`, Infinity);
    }
    const key = `${names.join(" ")} ${slot}`;
    if (holders.length < 2 || !this.#areLinked(hosts)) this.#twoSinceMs.delete(key);
    else if (!this.#twoSinceMs.has(key)) this.#twoSinceMs.set(key, this.#nowMs);
    const twoMs = Math.max(this.#calmMs, this.#twoSinceMs.get(key) ?? Infinity);
    if (this.#nowMs - twoMs > ONE_WITHIN_MS + lateMs) {
      const both = holders.map((host) => host.name).join(" and ");
      this.#tell("lease-one", `${both} hold slot ${slot}, and hear each other`);
      this.#twoSinceMs.set(key, Infinity);
    }
  }

  #areLinked(hosts: readonly SimHost[]): boolean {
    return hosts.every((host) =>
      hosts.every((other) => host === other || host.process?.lease.hears(other.key.id) === true),
    );
  }

  /** Hosts of one subnet that reach each other. */
  #groups(): readonly (readonly SimHost[])[] {
    const { network, running } = this.#parts;
    const live = running().filter(
      ({ process, session, isPaused }) =>
        process?.lease.isRunning === true && session !== undefined && !isPaused,
    );
    const isTogether = (a: SimHost, b: SimHost): boolean =>
      a.place.link === b.place.link &&
      a.session?.subnetId === b.session?.subnetId &&
      network.isReachable(a.place, b.place);
    const groups = Map.groupBy(live, (host) => live.find((one) => isTogether(one, host)));
    return [...groups.values()];
  }

  /** Whether a tenure led to another one. */
  #isAncestor(tenure: number, of: number): boolean {
    let at = of === 0 ? 0 : this.#tenures[of - 1]!.parent;
    if (tenure === 0) return of !== 0;
    while (at > tenure) at = this.#tenures[at - 1]!.parent;
    return at === tenure;
  }

  #name(tenure: number): string {
    return tenure === 0 ? "nobody" : `${this.#tenures[tenure - 1]!.host} (tenure ${tenure})`;
  }

  get #nowMs(): number {
    return this.#parts.network.scheduler.nowMs;
  }

  #tell(promise: PromiseName, what: string): void {
    this.#parts.tell([{ promise, atMs: this.#nowMs, what }]);
  }
}
