/** What a person who sets or removes a rule ought to hear about the others. */
import { BridgeError } from "../errors.ts";
import { ALL_TYPES } from "./rule.ts";
import type { ExportRule, Rule, RuleRequest } from "./rule.ts";

const RULES_SHOWN_MAX = 8;

/** One line for a list: `e-k3x7abqz _http._tcp "Tom*"`. */
export function describeRule(rule: Rule): string {
  if (rule.type === "export")
    return `${rule.id} ${rule.serviceType}${rule.name === "*" ? "" : ` "${rule.name}"`}${rule.isHere ? " (this host's)" : ""}`;
  const parts = [...rule.types, ...rule.keys.map((key) => `"${key}"`)];
  return `${rule.id} ${parts.join(" ")}${rule.isHere ? " (this host's)" : ""}`;
}

/** Rules add up: what another one lets everybody have, a narrower one does not take back. */
export function widerRuleNotes(
  rule: Rule,
  others: readonly { readonly rule: Rule }[],
): readonly string[] {
  if (rule.type !== "export") return [];
  const wider = others
    .map((other) => other.rule)
    .filter((other) => other.type === "export")
    .filter((other) => other.id !== rule.id && overlaps(other, rule));
  return wider.flatMap((other) => [
    ...(rule.to.length > 0 && other.to.length === 0
      ? [`rule ${describeRule(other)} lets every member have these too`]
      : []),
    ...(rule.isUnlisted && !other.isUnlisted
      ? [`rule ${describeRule(other)} lists these under their type`]
      : []),
  ]);
}

export function noRuleError(
  which: string | RuleRequest,
  held: readonly { readonly rule: Rule }[],
): BridgeError {
  const type = typeof which === "string" ? undefined : which.type;
  const listed = held.filter(({ rule }) => type === undefined || rule.type === type);
  const shown = listed.slice(0, RULES_SHOWN_MAX).map(({ rule }) => describeRule(rule));
  const more = listed.length - shown.length;
  const list = [...shown, ...(more > 0 ? [`${more} more`] : [])].join("; ");
  const what = typeof which === "string" ? `rule "${which.slice(0, 40)}"` : "such rule";
  return new BridgeError(
    "ERR_BRIDGE_RULE",
    list === ""
      ? `no ${what}; there are none`
      : `no ${what}; there are: ${list}. Name one by its id, or by what it was set with`,
  );
}

/** Whether some service may be selected by both; said too often rather than too seldom. */
function overlaps(a: ExportRule, b: ExportRule): boolean {
  const isOneType =
    a.serviceType === b.serviceType || [a.serviceType, b.serviceType].includes(ALL_TYPES);
  return isOneType && (a.name === b.name || [a.name, b.name].some((name) => /[*?]/.test(name)));
}
