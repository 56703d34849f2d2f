/**
 * Rules as JSON: on disk, and between the hosts of a subnet.
 *
 * A rule is written as the request that makes it and read by the same checks, so that what a file
 * or a sibling says is never looser than what a person may. Fields that this version does not know
 * are refused, not skipped: one of them might narrow the rule. Not supported: reading across
 * versions; a new field comes with a new version of file and protocol.
 */
import { errorMessage, WireError } from "../../platform/errors.ts";
import { parseRule, type RuleScope } from "./parse-rule.ts";
import { formatPeer, parseWholePeer } from "./peer-names.ts";
import type { Rule, RuleRequest } from "./rule.ts";
import { ENTRIES_MAX, type RuleEntry, type Stamp, type StampOf } from "./rule-book.ts";

const HOST_ID = /^[a-z2-7]{52}$/;
const RULE_ID = /^[ei]-[a-z2-7]{8}$/;
const DIGEST = /^[0-9a-f]{64}$/;
const COUNTER_MAX = 2 ** 48;
const FIELDS: Readonly<Record<Rule["type"], readonly string[]>> = {
  export: ["type", "serviceType", "name", "keys", "to", "isUnlisted"],
  import: ["type", "types", "keys", "from", "isLocalOnly", "isDirect"],
};

/** The request that gives this rule, with whole ids. */
export function requestOf(rule: Rule): RuleRequest {
  if (rule.type === "export") {
    const { type, serviceType, name, keys, to, isUnlisted } = rule;
    return { type, serviceType, name, keys, to: to.map(formatPeer), isUnlisted };
  }
  const { type, types, keys, from, isLocalOnly, isDirect } = rule;
  return { type, types, keys, from: from.map(formatPeer), isLocalOnly, isDirect };
}

export function entriesToJson(entries: readonly RuleEntry[]): readonly object[] {
  return entries.map(({ id, stamp, rule }) => ({
    id,
    counter: stamp.counter,
    host: stamp.host,
    rule: rule === null ? null : requestOf(rule),
  }));
}

/** @throws {WireError} */
export function entriesFromJson(value: unknown, scope: RuleScope): readonly RuleEntry[] {
  return listOf(value, "entries").map((one) => {
    const { id, rule } = objectOf(one, ["id", "counter", "host", "rule"]);
    const entry = { ...stampedOf(one), rule: rule === null ? null : ruleOf(rule, scope) };
    if (entry.rule !== null && entry.rule.id !== id)
      throw new WireError(`rule ${entry.id} is in truth ${entry.rule.id}`);
    return entry;
  });
}

/** What hosts of a subnet say to each other over `bridge-rules/1`, one JSON text a line. */
export type SyncMessage =
  /** Whose rules, and what state they are in: the first word. */
  | { readonly type: "hello"; readonly subnet: string; readonly digest: string }
  /** Nothing is missing on either side. */
  | { readonly type: "same" }
  | { readonly type: "stamps"; readonly stamps: readonly StampOf[] }
  /** What the other one lacks, and ids of what itself lacks. */
  | {
      readonly type: "entries";
      readonly entries: readonly RuleEntry[];
      readonly wants: readonly string[];
    };

export function encodeSyncMessage(message: SyncMessage): string {
  if (message.type === "stamps") {
    const stamps = message.stamps.map(({ id, stamp }) => [id, stamp.counter, stamp.host]);
    return JSON.stringify({ type: message.type, stamps });
  }
  if (message.type !== "entries") return JSON.stringify(message);
  return JSON.stringify({ ...message, entries: entriesToJson(message.entries) });
}

/** @throws {WireError} */
export function decodeSyncMessage(text: string): SyncMessage {
  const value = jsonOf(text);
  switch (typeOf(value)) {
    case "hello": {
      const { subnet, digest } = objectOf(value, ["type", "subnet", "digest"]);
      return {
        type: "hello",
        subnet: matching(subnet, HOST_ID, "subnet"),
        digest: matching(digest, DIGEST, "digest"),
      };
    }
    case "same":
      objectOf(value, ["type"]);
      return { type: "same" };
    case "stamps": {
      const { stamps } = objectOf(value, ["type", "stamps"]);
      const read = listOf(stamps, "stamps").map((one) => {
        const [id, counter, host, ...more] = listOf(one, "stamp");
        if (more.length > 0) throw new WireError("a stamp of more than three parts");
        return stampedOf({ id, counter, host });
      });
      return { type: "stamps", stamps: read };
    }
    case "entries": {
      const { entries, wants } = objectOf(value, ["type", "entries", "wants"]);
      return {
        type: "entries",
        entries: entriesFromJson(entries, "subnet"),
        wants: listOf(wants, "wants").map((id) => matching(id, RULE_ID, "id")),
      };
    }
    default:
      throw new WireError("a message of no known type");
  }
}

/** @throws {WireError} */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new WireError("not JSON", -1, { cause });
  }
}

/** An object with these fields and no others. @throws {WireError} */
export function objectOf(value: unknown, fields: readonly string[]): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new WireError("not an object");
  const unknown = Object.keys(value).find((name) => !fields.includes(name));
  if (unknown !== undefined) throw new WireError(`unknown field "${unknown.slice(0, 40)}"`);
  return { ...value };
}

function typeOf(value: unknown): unknown {
  return typeof value === "object" && value !== null && "type" in value ? value.type : undefined;
}

function stampedOf(value: unknown): { readonly id: string; readonly stamp: Stamp } {
  const { id, counter, host } = value as Record<string, unknown>;
  if (!Number.isInteger(counter) || (counter as number) < 1 || (counter as number) > COUNTER_MAX)
    throw new WireError("a counter out of bounds");
  const stamp = { counter: counter as number, host: matching(host, HOST_ID, "host") };
  return { id: matching(id, RULE_ID, "id"), stamp };
}

function ruleOf(value: unknown, scope: RuleScope): Rule {
  const type = typeOf(value);
  if (type !== "export" && type !== "import") throw new WireError("a rule of no known type");
  const fields = objectOf(value, FIELDS[type]);
  for (const name of FIELDS[type]) if (!isFieldOk(name, fields[name])) throw badField(name);
  try {
    return parseRule(fields as unknown as RuleRequest, scope, parseWholePeer);
  } catch (cause) {
    throw new WireError(errorMessage(cause), -1, { cause });
  }
}

function isFieldOk(name: string, value: unknown): boolean {
  if (name.startsWith("is")) return typeof value === "boolean";
  if (["type", "serviceType", "name"].includes(name)) return typeof value === "string";
  return Array.isArray(value) && value.every((one) => typeof one === "string");
}

function badField(name: string): WireError {
  return new WireError(`a rule with a bad "${name}"`);
}

function listOf(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new WireError(`${what} is no list`);
  if (value.length > ENTRIES_MAX) throw new WireError(`${what} has ${value.length} items`);
  return value as readonly unknown[];
}

function matching(value: unknown, pattern: RegExp, what: string): string {
  if (typeof value !== "string" || !pattern.test(value)) throw new WireError(`no ${what}`);
  return value;
}
