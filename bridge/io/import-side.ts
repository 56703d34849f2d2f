/** The importing half of a bridge: watches the overlay, decides, and shows on the link. */
import type { LinkAddressing } from "../../platform/address.ts";
import { isIpv6LinkLocal, parseAddress } from "../../platform/address.ts";
import { createDriver, type Driver } from "../../platform/io/driver.ts";
import type { ShownService } from "../crew/crew-frame.ts";
import { slotOfOrigin } from "../crew/slots.ts";
import { inboxKey } from "../exchange/keys.ts";
import { slotHost } from "../exchange/loop-guard.ts";
import type {
  ImportAction,
  ImportEvent,
  ImportSituation,
  ImportView,
} from "../importer/import-events.ts";
import type { HomeLink } from "../importer/free-places.ts";
import { ImportMachine } from "../importer/import-machine.ts";
import type { Wanted } from "../importer/wanted.ts";
import type { BridgeParts } from "../types.ts";
import type { ZeroconfBackend } from "../zeroconf/backend.ts";
import type { ServiceId } from "../zeroconf/service.ts";
import type { BridgeFiles } from "./bridge-files.ts";
import { RecordFeed } from "./record-feed.ts";
import { RelayEntry, type EnteredPort } from "./relay-entry.ts";
import { Showing } from "./showing.ts";
import { SiteContacts } from "./site-contacts.ts";
import { SlotAddresses } from "./slot-addresses.ts";

export interface ImportSideParts extends BridgeParts {
  readonly files: BridgeFiles;
  link(): LinkAddressing;
  loopback(): Promise<ZeroconfBackend>;
  readonly home: HomeLink;
  /** For the colleagues. */
  onShown(shown: ShownService): void;
  /** The services shown are other ones by now. */
  onChange(): void;
}

export class ImportSide {
  readonly #parts: ImportSideParts;
  readonly #names = new Map<string, string>();
  readonly #machine: ImportMachine;
  readonly #driver: Driver<ImportEvent>;
  readonly #feed: RecordFeed;
  readonly #relay: RelayEntry;
  readonly #showing: Showing;
  readonly #slots: SlotAddresses;
  readonly #contacts: SiteContacts;
  readonly #wanted = new Map<string, Wanted>();
  #situation: ImportSituation | undefined;
  #backend: ZeroconfBackend | undefined;
  #stopRenames: () => void = () => {};
  /** This host's on the link, as the relay listens at them. */
  #addresses: readonly string[];

  constructor(parts: ImportSideParts) {
    this.#parts = parts;
    const { overlay, clock, log, metrics } = parts;
    const self = overlay.status().host.id;
    this.#machine = new ImportMachine(this.#names, parts.home);
    this.#driver = createDriver(this.#machine, clock, (action) => this.#perform(action));
    const { directory, streams } = overlay;
    const refused = metrics.counter("bridge_records_refused_total", "Records that mean nothing");
    const unseal = (box: Uint8Array): Uint8Array => overlay.unseal(box);
    const onEvent = (event: ImportEvent): void => this.#driver.feed(event);
    const inbox = inboxKey(self);
    this.#feed = new RecordFeed({ directory, clock, log, unseal, inbox, refused, onEvent });
    this.#addresses = this.#ownAddresses();
    const listening = this.#addresses.map((one) => this.#zoned(one));
    this.#relay = new RelayEntry({ streams, clock, log }, listening);
    const backend = (): ZeroconfBackend | undefined => this.#backend;
    this.#showing = new Showing({
      log,
      relay: this.#relay,
      backend,
      loopback: parts.loopback,
      addresses: () => this.#addresses,
      onShown: (originId, instance, port) => this.#onShown(originId, instance, port),
      onFailed: (originId, reason) => this.#driver.feed({ type: "failed", originId, reason }),
    });
    this.#slots = new SlotAddresses({ log, backend });
    this.#contacts = new SiteContacts({
      ...{ streams, clock, log },
      onSite: (subnetId, isAlive) => this.#driver.feed({ type: "site", subnetId, isAlive }),
    });
    metrics.gauge("bridge_imported_services", "Services of other links shown", () => this.shown);
  }

  get views(): readonly ImportView[] {
    return this.#machine.views();
  }

  get shown(): number {
    return this.#machine.shownKeys().size;
  }

  /** `serviceKey` of what the bridges of this subnet show. */
  get shownKeys(): ReadonlySet<string> {
    return this.#machine.shownKeys();
  }

  /** What this host shows for the crew, in slots that it acts for. */
  get shownForCrew(): readonly ShownService[] {
    return this.#machine
      .shownByCrew()
      .filter(({ originId }) => this.#acts(originId))
      .map(({ originId, shown }) => ({ originId, ...shown, isGone: false }));
  }

  entry(originId: string): { readonly port: number; readonly entered: EnteredPort | undefined } {
    return this.#showing.entry(originId);
  }

  heardMsAgo(subnetId: string): number {
    return this.#contacts.heardMsAgo(subnetId) ?? 0;
  }

  setBackend(backend: ZeroconfBackend | undefined): void {
    this.#stopRenames();
    this.#backend = backend;
    this.#stopRenames = backend?.onRenamed((from, to) => this.#onRenamed(from, to)) ?? (() => {});
    this.#announceSlots();
    if (backend !== undefined) this.#showing.refresh();
  }

  update(situation: ImportSituation): void {
    if (situation.subnetId !== this.#situation?.subnetId) this.#recall(situation.subnetId);
    this.#situation = situation;
    const addresses = this.#ownAddresses();
    if (JSON.stringify(addresses) !== JSON.stringify(this.#addresses)) {
      this.#addresses = addresses;
      void this.#relay.setAddresses(addresses.map((one) => this.#zoned(one)));
      this.#showing.refresh();
    }
    this.#driver.feed({ type: "situation", situation });
    this.#announceSlots();
  }

  heard(shown: readonly ShownService[]): void {
    for (const { originId, instance, port, isGone } of shown)
      this.#driver.feed(
        isGone
          ? { type: "unshown", originId }
          : { type: "shown", originId, instance, port, by: "colleague" },
      );
    this.#parts.onChange();
  }

  async stop(): Promise<void> {
    this.#driver.stop();
    this.#feed.stop();
    this.#contacts.stop();
    this.#stopRenames();
    await Promise.all([this.#showing.stop(), this.#slots.stop()]);
    await this.#relay.close();
  }

  #perform(action: ImportAction): void {
    switch (action.type) {
      case "watch":
        this.#feed.watch(action.keys);
        break;
      case "sites":
        this.#contacts.set(action.sites);
        break;
      case "show":
        this.#wanted.set(action.wanted.originId, action.wanted);
        this.#announceSlots();
        this.#showing.show(action.wanted);
        break;
      case "hide":
        this.#onHidden(action.originId);
    }
  }

  #onHidden(originId: string): void {
    const wanted = this.#wanted.get(originId);
    this.#wanted.delete(originId);
    this.#showing.hide(originId);
    this.#announceSlots();
    if (wanted?.scope === "crew" && this.#acts(originId))
      this.#parts.onShown({ originId, instance: wanted.record.instance, port: 0, isGone: true });
    this.#parts.onChange();
  }

  #onShown(originId: string, instance: string, port: number): void {
    this.#driver.feed({ type: "shown", originId, instance, port, by: "self" });
    this.#names.set(originId, instance);
    this.#parts.files.remember(this.#situation?.subnetId ?? "", originId, instance);
    if (this.#wanted.get(originId)?.scope === "crew" && this.#acts(originId))
      this.#parts.onShown({ originId, instance, port, isGone: false });
    this.#parts.onChange();
  }

  #onRenamed(from: ServiceId, to: ServiceId): void {
    for (const { known, shown } of this.#machine.views())
      if (shown?.instance === from.instance && known.record.type === from.type)
        this.#showing.renamed(known.originId, to.instance);
  }

  /** Those of the slots that this host acts for and in which something is shown. */
  #announceSlots(): void {
    const { subnetId = "", acting = new Set<number>() } = this.#situation ?? {};
    const used = new Set<number>();
    for (const { scope, way, originId } of this.#wanted.values())
      if (scope === "crew" && way === "relay") used.add(slotOfOrigin(originId));
    const slots = [...used].filter((slot) => acting.has(slot));
    this.#slots.set(
      slots.map((slot) => slotHost(subnetId, slot)),
      this.#ownAddresses(),
    );
  }

  #recall(subnetId: string): void {
    this.#names.clear();
    if (subnetId === "") return;
    for (const [originId, name] of this.#parts.files.names.of(subnetId))
      this.#names.set(originId, name);
  }

  #acts(originId: string): boolean {
    return this.#situation?.acting.has(slotOfOrigin(originId)) === true;
  }

  /** Without zones; link-local ones of IPv6, which programs must give a zone, only when there is no other. */
  #ownAddresses(): readonly string[] {
    const all = this.#parts.link().addresses.map(({ address }) => address);
    const isLocal = (address: string): boolean => isIpv6LinkLocal(parseAddress(address) ?? EMPTY);
    const rest = all.filter((address) => !isLocal(address));
    return rest.length > 0 ? rest : all;
  }

  #zoned(address: string): string {
    const isLocal = isIpv6LinkLocal(parseAddress(address) ?? EMPTY);
    return isLocal ? `${address}%${this.#parts.link().name}` : address;
  }
}

const EMPTY = new Uint8Array();
