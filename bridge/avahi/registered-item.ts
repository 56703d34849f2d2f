/** One service, or the addresses of one host, on its way into an entry group and in it. */
import type { Registration } from "../zeroconf/backend.ts";
import type { ZeroconfService } from "../zeroconf/service.ts";
import type { HostEntry } from "./entries.ts";

/** RFC 6762 §8.4. */
const CHANGES_MAX = 10;
const CHANGES_MS = 60_000;

export type RegisteredThing =
  | {
      readonly type: "service";
      registration: Registration;
      /** The names not tried yet. */
      readonly candidates: Iterator<string>;
      /** The name it has, or tries. */
      instance: string;
    }
  | {
      readonly type: "host";
      readonly entry: HostEntry;
      /** By services, and nobody waits for it. */
      readonly isBrought: boolean;
    };

export class RegisteredItem {
  readonly id: number;
  readonly what: RegisteredThing;
  /** When it fails if Avahi is not there by then. */
  limitMs: number;
  /** Nobody else can have the name: it is announced without probing. */
  isKnownOurs: boolean;
  /** It, or what shared a group with it, collided: it gets a group of its own. */
  isAlone = false;
  /** The name that its user knows of; null until it was registered, and empty for a host. */
  reportedInstance: string | null = null;
  collisions = 0;
  groupId: number | null = null;
  /** What the group was told; null while it is in none. */
  published: ZeroconfService | null = null;
  dueAtMs = 0;
  #isChanged = false;
  #changesMs: number[] = [];

  constructor(id: number, what: RegisteredThing, isKnownOurs: boolean, limitMs: number) {
    this.id = id;
    this.what = what;
    this.isKnownOurs = isKnownOurs;
    this.limitMs = limitMs;
  }

  get isReported(): boolean {
    return this.reportedInstance !== null;
  }

  get isBrought(): boolean {
    return this.what.type === "host" && this.what.isBrought;
  }

  /** When what has changed may be told; Infinity while nothing has. */
  get changeAtMs(): number {
    if (!this.#isChanged || this.published === null) return Infinity;
    if (this.#changesMs.length < CHANGES_MAX) return -Infinity;
    return this.#changesMs[0]! + CHANGES_MS;
  }

  get text(): string {
    const { what } = this;
    return what.type === "host"
      ? `the addresses of ${what.entry.host.join(".")}`
      : `"${what.registration.service.instance}" of ${what.registration.service.type}`;
  }

  enter(groupId: number): void {
    this.groupId = groupId;
    if (this.what.type === "service") this.published = this.what.registration.service;
    this.#isChanged = false;
  }

  /** From now on that is the service, whenever it gets into a group or may be changed there. */
  change(registration: Registration): void {
    if (this.what.type !== "service") return;
    this.what.registration = registration;
    this.#isChanged = true;
  }

  /** What to change in the group now; it counts as told. */
  takeChange(nowMs: number): { from: ZeroconfService; to: ZeroconfService } | null {
    if (this.what.type !== "service" || this.published === null || !this.#isChanged) return null;
    const from = this.published;
    this.published = this.what.registration.service;
    this.#isChanged = false;
    this.#changesMs = [...this.#changesMs.slice(1 - CHANGES_MAX), nowMs];
    return { from, to: this.published };
  }

  /** What its user is to hear now that a group with it is established. */
  report():
    | { readonly type: "registered"; readonly id: number; readonly instance: string }
    | {
        readonly type: "renamed";
        readonly id: number;
        readonly from: string;
        readonly to: string;
      }
    | null {
    const { id } = this;
    const instance = this.what.type === "service" ? this.what.instance : "";
    const from = this.reportedInstance;
    this.reportedInstance = instance;
    if (from === null) return { type: "registered", id, instance };
    return from === instance ? null : { type: "renamed", id, from, to: instance };
  }
}
