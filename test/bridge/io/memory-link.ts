/** A link in memory with back ends on it, for what stands above a back end. */
import type {
  BrowseEvent,
  Registered,
  Registration,
  TypeEvent,
  ZeroconfBackend,
} from "../../../bridge/zeroconf/backend.ts";
import { BridgeError } from "../../../bridge/errors.ts";
import {
  serviceKey,
  type ServiceId,
  type ZeroconfService,
} from "../../../bridge/zeroconf/service.ts";
import type { LinkAddressing } from "../../../platform/address.ts";
import { EventQueue } from "../../../platform/event-queue.ts";

interface Entry {
  service: ZeroconfService;
  readonly by: Set<MemoryBackend>;
}

export class MemoryLink {
  readonly entries = new Map<string, Entry>();
  /** Names that went and came, as an observer sees them. */
  readonly seen: string[] = [];
  readonly backends = new Set<MemoryBackend>();

  publish(backend: MemoryBackend, service: ZeroconfService): void {
    const key = serviceKey(service);
    const known = this.entries.get(key);
    if (known !== undefined) {
      known.service = service;
      known.by.add(backend);
    } else {
      this.entries.set(key, { service, by: new Set([backend]) });
      this.seen.push(`+${service.instance}`);
    }
    for (const one of this.backends) one.tell(service);
  }

  withdraw(backend: MemoryBackend, id: ServiceId): void {
    const entry = this.entries.get(serviceKey(id));
    if (entry?.by.delete(backend) !== true || entry.by.size > 0) return;
    this.entries.delete(serviceKey(id));
    this.seen.push(`-${id.instance}`);
    for (const one of this.backends) one.tellGone(id);
  }
}

export class MemoryBackend implements ZeroconfBackend {
  readonly name: "avahi" | "own";
  readonly hosts: string[] = [];
  /** Those that it was told of. */
  readonly links: LinkAddressing[] = [];
  isClosed = false;
  /** Instances that it said goodbye to as it closed. */
  readonly goodbyes: string[] = [];
  readonly #link: MemoryLink;
  readonly #browses = new Set<{ readonly type: string; readonly queue: EventQueue<BrowseEvent> }>();
  readonly #available = new Set<(isAvailable: boolean) => void>();
  readonly #waiting = new Set<(error: Error) => void>();
  #isDead = false;

  constructor(link: MemoryLink, name: "avahi" | "own") {
    this.#link = link;
    this.name = name;
    link.backends.add(this);
  }

  tell(service: ZeroconfService): void {
    if (this.#isDead) return;
    const isOwn = this.#link.entries.get(serviceKey(service))!.by.has(this);
    for (const { type, queue } of this.#browses)
      if (type === service.type) queue.push({ type: "found", service, isOwn });
  }

  tellGone(id: ServiceId): void {
    if (this.#isDead) return;
    for (const { type, queue } of this.#browses)
      if (type === id.type) queue.push({ type: "gone", id });
  }

  async *browse(type: string, signal: AbortSignal): AsyncGenerator<BrowseEvent> {
    const browse = { type, queue: new EventQueue<BrowseEvent>() };
    for (const { service, by } of this.#link.entries.values())
      if (service.type === type && !this.#isDead)
        browse.queue.push({ type: "found", service, isOwn: by.has(this) });
    this.#browses.add(browse);
    yield* browse.queue.read(signal);
    this.#browses.delete(browse);
  }

  async *browseTypes(signal: AbortSignal): AsyncGenerator<TypeEvent> {
    const queue = new EventQueue<TypeEvent>();
    for (const { service } of this.#link.entries.values())
      queue.push({ type: "found", serviceType: service.type });
    yield* queue.read(signal);
  }

  /** With the preferred one dead, waits: it may come back. */
  async register({ service }: Registration, candidates: Iterable<string>): Promise<Registered> {
    if (this.#isDead) await new Promise<never>((_, reject) => this.#waiting.add(reject));
    let { instance } = service;
    for (const next of candidates) {
      const taken = this.#link.entries.get(serviceKey({ ...service, instance }));
      if (taken === undefined || taken.service.port === service.port) break;
      instance = next;
    }
    const id = { instance, type: service.type };
    this.#link.publish(this, { ...service, instance });
    return {
      instance,
      update: (next) => Promise.resolve(this.#link.publish(this, { ...next, instance })),
      withdraw: () => Promise.resolve(this.#link.withdraw(this, id)),
    };
  }

  registerHost(host: readonly string[]): Promise<{ withdraw(): Promise<void> }> {
    this.hosts.push(host.join("."));
    return Promise.resolve({
      withdraw: () => {
        this.hosts.splice(this.hosts.indexOf(host.join(".")), 1);
        return Promise.resolve();
      },
    });
  }

  onRenamed(): () => void {
    return () => {};
  }

  becomeLink(link: LinkAddressing): Promise<void> {
    this.links.push(link);
    return Promise.resolve();
  }

  onAvailable(listener: (isAvailable: boolean) => void): () => void {
    this.#available.add(listener);
    listener(!this.#isDead);
    return () => this.#available.delete(listener);
  }

  /** Its records stay on the link for a while, and nothing is heard of it. */
  die(): void {
    this.#isDead = true;
    for (const listener of this.#available) listener(false);
  }

  live(): void {
    this.#isDead = false;
    for (const listener of this.#available) listener(true);
  }

  close(): Promise<void> {
    for (const { service, by } of this.#link.entries.values())
      if (by.has(this)) this.goodbyes.push(service.instance);
    return this.handOver();
  }

  handOver(): Promise<void> {
    this.isClosed = true;
    this.#link.backends.delete(this);
    for (const { service, by } of [...this.#link.entries.values()])
      if (by.has(this)) this.#link.withdraw(this, service);
    for (const reject of this.#waiting) reject(new BridgeError("ERR_BRIDGE_BACKEND", "closed"));
    return Promise.resolve();
  }
}
