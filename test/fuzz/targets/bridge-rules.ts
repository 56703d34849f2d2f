/** Rules of the bridge: as people write them, as siblings tell them, as the disk has them. */
import { BridgeError } from "../../../bridge/errors.ts";
import { formatStoredRules, parseStoredRules } from "../../../bridge/io/rule-store.ts";
import { matchesGlob, parseGlob } from "../../../bridge/rules/glob.ts";
import { parseRule, ruleIdOf } from "../../../bridge/rules/parse-rule.ts";
import { formatPeer, parseWholePeer } from "../../../bridge/rules/peer-names.ts";
import { RuleBook } from "../../../bridge/rules/rule-book.ts";
import {
  decodeSyncMessage,
  encodeSyncMessage,
  requestOf,
} from "../../../bridge/rules/rule-text.ts";
import { parseServiceType } from "../../../bridge/rules/service-type.ts";
import { parseServiceLine, serviceLineOf } from "../../../bridge/stream/service-line.ts";
import { utf8 } from "../../../platform/bytes.ts";
import { WireError } from "../../../platform/errors.ts";
import { isSameValue, Violation, type FuzzTarget } from "../engine/target.ts";

const HOST = "a".repeat(52);
const WORDS = [
  ...["_http._tcp", "all", "._udp", "*", "?", "\\", "host:", "subnet:", HOST, "Tom's Music"],
  ...['"type":"export"', '"serviceType":', '"keys":[]', '"to":[]', '"isUnlisted":false'],
  ...['"counter":1', '"host":', '"rule":null', '"entries":[]', '"wants":[]', '"version":1'],
];

const EXPORT = parseRule(
  { type: "export", serviceType: "http", name: "Tom*", keys: ["k"], to: [`host:${HOST}`] },
  "subnet",
  parseWholePeer,
);
const IMPORT = parseRule({ type: "import", types: ["ipp"] }, "subnet", parseWholePeer);

function book(): RuleBook {
  const filled = new RuleBook();
  for (const rule of [EXPORT, IMPORT]) filled.set(rule, HOST);
  filled.remove(IMPORT.id, HOST);
  return filled;
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** A word a line: type, name, key, peer. */
const asked: FuzzTarget = {
  name: "bridge-rule",
  covers: [
    "bridge/rules/service-type.ts parseServiceType",
    "bridge/rules/glob.ts parseGlob",
    "bridge/rules/peer-names.ts parseWholePeer",
    "bridge/rules/parse-rule.ts parseRule",
  ],
  format: "text",
  bytesMax: 1024,
  dictionary: WORDS,
  refusals: [BridgeError],
  seeds: () => [utf8(`http\nTom*\nkey\nhost:${HOST}`), utf8(`_ipp._tcp\n*\n\nsubnet:${HOST}`)],
  run(bytes) {
    const [type = "", glob = "", key = "", peer = ""] = textOf(bytes).split("\n");
    if (parseServiceType(parseServiceType(type)) !== parseServiceType(type))
      throw new Violation("a type that reads differently again");
    if (!/[*?\\]/.test(glob) && !matchesGlob(parseGlob(glob), glob))
      throw new Violation("a plain name that does not match itself");
    if (formatPeer(parseWholePeer(peer)) !== peer) throw new Violation("another peer");
    const keys = key === "" ? [] : [key];
    const request = { type: "export", serviceType: type, name: glob, keys, to: [peer] } as const;
    const rule = parseRule(request, "subnet", parseWholePeer);
    if (!isSameValue(parseRule(requestOf(rule), "subnet", parseWholePeer), rule))
      throw new Violation("a rule does not come back from its request");
    if (ruleIdOf(requestOf(rule), "subnet") !== rule.id) throw new Violation("another id");
  },
};

const told: FuzzTarget = {
  name: "bridge-rule-sync",
  covers: ["bridge/rules/rule-text.ts decodeSyncMessage"],
  format: "text",
  bytesMax: 4096,
  dictionary: WORDS,
  refusals: [WireError],
  seeds: () => {
    const { digest, entries } = book();
    return [
      encodeSyncMessage({ type: "hello", subnet: HOST, digest }),
      encodeSyncMessage({ type: "same" }),
      encodeSyncMessage({ type: "stamps", stamps: entries }),
      encodeSyncMessage({ type: "entries", entries, wants: [EXPORT.id] }),
    ].map((text) => utf8(text));
  },
  run(bytes) {
    const message = decodeSyncMessage(textOf(bytes));
    if (!isSameValue(decodeSyncMessage(encodeSyncMessage(message)), message))
      throw new Violation("a message does not come back");
    if (message.type !== "entries") return;
    const merged = book();
    merged.merge(message.entries);
    const before = merged.digest;
    if (merged.merge(message.entries) || merged.digest !== before)
      throw new Violation("merging twice is not merging once");
  },
};

const stored: FuzzTarget = {
  name: "bridge-rule-file",
  covers: ["bridge/io/rule-store.ts parseStoredRules"],
  format: "text",
  bytesMax: 4096,
  dictionary: WORDS,
  refusals: [WireError],
  seeds: () => {
    const { entries } = book();
    return [utf8(formatStoredRules({ here: [], subnets: [{ id: HOST, entries }] }))];
  },
  run(bytes) {
    const rules = parseStoredRules(bytes);
    if (!isSameValue(parseStoredRules(utf8(formatStoredRules(rules))), rules))
      throw new Violation("a file does not come back");
  },
};

const LINE = {
  ...{ event: "add", instance: "Tom's Music v1.2", type: "_daap._tcp", subtypes: ["_x"] },
  ...{ host: "toms-mac.local", port: 3689, txt: ["a=1", { base64: "/z0=" }] },
  addresses: ["192.168.1.5", "fd00::5"],
};

const streamed: FuzzTarget = {
  name: "bridge-service-line",
  covers: ["bridge/stream/service-line.ts parseServiceLine"],
  format: "text",
  bytesMax: 4096,
  dictionary: [...WORDS, ...Object.keys(LINE), '{"base64":"AA=="}', "\\\\.", "1.2.3.4", "::1"],
  refusals: [BridgeError],
  seeds: () => [
    utf8(JSON.stringify(LINE)),
    utf8('{"event":"remove","instance":"x","type":"_http._tcp"}'),
  ],
  run(bytes) {
    const event = parseServiceLine(textOf(bytes));
    const again = parseServiceLine(JSON.stringify(serviceLineOf(event)));
    if (!isSameValue(again, event)) throw new Violation("a line does not come back");
  },
};

export const BRIDGE_RULE_TARGETS = [asked, told, stored, streamed];
