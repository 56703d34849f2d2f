/** Our own responder and browser as a back end: sockets and clock around the mDNS machine. */
import type { LinkAddressing } from "../../platform/address.ts";
import type { Clock } from "../../platform/clock.ts";
import type { DnsName } from "../../platform/dns/name.ts";
import { errorMessage } from "../../platform/errors.ts";
import { EventQueue } from "../../platform/event-queue.ts";
import { type Driver, createDriver } from "../../platform/io/driver.ts";
import { openLinkSockets } from "../../platform/io/link-sockets.ts";
import { EchoFilter } from "../../platform/io/mdns-echo.ts";
import type { MdnsSocket } from "../../platform/io/mdns-socket.ts";
import type { Logger } from "../../platform/logger.ts";
import type { Random } from "../../platform/random.ts";
import { BridgeError } from "../errors.ts";
import {
  type MdnsAction,
  type MdnsEvent,
  MdnsMachine,
  type MdnsStats,
} from "../mdns/mdns-machine.ts";
import { ensureHost, ensurePublishable, ensureServiceType } from "../mdns/own-records.ts";
import type {
  BrowseEvent,
  Registered,
  Registration,
  TypeEvent,
  ZeroconfBackend,
} from "../zeroconf/backend.ts";
import type { ServiceId, ZeroconfService } from "../zeroconf/service.ts";
import { type HostAnswer, type HostQuestion, askHost } from "./ask-host.ts";

export interface OwnBackendParts {
  /** The interface to speak on; without addresses while it is down. */
  readonly link: LinkAddressing;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface OwnBackend extends ZeroconfBackend {
  /** Another link, other addresses, or a wake-up: all is asked and announced anew. */
  becomeLink(link: LinkAddressing): Promise<void>;
  /** Asks one host whether it has a record (RFC 6762 §5.5). */
  askHost(question: HostQuestion): Promise<HostAnswer>;
  stats(): MdnsStats;
}

/** @throws {BridgeError} ERR_BRIDGE_BACKEND when no address family of the link has multicast */
export async function openOwnBackend(parts: OwnBackendParts): Promise<OwnBackend> {
  const backend = new MdnsBackend(parts);
  await backend.open();
  return backend;
}

interface Waiting {
  /** Whose name it is, for people. */
  readonly subject: string;
  resolve(instance: string): void;
  reject(error: BridgeError): void;
}

class MdnsBackend implements OwnBackend {
  readonly name = "own";
  readonly #parts: OwnBackendParts;
  readonly #machine: MdnsMachine;
  readonly #driver: Driver<MdnsEvent>;
  readonly #echoes: EchoFilter;
  readonly #waiting = new Map<number, Waiting>();
  /** Present names of registrations by id. */
  readonly #instances = new Map<number, string>();
  readonly #browsers = new Map<string, Set<EventQueue<BrowseEvent>>>();
  readonly #typeBrowsers = new Set<EventQueue<TypeEvent>>();
  readonly #renameListeners = new Set<(from: ServiceId, to: ServiceId) => void>();
  /** Sends not yet handed to the kernel; a close waits for the goodbyes. */
  readonly #sending = new Set<Promise<unknown>>();
  readonly #closing = new AbortController();
  #link: LinkAddressing;
  #sockets: readonly MdnsSocket[] = [];
  #reopening: Promise<void> = Promise.resolve();
  #lastId = 0;

  constructor(parts: OwnBackendParts) {
    this.#parts = parts;
    this.#link = parts.link;
    this.#machine = new MdnsMachine(parts.link, parts.random);
    this.#driver = createDriver(this.#machine, parts.clock, (action) => this.#perform(action));
    this.#echoes = new EchoFilter(parts.clock);
  }

  async open(): Promise<void> {
    await this.#openSockets();
  }

  async *browse(type: string, signal: AbortSignal): AsyncGenerator<BrowseEvent> {
    ensureServiceType(type);
    const serviceType = type.toLowerCase();
    const queue = new EventQueue<BrowseEvent>();
    const queues = this.#browsers.get(serviceType) ?? new Set();
    for (const { service, isOwn } of this.#machine.browser.known(serviceType))
      queue.push({ type: "found", service, isOwn });
    this.#browsers.set(serviceType, queues.add(queue));
    if (queues.size === 1) this.#driver.feed({ type: "browse", serviceType });
    try {
      yield* queue.read(AbortSignal.any([signal, this.#closing.signal]));
    } finally {
      queues.delete(queue);
      if (queues.size === 0) {
        this.#browsers.delete(serviceType);
        this.#driver.feed({ type: "unbrowse", serviceType });
      }
    }
  }

  async *browseTypes(signal: AbortSignal): AsyncGenerator<TypeEvent> {
    const queue = new EventQueue<TypeEvent>();
    for (const serviceType of this.#machine.browser.knownTypes())
      queue.push({ type: "found", serviceType });
    this.#typeBrowsers.add(queue);
    if (this.#typeBrowsers.size === 1) this.#driver.feed({ type: "browse-types" });
    try {
      yield* queue.read(AbortSignal.any([signal, this.#closing.signal]));
    } finally {
      this.#typeBrowsers.delete(queue);
      if (this.#typeBrowsers.size === 0) this.#driver.feed({ type: "unbrowse-types" });
    }
  }

  async register(registration: Registration, candidates: Iterable<string>): Promise<Registered> {
    ensurePublishable(registration.service);
    const id = ++this.#lastId;
    const { instance: name, type } = registration.service;
    const event = { type: "register", id, ...registration, candidates } as const;
    await this.#established(event, `${JSON.stringify(name)} of ${type}`);
    const instances = this.#instances;
    return {
      get instance() {
        return instances.get(id) ?? name;
      },
      update: (service: ZeroconfService) => this.#update(id, service),
      withdraw: () => this.#withdraw(id),
    };
  }

  async registerHost(
    host: DnsName,
    addresses: readonly string[],
    isTakeover: boolean,
  ): Promise<{ withdraw(): Promise<void> }> {
    ensureHost(host, addresses);
    const id = ++this.#lastId;
    const event = { type: "register-host", id, host, addresses, isTakeover } as const;
    await this.#established(event, `the host ${JSON.stringify(host.join("."))}`);
    return { withdraw: () => this.#withdraw(id) };
  }

  onRenamed(listener: (from: ServiceId, to: ServiceId) => void): () => void {
    this.#renameListeners.add(listener);
    return () => this.#renameListeners.delete(listener);
  }

  becomeLink(link: LinkAddressing): Promise<void> {
    this.#reopening = this.#reopen(this.#reopening, link);
    return this.#reopening;
  }

  askHost(question: HostQuestion): Promise<HostAnswer> {
    return askHost(this.#link, this.#parts.random, question);
  }

  stats(): MdnsStats {
    return this.#machine.stats;
  }

  close(): Promise<void> {
    return this.#close(true);
  }

  handOver(): Promise<void> {
    return this.#close(false);
  }

  async #close(saysGoodbye: boolean): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    await this.#reopening;
    if (saysGoodbye) this.#driver.feed({ type: "stop" });
    this.#driver.stop();
    await Promise.all(this.#sending);
    await this.#closeSockets();
    for (const { reject } of this.#waiting.values()) reject(closed());
    this.#waiting.clear();
  }

  async #established(
    event: Extract<MdnsEvent, { readonly type: "register" | "register-host" }>,
    subject: string,
  ): Promise<void> {
    const { id } = event;
    if (this.#closing.signal.aborted) throw closed();
    const instance = await new Promise<string>((resolve, reject) => {
      this.#waiting.set(id, { subject, resolve, reject });
      this.#driver.feed(event);
    });
    this.#instances.set(id, instance);
  }

  async #update(id: number, service: ZeroconfService): Promise<void> {
    ensurePublishable(service);
    this.#driver.feed({ type: "update", id, service });
  }

  async #withdraw(id: number): Promise<void> {
    this.#driver.feed({ type: "withdraw", id });
    this.#instances.delete(id);
    await Promise.all(this.#sending);
  }

  async #reopen(former: Promise<void>, link: LinkAddressing): Promise<void> {
    await former;
    if (this.#closing.signal.aborted) return;
    await this.#closeSockets();
    this.#link = link;
    try {
      await this.#openSockets();
    } catch (error) {
      // The next change of the link is to find a back end that still listens.
      this.#parts.log.error("multicast DNS does not open", { reason: errorMessage(error) });
    }
    this.#driver.feed({ type: "link-changed", link });
  }

  /** Opens what families there are; one of them is enough, and none while the link is down. */
  async #openSockets(): Promise<void> {
    const link = this.#link;
    const { log } = this.#parts;
    const { opened, failures, problem } = await openLinkSockets({
      link,
      onMessage: (bytes, from) => this.#onMessage(bytes, from.address, from.port),
      onFailure: (error, family) =>
        log.debug("multicast failed", { family, reason: error.message }),
    });
    this.#sockets = opened;
    for (const { family, cause } of failures)
      log.warn("no multicast", { family, reason: errorMessage(cause) });
    if (problem !== undefined)
      throw new BridgeError("ERR_BRIDGE_BACKEND", problem, { cause: failures[0]?.cause });
  }

  async #closeSockets(): Promise<void> {
    const sockets = this.#sockets;
    this.#sockets = [];
    await Promise.all(sockets.map((socket) => socket.close()));
  }

  /** The kernel gives our own multicasts back, which are no other host's claims to our names. */
  #onMessage(bytes: Uint8Array, from: string, port: number): void {
    const bare = from.split("%", 1)[0];
    const isOwnAddress = this.#link.addresses.some(({ address }) => address === bare);
    if (isOwnAddress && this.#echoes.isEcho(bytes)) return;
    this.#driver.feed({ type: "packet", bytes, from, port });
  }

  #perform(action: MdnsAction): void {
    switch (action.type) {
      case "send":
        return this.#send(action.bytes, action.to);
      case "registered":
      case "refused":
        return this.#settle(action);
      case "renamed":
        this.#parts.log.info("name conflict on the link, renamed", {
          type: action.from.type,
          from: action.from.instance,
          to: action.to.instance,
        });
        this.#instances.set(action.id, action.to.instance);
        for (const listener of this.#renameListeners) listener(action.from, action.to);
        return;
      case "found":
        return this.#tell(action.service.type, action);
      case "gone":
        return this.#tell(action.id.type, action);
      case "type-found":
      case "type-gone": {
        const type = action.type === "type-found" ? "found" : "gone";
        for (const queue of this.#typeBrowsers)
          queue.push({ type, serviceType: action.serviceType });
        return;
      }
      default:
        return action satisfies never;
    }
  }

  #tell(type: string, event: BrowseEvent): void {
    for (const queue of this.#browsers.get(type) ?? []) queue.push(event);
  }

  #settle(action: MdnsAction & { type: "registered" | "refused" }): void {
    const waiting = this.#waiting.get(action.id);
    this.#waiting.delete(action.id);
    if (action.type === "registered") return waiting?.resolve(action.instance);
    if (waiting === undefined) return;
    const name = JSON.stringify(action.name.join("."));
    waiting.reject(
      new BridgeError(
        "ERR_BRIDGE_NAME_CONFLICT",
        `no free name for ${waiting.subject} on ${this.#link.name}: ${name} is taken, ` +
          `and so is what was to be tried before; choose another name`,
      ),
    );
  }

  #send(bytes: Uint8Array, to: { readonly address: string; readonly port: number } | null): void {
    const family = to === null || to.address.includes(":") ? "ipv6" : "ipv4";
    for (const socket of this.#sockets) {
      if (to !== null && socket.family !== family) continue;
      if (to === null) this.#echoes.sent(bytes);
      const sending = socket.send(bytes, to);
      this.#sending.add(sending);
      void sending.finally(() => this.#sending.delete(sending));
    }
  }
}

function closed(): BridgeError {
  return new BridgeError("ERR_BRIDGE_BACKEND", "the multicast DNS responder is closed");
}
