/** Why a service is not seen where somebody looks for it: the bridge's part of `causeway explain`. */
import type { Finding } from "../overlay/index.ts";
import type { BridgeStatus, RuleView, ServicesView } from "./types.ts";

const NAMED_MAX = 5;

export interface BridgeSituation {
  readonly status: BridgeStatus;
  readonly rules: readonly RuleView[];
  readonly services: ServicesView;
  /** What was wrong with the stored rules; empty when nothing was. */
  readonly ruleProblem: string;
}

/** Nothing to say while there are no rules: then nothing is meant to be bridged. */
export function explainBridge(at: BridgeSituation): readonly Finding[] {
  const { status, rules, ruleProblem } = at;
  const damaged: readonly Finding[] =
    ruleProblem === ""
      ? []
      : [finding("bridge-rules-damaged", "problem", ruleProblem, 'see "causeway export"')];
  if (rules.length === 0) return damaged;
  if (status.backend === null)
    return [
      ...damaged,
      finding(
        "bridge-no-multicast-dns",
        "problem",
        `services are neither seen nor shown on this link: ${status.reason}`,
        "start avahi-daemon, or give this host an interface with multicast",
      ),
    ];
  return [...damaged, ...idleRules(rules), ...localTrouble(at), ...importTrouble(at)];
}

function idleRules(rules: readonly RuleView[]): readonly Finding[] {
  const idle = rules.filter(({ matches }) => matches === 0).map(({ rule }) => rule.id);
  if (idle.length === 0) return [];
  return [
    finding(
      "bridge-rule-idle",
      "warning",
      `nothing matches ${idle.length === 1 ? "rule" : "rules"} ${some(idle)}`,
      'compare with what "causeway services" and "causeway export TYPE --dry-run" show',
    ),
  ];
}

function localTrouble({ services }: BridgeSituation): readonly Finding[] {
  const held = services.local.filter(({ rules, reason }) => rules.length > 0 && reason !== "");
  if (held.length === 0) return [];
  const named = held.map(({ instance, reason }) => `"${instance}": ${reason}`);
  return [finding("bridge-not-exported", "warning", `not exported: ${some(named)}`, "")];
}

function importTrouble({ services }: BridgeSituation): readonly Finding[] {
  const hidden = services.imported.filter(
    ({ reason }) => reason !== "" && !reason.startsWith("another host of this subnet"),
  );
  if (hidden.length === 0) return [];
  const named = hidden.map(({ instance, reason }) => `"${instance}": ${reason}`);
  const advice = 'if a site does not answer, look there with "causeway explain"';
  return [finding("bridge-not-shown", "warning", `not shown: ${some(named)}`, advice)];
}

function some(texts: readonly string[]): string {
  const more = texts.length - NAMED_MAX;
  return texts.slice(0, NAMED_MAX).join(", ") + (more > 0 ? ` and ${more} more` : "");
}

function finding(
  code: string,
  severity: Finding["severity"],
  what: string,
  advice: string,
): Finding {
  return { code, severity, what, advice };
}
