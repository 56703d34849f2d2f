import { describe, expect, it } from "vitest";
import { SLOTS } from "../../../bridge/crew/slots.ts";
import {
  ExportMachine,
  type ExportAction,
  type ExportSituation,
} from "../../../bridge/exporter/export-machine.ts";
import type { ExportRule } from "../../../bridge/rules/rule.ts";
import type { ZeroconfService } from "../../../bridge/zeroconf/service.ts";
import { utf8 } from "../../../platform/bytes.ts";
import { originIdOf } from "../../../bridge/exchange/service-record.ts";
import { idOf } from "../exchange/samples.ts";

const SUBNET = idOf("subnet a");
const [ANNA, BERTA, CARLA] = ["anna", "berta", "carla"].map(idOf) as [string, string, string];
const ALL_SLOTS = new Set(Array.from({ length: SLOTS }, (_, slot) => slot));
const RULE: ExportRule = {
  ...{ type: "export", id: "e-1", serviceType: "all", name: "*", keys: [], to: [] },
  ...{ isUnlisted: false, isHere: false },
};

function situation(given: Partial<ExportSituation> = {}): ExportSituation {
  return {
    self: ANNA,
    subnetId: SUBNET,
    siteName: "anna",
    crew: [ANNA],
    acting: ALL_SLOTS,
    rules: [RULE],
    shown: new Set(),
    subnets: [{ id: idOf("subnet b"), hosts: [{ id: BERTA }] }],
    ...given,
  };
}

function service(given: Partial<ZeroconfService> = {}): ZeroconfService {
  return {
    ...{ instance: "Music", type: "_daap._tcp", subtypes: [], host: ["mac", "local"] },
    ...{ port: 3689, txt: [], addresses: ["192.168.1.7"] },
    ...given,
  };
}

const ORIGIN = originIdOf({ originSubnet: SUBNET, instance: "Music", type: "_daap._tcp" });

function exporting(given: Partial<ExportSituation> = {}): ExportMachine {
  const machine = new ExportMachine(100n);
  machine.step({ type: "situation", situation: situation(given) }, 0);
  return machine;
}

const found = (given: Partial<ZeroconfService> = {}, isOwn = false) =>
  ({ type: "found", service: service(given), isOwn }) as const;

function keysOf(actions: readonly ExportAction[]): readonly string[] {
  return actions.flatMap((one) =>
    one.type === "publish" ? one.export.publications.map(({ key }) => key) : [],
  );
}

describe("what is exported", () => {
  it("stands under its type's key, its name's and those of the rule", () => {
    const machine = exporting({ rules: [{ ...RULE, keys: ["Office Music"] }] });
    const actions = machine.step(found(), 0);
    expect(keysOf(actions)).toEqual([
      "bridge/type/_daap._tcp",
      "bridge/key/music",
      "bridge/key/officemusic",
    ]);
  });

  it("is under no type's key when it is unlisted, and in inboxes alone when it is for named peers", () => {
    const unlisted = exporting({ rules: [{ ...RULE, isUnlisted: true }] });
    expect(keysOf(unlisted.step(found(), 0))).toEqual(["bridge/key/music"]);
    const to = [{ type: "subnet", id: idOf("subnet b") }] as const;
    const sealed = exporting({ rules: [{ ...RULE, to }] });
    expect(keysOf(sealed.step(found(), 0))).toEqual([`bridge/inbox/${BERTA}`]);
  });

  it("is nothing that no rule selects, a bridge shows, or that cannot be used", () => {
    expect(exporting({ rules: [] }).step(found(), 0)).toEqual([]);
    expect(exporting().step(found({ host: ["cw-abcdefgh-2", "local"] }), 0)).toEqual([]);
    expect(exporting().step(found({}, true), 0)).toEqual([]);
    expect(exporting({ shown: new Set(["music\n_daap._tcp"]) }).step(found(), 0)).toEqual([]);
    expect(exporting().step(found({ port: 0 }), 0)).toEqual([]);
    expect(exporting().step(found({ addresses: [] }), 0)).toEqual([]);
    const txt = Array.from({ length: 36 }, () => new Uint8Array(255)); // 9 kB
    const machine = exporting();
    expect(machine.step(found({ txt }), 0)).toEqual([]);
    expect(machine.services()[0]?.reason).toMatch(/9216 bytes; at most 2600/);
  });

  it("leaves out addresses that mean nothing beyond the link (RFC 8766 §5.5.2)", () => {
    const addresses = ["fe80::1", "169.254.3.4", "127.0.0.1", "::1", "192.168.1.7", "2001:db8::7"];
    const [action] = exporting().step(found({ addresses }), 0);
    const record = action?.type === "publish" ? action.export.record : undefined;
    expect(record?.addresses).toEqual(["192.168.1.7", "2001:db8::7"]);
  });

  it("is not said again when nothing changed, and with a higher version when something did", () => {
    const machine = exporting();
    machine.step(found(), 0);
    expect(machine.step(found(), 10)).toEqual([]);
    expect(machine.step({ type: "situation", situation: situation() }, 20)).toEqual([]);
    const [action] = machine.step(found({ txt: [utf8("a=1")] }), 30);
    expect(action).toMatchObject({ type: "publish", export: { record: { version: 102n } } });
  });

  it("that comes and goes is published 10 times at once and then 10 times a minute", () => {
    const machine = exporting();
    let said = 0;
    const count = (actions: readonly ExportAction[]): void => {
      said += actions.filter((one) => one.type === "publish").length;
    };
    for (let atMs = 0; atMs < 60_000; atMs += 500) {
      count(machine.step(found(), atMs));
      if (machine.wakeAtMs <= atMs) count(machine.step({ type: "tick" }, atMs));
      machine.step({ type: "gone", id: service() }, atMs + 250);
    }
    expect(said).toBeGreaterThanOrEqual(10);
    expect(said).toBeLessThanOrEqual(10 + 10);
    count(machine.step(found(), 60_000));
    count(machine.step({ type: "tick" }, 66_000));
    expect(machine.published).toHaveLength(1);
  });

  it("is updated at most 5 times at once and then 10 times a minute, and ends at the last word", () => {
    const machine = exporting();
    let said = 0;
    let last: ExportAction | undefined;
    const count = (actions: readonly ExportAction[]): void => {
      said += actions.length;
      last = actions.at(-1) ?? last;
    };
    for (let atMs = 0; atMs < 60_000; atMs += 100) {
      if (machine.wakeAtMs <= atMs) count(machine.step({ type: "tick" }, atMs));
      if (atMs < 50_000) count(machine.step(found({ txt: [utf8(`n=${atMs}`)] }), atMs));
    }
    expect(said).toBeLessThanOrEqual(1 + 5 + 10);
    expect(last).toMatchObject({ export: { record: { txt: [utf8("n=49900")] } } });
  });
});

describe("a crew's exporters", () => {
  it("publish nothing in slots of others, and take over with a newer version than they heard of", () => {
    const machine = exporting({ acting: new Set(), crew: [ANNA, CARLA] });
    expect(machine.step(found(), 0)).toEqual([]);
    machine.step({ type: "version", originId: ORIGIN, version: 700n }, 10);
    const [action] = machine.step({ type: "situation", situation: situation() }, 20);
    expect(action).toMatchObject({ type: "publish", export: { record: { version: 701n } } });
  });

  it("leave records for 5 s when they lose a slot, so that the next one's are there first", () => {
    const machine = exporting();
    machine.step(found(), 0);
    const lost = situation({ acting: new Set(), crew: [ANNA, CARLA] });
    expect(machine.step({ type: "situation", situation: lost }, 1000)).toEqual([]);
    expect(machine.wakeAtMs).toBe(6000);
    expect(machine.step({ type: "tick" }, 6000)).toEqual([
      { type: "withdraw", originId: ORIGIN, word: undefined },
    ]);
  });

  it("void the record of a dead colleague by a word of their own when the service goes", () => {
    const machine = exporting();
    machine.step({ type: "version", originId: ORIGIN, version: 700n }, 0);
    machine.step(found(), 10);
    const [action] = machine.step({ type: "gone", id: service() }, 20);
    expect(action).toMatchObject({
      type: "withdraw",
      word: { record: { version: 702n, isWithdrawn: true } },
    });
  });

  it("obey a rule of this host alone whoever acts", () => {
    const machine = exporting({ acting: new Set(), rules: [{ ...RULE, isHere: true }] });
    expect(machine.step(found(), 0).length).toBe(1);
  });
});

describe("a stream to a service", () => {
  it("is led there for whom a rule lets, refused to others, and unknown where nothing is exported", () => {
    const machine = exporting({ rules: [{ ...RULE, to: [{ type: "host", id: BERTA }] }] });
    machine.step(found(), 0);
    expect(machine.resolve(ORIGIN, BERTA)).toMatchObject({ port: 3689 });
    expect(machine.resolve(ORIGIN, CARLA)).toBe("refused");
    expect(machine.resolve(idOf("another"), BERTA)).toBeUndefined();
    machine.step({ type: "situation", situation: situation({ rules: [] }) }, 10);
    expect(machine.resolve(ORIGIN, BERTA)).toBeUndefined();
  });

  it("goes on after a goodbye, since connections outlive what announces them", () => {
    const machine = exporting();
    machine.step(found(), 0);
    machine.step({ type: "gone", id: service() }, 10);
    expect(machine.resolve(ORIGIN, BERTA)).toMatchObject({ port: 3689 });
  });

  it("is not led to what a bridge shows", () => {
    const machine = exporting();
    machine.step(found({ host: ["cw-abcdefgh-2", "local"] }), 0);
    expect(machine.resolve(ORIGIN, BERTA)).toBeUndefined();
  });
});

describe("a change of subnet", () => {
  it("withdraws all under the former origin ids and says it under new ones", () => {
    const machine = exporting();
    machine.step(found(), 0);
    const moved = situation({ subnetId: idOf("subnet b") });
    const actions = machine.step({ type: "situation", situation: moved }, 10);
    expect(actions.map(({ type }) => type)).toEqual(["withdraw", "publish"]);
    expect(actions[0]).toMatchObject({ originId: ORIGIN });
  });
});
