/**
 * Who publishes the host set, and when: the agreement of siblings on one versioned record.
 *
 * Every host sees its siblings come (a hello) and go (a signed leave, a failed stream). The live
 * host with the smallest key publishes; the one of rank r steps in r seconds later, so a hung
 * publisher delays the truth and never blocks it.
 *
 * A set heard with a greater version is adopted. Hosts in it that this host has not met are
 * believed on that word until their statement runs out: when a link is cut in two and both halves
 * still reach the overlay, each names its own hosts, and the set converges to the union instead of
 * changing for ever. A host that this host saw go is not believed back for a while, and
 * contradicting a heard set waits longer each time.
 *
 * A set names 16 hosts at most. Where there are more, any 16 live ones are right, so that a host
 * which comes or goes unnamed changes nothing; once a minute others have their turn.
 *
 * mDHT §3.3.3-3.3.4 (authoritative list from the hosts themselves, push).
 */
import type { Machine, Tick } from "../../platform/machine.ts";
import {
  digestHosts,
  HOSTS_ANNOUNCED_MAX,
  nextVersion,
  sortHosts,
  type SetHost,
} from "./host-set.ts";

export type HostSetEvent =
  /** A sibling's proven hello, or its fresh statement. */
  | { readonly type: "host-up"; readonly host: SetHost }
  | { readonly type: "host-down"; readonly id: string }
  /** A verified set of this subnet, from a sibling, a neighbour or a hand-over. */
  | { readonly type: "set-heard"; readonly version: bigint; readonly hosts: readonly SetHost[] };

export type HostSetAction =
  /** Sign these hosts under this version and tell everyone. */
  | { readonly type: "publish"; readonly version: bigint; readonly hosts: readonly SetHost[] }
  /** The heard set is newer: serve its bytes from now on. */
  | { readonly type: "adopt"; readonly version: bigint }
  | { readonly type: "live-changed" };

/** How long a host's statement counts after receipt. */
export const STATEMENT_GOOD_FOR_MS = 10 * 60_000;
/** Changes that come together are published together. */
const DEBOUNCE_MS = 15;
const RANK_DELAY_MS = 1_000;
const CONTRADICTION_DELAY_MS = 1_000;
const CONTRADICTION_DELAY_MAX_MS = 32_000;
const CALM_MS = 60_000;
/** How long 16 of more hosts are named. */
const TURN_MS = 60_000;
/** A host seen to go is not believed back on another's word for this long. */
const DISBELIEF_MS = 20_000;

interface Live {
  readonly host: SetHost;
  /** Met over a connection; such a host does not run out. */
  readonly isDirect: boolean;
  readonly untilMs: number;
}

export class HostSetMachine implements Machine<HostSetEvent, HostSetAction> {
  readonly #self: string;
  readonly #live = new Map<string, Live>();
  readonly #gone = new Map<string, { readonly sequence: number; readonly untilMs: number }>();
  #version: bigint;
  #publishedDigest = "";
  /** Ids in the present set. */
  #named: readonly string[] = [];
  /** Version of the set that named a host last, for as long as it lives. */
  readonly #namedIn = new Map<string, bigint>();
  #publishAtMs = 0;
  /** When hosts were last named in place of others that live on. */
  #turnedAtMs = 0;
  #contradictions = 0;
  #lastContradictionMs = -Infinity;

  /** @param version greatest version known before the start, 0 when none */
  constructor(self: SetHost, version: bigint) {
    this.#self = self.id;
    this.#version = version;
    this.#live.set(self.id, { host: self, isDirect: true, untilMs: Infinity });
  }

  get wakeAtMs(): number {
    let wakeAtMs = Math.min(this.#publishAtMs, this.#turnAtMs);
    for (const { untilMs } of this.#live.values()) wakeAtMs = Math.min(wakeAtMs, untilMs);
    return wakeAtMs;
  }

  get version(): bigint {
    return this.#version;
  }

  /** Live hosts as this host sees them, by key. */
  get hosts(): readonly SetHost[] {
    return sortHosts([...this.#live.values()].map((live) => live.host));
  }

  step(event: HostSetEvent | Tick, nowMs: number): readonly HostSetAction[] {
    switch (event.type) {
      case "host-up":
        return this.#onUp(event.host, nowMs);
      case "host-down":
        return this.#onDown(event.id, nowMs);
      case "set-heard":
        return this.#onHeard(event.version, event.hosts, nowMs);
      case "tick":
        return this.#onTick(nowMs);
    }
  }

  #onUp(host: SetHost, nowMs: number): readonly HostSetAction[] {
    const known = this.#live.get(host.id);
    const isNewer = known === undefined || host.sequence > known.host.sequence;
    this.#gone.delete(host.id);
    this.#live.set(host.id, {
      host: isNewer ? host : known.host,
      isDirect: true,
      untilMs: Infinity,
    });
    if (!isNewer) return [];
    this.#schedule(nowMs, DEBOUNCE_MS);
    return [{ type: "live-changed" }];
  }

  #onDown(id: string, nowMs: number): readonly HostSetAction[] {
    const known = this.#live.get(id);
    if (id === this.#self || known === undefined) return [];
    this.#live.delete(id);
    this.#namedIn.delete(id);
    this.#gone.set(id, { sequence: known.host.sequence, untilMs: nowMs + DISBELIEF_MS });
    this.#schedule(nowMs, DEBOUNCE_MS);
    return [{ type: "live-changed" }];
  }

  #onHeard(version: bigint, hosts: readonly SetHost[], nowMs: number): readonly HostSetAction[] {
    if (version <= this.#version) return [];
    this.#note(version, hosts, nowMs);
    const isChanged = this.#believe(hosts, nowMs);
    this.#publishAtMs = Infinity;
    if (this.#isContradicted()) this.#schedule(nowMs, this.#contradictionDelayMs(nowMs));
    const adopt: HostSetAction = { type: "adopt", version };
    return isChanged ? [adopt, { type: "live-changed" }] : [adopt];
  }

  /** Takes in hosts on another's word, and lets go of those taken so that it no longer names. */
  #believe(hosts: readonly SetHost[], nowMs: number): boolean {
    let isChanged = false;
    const named = new Set(hosts.map((host) => host.id));
    for (const [id, live] of this.#live)
      if (!live.isDirect && !named.has(id)) isChanged = this.#live.delete(id);
    for (const host of hosts) {
      const known = this.#live.get(host.id);
      const gone = this.#gone.get(host.id);
      if (gone !== undefined && gone.untilMs > nowMs && host.sequence <= gone.sequence) continue;
      if (known !== undefined && host.sequence <= known.host.sequence) continue;
      const isDirect = known?.isDirect ?? false;
      const untilMs = isDirect ? Infinity : nowMs + STATEMENT_GOOD_FOR_MS;
      this.#live.set(host.id, { host, isDirect, untilMs });
      isChanged = true;
    }
    return isChanged;
  }

  #onTick(nowMs: number): readonly HostSetAction[] {
    const actions: HostSetAction[] = [];
    for (const [id, live] of this.#live) {
      if (live.untilMs > nowMs) continue;
      this.#live.delete(id);
      actions.push({ type: "live-changed" });
      this.#schedule(nowMs, DEBOUNCE_MS);
    }
    const isTurn = nowMs >= this.#turnAtMs;
    if (nowMs < this.#publishAtMs && !isTurn) return actions;
    this.#publishAtMs = Infinity;
    if (!isTurn && !this.#isContradicted()) return actions;
    const hosts = this.#choose(isTurn ? [] : this.#stillNamed());
    const version = nextVersion(this.#version, hosts);
    this.#note(version, hosts, nowMs);
    return [...actions, { type: "publish", version, hosts }];
  }

  #note(version: bigint, hosts: readonly SetHost[], nowMs: number): void {
    this.#version = version;
    this.#publishedDigest = digestHosts(hosts).toString("hex");
    const named = hosts.map(({ id }) => id);
    const isTurn = this.#stillNamed().some(({ id }) => !named.includes(id));
    if (isTurn || this.#named.length === 0) this.#turnedAtMs = nowMs;
    this.#named = named;
    for (const id of named) this.#namedIn.set(id, version);
  }

  /** When others are to be named, were nobody else to see to it before. */
  get #turnAtMs(): number {
    if (this.#live.size <= HOSTS_ANNOUNCED_MAX || this.#named.length === 0) return Infinity;
    return this.#turnedAtMs + TURN_MS + this.#rank * RANK_DELAY_MS;
  }

  /** The set names somebody who is not there as it says, or fewer than it could. */
  #isContradicted(): boolean {
    const named = this.#stillNamed();
    const isShort = named.length < Math.min(HOSTS_ANNOUNCED_MAX, this.#live.size);
    return isShort || digestHosts(named).toString("hex") !== this.#publishedDigest;
  }

  #stillNamed(): SetHost[] {
    return this.#named.flatMap((id) => this.#live.get(id)?.host ?? []);
  }

  /** Those kept, and as many more as fit: who was named longest ago first. */
  #choose(kept: readonly SetHost[]): readonly SetHost[] {
    const others = this.hosts.filter((host) => !kept.includes(host));
    const turn = (host: SetHost): bigint => this.#namedIn.get(host.id) ?? -1n;
    others.sort((a, b) => (turn(a) < turn(b) ? -1 : turn(a) > turn(b) ? 1 : 0)); // else by key
    return sortHosts([...kept, ...others.slice(0, HOSTS_ANNOUNCED_MAX - kept.length)]);
  }

  #contradictionDelayMs(nowMs: number): number {
    if (nowMs - this.#lastContradictionMs > CALM_MS) this.#contradictions = 0;
    this.#lastContradictionMs = nowMs;
    const delayMs = CONTRADICTION_DELAY_MS * 2 ** this.#contradictions++;
    // The first time it is most likely a change that crossed another on its way.
    return this.#contradictions === 1
      ? 4 * DEBOUNCE_MS
      : Math.min(CONTRADICTION_DELAY_MAX_MS, delayMs);
  }

  /** Of this host among the live ones, by key. */
  get #rank(): number {
    return this.hosts.findIndex((host) => host.id === this.#self);
  }

  #schedule(nowMs: number, delayMs: number): void {
    if (!this.#isContradicted()) {
      this.#publishAtMs = Infinity;
      return;
    }
    const dueMs = nowMs + delayMs + this.#rank * RANK_DELAY_MS;
    this.#publishAtMs = Math.min(this.#publishAtMs, dueMs);
  }
}
