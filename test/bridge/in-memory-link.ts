/** A link in memory: what several multicast DNS responders on it would agree on. */
import { BridgeError } from "../../bridge/errors.ts";
import type {
  BrowseEvent,
  Registered,
  Registration,
  TypeEvent,
  ZeroconfBackend,
} from "../../bridge/zeroconf/backend.ts";
import { serviceKey, type ServiceId, type ZeroconfService } from "../../bridge/zeroconf/service.ts";
import type { DnsName } from "../../platform/dns/name.ts";
import { EventQueue } from "../../platform/event-queue.ts";

interface Held {
  readonly owner: InMemoryBackend;
  service: ZeroconfService;
  readonly isShared: boolean;
}

interface HeldHost {
  readonly owner: InMemoryBackend;
  readonly host: string;
  readonly addresses: readonly string[];
}

/** A change as a browser on the link sees it: `+ name`, `~ name`, `- name`. */
export type Sighting = `${"+" | "~" | "-"} ${string}`;

export class InMemoryLink {
  readonly #held: Held[] = [];
  readonly #hosts: HeldHost[] = [];
  readonly #watchers = new Map<EventQueue<BrowseEvent>, { type: string; who: InMemoryBackend }>();
  readonly #typeWatchers = new Set<EventQueue<TypeEvent>>();
  readonly #seen = new Map<string, string>();
  /** All that an observer saw, in order. */
  readonly log: Sighting[] = [];
  /** How long a name takes to be probed for. */
  probeMs = 0;

  open(): InMemoryBackend {
    return new InMemoryBackend(this);
  }

  /** What a browser of the type would list, resolved; by name. */
  list(type: string): readonly ZeroconfService[] {
    return this.#services()
      .filter((service) => service.type === type)
      .toSorted((a, b) => (a.instance < b.instance ? -1 : 1));
  }

  browse(who: InMemoryBackend, type: string): EventQueue<BrowseEvent> {
    const queue = new EventQueue<BrowseEvent>();
    this.#watchers.set(queue, { type, who });
    for (const service of this.list(type)) queue.push(this.#found(service, who));
    return queue;
  }

  browseTypes(): EventQueue<TypeEvent> {
    const queue = new EventQueue<TypeEvent>();
    this.#typeWatchers.add(queue);
    for (const serviceType of new Set(this.#services().map(({ type }) => type)))
      queue.push({ type: "found", serviceType });
    return queue;
  }

  isTaken(given: ZeroconfService, owner: InMemoryBackend): boolean {
    return this.#held.some(
      (one) =>
        serviceKey(one.service) === serviceKey(given) &&
        one.owner !== owner &&
        recordText(one.service) !== recordText(given),
    );
  }

  add(held: Held): void {
    this.#held.push(held);
    this.update();
  }

  rename(owner: InMemoryBackend, from: ServiceId, instance: string): void {
    for (const held of this.#held)
      if (held.owner === owner && serviceKey(held.service) === serviceKey(from))
        held.service = { ...held.service, instance };
    this.update();
  }

  drop(owner: InMemoryBackend, held?: Held | HeldHost): void {
    const isKept = (one: Held | HeldHost): boolean =>
      held === undefined ? one.owner !== owner : one !== held;
    this.#held.splice(0, Infinity, ...this.#held.filter(isKept));
    this.#hosts.splice(0, Infinity, ...this.#hosts.filter(isKept));
    this.update();
  }

  addHost(held: HeldHost): void {
    this.#hosts.push(held);
    this.update();
  }

  /** Tells browsers what is new. */
  update(): void {
    const present = new Map(this.#services().map((one) => [serviceKey(one), one]));
    for (const [key, service] of present) {
      const text = JSON.stringify([recordText(service), service.addresses]);
      const old = this.#seen.get(key);
      if (old === text) continue;
      this.#seen.set(key, text);
      this.log.push(`${old === undefined ? "+" : "~"} ${service.instance}`);
      for (const [queue, { type, who }] of this.#watchers)
        if (type === service.type) queue.push(this.#found(service, who));
      for (const queue of this.#typeWatchers)
        queue.push({ type: "found", serviceType: service.type });
    }
    for (const key of [...this.#seen.keys()]) {
      if (present.has(key)) continue;
      this.#seen.delete(key);
      const [instance = "", type = ""] = key.split("\n");
      this.log.push(`- ${instance}`);
      for (const [queue, watched] of this.#watchers)
        if (watched.type === type) queue.push({ type: "gone", id: { instance, type } });
    }
  }

  #found(service: ZeroconfService, who: InMemoryBackend): BrowseEvent {
    const isOwn = this.#held.some(
      (one) => one.owner === who && serviceKey(one.service) === serviceKey(service),
    );
    return { type: "found", service, isOwn };
  }

  #services(): readonly ZeroconfService[] {
    const byKey = new Map<string, ZeroconfService>();
    for (const { service } of this.#held) {
      const key = serviceKey(service);
      const host = service.host.join(".");
      const theirs = this.#hosts.filter((one) => one.host === host);
      const known = byKey.get(key)?.addresses ?? [];
      const addresses = new Set([
        ...known,
        ...service.addresses,
        ...theirs.flatMap((one) => one.addresses),
      ]);
      byKey.set(key, { ...service, addresses: [...addresses].toSorted() });
    }
    return [...byKey.values()];
  }
}

export class InMemoryBackend implements ZeroconfBackend {
  readonly name = "own";
  readonly #link: InMemoryLink;
  readonly #listeners = new Set<(from: ServiceId, to: ServiceId) => void>();
  /** Registrations so far, as Avahi counts them. */
  registrations = 0;

  constructor(link: InMemoryLink) {
    this.#link = link;
  }

  async *browse(type: string, signal: AbortSignal): AsyncGenerator<BrowseEvent> {
    yield* this.#link.browse(this, type).read(signal);
  }

  async *browseTypes(signal: AbortSignal): AsyncGenerator<TypeEvent> {
    yield* this.#link.browseTypes().read(signal);
  }

  async register(
    { service, isShared, isTakeover }: Registration,
    candidates: Iterable<string>,
  ): Promise<Registered> {
    this.registrations++;
    for (const instance of [service.instance, ...candidates]) {
      const given = { ...service, instance };
      if (!isTakeover) await new Promise((done) => setTimeout(done, this.#link.probeMs));
      if (this.#link.isTaken(given, this)) continue;
      const held = { owner: this, service: given, isShared };
      this.#link.add(held);
      return {
        instance,
        update: async (next) => {
          held.service = { ...next, instance };
          this.#link.update();
        },
        withdraw: async () => this.#link.drop(this, held),
      };
    }
    throw new BridgeError("ERR_BRIDGE_NAME_CONFLICT", `"${service.instance}" is taken`);
  }

  async registerHost(
    host: DnsName,
    addresses: readonly string[],
  ): Promise<{ withdraw(): Promise<void> }> {
    const held = { owner: this, host: host.join("."), addresses };
    this.#link.addHost(held);
    return { withdraw: async () => this.#link.drop(this, held) };
  }

  /** Gives what it registered another name, as a responder does that lost a conflict. */
  rename(from: ServiceId, instance: string): void {
    this.#link.rename(this, from, instance);
    for (const listener of this.#listeners) listener(from, { ...from, instance });
  }

  onRenamed(listener: (from: ServiceId, to: ServiceId) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Says goodbye, as the end of a D-Bus connection does, and as death does in the end. */
  async close(): Promise<void> {
    this.#link.drop(this);
  }
}

function recordText({ host, port, txt, subtypes }: ZeroconfService): string {
  return JSON.stringify([host, port, txt.map((one) => [...one]), subtypes]);
}
