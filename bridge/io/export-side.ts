/** The exporting half of a bridge: browses the link, decides, publishes, and lets relays in. */
import { randomBytes } from "node:crypto";
import { toBase32 } from "../../platform/base32.ts";
import { createDriver, type Driver } from "../../platform/io/driver.ts";
import type { LinkAddressing } from "../../platform/address.ts";
import type { ExportedVersion } from "../crew/crew-frame.ts";
import { typeKey } from "../exchange/keys.ts";
import {
  ExportMachine,
  type ExportAction,
  type ExportEvent,
  type ExportSituation,
  type LocalService,
} from "../exporter/export-machine.ts";
import {
  ANSWER_MS,
  PresenceMachine,
  type PresenceAction,
  type PresenceEvent,
} from "../exporter/presence-machine.ts";
import type { HomeLink } from "../importer/free-places.ts";
import { ALL_TYPES } from "../rules/rule.ts";
import { isBridgeable } from "../rules/service-type.ts";
import type { BridgeParts } from "../types.ts";
import type { ZeroconfBackend } from "../zeroconf/backend.ts";
import type { ServiceId, ZeroconfService } from "../zeroconf/service.ts";
import type { IsHostThere } from "./host-presence.ts";
import { LinkBrowser } from "./link-browser.ts";
import { Publisher } from "./publisher.ts";
import { RelayExit, type Resolution } from "./relay-exit.ts";

const STOP_MS = 2000;

export interface ExportSideParts extends BridgeParts {
  /** 32 bytes that this host keeps. */
  readonly secret: Uint8Array;
  readonly isHostThere: IsHostThere;
  link(): LinkAddressing;
  /** For the colleagues. */
  onExported(version: ExportedVersion): void;
}

export class ExportSide implements HomeLink {
  readonly #parts: ExportSideParts;
  readonly #machine: ExportMachine;
  readonly #driver: Driver<ExportEvent>;
  readonly #presence: Driver<PresenceEvent>;
  readonly #publisher: Publisher;
  readonly #exit: RelayExit;
  readonly #listeners = new Set<() => void>();
  /** What readers of the link want browsed, besides the rules. */
  readonly #readers = new Map<symbol, string>();
  #situation: ExportSituation | undefined;
  #browser: LinkBrowser | undefined;
  #watched = "";
  #isTelling = false;

  constructor(parts: ExportSideParts) {
    this.#parts = parts;
    const { overlay, clock, random, log, metrics, secret } = parts;
    this.#machine = new ExportMachine(BigInt(Math.max(1, Math.floor(clock.wallMs()))));
    this.#driver = createDriver(this.#machine, clock, (action) => this.#perform(action));
    this.#presence = createDriver(new PresenceMachine(), clock, (action) => this.#look(action));
    const puts = metrics.counter("bridge_record_puts_total", "Records put, by outcome", ["result"]);
    const ephemeralSeed = (): Uint8Array => new Uint8Array(randomBytes(32));
    const { directory, streams } = overlay;
    this.#publisher = new Publisher({
      ...{ directory, clock, random, log, secret, ephemeralSeed, puts },
    });
    this.#exit = new RelayExit({
      streams,
      log,
      link: parts.link,
      resolve: ({ origin }, opener) => this.#resolve(toBase32(origin), opener),
    });
    metrics.gauge("bridge_exported_services", "Services this host exports", () => this.exported);
  }

  get exported(): number {
    return this.#publisher.services;
  }

  get services(): readonly LocalService[] {
    return this.#machine.services();
  }

  get versions(): readonly ExportedVersion[] {
    return [...this.#machine.published].map(({ originId, record }) => ({
      originId,
      version: record.version,
    }));
  }

  /** Types that the link lists, while somebody asks for all of them. */
  get listedTypes(): ReadonlySet<string> {
    return this.#browser?.listed ?? new Set();
  }

  isAtHome(key: string): boolean {
    return this.#machine.isAtHome(key);
  }

  isKnownFromMs(type: string): number {
    return this.#browser?.isKnownFromMs(type) ?? 0;
  }

  problemOf(service: ZeroconfService): string {
    return this.#machine.problemOf(service);
  }

  setBackend(backend: ZeroconfBackend | undefined): void {
    this.#browser?.stop();
    const { clock, log } = this.#parts;
    const onEvent = (event: ExportEvent): void => this.#feed(event);
    this.#browser = backend && new LinkBrowser({ clock, log, backend, isBridgeable, onEvent });
    this.#browse();
  }

  /** A service was heard to say goodbye. */
  goodbye(id: ServiceId): void {
    this.#feed({ type: "goodbye", id });
  }

  update(situation: ExportSituation): void {
    const rules = JSON.stringify(situation.rules);
    const hasNewRules = rules !== JSON.stringify(this.#situation?.rules);
    this.#situation = situation;
    this.#feed({ type: "situation", situation });
    if (!hasNewRules) return;
    this.#browse();
    this.#exit.recheck();
  }

  heard(exported: readonly ExportedVersion[]): void {
    for (const one of exported) this.#driver.feed({ type: "version", ...one });
  }

  /** Has a type (or `all`) browsed until `close` is called, and tells of every change. */
  read(serviceType: string, listener: () => void): { close(): void } {
    const id = Symbol(serviceType);
    this.#readers.set(id, serviceType);
    this.#listeners.add(listener);
    this.#browse();
    return {
      close: () => {
        this.#readers.delete(id);
        this.#listeners.delete(listener);
        this.#browse();
      },
    };
  }

  /** Puts everything again: the overlay may have lost it. */
  refresh(): void {
    this.#publisher.refresh();
  }

  /** @param hasColleagues others take the services over, so that their records stay */
  async stop(hasColleagues: boolean): Promise<void> {
    this.#driver.stop();
    this.#presence.stop();
    this.#browser?.stop();
    this.#exit.close();
    const isHere = (originId: string): boolean =>
      this.#machine
        .services()
        .some((one) => one.originId === originId && one.rules.every((rule) => rule.isHere));
    await this.#publisher.stop(STOP_MS, (originId) => hasColleagues && !isHere(originId));
  }

  #feed(event: ExportEvent): void {
    this.#driver.feed(event);
    const own = new Set(this.#parts.link().addresses.map(({ address }) => address));
    // This host itself is there as long as anybody asks.
    const hosts = new Map(
      [...this.#machine.hostsToWatch()].filter(
        ([, addresses]) => !addresses.some((address) => own.has(address)),
      ),
    );
    const text = JSON.stringify([...hosts]);
    if (text !== this.#watched) {
      this.#watched = text;
      this.#presence.feed({ type: "hosts", hosts });
    }
    this.#tell();
  }

  /** Readers hear once of what came together. */
  #tell(): void {
    if (this.#isTelling || this.#listeners.size === 0) return;
    this.#isTelling = true;
    setImmediate(() => {
      this.#isTelling = false;
      for (const listener of [...this.#listeners]) listener();
    });
  }

  #perform(action: ExportAction): void {
    if (action.type === "publish") {
      const { originId, record } = action.export;
      this.#publisher.publish(action.export);
      this.#parts.onExported({ originId, version: record.version });
    } else this.#publisher.withdraw(action.originId, action.word);
    const listed = new Set<string>();
    for (const { record, publications } of this.#machine.published)
      if (publications.some(({ key }) => key === typeKey(record.type))) listed.add(record.type);
    this.#publisher.setTypes([...listed]);
  }

  #look(action: PresenceAction): void {
    const { host } = action;
    if (action.type === "presence") {
      this.#parts.log.info(action.isPresent ? "service host is back" : "service host is silent", {
        host,
      });
      this.#feed(action);
      return;
    }
    const { isHostThere, log } = this.#parts;
    isHostThere(host, action.addresses, ANSWER_MS, this.#parts.link()).then(
      (isPresent) => this.#presence.feed({ type: "answer", host, isPresent }),
      (error: unknown) => {
        log.debug("host not asked", { host, reason: String(error) });
        this.#presence.feed({ type: "answer", host, isPresent: false });
      },
    );
  }

  #browse(): void {
    const types = new Set(this.#readers.values());
    for (const rule of this.#situation?.rules ?? [])
      if (rule.type === "export") types.add(rule.serviceType);
    this.#browser?.set(types.has(ALL_TYPES), types);
  }

  /**
   * Of what is not for the opener it hears no more than of what is not there: an origin id is a hash of
   * name and type, and whoever may not know them could try which ones there are.
   */
  #resolve(originId: string, opener: string): Resolution {
    const found = this.#machine.resolve(originId, opener);
    if (found === undefined || found === "refused")
      return { type: "refused", reason: "no rule lets that host have this service, or it is gone" };
    return { type: "target", addresses: found.addresses, port: found.port };
  }
}
