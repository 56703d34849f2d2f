/**
 * One life of Avahi as its client sees it: from its start, or ours, to its end.
 *
 * Avahi gives each client 1024 objects (`objects-per-client-max`); more connections make more.
 */
import type { Logger } from "../../platform/logger.ts";
import { errorMessage } from "../../platform/errors.ts";
import { AVAHI_NAME, type AvahiCall } from "../avahi/protocol.ts";
import { BridgeError } from "../errors.ts";
import { BusCallError, openSystemBus, type SignalListener, type SystemBus } from "./system-bus.ts";

/** A browser or an entry group that lives in Avahi. */
export interface AvahiObject {
  call(call: AvahiCall): Promise<readonly unknown[]>;
  free(): Promise<void>;
}

/** Below Avahi's limit, since an object that is being freed still counts. */
const OBJECTS_MAX = 960;
const CONNECTIONS_MAX = 32;
const SERVER = `${AVAHI_NAME}.Server`;

export interface AvahiSessionOptions {
  /** Interface of the link. */
  readonly interface: string;
  readonly log: Logger;
  /** Avahi or the bus is gone, and every object with it. Told once, unless `close` was called. */
  readonly onEnd: (reason: string) => void;
}

interface Connection {
  readonly bus: SystemBus;
  objects: number;
}

/** @throws {BridgeError} ERR_BRIDGE_BACKEND when Avahi does not run, or has no such interface */
export async function openAvahiSession(options: AvahiSessionOptions): Promise<AvahiSession> {
  const { interface: interfaceName, log, onEnd, ...rest } = options;
  rest satisfies Record<string, never>;
  const session = new AvahiSession(log, onEnd);
  try {
    await session.open(interfaceName);
    // Told of its end before anybody has it, nobody would look for the next one.
    if (session.isEnded) throw new BridgeError("ERR_BRIDGE_BACKEND", "Avahi stopped just now");
    return session;
  } catch (error) {
    session.close();
    throw error;
  }
}

export class AvahiSession {
  readonly #log: Logger;
  readonly #onEnd: (reason: string) => void;
  readonly #connections: Connection[] = [];
  #opening: Promise<Connection> | null = null;
  #interfaceIndex = -1;
  #isEnded = false;

  constructor(log: Logger, onEnd: (reason: string) => void) {
    this.#log = log;
    this.#onEnd = onEnd;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  get interfaceIndex(): number {
    return this.#interfaceIndex;
  }

  async open(interfaceName: string): Promise<void> {
    const { bus } = await this.#connect();
    if ((await bus.owner()) === "")
      throw new BridgeError(
        "ERR_BRIDGE_BACKEND",
        'Avahi does not run; start it with "systemctl start avahi-daemon", or set bridge.backend ' +
          "to own",
      );
    try {
      const body = [interfaceName];
      const answer = await bus.call("/", SERVER, "GetNetworkInterfaceIndexByName", "s", body);
      this.#interfaceIndex = Number(answer[0]);
    } catch (cause) {
      if (!(cause instanceof BusCallError)) throw cause;
      throw new BridgeError(
        "ERR_BRIDGE_BACKEND",
        `Avahi does not know the interface ${interfaceName}; see allow-interfaces in ` +
          "/etc/avahi/avahi-daemon.conf",
        { cause },
      );
    }
  }

  /**
   * @param memberOf  interface of the new object, without `org.freedesktop.Avahi.`
   * @param make      the server's method that makes it
   */
  async create(memberOf: string, make: AvahiCall, onSignal: SignalListener): Promise<AvahiObject> {
    const connection = await this.#withRoom();
    const { bus } = connection;
    let path: string;
    try {
      const { member, signature, body } = make;
      [path] = (await bus.call("/", SERVER, member, signature, body)) as [string];
    } catch (error) {
      connection.objects--;
      throw error;
    }
    const full = `${AVAHI_NAME}.${memberOf}`;
    const unlisten = bus.listen(path, onSignal);
    return {
      call: ({ member, signature, body }) => bus.call(path, full, member, signature, body),
      free: async () => {
        unlisten();
        try {
          await bus.call(path, full, "Free", "", []);
        } catch (error) {
          if (!this.#isEnded)
            this.#log.debug("avahi object not freed", { path, reason: errorMessage(error) });
        } finally {
          connection.objects--;
        }
      },
    };
  }

  close(): void {
    this.#isEnded = true;
    for (const { bus } of this.#connections) bus.close();
  }

  /** One more object is counted on it. */
  async #withRoom(): Promise<Connection> {
    for (;;) {
      const free = this.#connections.find(({ objects }) => objects < OBJECTS_MAX);
      if (free !== undefined) {
        free.objects++;
        return free;
      }
      if (this.#connections.length >= CONNECTIONS_MAX)
        throw new BridgeError(
          "ERR_BRIDGE_LIMIT",
          `more than ${OBJECTS_MAX * CONNECTIONS_MAX} objects in Avahi; import less`,
        );
      await (this.#opening ??= this.#connect().finally(() => (this.#opening = null)));
    }
  }

  async #connect(): Promise<Connection> {
    const bus = await openSystemBus({
      service: AVAHI_NAME,
      onOwner: (owner) => this.#end(owner === "" ? "Avahi stopped" : "Avahi started anew"),
      onLost: (reason) => this.#end(reason),
    });
    const connection = { bus, objects: 0 };
    if (this.#isEnded) bus.close();
    else if (this.#connections.length > 0) await bus.owner();
    this.#connections.push(connection);
    return connection;
  }

  #end(reason: string): void {
    if (this.#isEnded) return;
    this.close();
    this.#onEnd(reason);
  }
}
