/** What the daemon and its API see of the bridge. */
import type { Finding, Overlay } from "../overlay/index.ts";
import type { Clock } from "../platform/clock.ts";
import type { Metrics } from "../platform/io/metrics.ts";
import type { Logger } from "../platform/logger.ts";
import type { Random } from "../platform/random.ts";
import type { ExportRequest, ImportRequest, Peer, Rule } from "./rules/rule.ts";
import type { ServiceId, ZeroconfService } from "./zeroconf/service.ts";

export type { ExportRequest, ImportRequest, ExportRule, ImportRule } from "./rules/rule.ts";
export type { Peer, Rule, RuleRequest } from "./rules/rule.ts";
export type { ServiceId, ZeroconfService } from "./zeroconf/service.ts";

export type BackendChoice = "auto" | "avahi" | "own";

export interface BridgeOptions {
  /** The daemon's state directory; the bridge's own files are in `bridge/` below it. */
  readonly stateDir: string;
  /** Default `auto`. */
  readonly backend: BackendChoice;
  /** Rules of the configuration file, which hold on this host alone. Default none. */
  readonly configured: readonly (ExportRequest | ImportRequest)[];
}

export interface BridgeParts {
  readonly overlay: Pick<
    Overlay,
    "directory" | "subnet" | "streams" | "subnets" | "status" | "unseal"
  >;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** A rule as `causeway export` and `causeway import` list it. */
export interface RuleView {
  readonly rule: Rule;
  /** `subnet` is every host's of the subnet; `here` and `config` are this host's alone. */
  readonly source: "subnet" | "here" | "config";
  /** Host that set it last. */
  readonly setBy: string;
  /** How many services it selects now; for an import rule, those known of. */
  readonly matches: number;
}

/** What became of a rule that was set. */
export interface RuleOutcome {
  readonly rule: Rule;
  /** `same`: it stood there already, word for word. */
  readonly change: "added" | "replaced" | "same";
  /** How many services it selects now. */
  readonly matches: number;
  /** What the person ought to know, such as a type that nobody announces or a wider rule. */
  readonly notes: readonly string[];
}

/** What a rule would export if it were set: one service of this link. */
export interface DryRunItem extends ServiceId {
  /** All keys it would stand under, as written; the name's first. */
  readonly keys: readonly string[];
  /** Empty: every member of the overlay. */
  readonly to: readonly Peer[];
  readonly isUnlisted: boolean;
  /** Why it would not be exported though the rule selects it; empty when it would be. */
  readonly reason: string;
}

/** A service of this link. */
export interface LocalServiceView extends ServiceId {
  /** SRV target, as text with dots. */
  readonly host: string;
  readonly port: number;
  readonly addresses: readonly string[];
  readonly isExported: boolean;
  /** Ids of the export rules that select it. */
  readonly rules: readonly string[];
  /** Host of this subnet that exports it; empty when none does. */
  readonly exporter: string;
  /** Why it is not exported; empty when it is. */
  readonly reason: string;
}

/** A service of another subnet that an import rule here selects. */
export interface ImportedServiceView extends ServiceId {
  /** Origin id: 64 hexadecimal digits, the same at every importer. */
  readonly origin: string;
  readonly originSubnet: string;
  /** Host that exports it now. */
  readonly originHost: string;
  /** The name it has on this link; null while it is not shown. */
  readonly shownAs: string | null;
  /** Where it points here: `ADDRESS:PORT` of the importer, or the real one; empty when not shown. */
  readonly endpoint: string;
  readonly way: "relay" | "direct";
  readonly isLocalOnly: boolean;
  /** Ids of the import rules that select it. */
  readonly rules: readonly string[];
  /** Host of this subnet that shows it; empty when none does. */
  readonly importer: string;
  readonly version: string;
  /** Since its exporter's host last gave a sign of life. */
  readonly heardMsAgo: number;
  /** Left of the record's lifetime. */
  readonly expiresInMs: number;
  /** Connections and UDP exchanges open now, and bytes both ways since it is shown. */
  readonly traffic: { readonly open: number; readonly bytes: number };
  /** Why it is not shown; empty when it is. */
  readonly reason: string;
}

export interface ServicesView {
  readonly local: readonly LocalServiceView[];
  readonly imported: readonly ImportedServiceView[];
}

/** A service of this link, as `--to-stream` writes it. */
export type ServiceEvent =
  /** New, or changed: whole each time. */
  | { readonly event: "add"; readonly service: ZeroconfService }
  | { readonly event: "remove"; readonly id: ServiceId };

/** Services that a program of this host hands in; they are shown as imported ones are. */
export interface ServiceFeed {
  /**
   * Shows a service, or changes the one that this feed added under the same name and type: with the
   * addresses and the port given, under a host name of the bridge's, so that it is not exported.
   *
   * @returns the name under which it is shown, its own unless that is taken
   * @throws {BridgeError} ERR_BRIDGE_LIMIT, ERR_BRIDGE_NAME_CONFLICT, ERR_BRIDGE_BACKEND
   */
  add(service: ZeroconfService): Promise<string>;
  /** @returns false when this feed did not add it */
  remove(id: ServiceId): Promise<boolean>;
  /** Withdraws all that came from it. */
  close(): Promise<void>;
}

export interface BridgeStatus {
  /** Null while there is no multicast DNS. */
  readonly backend: "avahi" | "own" | null;
  /** Hosts of the subnet that bridge, this one among them or not. */
  readonly crew: readonly string[];
  /** Of the crew's slots, those that this host acts for. */
  readonly acting: readonly number[];
  readonly exported: number;
  readonly imported: number;
  /** Why it does not work; empty when it does. */
  readonly reason: string;
}

/** Services of this link for others, those of others on this link. */
export interface Bridge {
  /** Export rules first; the subnet's before this host's before the configuration's. */
  rules(): readonly RuleView[];
  /**
   * Sets a rule and waits until it is on disk.
   *
   * @throws {BridgeError} ERR_BRIDGE_RULE when it cannot be, says what is allowed
   */
  setRule(request: ExportRequest | ImportRequest): Promise<RuleOutcome>;
  /**
   * Takes a rule away: by its id, or by the selection it was set with.
   *
   * @throws {BridgeError} ERR_BRIDGE_RULE when there is none, and says which there are
   */
  removeRule(which: string | ExportRequest | ImportRequest): Promise<Rule>;
  /** Looks at the link for as long as a browse needs, and changes nothing. */
  dryRun(request: ExportRequest): Promise<readonly DryRunItem[]>;
  /** The rules of the configuration file, after it changed. @throws {BridgeError} ERR_BRIDGE_RULE */
  configure(requests: readonly (ExportRequest | ImportRequest)[]): void;
  services(): ServicesView;
  /**
   * The services of this link, those known first, without those that a bridge shows.
   *
   * @param serviceType `_http._tcp` or `all`
   * @param name        a glob
   */
  serviceEvents(
    serviceType: string,
    name: string,
    signal: AbortSignal,
  ): AsyncIterable<ServiceEvent>;
  openFeed(): ServiceFeed;
  status(): BridgeStatus;
  /** For `causeway explain`; none when all is well and nothing is to be said. */
  explain(): readonly Finding[];
  /** Withdraws what is shown and exported. */
  stop(): Promise<void>;
}
