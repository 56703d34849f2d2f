/** The rules of a configuration file. */
import { BridgeError } from "../errors.ts";
import { parseRule } from "./parse-rule.ts";
import { parseWholePeer } from "./peer-names.ts";
import { RULES_MAX } from "./rule-book.ts";
import type { Rule, RuleRequest } from "./rule.ts";

/**
 * They hold on this host alone: the file is the one place where they stand, and a rule taken out of
 * it is gone at the next reload, which copies at other hosts would not hear of.
 *
 * @throws {BridgeError} ERR_BRIDGE_RULE
 */
export function configuredRules(requests: readonly RuleRequest[]): readonly Rule[] {
  if (requests.length > RULES_MAX)
    throw new BridgeError("ERR_BRIDGE_RULE", `at most ${RULES_MAX} rules may be configured`);
  const rules = new Map<string, Rule>();
  for (const request of requests) {
    const rule = parseRule(request, "config", parseWholePeer);
    if (rules.has(rule.id))
      throw new BridgeError(
        "ERR_BRIDGE_RULE",
        "two rules of the configuration select the same; make them one",
      );
    rules.set(rule.id, rule);
  }
  return [...rules.values()];
}
