import { describe, expect, it } from "vitest";
import {
  exportsOf,
  grantsOf,
  mayHave,
  selectsExport,
  selectsImport,
} from "../../../bridge/rules/matching.ts";
import { parseRule } from "../../../bridge/rules/parse-rule.ts";
import { parseWholePeer } from "../../../bridge/rules/peer-names.ts";
import type {
  ExportRequest,
  ExportRule,
  ImportRequest,
  ImportRule,
} from "../../../bridge/rules/rule.ts";
import { widerRuleNotes } from "../../../bridge/rules/rule-advice.ts";

const [HOME, OFFICE] = ["h".repeat(52), "o".repeat(52)];
const [DESK, NAS] = ["d".repeat(52), "n".repeat(52)];
const SUBNETS = [
  { id: HOME, hosts: [{ id: DESK }] },
  { id: OFFICE, hosts: [{ id: NAS }] },
];
const MUSIC = { instance: "Tom's Music v1.2", type: "_daap._tcp" };

function exporting(request: Omit<ExportRequest, "type">): ExportRule {
  return parseRule({ type: "export", ...request }, "subnet", parseWholePeer) as ExportRule;
}

function importing(request: Omit<ImportRequest, "type">): ImportRule {
  return parseRule({ type: "import", ...request }, "subnet", parseWholePeer) as ImportRule;
}

describe("export rules", () => {
  it("select by type and name", () => {
    expect(selectsExport(exporting({ serviceType: "daap" }), MUSIC)).toBe(true);
    expect(selectsExport(exporting({ serviceType: "all" }), MUSIC)).toBe(true);
    expect(selectsExport(exporting({ serviceType: "daap", name: "tom*" }), MUSIC)).toBe(true);
    expect(selectsExport(exporting({ serviceType: "daap", name: "ann*" }), MUSIC)).toBe(false);
    expect(selectsExport(exporting({ serviceType: "http" }), MUSIC)).toBe(false);
  });

  it("never select the bridge's own business", () => {
    const own = { instance: "host", type: "_causeway._tcp" };
    expect(selectsExport(exporting({ serviceType: "all" }), own)).toBe(false);
  });

  it("deny what no rule selects", () => {
    expect(exportsOf([], MUSIC)).toEqual([]);
    expect(exportsOf([importing({ types: ["daap"] })], MUSIC)).toEqual([]);
  });

  it("let everybody have it, or the hosts and subnets named", () => {
    const may = (to: readonly string[], host: string) =>
      mayHave(exporting({ serviceType: "daap", to }), host, SUBNETS);
    expect(may([], NAS)).toBe(true);
    expect(may([`host:${NAS}`], NAS)).toBe(true);
    expect(may([`host:${NAS}`], DESK)).toBe(false);
    expect(may([`subnet:${OFFICE}`], NAS)).toBe(true);
    expect(may([`subnet:${OFFICE}`], DESK)).toBe(false);
    expect(may([`subnet:${"z".repeat(52)}`], DESK)).toBe(false);
  });

  it("keep keys meant for some apart from what all may have", () => {
    const rules = [
      exporting({ serviceType: "daap", keys: ["a"], isUnlisted: true }),
      exporting({ serviceType: "all", keys: ["b"] }),
      exporting({ serviceType: "daap", name: "tom*", keys: ["secret"], to: [`host:${NAS}`] }),
    ];
    expect(grantsOf(rules)).toEqual([
      { to: [], keys: ["a", "b"], isUnlisted: false, rules: [rules[0]!.id, rules[1]!.id] },
      {
        to: [{ type: "host", id: NAS }],
        keys: ["secret"],
        isUnlisted: false,
        rules: [rules[2]!.id],
      },
    ]);
  });

  it("come with a note when a wider one stands beside", () => {
    const wide = exporting({ serviceType: "all" });
    const narrow = exporting({ serviceType: "daap", to: [`host:${NAS}`], isUnlisted: true });
    const held = [wide, narrow].map((rule) => ({ rule }));
    expect(widerRuleNotes(narrow, held)).toEqual([
      `rule ${wide.id} all lets every member have these too`,
      `rule ${wide.id} all lists these under their type`,
    ]);
    expect(widerRuleNotes(wide, held)).toEqual([]);
    const others = [{ rule: exporting({ serviceType: "ipp" }) }];
    expect(widerRuleNotes(narrow, others)).toEqual([]);
  });
});

describe("import rules", () => {
  const candidate = {
    type: "_daap._tcp",
    originSubnet: OFFICE,
    originHosts: [NAS],
    foundUnder: [] as string[],
    isListed: true,
  };

  it("select listed services by type", () => {
    expect(selectsImport(importing({ types: ["daap"] }), candidate)).toBe(true);
    expect(selectsImport(importing({ types: ["all"] }), candidate)).toBe(true);
    expect(selectsImport(importing({ types: ["ipp"] }), candidate)).toBe(false);
    const unlisted = { ...candidate, isListed: false };
    expect(selectsImport(importing({ types: ["daap"] }), unlisted)).toBe(false);
  });

  it("select by key, of any type or the types named", () => {
    const under = { ...candidate, isListed: false, foundUnder: ["office"] };
    expect(selectsImport(importing({ keys: ["office"] }), under)).toBe(true);
    expect(selectsImport(importing({ keys: ["office"] }), candidate)).toBe(false);
    expect(selectsImport(importing({ keys: ["office"], types: ["ipp"] }), under)).toBe(false);
  });

  it("select by origin", () => {
    const from = (text: string) => importing({ types: ["daap"], from: [text] });
    expect(selectsImport(from(`subnet:${OFFICE}`), candidate)).toBe(true);
    expect(selectsImport(from(`host:${NAS}`), candidate)).toBe(true);
    expect(selectsImport(from(`host:${DESK}`), candidate)).toBe(false);
    expect(selectsImport(from(`subnet:${HOME}`), candidate)).toBe(false);
  });
});
