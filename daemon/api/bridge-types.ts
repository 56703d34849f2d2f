/** What goes over the local API about the bridge, as both ends see it. */
import type {
  BridgeStatus,
  DryRunItem,
  ExportRule,
  ImportRule,
  RuleOutcome,
  RuleRequest,
  RuleView,
  ServicesView,
} from "../../bridge/index.ts";

/** A request with all its words has this much at most. */
export const RULE_BYTES_MAX = 64 * 1024;

export interface PeerJson {
  readonly type: "host" | "subnet";
  readonly id: string;
  /** What the host calls itself now; empty when it is not known, and for a subnet. */
  readonly name: string;
}

export type RuleJson =
  | (Omit<ExportRule, "to"> & { readonly to: readonly PeerJson[] })
  | (Omit<ImportRule, "from"> & { readonly from: readonly PeerJson[] });

export type RuleViewJson = Omit<RuleView, "rule"> & { readonly rule: RuleJson };

export interface RulesAnswer {
  readonly rules: readonly RuleViewJson[];
}

/** To `POST /v1/rules`, `/v1/rules/dry-run` (exports only) and `/v1/rules/remove`. */
export type SetRuleRequest = RuleRequest;

export type RuleAnswer = Omit<RuleOutcome, "rule"> & { readonly rule: RuleJson };

export interface RemovedRuleAnswer {
  readonly removed: RuleJson;
}

export interface DryRunAnswer {
  readonly services: readonly (Omit<DryRunItem, "to"> & { readonly to: readonly PeerJson[] })[];
}

export interface ServicesAnswer extends ServicesView {
  readonly bridge: BridgeStatus;
}

/** First and only line of a feed's stream, which is open as long as the feed. */
export interface FeedLine {
  readonly feed: string;
}

export type FedAnswer =
  /** The name it has on the link. */
  | { readonly event: "add"; readonly shownAs: string }
  /** False: this feed never added it. */
  | { readonly event: "remove"; readonly removed: boolean };
