/** Drives `BrowseTable`s and type browsers over the sessions with Avahi. */
import type { Clock } from "../../platform/clock.ts";
import { WireError, errorMessage } from "../../platform/errors.ts";
import { createDriver, type Driver } from "../../platform/io/driver.ts";
import type { Logger } from "../../platform/logger.ts";
import {
  BrowseTable,
  watchKey,
  type BrowseTableAction,
  type BrowseTableEvent,
  type RecordWatch,
} from "../avahi/browse-table.ts";
import { domainText, DOMAIN, parseRecordData, PROTOCOL_BOTH } from "../avahi/protocol.ts";
import type { BrowseEvent, TypeEvent } from "../zeroconf/backend.ts";
import type { ZeroconfService } from "../zeroconf/service.ts";
import type { AvahiConnector } from "./avahi-connector.ts";
import type { AvahiObject, AvahiSession } from "./avahi-session.ts";
import type { SignalListener } from "./system-bus.ts";

type MakeObject = Parameters<AvahiSession["create"]>;

/** Something of Avahi's that is wanted until it is freed, and is made anew by whoever wants it. */
class Wanted {
  #object: Promise<AvahiObject | null>;
  #isFreed = false;

  constructor(session: AvahiSession, log: Logger, [memberOf, make, onSignal]: MakeObject) {
    const listener: SignalListener = (member, body) => {
      if (!this.#isFreed) onSignal(member, body);
    };
    this.#object = session.create(memberOf, make, listener).catch((error: unknown) => {
      log.warn("avahi does not browse", { what: make.body, reason: errorMessage(error) });
      return null;
    });
  }

  free(): void {
    this.#isFreed = true;
    void this.#object.then((object) => object?.free());
  }
}

/** One `browse`, until it is closed. */
export class ServiceBrowse {
  readonly #type: string;
  readonly #log: Logger;
  readonly #onEvent: (event: BrowseEvent) => void;
  readonly #driver: Driver<BrowseTableEvent>;
  readonly #watches = new Map<string, Wanted>();
  readonly #unlisten: () => void;
  #session: AvahiSession | null = null;
  #browser: Wanted | null = null;

  constructor(
    connector: AvahiConnector,
    type: string,
    clock: Clock,
    log: Logger,
    onEvent: (event: BrowseEvent) => void,
  ) {
    this.#type = type;
    this.#log = log;
    this.#onEvent = onEvent;
    this.#driver = createDriver(new BrowseTable(type), clock, (action) => this.#perform(action));
    this.#unlisten = connector.listen({
      onUp: (session) => this.#onUp(session),
      onDown: () => this.#onDown(),
    });
  }

  setOwn(services: readonly ZeroconfService[]): void {
    this.#driver.feed({ type: "own", services });
  }

  close(): void {
    this.#unlisten();
    this.#driver.stop();
    this.#browser?.free();
    for (const wanted of this.#watches.values()) wanted.free();
  }

  #onUp(session: AvahiSession): void {
    this.#session = session;
    this.#driver.feed({ type: "restarted" });
    const body = [session.interfaceIndex, PROTOCOL_BOTH, this.#type, DOMAIN, 0];
    const make = { member: "ServiceBrowserNew", signature: "iissu", body };
    this.#browser = new Wanted(session, this.#log, [
      "ServiceBrowser",
      make,
      (member, [, family, instance]) => {
        const type = member === "ItemNew" ? "instance-new" : "instance-gone";
        if (member !== "ItemNew" && member !== "ItemRemove") return;
        this.#driver.feed({ type, instance: String(instance), family: Number(family) });
      },
    ]);
  }

  #onDown(): void {
    this.#session = null;
    this.#browser = null;
    this.#watches.clear();
  }

  #perform(action: BrowseTableAction): void {
    if (action.type === "emit") this.#onEvent(action.event);
    else if (action.type === "watch") this.#watch(action.watch);
    else {
      this.#watches.get(watchKey(action.watch))?.free();
      this.#watches.delete(watchKey(action.watch));
    }
  }

  #watch(watch: RecordWatch): void {
    if (this.#session === null) return;
    const { interfaceIndex } = this.#session;
    const body = [interfaceIndex, PROTOCOL_BOTH, domainText(watch.name), 1, watch.code, 0];
    const make = { member: "RecordBrowserNew", signature: "iisqqu", body };
    const onSignal: SignalListener = (member, [, family, , , , data]) => {
      if (member !== "ItemNew" && member !== "ItemRemove") return;
      const type = member === "ItemNew" ? "record-new" : "record-gone";
      const parsed = this.#parse(watch, data as Uint8Array);
      if (parsed !== null) this.#driver.feed({ type, watch, family: Number(family), data: parsed });
    };
    this.#watches.set(
      watchKey(watch),
      new Wanted(this.#session, this.#log, ["RecordBrowser", make, onSignal]),
    );
  }

  #parse(watch: RecordWatch, bytes: Uint8Array): ReturnType<typeof parseRecordData> | null {
    try {
      return parseRecordData(watch.code, bytes);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#log.debug("record not understood", { name: watch.name, reason: error.message });
      return null;
    }
  }
}

/** One `browseTypes`, until it is closed. */
export class TypeBrowse {
  readonly #log: Logger;
  readonly #onEvent: (event: TypeEvent) => void;
  readonly #unlisten: () => void;
  /** Families by type. */
  readonly #types = new Map<string, Set<number>>();
  #browser: Wanted | null = null;

  constructor(connector: AvahiConnector, log: Logger, onEvent: (event: TypeEvent) => void) {
    this.#log = log;
    this.#onEvent = onEvent;
    this.#unlisten = connector.listen({
      onUp: (session) => this.#onUp(session),
      onDown: () => (this.#browser = null),
    });
  }

  close(): void {
    this.#unlisten();
    this.#browser?.free();
  }

  #onUp(session: AvahiSession): void {
    for (const families of this.#types.values()) families.clear();
    const body = [session.interfaceIndex, PROTOCOL_BOTH, DOMAIN, 0];
    const make = { member: "ServiceTypeBrowserNew", signature: "iisu", body };
    this.#browser = new Wanted(session, this.#log, [
      "ServiceTypeBrowser",
      make,
      (member, [, family, type]) => {
        if (member === "ItemNew") this.#onNew(String(type).toLowerCase(), Number(family));
        else if (member === "ItemRemove") this.#onGone(String(type).toLowerCase(), Number(family));
        // Avahi asked the link again: what it did not find is gone.
        else if (member === "AllForNow")
          for (const [name, families] of this.#types) if (families.size === 0) this.#drop(name);
      },
    ]);
  }

  #onNew(serviceType: string, family: number): void {
    const known = this.#types.get(serviceType);
    if (known !== undefined) {
      known.add(family);
      return;
    }
    this.#types.set(serviceType, new Set([family]));
    this.#onEvent({ type: "found", serviceType });
  }

  #onGone(serviceType: string, family: number): void {
    const known = this.#types.get(serviceType);
    known?.delete(family);
    if (known?.size === 0) this.#drop(serviceType);
  }

  #drop(serviceType: string): void {
    this.#types.delete(serviceType);
    this.#onEvent({ type: "gone", serviceType });
  }
}
