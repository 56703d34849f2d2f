import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BridgeError } from "../../../bridge/errors.ts";
import { matchesGlob, parseGlob } from "../../../bridge/rules/glob.ts";
import { isRuleId, parseRule, ruleIdOf } from "../../../bridge/rules/parse-rule.ts";
import { findPeer, parseWholePeer } from "../../../bridge/rules/peer-names.ts";
import type { ExportRule, ImportRule, RuleRequest } from "../../../bridge/rules/rule.ts";
import { parseServiceType } from "../../../bridge/rules/service-type.ts";
import type { SubnetView } from "../../../overlay/index.ts";

const [HOME, OFFICE] = ["h".repeat(52), "o".repeat(52)];
const [DESK, DESK2, NAS] = ["desk".repeat(13), `deskb${"a".repeat(47)}`, "nas2".repeat(13)];

function host(id: string, name: string) {
  return { id, name, addresses: [], isSelf: false };
}

const SUBNETS: readonly SubnetView[] = [
  { id: HOME, isSelf: true, hostSetVersion: 1n, hosts: [host(DESK, "desk"), host(NAS, "nas")] },
  { id: OFFICE, isSelf: false, hostSetVersion: 1n, hosts: [host(DESK2, "desk")] },
];

function parse(request: RuleRequest) {
  return parseRule(request, "subnet", (text) => findPeer(text, SUBNETS));
}

describe("service types", () => {
  it.each([
    ["_http._tcp", "_http._tcp"],
    ["_HTTP._TCP.local.", "_http._tcp"],
    ["http", "_http._tcp"],
    ["music", "_daap._tcp"],
    ["ntp", "_ntp._udp"],
    ["_androidtvremote2._tcp", "_androidtvremote2._tcp"],
    ["_nvstream_dbd._tcp", "_nvstream_dbd._tcp"],
    ["all", "all"],
    ["*", "all"],
  ])("reads %s", (text, type) => {
    expect(parseServiceType(text)).toBe(type);
  });

  it.each([
    ["", /type "": no service type; write it like _http\._tcp/],
    ["_http", /no service type/],
    ["_http._sctp", /no service type/],
    ["ht tp", /no service type/],
    ["-http", /no service type/],
    ["_a--b._tcp", /no service type/],
    ["_80._tcp", /no service type/],
    ["__proto__", /no service type/],
    ["_printer._sub._http._tcp", /a subtype; name its type/],
    [`_${"a".repeat(63)}._tcp`, /longer than 62/],
    ["_causeway._tcp", /never bridged/],
  ])("refuses %s", (text, message) => {
    expect(() => parseServiceType(text)).toThrow(BridgeError);
    expect(() => parseServiceType(text)).toThrow(message);
  });

  it("gives what it reads again, or refuses", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 80 }), (text) => {
        let type: string;
        try {
          type = parseServiceType(text);
        } catch (error) {
          return error instanceof BridgeError;
        }
        return parseServiceType(type) === type;
      }),
    );
  });
});

describe("globs", () => {
  it.each([
    ["*", "Tom's Music v1.2", true],
    ["tom*", "Tom's Music v1.2", true],
    ["*music*", "Tom's Music v1.2", true],
    ["*1.2", "Tom's Music v1.2", true],
    ["Tom", "Tom's Music", false],
    ["a?c", "abc", true],
    ["a?c", "ac", false],
    ["a?c", "a😀c", true],
    ["a\\*c", "a*c", true],
    ["a\\*c", "abc", false],
    ["**a**", "a", true],
    ["a*b*c", "aXbXbXc", true],
    ["a*b*c", "aXbXbX", false],
    ["Café", "Cafe\u0301", true],
  ])("%s on %s: %s", (glob, name, isMatch) => {
    expect(matchesGlob(parseGlob(glob), name)).toBe(isMatch);
  });

  it.each([
    ["", /is empty/],
    ["a".repeat(129), /more than 128/],
    ["a\\", /ends with/],
    ["a\nb", /control character/],
  ])("refuses %j", (glob, message) => {
    expect(() => parseGlob(glob)).toThrow(message);
  });

  it("agrees with a regular expression", () => {
    const piece = fc.constantFrom("a", "b", "*", "?", ".", "(");
    fc.assert(
      fc.property(
        fc.array(piece, { minLength: 1, maxLength: 8 }),
        fc.array(fc.constantFrom("a", "b", ".", "("), { maxLength: 10 }),
        (glob, name) => {
          const source = glob.map((one) =>
            one === "*" ? ".*" : one === "?" ? "." : `\\x${one.codePointAt(0)!.toString(16)}`,
          );
          const pattern = new RegExp(`^${source.join("")}$`, "s");
          return matchesGlob(glob.join(""), name.join("")) === pattern.test(name.join(""));
        },
      ),
    );
  });

  it("takes no time that grows with the number of stars", () => {
    const startedAtMs = performance.now();
    expect(matchesGlob("*a".repeat(60), "a".repeat(59).padEnd(63, "b"))).toBe(false);
    expect(performance.now() - startedAtMs).toBeLessThan(200);
  });
});

describe("peers", () => {
  it("finds hosts by name, hosts and subnets by id or its beginning", () => {
    expect(findPeer("nas", SUBNETS)).toEqual({ type: "host", id: NAS });
    expect(findPeer("nas2n", SUBNETS)).toEqual({ type: "host", id: NAS });
    expect(findPeer("oooo", SUBNETS)).toEqual({ type: "subnet", id: OFFICE });
    expect(findPeer(DESK, SUBNETS)).toEqual({ type: "host", id: DESK });
    expect(findPeer("subnet:hhhh", SUBNETS)).toEqual({ type: "subnet", id: HOME });
  });

  it("takes a whole id of what is not known here, when its kind is said", () => {
    const id = "q".repeat(52);
    expect(findPeer(`host:${id}`, SUBNETS)).toEqual({ type: "host", id });
    expect(() => findPeer(id, SUBNETS)).toThrow(/not known here; write host:q+ or subnet:q+/);
  });

  it.each([
    ["desk", /means several: desk \(host:deskdeskdesk\), desk \(host:deskbaaaaaaa\)/],
    ["nobody", /no such host or subnet is known; there are: subnet:hhhhhhhhhhhh, desk/],
    ["subnet:nas", /no such host or subnet is known; there are: subnet:h+, subnet:o+$/],
    ["", /no such host or subnet/],
    ["hhh", /no such host or subnet/],
  ])("refuses %j with a list", (text, message) => {
    expect(() => findPeer(text, SUBNETS)).toThrow(BridgeError);
    expect(() => findPeer(text, SUBNETS)).toThrow(message);
  });

  it("wants whole ids in a configuration", () => {
    expect(parseWholePeer(`host:${NAS}`)).toEqual({ type: "host", id: NAS });
    expect(() => parseWholePeer("nas")).toThrow(/host:ID or subnet:ID with the whole id/);
  });
});

describe("rules", () => {
  it("has defaults that let everybody have every name, listed", () => {
    expect(parse({ type: "export", serviceType: "http" })).toEqual({
      type: "export",
      id: expect.stringMatching(/^e-[a-z2-7]{8}$/),
      isHere: false,
      serviceType: "_http._tcp",
      name: "*",
      keys: [],
      to: [],
      isUnlisted: false,
    } satisfies ExportRule);
  });

  it("is the same rule, whatever the order and spelling", () => {
    const one = parse({
      type: "export",
      serviceType: "http",
      keys: ["b", "a", "b"],
      to: ["nas", "oooo"],
    });
    const two = parse({
      type: "export",
      serviceType: "_HTTP._tcp",
      keys: ["a", " b"],
      to: ["oooo", "nas2"],
    });
    expect(two).toEqual(one);
  });

  it("keeps its id when recipients change, and has another for another selection or scope", () => {
    const request = { type: "export", serviceType: "http" } as const;
    const { id } = parse(request);
    expect(parse({ ...request, to: ["nas"], keys: ["k"], isUnlisted: true }).id).toBe(id);
    expect(parse({ ...request, name: "Tom*" }).id).not.toBe(id);
    expect(parse({ ...request, serviceType: "ipp" }).id).not.toBe(id);
    expect(parseRule(request, "here", () => expect.fail()).id).not.toBe(id);
    expect(ruleIdOf({ ...request, to: ["who knows"] }, "subnet")).toBe(id);
    expect(isRuleId(id)).toBe(true);
  });

  it("reads imports", () => {
    expect(
      parse({ type: "import", types: ["ipp", "http"], from: ["oooo"], isDirect: true }),
    ).toEqual({
      type: "import",
      id: expect.stringMatching(/^i-[a-z2-7]{8}$/),
      isHere: false,
      types: ["_http._tcp", "_ipp._tcp"],
      keys: [],
      from: [{ type: "subnet", id: OFFICE }],
      isLocalOnly: false,
      isDirect: true,
    } satisfies ImportRule);
    expect(parse({ type: "import", types: ["ipp", "all"] })).toMatchObject({ types: ["all"] });
  });

  it.each([
    [{ type: "import" } as const, /an import needs a type or a key/],
    [{ type: "import", from: ["nas"] } as const, /an import needs a type or a key/],
    [{ type: "import", keys: [" "] } as const, /key " ": allowed: 1 to 128 characters/],
    [
      {
        type: "export",
        serviceType: "x",
        keys: Array.from({ length: 17 }, (_, i) => `k${i}`),
      } as const,
      /at most 16 keys/,
    ],
    [
      { type: "import", types: Array.from({ length: 33 }, (_, i) => `a${i}`) } as const,
      /at most 32 types/,
    ],
    [{ type: "export", serviceType: "x", name: "" } as const, /name "": is empty/],
  ])("refuses %j", (request, message) => {
    expect(() => parse(request)).toThrow(BridgeError);
    expect(() => parse(request)).toThrow(message);
  });
});
