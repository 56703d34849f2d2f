import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openRuleKeeper, type RuleKeeper } from "../../../bridge/io/rule-keeper.ts";
import { RULES_PROTOCOL } from "../../../bridge/io/rule-exchange.ts";
import { formatStoredRules, RuleStore } from "../../../bridge/io/rule-store.ts";
import type { RuleRequest } from "../../../bridge/rules/rule.ts";
import { createSystemClock } from "../../../platform/io/system-clock.ts";
import { SILENT } from "../../../platform/logger.ts";
import { createRandom } from "../../../platform/random.ts";
import { MemorySubnets, type MemoryOverlay } from "./memory-subnets.ts";

const [HOME, CAFE] = ["h".repeat(52), "c".repeat(52)];
const [A, B, C] = ["a".repeat(52), "b".repeat(52), "d".repeat(52)];
const HTTP = { type: "export", serviceType: "http" } as const;

let directory: string;
let net: MemorySubnets;
const keepers: RuleKeeper[] = [];
const logged: string[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "causeway-rules-"));
  net = new MemorySubnets();
  logged.length = 0;
});

afterEach(async () => {
  for (const keeper of keepers.splice(0)) await keeper.close();
  rmSync(directory, { recursive: true });
});

async function open(
  id: string,
  overlay: MemoryOverlay,
  configured: readonly RuleRequest[] = [],
): Promise<RuleKeeper> {
  const keeper = await openRuleKeeper(
    { stateDir: join(directory, id.slice(0, 4)), configured },
    {
      overlay,
      clock: createSystemClock({ wallOffsetFile: null }),
      random: createRandom(1),
      log: { ...SILENT, error: (_, fields) => void logged.push(String(fields?.["reason"])) },
    },
  );
  keepers.push(keeper);
  return keeper;
}

function types(keeper: RuleKeeper): readonly string[] {
  return keeper.rules.map(({ rule }) => (rule.type === "export" ? rule.serviceType : "import"));
}

/** Waits until it holds, for two seconds. */
async function until(isTrue: () => boolean): Promise<void> {
  await expect.poll(isTrue, { timeout: 2000, interval: 5 }).toBe(true);
}

describe("rules of a subnet", () => {
  it("reach every host of it, whoever sets and removes them", async () => {
    const [a, b, c] = [
      await open(A, net.add(A, HOME)),
      await open(B, net.add(B, HOME)),
      await open(C, net.add(C, HOME)),
    ];
    let told = 0;
    c.onChange(() => void told++);
    const { rule, change } = await a.set({ ...HTTP, to: ["bbbb"] });
    expect(change).toBe("added");
    await until(() => types(b).length === 1 && types(c).length === 1);
    expect(told).toBeGreaterThan(0);
    expect(c.rules).toEqual([{ rule, source: "subnet", setBy: A }]);
    expect((await b.set(HTTP)).change).toBe("replaced");
    await until(() => c.rules[0]?.setBy === B);
    expect((await c.set(HTTP)).change).toBe("same");
    expect(await c.remove(rule.id)).toMatchObject({ to: [] });
    await until(() => types(a).length === 0 && types(b).length === 0);
  });

  it("are taken over by a host that joins, and are there again after a restart", async () => {
    const a = await open(A, net.add(A, HOME));
    await a.set(HTTP);
    const overlay = net.add(B, HOME);
    const b = await open(B, overlay);
    await until(() => types(b).length === 1);
    await b.close();
    net.remove(A);
    const again = await open(B, overlay);
    expect(types(again)).toEqual(["_http._tcp"]);
  });

  it("come together after a split, the last word winning", async () => {
    const [a, b] = [await open(A, net.add(A, HOME)), await open(B, net.add(B, HOME))];
    await a.set(HTTP);
    await until(() => types(b).length === 1);
    net.cut.add(`${A} ${B}`);
    await a.set({ type: "export", serviceType: "ipp" });
    await b.set({ type: "export", serviceType: "daap" });
    await b.remove(HTTP);
    net.cut.clear();
    const all = ["_daap._tcp", "_ipp._tcp"];
    await until(() => [a, b].every((one) => types(one).toSorted().join() === all.join()));
  });

  it("stay behind when the host goes elsewhere, and its own go along", async () => {
    const a = await open(A, net.add(A, HOME));
    await a.set(HTTP);
    await a.set({ type: "import", types: ["ipp"], isHere: true });
    net.move(A, undefined);
    expect(types(a)).toEqual(["import"]);
    await expect(a.set(HTTP)).rejects.toThrow(/in no subnet yet; .* --here/);
    net.move(A, CAFE);
    expect(types(a)).toEqual(["import"]);
    net.move(A, HOME);
    expect(types(a)).toEqual(["_http._tcp", "import"]);
  });

  it("go along when the subnet goes on under another id", async () => {
    const a = await open(A, net.add(A, HOME));
    const c = await open(C, net.add(C, CAFE));
    await a.set(HTTP);
    await c.set({ type: "export", serviceType: "ipp" });
    net.move(A, CAFE, HOME);
    await until(() => types(c).length === 2 && types(a).length === 2);
  });

  it("are told to no host of another subnet, nor heard from one", async () => {
    const [a, b] = [await open(A, net.add(A, HOME)), await open(B, net.add(B, CAFE))];
    await a.set(HTTP);
    const stranger = net.add(C, CAFE);
    const stream = await stranger.streams.dial(A, RULES_PROTOCOL, AbortSignal.timeout(1000));
    await stream
      .write(Buffer.from(`{"type":"hello","subnet":"${HOME}","digest":"${"0".repeat(64)}"}\n`))
      .catch(() => {});
    await expect(
      (async () => {
        for await (const bytes of stream.bytes) expect(bytes).toBeUndefined();
      })(),
    ).rejects.toThrow(/not a host of this subnet/);
    expect(types(b)).toEqual([]);
  });

  it("cost nothing once all have the same", async () => {
    const [a, b] = [await open(A, net.add(A, HOME)), await open(B, net.add(B, HOME))];
    await a.set(HTTP);
    await until(() => types(b).length === 1);
    const { dials } = net;
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(net.dials - dials).toBeLessThanOrEqual(1);
  });

  it("survive a sibling that talks nonsense", async () => {
    const a = await open(A, net.add(A, HOME));
    await a.set(HTTP);
    const overlay = net.add(B, HOME);
    for (const line of [
      "nonsense\n",
      '{"type":"entries","entries":[],"wants":[]}\n',
      "x".repeat(5_000_000),
    ]) {
      const stream = await overlay.streams.dial(A, RULES_PROTOCOL, AbortSignal.timeout(1000));
      await stream.write(Buffer.from(line));
      await expect(
        (async () => {
          for await (const _ of stream.bytes);
        })(),
      ).rejects.toThrow();
    }
    expect(types(a)).toEqual(["_http._tcp"]);
  });
});

describe("rules of the configuration", () => {
  const configured = [{ ...HTTP, to: [`host:${B}`] }];

  it("hold on this host alone, change by reload, and cannot be removed by command", async () => {
    const a = await open(A, net.add(A, HOME), configured);
    const b = await open(B, net.add(B, HOME));
    const [held] = a.rules;
    expect(held).toMatchObject({ source: "config", setBy: A, rule: { isHere: true } });
    await expect(a.remove(held!.rule.id)).rejects.toThrow(/stands in the configuration file/);
    await a.set({ type: "export", serviceType: "ipp" });
    await until(() => types(b).length === 1);
    a.configure([]);
    expect(types(a)).toEqual(["_ipp._tcp"]);
    expect(() => a.configure([HTTP, HTTP])).toThrow(/select the same; make them one/);
    expect(() => a.configure([{ ...HTTP, to: ["desk"] }])).toThrow(/with the whole id/);
    expect(types(a)).toEqual(["_ipp._tcp"]);
  });

  it("stand beside the same selection of the subnet", async () => {
    const a = await open(A, net.add(A, HOME), configured);
    const { notes } = await a.set(HTTP);
    await a.set({ ...HTTP, isHere: true, to: ["aaaa"] });
    expect(notes).toEqual([]);
    expect(a.rules.map(({ source }) => source)).toEqual(["subnet", "here", "config"]);
    expect(new Set(a.rules.map(({ rule }) => rule.id)).size).toBe(3);
  });
});

describe("removing", () => {
  it("wants the selection or the id, and lists what there is", async () => {
    const a = await open(A, net.add(A, HOME));
    await expect(a.remove(HTTP)).rejects.toThrow(/no such rule; there are none/);
    const { rule } = await a.set({ ...HTTP, name: "Tom*" });
    await expect(a.remove(HTTP)).rejects.toThrow(`there are: ${rule.id} _http._tcp "Tom*". Name`);
    await expect(a.remove("e-aaaaaaaa")).rejects.toThrow(/no rule "e-aaaaaaaa"; there are: e-/);
    await expect(a.remove({ ...HTTP, name: "Tom*", isHere: true })).rejects.toThrow(/no such rule/);
    await a.remove({ ...HTTP, name: "Tom*" });
    expect(a.rules).toEqual([]);
  });
});

describe("the file", () => {
  it("is put aside when it is damaged, and said so", async () => {
    const overlay = net.add(A, HOME);
    const a = await open(A, overlay);
    await a.set(HTTP);
    const file = join(directory, "aaaa", "bridge", "rules.json");
    const text = readFileSync(file, "utf8");
    for (const damage of [
      text.slice(0, -20),
      text.replace("_http._tcp", "_ipp._tcp"),
      "",
      text.replace('"version":1', '"version":2'),
    ]) {
      writeFileSync(file, damage);
      const again = await open(A, overlay);
      expect(again.rules).toEqual([]);
      expect(again.problem).toMatch(
        /rules\.json is damaged .* put aside as .*rules\.json\.damaged/,
      );
      expect(logged.at(-1)).toBe(again.problem);
      expect(readFileSync(`${file}.damaged`, "utf8")).toBe(damage);
    }
  });

  it("remembers 16 subnets, the latest", async () => {
    const store = await RuleStore.open(join(directory, "store"));
    const ids = Array.from({ length: 20 }, (_, i) => String.fromCharCode(97 + i).repeat(52));
    for (const id of ids) await store.saveSubnet({ id, entries: [] });
    const again = await RuleStore.open(join(directory, "store"));
    expect(again.rules.subnets.map(({ id }) => id)).toEqual(ids.slice(-16).toReversed());
    expect(formatStoredRules(again.rules)).toBe(formatStoredRules(store.rules));
  });

  it("says what to do when the directory cannot be used", async () => {
    writeFileSync(join(directory, "file"), "");
    await expect(RuleStore.open(join(directory, "file", "bridge"))).rejects.toMatchObject({
      code: "ERR_BRIDGE_STORAGE",
    });
  });
});
