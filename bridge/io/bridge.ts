/** The bridge as it runs: rules, crew, and the exporting and the importing half, put together. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Finding, LeaseDuty } from "../../overlay/index.ts";
import type { LinkAddressing } from "../../platform/address.ts";
import { errorMessage } from "../../platform/errors.ts";
import { slotOfOrigin } from "../crew/slots.ts";
import { explainBridge } from "../explain.ts";
import { selectsExport } from "../rules/matching.ts";
import { parseRule } from "../rules/parse-rule.ts";
import { findPeer } from "../rules/peer-names.ts";
import { ALL_TYPES, type Rule } from "../rules/rule.ts";
import { importedViews, localViews } from "../service-views.ts";
import type {
  Bridge,
  BridgeOptions,
  BridgeParts,
  BridgeStatus,
  DryRunItem,
  ExportRequest,
  ImportRequest,
  RuleOutcome,
  RuleView,
  ServiceEvent,
  ServiceFeed,
  ServicesView,
} from "../types.ts";
import type { ZeroconfBackend } from "../zeroconf/backend.ts";
import type { ServiceId } from "../zeroconf/service.ts";
import type { IsHostThere } from "./host-presence.ts";
import { BridgeFiles } from "./bridge-files.ts";
import { Crew } from "./crew.ts";
import { ExportSide } from "./export-side.ts";
import { ImportSide } from "./import-side.ts";
import { readServices } from "./service-events.ts";
import { ServiceFeeds } from "./service-feed.ts";
import { openRuleKeeper, type RuleKeeper } from "./rule-keeper.ts";

/** Between two looks at who is where, and at this host's addresses. */
const LOOK_MS = 2000;
const BACKEND_RETRY_MS = 5000;
/** How long a browse needs to show what is there (RFC 6762 §6: answers come within half a second). */
const BROWSE_MS = 1500;
const BROWSE_STEP_MS = 50;
const NOT_LISTENING = async (): Promise<void> => {};

/** What a bridge stands on; a test passes a link of its own. */
export interface BridgeGround {
  /** @throws {BridgeError} ERR_BRIDGE_BACKEND when there is no multicast DNS now */
  openBackend(link: LinkAddressing): Promise<ZeroconfBackend>;
  /** For what is shown on this host alone. */
  openLoopback(): Promise<ZeroconfBackend>;
  /** Hears services of the link say goodbye. @returns ends it */
  listen(link: LinkAddressing, onGoodbye: (id: ServiceId) => void): Promise<() => Promise<void>>;
  /** Whatever in it changes, down to an interface's number, makes another link of it. */
  readLink(name: string | null): LinkAddressing;
  readonly isHostThere: IsHostThere;
}

/**
 * Starts the bridge; resolves when rules and files are read. Multicast DNS is looked for from then on.
 *
 * @throws {BridgeError} ERR_BRIDGE_STORAGE, or ERR_BRIDGE_RULE for a rule of the configuration
 */
export async function startBridgeOn(
  ground: BridgeGround,
  options: BridgeOptions,
  parts: BridgeParts,
): Promise<Bridge> {
  const { stateDir, backend: _, configured, ...rest } = options;
  rest satisfies Record<string, never>;
  const files = await BridgeFiles.open(stateDir, parts.log);
  const rules = await openRuleKeeper({ stateDir, configured }, parts);
  return new RunningBridge(ground, parts, files, rules);
}

class RunningBridge implements Bridge {
  readonly #ground: BridgeGround;
  readonly #parts: BridgeParts;
  readonly #files: BridgeFiles;
  readonly #rules: RuleKeeper;
  readonly #crew: Crew;
  readonly #exports: ExportSide;
  readonly #imports: ImportSide;
  readonly #feeds: ServiceFeeds;
  readonly #stopping = new AbortController();
  readonly #self: string;
  #backend: ZeroconfBackend | undefined;
  #stopListening: () => Promise<void> = NOT_LISTENING;
  /** Changes of what is listened to, one after the other. */
  #listening: Promise<void> = Promise.resolve();
  #loopback: Promise<ZeroconfBackend> | undefined;
  #trouble = "multicast DNS is being looked for";
  #link: LinkAddressing;
  /** Slots acted for until the present change of duty. */
  #former: ReadonlySet<number> = new Set();
  #refreshing: NodeJS.Immediate | undefined;

  constructor(ground: BridgeGround, parts: BridgeParts, files: BridgeFiles, rules: RuleKeeper) {
    this.#ground = ground;
    this.#parts = parts;
    this.#files = files;
    this.#rules = rules;
    const { overlay, clock, log } = parts;
    this.#self = overlay.status().host.id;
    this.#link = ground.readLink(overlay.status().link.interface);
    const link = (): LinkAddressing => this.#link;
    this.#crew = new Crew({
      ...{ overlay, clock, log },
      onDuty: (duty) => this.#onDuty(duty),
      onNews: (_, { shown, exported }) => {
        this.#exports.heard(exported);
        this.#imports.heard(shown);
      },
      greeting: () => ({ shown: this.#imports.shownForCrew, exported: this.#exports.versions }),
    });
    this.#exports = new ExportSide({
      ...{ ...parts, secret: files.secret, isHostThere: ground.isHostThere, link },
      onExported: (version) => this.#crew.tell({ exported: [version] }),
    });
    this.#imports = new ImportSide({
      ...{ ...parts, files, link },
      home: this.#exports,
      loopback: () => this.#openLoopback(),
      onShown: (shown) => this.#crew.tell({ shown: [shown] }),
      onChange: () => this.#refreshSoon(),
    });
    const siteName = (): string => overlay.status().host.name;
    this.#feeds = new ServiceFeeds(() => this.#backend, siteName);
    rules.onChange(() => this.#refresh());
    parts.metrics.gauge("bridge_acting_slots", "Slots this host acts for", () => this.#acting.size);
    this.#refresh();
    void this.#follow();
    void this.#look();
    void this.#keepBackend();
  }

  rules(): readonly RuleView[] {
    const local = this.#exports.services;
    const imported = this.#imports.views;
    return this.#rules.rules.map((held) => ({
      ...held,
      matches:
        held.rule.type === "export"
          ? local.filter(({ rules }) => rules.some(({ id }) => id === held.rule.id)).length
          : imported.filter(({ rules }) => rules.some(({ id }) => id === held.rule.id)).length,
    }));
  }

  async setRule(request: ExportRequest | ImportRequest): Promise<RuleOutcome> {
    const { rule, change, notes } = await this.#rules.set(request);
    let matches = this.#matches(rule);
    for (let waitedMs = 0; matches === 0 && waitedMs < BROWSE_MS; waitedMs += BROWSE_STEP_MS) {
      await sleep(BROWSE_STEP_MS);
      matches = this.#matches(rule);
    }
    return { rule, change, matches, notes: [...notes, ...this.#unmatched(rule, matches)] };
  }

  async removeRule(which: string | ExportRequest | ImportRequest): Promise<Rule> {
    return this.#rules.remove(which);
  }

  async dryRun(request: ExportRequest): Promise<readonly DryRunItem[]> {
    const subnets = this.#parts.overlay.subnets();
    const rule = parseRule(request, "here", (text) => findPeer(text, subnets));
    if (rule.type !== "export") return [];
    const reading = this.#exports.read(rule.serviceType, () => {});
    try {
      await sleep(BROWSE_MS);
      return this.#exports.services
        .filter(({ service }) => selectsExport(rule, service))
        .map(({ service }) => ({
          instance: service.instance,
          type: service.type,
          keys: [service.instance, ...rule.keys],
          to: rule.to,
          isUnlisted: rule.isUnlisted,
          reason: this.#exports.problemOf(service),
        }));
    } finally {
      reading.close();
    }
  }

  configure(requests: readonly (ExportRequest | ImportRequest)[]): void {
    this.#rules.configure(requests);
  }

  services(): ServicesView {
    const { duty } = this.#crew;
    const imported = importedViews(this.#imports.views, {
      duty,
      self: this.#self,
      nowMs: this.#parts.clock.monotonicMs(),
      address: (host) => this.#addressOf(host),
      entry: (originId) => {
        const { port, entered } = this.#imports.entry(originId);
        const { open = 0, bytesToService = 0, bytesFromService = 0 } = entered?.statistics() ?? {};
        return { port, traffic: { open, bytes: bytesToService + bytesFromService } };
      },
      heardMsAgo: (subnetId) => this.#imports.heardMsAgo(subnetId),
    });
    return { local: localViews(this.#exports.services, duty, this.#self), imported };
  }

  serviceEvents(
    serviceType: string,
    name: string,
    signal: AbortSignal,
  ): AsyncIterable<ServiceEvent> {
    const ending = AbortSignal.any([signal, this.#stopping.signal]);
    return readServices(this.#exports, serviceType, name, ending);
  }

  openFeed(): ServiceFeed {
    return this.#feeds.open();
  }

  status(): BridgeStatus {
    return {
      backend: this.#backend?.name ?? null,
      crew: this.#crew.duty.crew,
      acting: [...this.#acting],
      exported: this.#exports.exported,
      imported: this.#imports.shown,
      reason: this.#backend === undefined ? this.#trouble : "",
    };
  }

  explain(): readonly Finding[] {
    return explainBridge({
      status: this.status(),
      rules: this.rules(),
      services: this.services(),
      ruleProblem: this.#rules.problem,
    });
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    clearImmediate(this.#refreshing);
    await this.#rules.close();
    const hasColleagues = this.#crew.duty.crew.some((host) => host !== this.#self);
    // First, so that the colleagues announce what is theirs before this host says goodbye to it.
    this.#crew.stop();
    await this.#feeds.stop();
    await Promise.all([this.#imports.stop(), this.#exports.stop(hasColleagues)]);
    await this.#files.save();
    await this.#listening;
    await this.#stopListening();
    await this.#backend?.close();
    await this.#loopback?.then((backend) => backend.close()).catch(() => {}); // it never opened
  }

  get #acting(): ReadonlySet<number> {
    const slots = [...this.#crew.duty.slots.entries()];
    return new Set(slots.flatMap(([slot, host]) => (host === this.#self ? [slot] : [])));
  }

  /** Tried anew the next time it is needed, when it cannot be opened. */
  #openLoopback(): Promise<ZeroconfBackend> {
    this.#loopback ??= this.#ground.openLoopback().catch((error: unknown) => {
      this.#loopback = undefined;
      throw error;
    });
    return this.#loopback;
  }

  /** Anew on another link, or at another address. */
  #listen(): Promise<void> {
    const listening = this.#listening.then(() => this.#listenAnew());
    this.#listening = listening.catch(() => {}); // whoever waits for it has the error
    return listening;
  }

  async #listenAnew(): Promise<void> {
    await this.#stopListening();
    this.#stopListening = NOT_LISTENING;
    if (this.#stopping.signal.aborted || this.#backend === undefined) return;
    this.#stopListening = await this.#ground.listen(this.#link, (id) => this.#exports.goodbye(id));
  }

  #addressOf(hostId: string): string {
    if (hostId === this.#self) return this.#link.addresses[0]?.address ?? "";
    const host = this.#parts.overlay.subnet.hosts.find(({ id }) => id === hostId);
    return (host?.addresses[0] ?? "").replace(/:\d+$/, "").replace(/^\[|\]$/g, "");
  }

  #matches(rule: Rule): number {
    return this.rules().find((one) => one.rule.id === rule.id)?.matches ?? 0;
  }

  #unmatched(rule: Rule, matches: number): readonly string[] {
    if (matches > 0) return [];
    if (this.#backend === undefined) return [`nothing is bridged now: ${this.#trouble}`];
    if (rule.type === "import") return ["no such service is known of now; it is waited for"];
    const what = rule.serviceType === ALL_TYPES ? "any service" : rule.serviceType;
    const named = rule.name === "*" ? "" : ` by a name like "${rule.name}"`;
    return [`nobody on this link announces ${what}${named} now; it is waited for`];
  }

  #onDuty(duty: LeaseDuty): void {
    const former = this.#former;
    this.#former = this.#acting;
    this.#parts.log.info("bridge duty", { crew: duty.crew, acting: [...this.#former] });
    this.#refresh();
    // Whoever takes a slot tells all that it knows of it: the last one may not have told everybody.
    const taken = this.#imports.shownForCrew.filter(
      ({ originId }) => !former.has(slotOfOrigin(originId)),
    );
    if (taken.length > 0) this.#crew.tell({ shown: taken });
  }

  /** After the present event: who is told of a change often causes the next one. */
  #refreshSoon(): void {
    if (this.#stopping.signal.aborted) return;
    this.#refreshing ??= setImmediate(() => {
      this.#refreshing = undefined;
      this.#refresh();
    });
  }

  /** Tells both halves how things are. */
  #refresh(): void {
    if (this.#stopping.signal.aborted) return;
    const { overlay } = this.#parts;
    const subnetId = overlay.subnet.id ?? "";
    const subnets = overlay.subnets();
    const { crew } = this.#crew.duty;
    const shared = { self: this.#self, subnetId, acting: this.#acting, subnets };
    const rules = this.#rules.rules.map(({ rule }) => rule);
    this.#imports.update({ ...shared, rules, isInCrew: crew.includes(this.#self) });
    const { name: siteName } = overlay.status().host;
    const shown = this.#imports.shownKeys;
    this.#exports.update({ ...shared, rules, siteName, crew, shown });
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stopping;
    this.#crew.refresh();
    try {
      for await (const _ of this.#parts.overlay.subnet.events(signal)) {
        this.#crew.refresh();
        this.#refresh();
      }
    } catch (error) {
      if (!signal.aborted) this.#parts.log.error("subnet not followed", { reason: String(error) });
    }
  }

  /** Other subnets' hosts and this host's addresses change without an event. */
  async #look(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await sleep(LOOK_MS, undefined, { signal }).catch(() => {}); // the loop sees an abort
      if (signal.aborted) return;
      await this.#lookAtLink();
      this.#crew.refresh();
      this.#refresh();
    }
  }

  async #lookAtLink(): Promise<void> {
    const link = this.#ground.readLink(this.#parts.overlay.status().link.interface);
    if (JSON.stringify(link) === JSON.stringify(this.#link)) return;
    this.#link = link;
    try {
      await this.#backend?.becomeLink?.(link);
      await this.#listen();
    } catch (error) {
      this.#parts.log.warn("link not followed", { reason: errorMessage(error) });
    }
  }

  async #keepBackend(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted && this.#backend === undefined) {
      try {
        const link = this.#link;
        const backend = await this.#ground.openBackend(link);
        if (signal.aborted) return await backend.close();
        this.#backend = backend;
        this.#parts.log.info("bridge is on the link", { backend: backend.name });
        this.#exports.setBackend(backend);
        this.#imports.setBackend(backend);
        this.#crew.setAble(true);
        // A host that boots gets its addresses while that is opened.
        if (link !== this.#link) await backend.becomeLink?.(this.#link);
        await this.#listen();
      } catch (error) {
        const reason = errorMessage(error);
        if (reason !== this.#trouble) this.#parts.log.warn("no multicast DNS", { reason });
        this.#trouble = reason;
        await sleep(BACKEND_RETRY_MS, undefined, { signal }).catch(() => {}); // see the loop
      }
    }
  }
}
