/**
 * A simulated host: its disk and keys, which last, and the process that runs on it, which may not.
 *
 * What a process does is put together as in `overlay/io/overlay-host.ts`.
 */
import { createRandom, type Random } from "../../platform/random.ts";
import { isEqualBytes } from "../../platform/bytes.ts";
import {
  hostTagOf,
  type KeyPair,
  type Membership,
  type RoutingEvent,
} from "../../overlay/cores.ts";
import type { LeaseRules } from "./checkers/lease-rules.ts";
import { HostTime, type ClockError } from "./host-time.ts";
import type { Place } from "./network.ts";
import { SimDisk } from "./sim-disk.ts";
import { SimProcess } from "./sim-process.ts";
import type { SimSession } from "./sim-session.ts";
import type { Transport } from "./transport.ts";

/** What all hosts of a run share. */
export interface Surroundings {
  readonly transport: Transport;
  readonly overlayId: Uint8Array;
  readonly admittedAtMs: number;
  readonly replicas: number;
  places(): Iterable<Place>;
  placeOf(ip: string): Place | undefined;
  freshSeed(): Uint8Array;
  /** What `host` did, for the trace. */
  note(host: SimHost, text: string): void;
  onRoutingEvent(host: SimHost, event: RoutingEvent): void;
  /** The host is in that subnet now, or in none. */
  onSession(host: SimHost, session: SimSession | undefined): void;
  /** The host stands still, or goes on. */
  onPause(host: SimHost): void;
  readonly leases: LeaseRules;
}

export class SimHost {
  readonly place: Place;
  readonly key: KeyPair;
  readonly membership: Membership;
  disk = new SimDisk();
  /** Absent while the host is off. */
  process: SimProcess | undefined;
  /** When the present process began. */
  startedMs = 0;
  /** It is gone for good. */
  isRetired = false;
  readonly #around: Surroundings;
  readonly #clockError: ClockError;
  readonly #random: Random;

  constructor(
    place: Place,
    identity: { readonly key: KeyPair; readonly membership: Membership },
    around: Surroundings,
    clockError: ClockError,
    random: Random,
  ) {
    this.place = place;
    this.key = identity.key;
    this.membership = identity.membership;
    this.#around = around;
    this.#clockError = clockError;
    this.#random = random;
  }

  get name(): string {
    return this.place.name;
  }

  get tag(): string {
    return hostTagOf(this.key.id);
  }

  get isUp(): boolean {
    return this.process !== undefined;
  }

  /** The session, when the host runs and is in a subnet. */
  get session(): SimSession | undefined {
    return this.process?.session;
  }

  get isPaused(): boolean {
    return this.process?.time.isPaused === true;
  }

  /** Its process does nothing until `resume`. */
  pause(): void {
    this.#around.note(this, "is paused");
    this.process?.time.pause();
    this.#around.onPause(this);
  }

  resume(): void {
    this.#around.note(this, "goes on");
    this.process?.time.resume();
    this.#around.onPause(this);
  }

  start(): void {
    const { transport } = this.#around;
    const { scheduler } = transport.network;
    transport.setUp(this.place, true);
    this.startedMs = scheduler.nowMs;
    const time = new HostTime(scheduler, this.#clockError, this.#random.below(1_000_000));
    const random = createRandom(this.#random.below(2 ** 32));
    this.#around.note(this, "starts");
    this.process = new SimProcess({ ...this.#around, host: this, time, random });
    this.process.begin();
  }

  /** @param isSilent the power goes: no word to anybody; else the process alone is killed */
  crash(isSilent: boolean): void {
    this.#around.note(this, isSilent ? "loses power" : "is killed");
    if (isSilent) this.#around.transport.setUp(this.place, false);
    this.process?.kill(isSilent);
    this.process = undefined;
    this.#around.onSession(this, undefined);
  }

  /** Leaves in good order; resolves when it is gone. */
  async leave(): Promise<void> {
    this.#around.note(this, "leaves");
    const { process } = this;
    await process?.stop();
    if (this.process !== process) return; // it was killed meanwhile
    this.process = undefined;
    this.#around.onSession(this, undefined);
  }

  /** Its disk is no more: what comes back is another host. */
  retire(): void {
    this.isRetired = true;
    this.disk = new SimDisk();
    this.#around.transport.setUp(this.place, false);
  }

  isPublisher(publisher: Uint8Array): boolean {
    return isEqualBytes(publisher, this.key.publicKey);
  }
}
