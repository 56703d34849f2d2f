/**
 * One back end made of two: what is registered and browsed moves when the preferred one dies, or
 * appears. Callers see no error and no service twice.
 */
import { BridgeError } from "../errors.ts";
import type { LinkAddressing } from "../../platform/address.ts";
import type { DnsName } from "../../platform/dns/name.ts";
import { errorMessage } from "../../platform/errors.ts";
import { EventQueue } from "../../platform/event-queue.ts";
import type { Logger } from "../../platform/logger.ts";
import type {
  BrowseEvent,
  Registered,
  Registration,
  TypeEvent,
  ZeroconfBackend,
} from "../zeroconf/backend.ts";
import type { ServiceId, ZeroconfService } from "../zeroconf/service.ts";
import { movingServices, movingTypes, type MovingBrowse } from "./moving-browse.ts";

export interface WatchedBackend extends ZeroconfBackend {
  /** Tells at once, and at each change. */
  onAvailable(listener: (isAvailable: boolean) => void): () => void;
}

export interface MovingBackendOptions {
  /** Name of the link's interface, as long as `becomeLink` names no other. */
  readonly interface: string;
  readonly openPreferred: (interfaceName: string) => Promise<WatchedBackend>;
  /** Rejects when the preferred one runs and does not work. */
  readonly check: (backend: WatchedBackend) => Promise<void>;
  readonly openFallback: (interfaceName: string) => Promise<ZeroconfBackend>;
  /** How long the preferred one may be gone before the other is used. */
  readonly patienceMs: number;
  /** How often to look whether it can be had; less often while it runs and does not work. */
  readonly lookAgainMs: number;
  readonly log: Logger;
}

/** Something registered, wherever it is now. */
interface Thing {
  /** Registers it there. */
  readonly move: (backend: ZeroconfBackend, isTakeover: boolean) => Promise<void>;
  withdraw: () => Promise<void>;
}

const LOOK_AGAIN_MAX_MS = 300_000;

/** @throws {BridgeError} ERR_BRIDGE_BACKEND when neither works */
export async function openMovingBackend(options: MovingBackendOptions): Promise<ZeroconfBackend> {
  const backend = new MovingBackend(options);
  await backend.open();
  return backend;
}

class MovingBackend implements ZeroconfBackend {
  readonly #options: Omit<MovingBackendOptions, "interface">;
  readonly #things = new Set<Thing>();
  readonly #browses = new Set<MovingBrowse>();
  readonly #renamed = new Set<(from: ServiceId, to: ServiceId) => void>();
  readonly #end = new AbortController();
  #current: ZeroconfBackend | null = null;
  #interface: string;
  #unlisten: (() => void)[] = [];
  #timer: NodeJS.Timeout | undefined;
  #lookAgainMs: number;
  /** Ends when the last move did. */
  #moved: Promise<void> = Promise.resolve();

  constructor(options: MovingBackendOptions) {
    const { interface: interfaceName, openPreferred, check, openFallback, ...others } = options;
    const { patienceMs, lookAgainMs, log, ...rest } = others;
    rest satisfies Record<string, never>;
    this.#options = { openPreferred, check, openFallback, patienceMs, lookAgainMs, log };
    this.#interface = interfaceName;
    this.#lookAgainMs = lookAgainMs;
  }

  get name(): "avahi" | "own" {
    return this.#backend.name;
  }

  async open(): Promise<void> {
    const { openFallback, log } = this.#options;
    let reason: string;
    try {
      this.#usePreferred(await this.#openPreferred());
      return;
    } catch (error) {
      reason = errorMessage(error);
    }
    try {
      this.#use(await openFallback(this.#interface));
    } catch (cause) {
      throw new BridgeError("ERR_BRIDGE_BACKEND", `${reason}; and ${errorMessage(cause)}`, {
        cause,
      });
    }
    log.info("own multicast DNS in use", { reason });
    this.#lookAgain();
  }

  async *browse(type: string, signal: AbortSignal): AsyncGenerator<BrowseEvent> {
    const queue = new EventQueue<BrowseEvent>();
    const browse = movingServices(type, (event) => queue.push(event));
    yield* this.#read(queue, browse, signal);
  }

  async *browseTypes(signal: AbortSignal): AsyncGenerator<TypeEvent> {
    const queue = new EventQueue<TypeEvent>();
    yield* this.#read(
      queue,
      movingTypes((event) => queue.push(event)),
      signal,
    );
  }

  async register(registration: Registration, candidates: Iterable<string>): Promise<Registered> {
    const names = candidates[Symbol.iterator]();
    let { service } = registration;
    let live: Registered | null = null;
    const thing: Thing = {
      move: async (backend, isTakeover) => {
        const before = live;
        const rest = { [Symbol.iterator]: () => names };
        live = await backend.register({ ...registration, service, isTakeover }, rest);
        thing.withdraw = () => live!.withdraw();
        const { type } = service;
        service = { ...service, instance: live.instance };
        if (before === null || before.instance === live.instance) return;
        void before.withdraw().catch(() => {}); // the former name, where it is not gone already
        this.#tellRenamed({ instance: before.instance, type }, service);
      },
      withdraw: () => Promise.resolve(),
    };
    await this.#start(thing, registration.isTakeover);
    return {
      instance: service.instance,
      update: (next: ZeroconfService) => {
        service = { ...next, instance: service.instance };
        return this.#onBackend(() => live!.update(service));
      },
      withdraw: () => this.#withdraw(thing),
    };
  }

  async registerHost(
    host: DnsName,
    addresses: readonly string[],
    isTakeover: boolean,
  ): Promise<{ withdraw(): Promise<void> }> {
    const thing: Thing = {
      move: async (backend, isAgain) => {
        const live = await backend.registerHost(host, addresses, isAgain);
        thing.withdraw = () => live.withdraw();
      },
      withdraw: () => Promise.resolve(),
    };
    await this.#start(thing, isTakeover);
    return { withdraw: () => this.#withdraw(thing) };
  }

  onRenamed(listener: (from: ServiceId, to: ServiceId) => void): () => void {
    this.#renamed.add(listener);
    return () => this.#renamed.delete(listener);
  }

  /** For the one in use, or about to be: what is opened later reads the link itself. */
  becomeLink(link: LinkAddressing): Promise<void> {
    if (link.name !== "") this.#interface = link.name; // while there is none it is waited for
    return this.#onBackend(async (backend) => backend.becomeLink?.(link));
  }

  async close(): Promise<void> {
    this.#end.abort();
    clearTimeout(this.#timer);
    await this.#moved;
    for (const unlisten of this.#unlisten.splice(0)) unlisten();
    await this.#backend.close();
  }

  get #backend(): ZeroconfBackend {
    if (this.#current === null) throw new BridgeError("ERR_BRIDGE_BACKEND", "no back end is open");
    return this.#current;
  }

  async *#read<T>(
    queue: EventQueue<T>,
    browse: MovingBrowse,
    signal: AbortSignal,
  ): AsyncGenerator<T> {
    await this.#moved;
    this.#browses.add(browse);
    browse.follow(this.#backend);
    try {
      yield* queue.read(AbortSignal.any([signal, this.#end.signal]));
    } finally {
      this.#browses.delete(browse);
      browse.close();
    }
  }

  /** What fails because its back end is left is done again on the next. */
  async #start(thing: Thing, isTakeover: boolean): Promise<void> {
    await this.#onBackend((backend) => thing.move(backend, isTakeover));
    this.#things.add(thing);
  }

  async #onBackend(work: (backend: ZeroconfBackend) => Promise<void>): Promise<void> {
    for (;;) {
      await this.#moved;
      const backend = this.#backend;
      try {
        await work(backend);
        if (backend === this.#current) return;
      } catch (error) {
        if (backend === this.#current || this.#end.signal.aborted) throw error;
      }
    }
  }

  async #withdraw(thing: Thing): Promise<void> {
    this.#things.delete(thing);
    await this.#moved;
    await thing.withdraw();
  }

  #tellRenamed(from: ServiceId, to: ServiceId): void {
    for (const listener of this.#renamed) listener(from, { instance: to.instance, type: to.type });
  }

  async #openPreferred(): Promise<WatchedBackend> {
    const backend = await this.#options.openPreferred(this.#interface);
    try {
      await this.#options.check(backend);
      return backend;
    } catch (error) {
      // Each check costs the link some packets.
      this.#lookAgainMs = Math.min(2 * this.#lookAgainMs, LOOK_AGAIN_MAX_MS);
      await backend.close();
      throw error;
    }
  }

  #use(backend: ZeroconfBackend): void {
    for (const unlisten of this.#unlisten.splice(0)) unlisten();
    this.#current = backend;
    this.#unlisten.push(backend.onRenamed((from, to) => this.#tellRenamed(from, to)));
  }

  #usePreferred(backend: WatchedBackend): void {
    this.#use(backend);
    this.#lookAgainMs = this.#options.lookAgainMs;
    const onAvailable = (isAvailable: boolean): void => {
      clearTimeout(this.#timer);
      if (isAvailable || this.#end.signal.aborted) return;
      this.#timer = setTimeout(() => this.#onDead(), this.#options.patienceMs);
    };
    this.#unlisten.push(backend.onAvailable(onAvailable));
  }

  #onDead(): void {
    const { openFallback, patienceMs, log } = this.#options;
    this.#move(
      async () => {
        try {
          const fallback = await openFallback(this.#interface);
          log.info("own multicast DNS in use", { reason: `${this.name} is gone` });
          return () => this.#use(fallback);
        } catch (error) {
          log.warn("no multicast DNS", { reason: errorMessage(error) });
          this.#timer = setTimeout(() => this.#onDead(), patienceMs);
          return null;
        }
      },
      () => this.#lookAgain(),
    );
  }

  #lookAgain(): void {
    if (this.#end.signal.aborted) return;
    this.#timer = setTimeout(() => {
      void this.#openPreferred().then(
        (preferred) => {
          if (this.#end.signal.aborted) return void preferred.close();
          this.#options.log.info("preferred multicast DNS in use", { name: preferred.name });
          this.#move(() => Promise.resolve(() => this.#usePreferred(preferred)));
        },
        () => this.#lookAgain(),
      );
    }, this.#lookAgainMs);
  }

  /**
   * @param open gives what makes the new back end the present one; null when there is none
   */
  #move(open: () => Promise<(() => void) | null>, onMoved: () => void = () => {}): void {
    this.#moved = this.#moveAfter(this.#moved, open, onMoved);
  }

  async #moveAfter(
    before: Promise<void>,
    open: () => Promise<(() => void) | null>,
    onMoved: () => void,
  ): Promise<void> {
    await before;
    const old = this.#backend;
    const use = await open();
    if (use === null) return;
    use();
    const next = this.#backend;
    await Promise.all([...this.#things].map((thing) => this.#moveThing(thing, next)));
    // Not sooner: what is ours must not be taken for somebody else's.
    for (const browse of this.#browses) browse.follow(next);
    await (old.handOver === undefined ? old.close() : old.handOver());
    onMoved();
  }

  async #moveThing(thing: Thing, next: ZeroconfBackend): Promise<void> {
    try {
      // Its name is ours already: nobody is asked for it again.
      await thing.move(next, true);
    } catch (error) {
      this.#options.log.warn("a service is lost in the move", { reason: errorMessage(error) });
    }
  }
}
