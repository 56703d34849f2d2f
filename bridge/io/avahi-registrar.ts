/** Drives a `RegistrarMachine` over the sessions with Avahi. */
import type { Clock } from "../../platform/clock.ts";
import { errorMessage } from "../../platform/errors.ts";
import { createDriver, type Driver } from "../../platform/io/driver.ts";
import type { Logger } from "../../platform/logger.ts";
import type { HostEntry } from "../avahi/entries.ts";
import { GROUP_STATE, type AvahiCall } from "../avahi/protocol.ts";
import type { RegistrarAction, RegistrarEvent } from "../avahi/registrar-events.ts";
import { RegistrarMachine } from "../avahi/registrar-machine.ts";
import { BridgeError, type BridgeErrorCode } from "../errors.ts";
import type { Registered, Registration } from "../zeroconf/backend.ts";
import type { ServiceId, ZeroconfService } from "../zeroconf/service.ts";
import type { AvahiConnector } from "./avahi-connector.ts";
import type { AvahiObject, AvahiSession } from "./avahi-session.ts";
import { BusCallError } from "./system-bus.ts";

export interface RegistrarListener {
  onRenamed(from: ServiceId, to: ServiceId): void;
  /** What is registered here is something else now. */
  onOwn(services: readonly ZeroconfService[]): void;
}

interface Waiting {
  readonly type: string;
  instance: string;
  readonly resolve: (instance: string) => void;
  readonly reject: (error: Error) => void;
  onWithdrawn: () => void;
}

interface LiveGroup {
  readonly session: AvahiSession;
  /** Settled when the group is made and committed. */
  readonly object: Promise<AvahiObject | null>;
  /** Calls go one after the other. */
  work: Promise<void>;
}

const NEW_GROUP: AvahiCall = { member: "EntryGroupNew", signature: "", body: [] };
const COMMIT: AvahiCall = { member: "Commit", signature: "", body: [] };

export class AvahiRegistrar {
  readonly #machine = new RegistrarMachine();
  readonly #driver: Driver<RegistrarEvent>;
  readonly #connector: AvahiConnector;
  readonly #log: Logger;
  readonly #listener: RegistrarListener;
  readonly #waiting = new Map<number, Waiting>();
  readonly #groups = new Map<number, LiveGroup>();
  #count = 0;

  constructor(connector: AvahiConnector, clock: Clock, log: Logger, listener: RegistrarListener) {
    this.#connector = connector;
    this.#log = log;
    this.#listener = listener;
    this.#driver = createDriver(this.#machine, clock, (action) => this.#perform(action));
    connector.listen({
      onUp: ({ interfaceIndex }) => this.#driver.feed({ type: "session-up", interfaceIndex }),
      onDown: () => {
        this.#groups.clear();
        this.#driver.feed({ type: "session-down" });
      },
    });
  }

  own(): readonly ZeroconfService[] {
    return [...this.#machine.registered()];
  }

  async register(registration: Registration, names: Iterator<string>): Promise<Registered> {
    const { type } = registration.service;
    const id = this.#count++;
    const instance = await this.#wait(id, type, () =>
      this.#driver.feed({ type: "register", id, registration, candidates: names }),
    );
    this.#tellOwn();
    return {
      instance,
      update: (service) => {
        this.#driver.feed({ type: "update", id, service });
        this.#tellOwn();
        return Promise.resolve();
      },
      withdraw: () => this.#withdraw(id),
    };
  }

  async registerHost(
    entry: HostEntry,
    isTakeover: boolean,
  ): Promise<{ withdraw(): Promise<void> }> {
    const id = this.#count++;
    await this.#wait(id, "", () =>
      this.#driver.feed({ type: "register-host", id, entry, isTakeover }),
    );
    return { withdraw: () => this.#withdraw(id) };
  }

  close(): void {
    this.#driver.stop();
    const error = new BridgeError("ERR_BRIDGE_BACKEND", "the connection to Avahi was closed");
    for (const { reject, onWithdrawn } of this.#waiting.values()) {
      reject(error);
      onWithdrawn();
    }
    this.#waiting.clear();
  }

  #wait(id: number, type: string, start: () => void): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { type, instance: "", resolve, reject, onWithdrawn: () => {} });
      start();
    });
  }

  async #withdraw(id: number): Promise<void> {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    await new Promise<void>((resolve) => {
      waiting.onWithdrawn = resolve;
      this.#driver.feed({ type: "withdraw", id });
      this.#tellOwn();
    });
  }

  #perform(action: RegistrarAction): void {
    switch (action.type) {
      case "make-group":
        return this.#makeGroup(action.group, action.calls);
      case "change-group":
        return this.#changeGroup(action.group, action.calls);
      case "free-group":
        return this.#freeGroup(action.group);
      case "registered":
        return this.#onRegistered(action.id, action.instance);
      case "renamed":
        return this.#onRenamed(action.id, action.from, action.to);
      case "withdrawn":
        this.#waiting.get(action.id)?.onWithdrawn();
        this.#waiting.delete(action.id);
        return;
      case "host-conflict":
        this.#log.warn("host name taken on the link", { host: action.host.join(".") });
        return;
      case "failed":
        return this.#onFailed(action.id, action.code, action.reason);
    }
  }

  #onRegistered(id: number, instance: string): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    waiting.instance = instance;
    waiting.resolve(instance);
  }

  #onRenamed(id: number, from: string, to: string): void {
    const type = this.#waiting.get(id)?.type;
    if (type === undefined) return;
    this.#tellOwn();
    this.#listener.onRenamed({ instance: from, type }, { instance: to, type });
  }

  #onFailed(id: number, code: BridgeErrorCode, reason: string): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    waiting?.reject(new BridgeError(code, reason));
    if (waiting?.instance !== "") this.#log.warn("lost on the link", { reason });
  }

  #tellOwn(): void {
    this.#listener.onOwn(this.own());
  }

  #makeGroup(id: number, calls: readonly AvahiCall[]): void {
    const { session } = this.#connector;
    if (session === null) return;
    const object = this.#fill(session, id, calls);
    this.#groups.set(id, { session, object, work: object.then(() => {}) });
  }

  async #fill(
    session: AvahiSession,
    id: number,
    calls: readonly AvahiCall[],
  ): Promise<AvahiObject | null> {
    let object: AvahiObject | null = null;
    try {
      object = await session.create("EntryGroup", NEW_GROUP, (member, body) =>
        this.#onGroupSignal(id, member, body),
      );
      const added = object;
      await Promise.all(calls.map((call) => added.call(call)));
      await object.call(COMMIT);
    } catch (error) {
      // A session that ended told of it already.
      if (session === this.#connector.session) this.#onGroupError(id, error);
    }
    return object;
  }

  #onGroupError(id: number, error: unknown): void {
    const isCollision =
      error instanceof BusCallError && error.errorName.endsWith(".CollisionError");
    this.#driver.feed(
      isCollision
        ? { type: "group-state", group: id, state: "collision" }
        : { type: "group-failed", group: id, reason: errorMessage(error) },
    );
  }

  #onGroupSignal(id: number, member: string, [state, reason]: readonly unknown[]): void {
    if (member !== "StateChanged") return;
    if (state === GROUP_STATE.established)
      this.#driver.feed({ type: "group-state", group: id, state: "established" });
    else if (state === GROUP_STATE.collision)
      this.#driver.feed({ type: "group-state", group: id, state: "collision" });
    else if (state === GROUP_STATE.failure)
      this.#driver.feed({ type: "group-failed", group: id, reason: String(reason) });
  }

  #changeGroup(id: number, calls: readonly AvahiCall[]): void {
    const group = this.#groups.get(id);
    if (group === undefined) return;
    group.work = group.work.then(async () => {
      const object = await group.object;
      try {
        for (const call of calls) await object?.call(call);
      } catch (error) {
        if (group.session === this.#connector.session)
          this.#log.warn("avahi refuses a change", { reason: errorMessage(error) });
      }
    });
  }

  #freeGroup(id: number): void {
    const group = this.#groups.get(id);
    this.#groups.delete(id);
    void group?.work.then(async () => (await group.object)?.free());
  }
}
