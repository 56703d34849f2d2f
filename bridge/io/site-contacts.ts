/** Streams by which importers see that the sites are there whose services they show. */
import type { HostStream, HostStreams } from "../../overlay/index.ts";
import type { Clock } from "../../platform/clock.ts";
import { errorMessage } from "../../platform/errors.ts";
import { createDriver, type Driver } from "../../platform/io/driver.ts";
import type { Logger } from "../../platform/logger.ts";
import { decodeSiteFrame, encodeSiteFrame } from "../exchange/site-frame.ts";
import { SiteMachine, type SiteAction, type SiteEvent } from "../importer/site-machine.ts";
import { readMessages, writeMessage } from "./message-stream.ts";

const PROTOCOL = "bridge-site/1";
const DIAL_MS = 3000;
const FRAME_BYTES_MAX = 64;
/** Importers that this host answers at once. */
const SERVED_MAX = 1024;

export interface SiteContactsParts {
  readonly streams: HostStreams;
  readonly clock: Clock;
  readonly log: Logger;
  onSite(subnetId: string, isAlive: boolean): void;
}

interface Contact {
  readonly machine: SiteMachine;
  readonly driver: Driver<SiteEvent>;
  readonly ending: AbortController;
  hosts: readonly string[];
  stream: HostStream | undefined;
}

export class SiteContacts {
  readonly #parts: SiteContactsParts;
  readonly #contacts = new Map<string, Contact>();
  readonly #stopHandling: () => void;
  #served = 0;

  constructor(parts: SiteContactsParts) {
    this.#parts = parts;
    this.#stopHandling = parts.streams.handle(PROTOCOL, (stream) => this.#answer(stream));
  }

  /** Keeps in touch with these from now on, and with no other ones. */
  set(sites: ReadonlyMap<string, readonly string[]>): void {
    for (const [subnetId, contact] of this.#contacts) {
      if (sites.has(subnetId)) continue;
      this.#end(contact);
      this.#contacts.delete(subnetId);
    }
    for (const [subnetId, hosts] of sites) {
      const contact = this.#contacts.get(subnetId) ?? this.#begin(subnetId);
      if (JSON.stringify(contact.hosts) === JSON.stringify(hosts)) continue;
      contact.hosts = hosts;
      contact.driver.feed({ type: "hosts", hosts });
    }
  }

  /** Milliseconds since a site gave a sign of life; `undefined` when there is no contact. */
  heardMsAgo(subnetId: string): number | undefined {
    const machine = this.#contacts.get(subnetId)?.machine;
    return machine && Math.max(0, this.#parts.clock.monotonicMs() - machine.heardMs);
  }

  stop(): void {
    this.#stopHandling();
    this.set(new Map());
  }

  #begin(subnetId: string): Contact {
    const { clock } = this.#parts;
    const machine = new SiteMachine(clock.monotonicMs());
    const perform = (action: SiteAction): void => this.#perform(subnetId, contact, action);
    const driver = createDriver<SiteEvent, SiteAction>(machine, clock, perform);
    const ending = new AbortController();
    const contact: Contact = { machine, driver, ending, hosts: [], stream: undefined };
    this.#contacts.set(subnetId, contact);
    return contact;
  }

  #end({ driver, ending, stream }: Contact): void {
    driver.stop();
    ending.abort();
    stream?.abort(new Error("contact no longer wanted"));
  }

  #perform(subnetId: string, contact: Contact, action: SiteAction): void {
    switch (action.type) {
      case "dial":
        void this.#dial(contact, action.host);
        break;
      case "ping":
        if (contact.stream !== undefined) this.#say(contact.stream, { ping: 1, pong: 0 });
        break;
      case "close":
        contact.stream?.abort(new Error("no answer"));
        contact.stream = undefined;
        break;
      case "alive":
        this.#parts.log.info(action.isAlive ? "site answers again" : "site is silent", {
          subnet: subnetId,
        });
        this.#parts.onSite(subnetId, action.isAlive);
    }
  }

  async #dial(contact: Contact, host: string): Promise<void> {
    const { streams, log } = this.#parts;
    let stream: HostStream | undefined;
    try {
      const signal = AbortSignal.any([contact.ending.signal, AbortSignal.timeout(DIAL_MS)]);
      stream = await streams.dial(host, PROTOCOL, signal);
      contact.stream = stream;
      contact.driver.feed({ type: "opened" });
      for await (const bytes of readMessages(stream.bytes, FRAME_BYTES_MAX)) {
        decodeSiteFrame(bytes);
        contact.driver.feed({ type: "heard" });
      }
    } catch (error) {
      log.debug("exporter not reached", { host, reason: errorMessage(error) });
    }
    stream?.abort(new Error("the contact ended"));
    if (contact.stream !== stream) return; // closed by the machine, which knows
    contact.stream = undefined;
    contact.driver.feed({ type: "broke" });
  }

  /** At an exporter: every question is answered. */
  async #answer(stream: HostStream): Promise<void> {
    if (this.#served >= SERVED_MAX) {
      stream.abort(new Error("too many importers ask"));
      return;
    }
    this.#served++;
    try {
      for await (const bytes of readMessages(stream.bytes, FRAME_BYTES_MAX)) {
        const { ping } = decodeSiteFrame(bytes);
        await writeMessage(stream, encodeSiteFrame({ ping: 0, pong: ping }));
      }
      await stream.closeWrite();
    } finally {
      this.#served--;
    }
  }

  #say(stream: HostStream, frame: { readonly ping: number; readonly pong: number }): void {
    writeMessage(stream, encodeSiteFrame(frame)).catch((error: unknown) => {
      this.#parts.log.debug("site not asked", { reason: errorMessage(error) });
    });
  }
}
