/** Which keys of the overlay an importer watches. */
import { inboxKey, TYPES_KEY, typeKey, wordKey } from "../exchange/keys.ts";
import { ALL_TYPES, type ImportRule } from "../rules/rule.ts";

const TYPES_WATCHED_MAX = 256;

/**
 * @param rules  those that this host obeys
 * @param self   id of this host
 * @param listed types that hosts say they list services of
 * @returns texts of keys, sorted; none without a rule
 */
export function keysToWatch(
  rules: readonly ImportRule[],
  self: string,
  listed: readonly string[],
): readonly string[] {
  if (rules.length === 0) return [];
  const keys = new Set([inboxKey(self)]);
  for (const rule of rules) {
    for (const key of rule.keys) keys.add(wordKey(key));
    if (rule.keys.length > 0) continue;
    const isAll = rule.types[0] === ALL_TYPES;
    if (isAll) keys.add(TYPES_KEY);
    const types = isAll ? [...new Set(listed)].slice(0, TYPES_WATCHED_MAX) : rule.types;
    for (const type of types) keys.add(typeKey(type));
  }
  return [...keys].toSorted();
}
