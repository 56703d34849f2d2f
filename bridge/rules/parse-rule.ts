/** From what is asked for to a rule: every part checked, every name resolved. */
import { hash } from "node:crypto";
import { toBase32 } from "../../platform/base32.ts";
import { BridgeError } from "../errors.ts";
import { parseGlob } from "./glob.ts";
import { formatPeer } from "./peer-names.ts";
import { ALL_TYPES } from "./rule.ts";
import type {
  ExportRequest,
  ExportRule,
  ImportRequest,
  ImportRule,
  Peer,
  Rule,
  RuleRequest,
} from "./rule.ts";
import { parseServiceType } from "./service-type.ts";

export const KEYS_MAX = 16;
export const PEERS_MAX = 32;
export const TYPES_MAX = 32;
const KEY_CHARACTERS_MAX = 128;
const ID_CHARACTERS = 8;

/** Where a rule is set; the same selection in two of them is two rules. */
export type RuleScope = "subnet" | "here" | "config";

/**
 * @param scope    whose rule it is to be; `isHere` of the request is heeded by who chooses that
 * @param findPeer resolves one word of `to` or `from`
 * @throws {BridgeError} ERR_BRIDGE_RULE that says what is wrong and what is allowed
 */
export function parseRule(
  request: RuleRequest,
  scope: RuleScope,
  findPeer: (text: string) => Peer,
): Rule {
  return request.type === "export"
    ? parseExport(request, scope, findPeer)
    : parseImport(request, scope, findPeer);
}

function parseExport(
  request: ExportRequest,
  scope: RuleScope,
  findPeer: (text: string) => Peer,
): ExportRule {
  const { type, serviceType, name = "*", keys = [], to = [], isUnlisted = false } = request;
  const selection = { type, serviceType: parseServiceType(serviceType), name: parseGlob(name) };
  return {
    ...selection,
    id: ruleId("e", scope, [selection.serviceType, selection.name.toLowerCase()]),
    isHere: scope !== "subnet",
    keys: parseKeys(keys),
    to: parsePeers("to", to, findPeer),
    isUnlisted,
  };
}

function parseImport(
  request: ImportRequest,
  scope: RuleScope,
  findPeer: (text: string) => Peer,
): ImportRule {
  const { type, isLocalOnly = false, isDirect = false } = request;
  const types = parseTypes(request.types ?? []);
  const keys = parseKeys(request.keys ?? []);
  if (types.length === 0 && keys.length === 0)
    throw badRule('an import needs a type or a key: --type http, --key "music", or --type all');
  return {
    type,
    id: ruleId("i", scope, [types, keys]),
    isHere: scope !== "subnet",
    types,
    keys,
    from: parsePeers("from", request.from ?? [], findPeer),
    isLocalOnly,
    isDirect,
  };
}

/** The id that a rule of that selection has, whatever else the request says. */
export function ruleIdOf(request: RuleRequest, scope: RuleScope): string {
  const none = (): Peer => ({ type: "host", id: "" });
  return request.type === "export"
    ? parseExport({ ...request, to: [] }, scope, none).id
    : parseImport({ ...request, from: [] }, scope, none).id;
}

/** Whether text is a rule's id, or a selection's word. */
export function isRuleId(text: string): boolean {
  return /^[ei]-[a-z2-7]{8}$/.test(text);
}

function ruleId(kind: "e" | "i", scope: RuleScope, selection: readonly unknown[]): string {
  const digest = hash("sha256", JSON.stringify([kind, scope, ...selection]), "buffer");
  return `${kind}-${toBase32(digest).slice(0, ID_CHARACTERS)}`;
}

function parseTypes(texts: readonly string[]): readonly string[] {
  const types = sorted(texts.map(parseServiceType));
  if (types.length > TYPES_MAX) throw badRule(`at most ${TYPES_MAX} types go into one rule`);
  return types.includes(ALL_TYPES) ? [ALL_TYPES] : types;
}

function parseKeys(texts: readonly string[]): readonly string[] {
  const keys = sorted(texts.map(parseKey));
  if (keys.length > KEYS_MAX) throw badRule(`at most ${KEYS_MAX} keys go into one rule`);
  return keys;
}

function parseKey(text: string): string {
  const key = text.normalize("NFC").trim();
  if (key === "" || key.length > KEY_CHARACTERS_MAX || /\p{Cc}/u.test(key))
    throw badRule(`key "${text.slice(0, 80)}": allowed: 1 to ${KEY_CHARACTERS_MAX} characters`);
  if (!key.isWellFormed()) throw badRule("key: it is not text");
  return key;
}

function parsePeers(
  what: "to" | "from",
  texts: readonly string[],
  findPeer: (text: string) => Peer,
): readonly Peer[] {
  const peers = new Map(texts.map(findPeer).map((peer) => [formatPeer(peer), peer]));
  if (peers.size > PEERS_MAX) throw badRule(`${what}: at most ${PEERS_MAX} hosts and subnets`);
  return [...peers.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, peer]) => peer);
}

/** Without repetitions, and so that two orders are one rule. */
function sorted(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)].toSorted();
}

function badRule(problem: string): BridgeError {
  return new BridgeError("ERR_BRIDGE_RULE", problem);
}
