/**
 * One port that the router maps to this host: asked for, proven by others, renewed, given back.
 *
 * The router's word counts for nothing until another subnet has dialled this host there. Whoever
 * drives it asks the router (`ask`, `check`, `unmap`), has others dial (`prove`) and tells what came
 * of it; answers to questions of before a move carry an older turn and are ignored. RFC 6886 §3.3,
 * §3.6-3.7 for when to renew and how to notice a router that forgot.
 */
import type { Machine, Tick } from "../../platform/machine.ts";
import { parseAddress } from "../address.ts";
import { isPublicIpv4 } from "./outer-address.ts";

export interface Grant {
  readonly protocol: "nat-pmp" | "upnp";
  /** `ADDRESS:PORT` beyond the router. */
  readonly outer: string;
  readonly lifetimeMs: number;
}

interface Turned {
  /** As the action said. */
  readonly turn: number;
}

export type MappingEvent =
  /** This host cannot be dialled, or may not be. */
  | { readonly type: "wanted" }
  /** It can be without; what it has it keeps. */
  | { readonly type: "unwanted" }
  | (Turned & { readonly type: "granted"; readonly grant: Grant })
  | (Turned & { readonly type: "refused"; readonly reason: string })
  /** Whether others have dialled this host there; null: nobody was there to try. */
  | (Turned & { readonly type: "proof"; readonly isReached: boolean | null })
  /** Whether the router still has it; null: the router is silent. */
  | (Turned & { readonly type: "checked"; readonly isThere: boolean | null })
  /** The router has forgotten what it mapped. */
  | { readonly type: "lost" }
  /** Others can no longer dial this host, there or elsewhere. */
  | { readonly type: "doubted" }
  /** Another router, or another address of this host: what was mapped is out of reach. */
  | { readonly type: "moved" };

export type MappingAction =
  /** Ask the router; `outer` is what it has granted before, `attempt` counts refused proofs. */
  | (Turned & { readonly type: "ask"; readonly outer: string | null; readonly attempt: number })
  /** Have others dial this host at the grant's outer address. */
  | (Turned & { readonly type: "prove"; readonly outer: string })
  | (Turned & { readonly type: "check"; readonly grant: Grant })
  | { readonly type: "unmap"; readonly grant: Grant }
  /** What may be announced is other than before. */
  | { readonly type: "changed" };

export const MAPPING_LIFETIME_MS = 3_600_000;
/** A router may grant less, not so little that nothing else is done. */
const LIFETIME_MIN_MS = 20_000;
const CHECK_EVERY_MS = 30_000;
/** A router that is silent may be starting anew. */
const CHECK_SILENT_MS = 5_000;
const PROVE_RETRY_MS = 3_000;
const PROVE_RETRY_MAX_MS = 60_000;
const RENEW_RETRY_MIN_MS = 5_000;
const REST_MS = 30_000;
const REST_MAX_MS = 3_600_000;

interface Held {
  readonly grant: Grant;
  readonly expiresAtMs: number;
  renewAtMs: number;
  checkAtMs: number;
  /** Infinity once proven. */
  proveAtMs: number;
}

export class MappingMachine implements Machine<MappingEvent, MappingAction> {
  #isWanted = false;
  #held: Held | undefined;
  #isProven = false;
  #trouble = "";
  #turn = 0;
  #attempt = 0;
  #isAsking = false;
  #isProving = false;
  #isChecking = false;
  #askAtMs = -Infinity;
  #restMs = REST_MS;
  #proveRetryMs = PROVE_RETRY_MS;

  /** What the router has granted, believed or not. */
  get grant(): Grant | undefined {
    return this.#held?.grant;
  }

  /** When the router forgets it, unless renewed. */
  get expiresAtMs(): number {
    return this.#held?.expiresAtMs ?? -Infinity;
  }

  /** The outer address that others have dialled; only this one may be announced. */
  get proven(): string | null {
    return this.#isProven ? (this.#held?.grant.outer ?? null) : null;
  }

  /** Why there is none; empty when there is, or nobody asked. */
  get trouble(): string {
    return this.#trouble;
  }

  get wakeAtMs(): number {
    const held = this.#held;
    if (held === undefined) return this.#isWanted && !this.#isAsking ? this.#askAtMs : Infinity;
    return Math.min(
      held.expiresAtMs,
      this.#isAsking ? Infinity : held.renewAtMs,
      this.#isChecking || this.#isAsking ? Infinity : held.checkAtMs,
      this.#isProving ? Infinity : held.proveAtMs,
    );
  }

  step(event: MappingEvent | Tick, nowMs: number): readonly MappingAction[] {
    if ("turn" in event && event.turn !== this.#turn) return [];
    switch (event.type) {
      case "wanted":
        this.#isWanted = true;
        return this.#onTick(nowMs);
      case "unwanted":
        this.#isWanted = false;
        if (this.#held === undefined) this.#trouble = "";
        return [];
      case "granted":
        return this.#onGranted(event.grant, nowMs);
      case "refused":
        return this.#onRefused(event.reason, nowMs);
      case "proof":
        return this.#onProof(event.isReached, nowMs);
      case "checked":
        return this.#onChecked(event.isThere, nowMs);
      case "lost":
        return this.#held === undefined || this.#isAsking ? [] : [this.#ask()];
      case "doubted":
        return this.#onDoubted(nowMs);
      case "moved":
        return this.#forget(nowMs);
      case "tick":
        return this.#onTick(nowMs);
    }
  }

  #onTick(nowMs: number): readonly MappingAction[] {
    const held = this.#held;
    if (held === undefined)
      return this.#isWanted && !this.#isAsking && this.#askAtMs <= nowMs ? [this.#ask()] : [];
    if (held.expiresAtMs <= nowMs) {
      const gone = this.#drop();
      this.#trouble = "the mapping was not renewed in time";
      return this.#isWanted && !this.#isAsking ? [...gone, this.#ask()] : gone;
    }
    const actions: MappingAction[] = [];
    if (!this.#isAsking && held.renewAtMs <= nowMs) actions.push(this.#ask());
    else if (!this.#isAsking && !this.#isChecking && held.checkAtMs <= nowMs) {
      this.#isChecking = true;
      actions.push({ type: "check", turn: this.#turn, grant: held.grant });
    }
    if (!this.#isProving && held.proveAtMs <= nowMs) actions.push(this.#prove(held));
    return actions;
  }

  #onGranted(grant: Grant, nowMs: number): readonly MappingAction[] {
    const outerHost = parseAddress(grant.outer).host;
    if (!isPublicIpv4(outerHost)) {
      const actions = [...this.#drop(), { type: "unmap", grant } as const];
      const why = `the router's own outer address is ${outerHost}, so another router is before it`;
      return [...actions, ...this.#onRefused(why, nowMs)];
    }
    return this.#take(grant, nowMs);
  }

  #take(grant: Grant, nowMs: number): readonly MappingAction[] {
    const lifetimeMs = Math.min(MAPPING_LIFETIME_MS, Math.max(LIFETIME_MIN_MS, grant.lifetimeMs));
    const isSame = this.#held?.grant.outer === grant.outer;
    const wasProven = this.#isProven;
    this.#isAsking = false;
    this.#trouble = "";
    this.#isProven = wasProven && isSame;
    this.#held = {
      grant,
      expiresAtMs: nowMs + lifetimeMs,
      renewAtMs: nowMs + lifetimeMs / 2,
      checkAtMs: nowMs + CHECK_EVERY_MS,
      proveAtMs: this.#isProven ? Infinity : nowMs,
    };
    if (!isSame) {
      this.#isProving = false;
      this.#isChecking = false;
      this.#proveRetryMs = PROVE_RETRY_MS;
      this.#turn++; // what is under way is about another address
    }
    const proves = this.#isProven || this.#isProving ? [] : [this.#prove(this.#held)];
    return wasProven && !isSame ? [...proves, { type: "changed" }] : proves;
  }

  #onRefused(reason: string, nowMs: number): readonly MappingAction[] {
    this.#isAsking = false;
    this.#trouble = reason;
    if (this.#held === undefined) this.#rest(nowMs);
    else {
      const leftMs = this.#held.expiresAtMs - nowMs;
      this.#held.renewAtMs = nowMs + Math.max(RENEW_RETRY_MIN_MS, leftMs / 4);
      this.#held.checkAtMs = this.#held.renewAtMs;
    }
    return [];
  }

  #onProof(isReached: boolean | null, nowMs: number): readonly MappingAction[] {
    const held = this.#held;
    this.#isProving = false;
    if (held === undefined) return [];
    if (isReached === true) {
      const isNews = !this.#isProven;
      this.#isProven = true;
      held.proveAtMs = Infinity;
      this.#restMs = REST_MS;
      this.#proveRetryMs = PROVE_RETRY_MS;
      return isNews ? [{ type: "changed" }] : [];
    }
    if (isReached === null) {
      held.proveAtMs = nowMs + this.#proveRetryMs;
      this.#proveRetryMs = Math.min(PROVE_RETRY_MAX_MS, 2 * this.#proveRetryMs);
      return [];
    }
    const { outer } = held.grant;
    const actions = [...this.#unmap(), ...this.#drop()];
    this.#trouble = `the router says ${outer}, but no other subnet reaches this host there`;
    this.#attempt++;
    this.#rest(nowMs);
    return actions;
  }

  #onChecked(isThere: boolean | null, nowMs: number): readonly MappingAction[] {
    this.#isChecking = false;
    const held = this.#held;
    if (held === undefined) return [];
    held.checkAtMs = nowMs + (isThere === null ? CHECK_SILENT_MS : CHECK_EVERY_MS);
    return isThere === false && !this.#isAsking ? [this.#ask()] : [];
  }

  #onDoubted(nowMs: number): readonly MappingAction[] {
    const held = this.#held;
    if (held === undefined || !this.#isProven) return [];
    this.#isProven = false;
    held.proveAtMs = nowMs;
    return this.#isProving ? [{ type: "changed" }] : [{ type: "changed" }, this.#prove(held)];
  }

  #forget(nowMs: number): readonly MappingAction[] {
    const actions = this.#drop();
    this.#isAsking = false;
    this.#trouble = "";
    this.#attempt = 0;
    this.#restMs = REST_MS;
    this.#askAtMs = nowMs;
    this.#turn++;
    return this.#isWanted ? [...actions, this.#ask()] : actions;
  }

  #ask(): MappingAction {
    this.#isAsking = true;
    const outer = this.#held?.grant.outer ?? null;
    return { type: "ask", turn: this.#turn, outer, attempt: this.#attempt };
  }

  #prove({ grant }: Held): MappingAction {
    this.#isProving = true;
    return { type: "prove", turn: this.#turn, outer: grant.outer };
  }

  #unmap(): readonly MappingAction[] {
    return this.#held === undefined ? [] : [{ type: "unmap", grant: this.#held.grant }];
  }

  #drop(): readonly MappingAction[] {
    const wasProven = this.#isProven;
    this.#held = undefined;
    this.#isProven = false;
    this.#isProving = false;
    this.#isChecking = false;
    return wasProven ? [{ type: "changed" }] : [];
  }

  #rest(nowMs: number): void {
    this.#askAtMs = nowMs + this.#restMs;
    this.#restMs = Math.min(REST_MAX_MS, 2 * this.#restMs);
  }
}
