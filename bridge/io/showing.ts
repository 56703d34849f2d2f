/**
 * Shows services of other links on this one: opens their ports and registers them.
 *
 * One service is worked on at a time as a whole (a registration takes most of a second), many services
 * side by side; what was wanted last is what counts when the work is done.
 */
import { fromBase32 } from "../../platform/base32.ts";
import { errorMessage } from "../../platform/errors.ts";
import type { Logger } from "../../platform/logger.ts";
import { BridgeError } from "../errors.ts";
import type { Wanted } from "../importer/wanted.ts";
import type { Registered, ZeroconfBackend } from "../zeroconf/backend.ts";
import type { ZeroconfService } from "../zeroconf/service.ts";
import type { EnteredPort, RelayEntry } from "./relay-entry.ts";

/** Registrations under way at once; Avahi packs those that come together. */
const AT_ONCE_MAX = 32;
const LOOPBACK = ["127.0.0.1", "::1"];

export interface ShowingParts {
  readonly log: Logger;
  readonly relay: Pick<RelayEntry, "enter">;
  /** Of the link; `undefined` while there is no multicast DNS. */
  backend(): ZeroconfBackend | undefined;
  /** Of this host's loopback interface, for what others are not to see. */
  loopback(): Promise<ZeroconfBackend>;
  /** This host's addresses on the link. */
  addresses(): readonly string[];
  onShown(originId: string, instance: string, port: number): void;
  onFailed(originId: string, reason: string): void;
}

interface Show {
  wanted: Wanted | undefined;
  /** What the registration says. */
  said: string;
  registered: Registered | undefined;
  /** Relayed ones have a port of ours. */
  entered: EnteredPort | undefined;
  port: number;
  isBusy: boolean;
  isQueued: boolean;
}

export class Showing {
  readonly #parts: ShowingParts;
  readonly #shows = new Map<string, Show>();
  readonly #queue: string[] = [];
  #busy = 0;
  #onIdle: () => void = () => {};

  constructor(parts: ShowingParts) {
    this.#parts = parts;
  }

  show(wanted: Wanted): void {
    this.#want(wanted.originId, wanted);
  }

  hide(originId: string): void {
    this.#want(originId, undefined);
  }

  /** Where a service is shown, and what went through. */
  entry(originId: string): { readonly port: number; readonly entered: EnteredPort | undefined } {
    const show = this.#shows.get(originId);
    return { port: show?.port ?? 0, entered: show?.entered };
  }

  /** This host's addresses changed: who is shown under them says so. */
  refresh(): void {
    for (const originId of this.#shows.keys()) this.#enqueue(originId);
  }

  /** The link has another responder name for it now. */
  renamed(originId: string, instance: string): void {
    const show = this.#shows.get(originId);
    if (show?.registered !== undefined) this.#parts.onShown(originId, instance, show.port);
  }

  /** Withdraws all of it. */
  async stop(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onIdle = resolve;
    for (const originId of this.#shows.keys()) this.hide(originId);
    if (this.#shows.size > 0) await promise;
  }

  #want(originId: string, wanted: Wanted | undefined): void {
    const known = this.#shows.get(originId);
    if (known === undefined && wanted === undefined) return;
    const fresh = { said: "", registered: undefined, entered: undefined, port: 0 };
    const show = known ?? { ...fresh, wanted, isBusy: false, isQueued: false };
    show.wanted = wanted;
    this.#shows.set(originId, show);
    this.#enqueue(originId);
  }

  #enqueue(originId: string): void {
    const show = this.#shows.get(originId);
    if (show === undefined || show.isQueued) return;
    show.isQueued = true;
    this.#queue.push(originId);
    this.#run();
  }

  #run(): void {
    let waiting = this.#queue.length;
    while (this.#busy < AT_ONCE_MAX && waiting-- > 0) {
      const originId = this.#queue.shift()!;
      const show = this.#shows.get(originId);
      if (show === undefined) continue;
      if (show.isBusy) this.#queue.push(originId);
      else void this.#work(originId, show);
    }
    if (this.#shows.size === 0) this.#onIdle();
  }

  async #work(originId: string, show: Show): Promise<void> {
    show.isQueued = false;
    show.isBusy = true;
    this.#busy++;
    const { wanted } = show;
    try {
      if (wanted === undefined) await this.#take(show);
      else await this.#bring(wanted, show);
    } catch (error) {
      await this.#take(show).catch(() => {}); // what could not be brought is what is told
      this.#parts.log.warn("service not shown", {
        service: wanted?.record.instance,
        reason: errorMessage(error),
      });
      if (show.wanted === wanted) {
        show.wanted = undefined;
        this.#parts.onFailed(originId, errorMessage(error));
      }
    }
    show.isBusy = false;
    this.#busy--;
    if (show.wanted === undefined && show.registered === undefined && !show.isQueued)
      this.#shows.delete(originId);
    this.#run();
  }

  async #take(show: Show): Promise<void> {
    const { registered, entered } = show;
    Object.assign(show, { registered: undefined, entered: undefined, said: "", port: 0 });
    await Promise.all([registered?.withdraw(), entered?.close()]);
  }

  async #bring(wanted: Wanted, show: Show): Promise<void> {
    const { originId, scope } = wanted;
    // When there is multicast DNS again, or an address, all is looked at again.
    const isDown = this.#parts.backend() === undefined || this.#parts.addresses().length === 0;
    if (scope !== "loopback" && isDown) return;
    const place = placeText(wanted);
    const old = show.said === "" ? undefined : (JSON.parse(show.said) as SaidText);
    if (old !== undefined && old.place !== place) await this.#take(show);
    if (wanted.way === "relay") show.entered ??= await this.#enter(wanted, show);
    show.port = wanted.way === "relay" ? show.entered!.port : wanted.record.port;
    const service = this.#service(wanted, show);
    const said = JSON.stringify({ place, content: contentText(service) } satisfies SaidText);
    if (show.registered === undefined) {
      const backend = scope === "loopback" ? await this.#parts.loopback() : this.#parts.backend();
      if (backend === undefined)
        throw new BridgeError("ERR_BRIDGE_BACKEND", "there is no multicast DNS on this link now");
      const { isTakeover } = wanted;
      const isShared = scope === "crew";
      const registration = { service, isShared, isTakeover };
      show.registered = await backend.register(registration, wanted.names.slice(1));
      show.said = said;
      this.#parts.onShown(originId, show.registered.instance, show.port);
    } else if (said !== show.said) {
      await show.registered.update({ ...service, instance: show.registered.instance });
      show.said = said;
    }
  }

  #enter(wanted: Wanted, show: Show): Promise<EnteredPort> {
    const { originId, record, scope, ports } = wanted;
    return this.#parts.relay.enter(
      {
        origin: fromBase32(originId),
        label: `${record.instance} (${record.type})`,
        protocol: record.type.endsWith("._udp") ? "udp" : "tcp",
        port: record.port,
        ports,
        exporters: () => show.wanted?.record.exporters ?? [],
      },
      scope === "loopback" ? LOOPBACK : undefined,
    );
  }

  #service({ record, scope, way, host, names }: Wanted, { port }: Show): ZeroconfService {
    const { instance, type, subtypes, txt } = record;
    // The crew's host name gets its address from whoever acts.
    const own = scope === "crew" ? [] : scope === "host" ? this.#parts.addresses() : LOOPBACK;
    const addresses = way === "direct" ? record.addresses : own;
    return { instance: names[0] ?? instance, type, subtypes, host, port, txt, addresses };
  }
}

interface SaidText {
  /** What cannot be changed in place. */
  readonly place: string;
  readonly content: string;
}

function placeText({ record, scope, way, host, names, ports }: Wanted): string {
  const { instance, type, subtypes, port: originPort } = record;
  return JSON.stringify([
    instance,
    type,
    subtypes,
    originPort,
    scope,
    way,
    host,
    names[0],
    ports[0],
  ]);
}

function contentText({ txt, addresses }: ZeroconfService): string {
  return JSON.stringify([txt.map((one) => Buffer.from(one).toString("latin1")), addresses]);
}
