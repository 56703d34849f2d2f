/**
 * The machine's D-Bus, as far as one talks to one service there.
 *
 * The client library is loaded when the first bus is opened. It never says that the bus is gone
 * while calls wait, so its connection is watched here.
 */
import type { EventEmitter } from "node:events";
import type * as dbus from "@jellybrick/dbus-next";
import { errorMessage } from "../../platform/errors.ts";
import { BridgeError } from "../errors.ts";

/** What came on an object's path. */
export type SignalListener = (member: string, body: readonly unknown[]) => void;

export interface SystemBus {
  /** Unique name of who has the service's name now; empty when nobody has. */
  owner(): Promise<string>;
  /**
   * @returns the body of the answer
   * @throws {BusCallError} what the service answered
   * @throws {BridgeError} ERR_BRIDGE_BACKEND when the bus or the service is gone
   */
  call(
    path: string,
    memberOf: string,
    member: string,
    signature: string,
    body: readonly unknown[],
  ): Promise<readonly unknown[]>;
  /** Also hands over what came on that path before. */
  listen(path: string, listener: SignalListener): () => void;
  close(): void;
}

export interface SystemBusOptions {
  /** The service's well-known name. */
  readonly service: string;
  /** Somebody else owns the service's name, or nobody. */
  readonly onOwner: (owner: string) => void;
  /** Told once, unless `close` was called. */
  readonly onLost: (reason: string) => void;
}

/** The service answered with an error. */
export class BusCallError extends Error {
  /** Such as `org.freedesktop.Avahi.CollisionError`. */
  readonly errorName: string;

  constructor(errorName: string, text: string) {
    super(text);
    this.errorName = errorName;
  }
}

const CALL_LIMIT_MS = 30_000;
const CONNECT_LIMIT_MS = 3000;
/** Signals may come before the answer that names their object. */
const EARLY_MAX = 8192;
const BUS = "org.freedesktop.DBus";
const BUS_PATH = "/org/freedesktop/DBus";

/** @throws {BridgeError} ERR_BRIDGE_BACKEND when there is no bus */
export async function openSystemBus(options: SystemBusOptions): Promise<SystemBus> {
  const { service, onOwner, onLost, ...rest } = options;
  rest satisfies Record<string, never>;
  const bus = new Bus(await import("@jellybrick/dbus-next"), service, onOwner, onLost);
  try {
    await bus.open();
    return bus;
  } catch (error) {
    bus.close();
    throw error;
  }
}

type Library = typeof dbus;
type BusMessage = InstanceType<Library["Message"]>;

class Bus implements SystemBus {
  readonly #library: Library;
  readonly #service: string;
  readonly #onOwner: (owner: string) => void;
  readonly #onLost: (reason: string) => void;
  readonly #bus: ReturnType<Library["systemBus"]>;
  readonly #listeners = new Map<string, SignalListener>();
  #early: BusMessage[] = [];
  #owner = "";
  #end: string | null = null;
  #rejectWaiting: (error: Error) => void = () => {};
  readonly #ended: Promise<never>;

  constructor(
    library: Library,
    service: string,
    onOwner: (owner: string) => void,
    onLost: (reason: string) => void,
  ) {
    this.#library = library;
    this.#service = service;
    this.#onOwner = onOwner;
    this.#onLost = onLost;
    this.#ended = new Promise((_, reject) => (this.#rejectWaiting = reject));
    this.#ended.catch(() => {});
    this.#bus = library.systemBus();
    (this.#bus as EventEmitter).on("error", (error) => this.#lose(errorMessage(error)));
    const connection = Reflect.get(this.#bus, "_connection") as EventEmitter;
    connection.on("end", () => this.#lose("the bus closed the connection"));
    this.#bus.on("message", (message) => this.#onMessage(message));
  }

  async open(): Promise<void> {
    await this.#limited(CONNECT_LIMIT_MS, this.#hello());
  }

  async owner(): Promise<string> {
    try {
      const [owner] = await this.#busCall("GetNameOwner", this.#service);
      this.#owner = String(owner);
      return this.#owner;
    } catch (error) {
      if (error instanceof BusCallError) return "";
      throw error;
    }
  }

  call(
    path: string,
    memberOf: string,
    member: string,
    signature: string,
    body: readonly unknown[],
  ): Promise<readonly unknown[]> {
    return this.#call(this.#service, path, memberOf, member, signature, body);
  }

  listen(path: string, listener: SignalListener): () => void {
    this.#listeners.set(path, listener);
    const early = this.#early.filter((message) => message.path === path);
    if (early.length > 0) {
      this.#early = this.#early.filter((message) => message.path !== path);
      for (const { member, body } of early) listener(member, body);
    }
    return () => this.#listeners.delete(path);
  }

  close(): void {
    this.#end ??= "closed";
    this.#listeners.clear();
    this.#early = [];
    this.#rejectWaiting(gone("the connection was closed"));
    this.#bus.disconnect();
  }

  async #hello(): Promise<void> {
    const rule = `type='signal',sender='${BUS}',member='NameOwnerChanged',arg0='${this.#service}'`;
    await this.#busCall("AddMatch", rule);
  }

  #busCall(member: string, argument: string): Promise<readonly unknown[]> {
    return this.#call(BUS, BUS_PATH, BUS, member, "s", [argument]);
  }

  async #call(
    destination: string,
    path: string,
    memberOf: string,
    member: string,
    signature: string,
    body: readonly unknown[],
  ): Promise<readonly unknown[]> {
    if (this.#end !== null) throw gone(this.#end);
    const { Message, DBusError, MessageFlag } = this.#library;
    const flags = Reflect.get(MessageFlag, "NO_AUTO_START") as number;
    const called = { destination, path, interface: memberOf, member, signature, flags };
    try {
      const call = this.#bus.call(new Message({ ...called, body: [...body] }));
      return (await this.#limited(CALL_LIMIT_MS, call))?.body ?? [];
    } catch (error) {
      if (!(error instanceof DBusError)) throw error;
      const { type, text } = error;
      if (
        /\.(ServiceUnknown|NameHasNoOwner|NoReply|Disconnected)$/.test(type) &&
        destination !== BUS
      )
        throw gone(text);
      throw new BusCallError(type, text);
    }
  }

  async #limited<T>(limitMs: number, work: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(gone(`no answer in ${limitMs / 1000} s`)), limitMs);
    });
    try {
      return await Promise.race([work, this.#ended, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  #onMessage(message: BusMessage): void {
    if (message.type !== Reflect.get(this.#library.MessageType, "SIGNAL")) return;
    const { sender, path, member, body } = message;
    if (sender === BUS) {
      if (member !== "NameOwnerChanged" || body[0] !== this.#service) return;
      this.#owner = String(body[2]);
      this.#onOwner(this.#owner);
      return;
    }
    // Anybody on the bus may send a signal.
    if (sender !== this.#owner) return;
    const listener = this.#listeners.get(path);
    if (listener !== undefined) listener(member, body);
    else {
      this.#early.push(message);
      if (this.#early.length > EARLY_MAX) this.#early.shift();
    }
  }

  #lose(reason: string): void {
    if (this.#end !== null) return;
    this.#end = reason;
    this.#rejectWaiting(gone(reason));
    this.#bus.disconnect();
    this.#onLost(reason);
  }
}

function gone(reason: string): BridgeError {
  return new BridgeError(
    "ERR_BRIDGE_BACKEND",
    `no Avahi on the system bus (${reason}); start it with "systemctl start avahi-daemon", or set ` +
      "bridge.backend to own",
  );
}
