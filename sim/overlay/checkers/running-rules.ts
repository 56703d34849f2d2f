/** What must hold at every moment: of tables when hosts come and go, and of host sets. */
import type { RoutingEvent } from "../../../overlay/cores.ts";
import type { Network } from "../network.ts";
import type { SimHost } from "../sim-host.ts";
import type { SimSession } from "../sim-session.ts";
import type { Violation } from "../violation.ts";
import type { SeenClaim } from "./membership-rules.ts";

/** A host or a way that is younger may have been missed for a good reason. */
const STEADY_MS = 25_000;

export interface RunningParts {
  readonly network: Network;
  running(): readonly SimHost[];
  tell(violations: readonly Violation[]): void;
}

export class RunningRules {
  /** Every claim under which a host entered a subnet. */
  readonly claims: SeenClaim[] = [];
  /** Subnet that each host is in, or was in last. */
  readonly lastIn = new Map<SimHost, string>();
  readonly #parts: RunningParts;
  /** When each host entered its present subnet, or left its last. */
  readonly #sinceMs = new Map<SimHost, number>();
  /** Greatest version of each set seen at each session. */
  readonly #versions = new WeakMap<SimSession, Map<string, bigint>>();

  constructor(parts: RunningParts) {
    this.#parts = parts;
  }

  onSession(host: SimHost, session: SimSession | undefined): void {
    const { nowMs } = this.#parts.network.scheduler;
    this.#sinceMs.set(host, nowMs);
    if (session === undefined) return;
    this.lastIn.set(host, session.subnetId);
    this.claims.push({ link: host.place.link, atMs: nowMs, claim: session.claim });
  }

  /** Whoever stands still is not missed without a reason. */
  onPause(host: SimHost): void {
    this.#sinceMs.set(host, this.#parts.network.scheduler.nowMs);
  }

  /** Notes the claims of those that run now. @returns how many were noted before */
  noteClaims(): number {
    const before = this.claims.length;
    for (const host of this.#parts.running())
      if (host.session !== undefined)
        this.claims.push({
          link: host.place.link,
          atMs: this.#parts.network.scheduler.nowMs,
          claim: host.session.claim,
        });
    return before;
  }

  /** No table loses a subnet of which a host lives that could be reached all along. */
  onRouting(host: SimHost, { type, subnetId }: RoutingEvent): void {
    const { network, running, tell } = this.#parts;
    const { nowMs } = network.scheduler;
    const isSteady = (one: SimHost): boolean =>
      nowMs - (this.#sinceMs.get(one) ?? nowMs) > STEADY_MS;
    if (type !== "removed" || nowMs - network.quietSinceMs < STEADY_MS) return;
    if (!isSteady(host) || !network.isWhole) return;
    const living = running().filter((one) => one.session?.subnetId === subnetId);
    const steady = living.filter(isSteady);
    if (steady.length === 0) return;
    const names = steady.map(({ name }) => name).join(" ");
    const what = `${host.name} drops ${subnetId.slice(0, 8)} from its table, where ${names} lives`;
    tell([{ promise: "table-calm", atMs: nowMs, what }]);
  }

  /** What a host knows of a subnet's set only grows newer; to be called often. */
  look(): void {
    const { running, tell, network } = this.#parts;
    for (const { name, session } of running()) {
      if (session === undefined) continue;
      const seen = this.#versions.get(session) ?? new Map<string, bigint>();
      this.#versions.set(session, seen);
      const own = session.hostSet === undefined ? [] : [session.hostSet];
      for (const { subnetId, version } of [...own, ...session.book.all()]) {
        const known = seen.get(subnetId) ?? 0n;
        if (version < known) {
          const what = `${name} went back from version ${known} of ${subnetId.slice(0, 8)} to ${version}`;
          tell([{ promise: "set-goes-back", atMs: network.scheduler.nowMs, what }]);
        } else seen.set(subnetId, version);
      }
    }
  }
}
