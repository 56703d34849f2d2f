import { describe, expect, it } from "vitest";
import { SLOTS, slotOfOrigin } from "../../../bridge/crew/slots.ts";
import { originIdOf, type ServiceRecord } from "../../../bridge/exchange/service-record.ts";
import type { ImportAction, ImportSituation } from "../../../bridge/importer/import-events.ts";
import type { HomeLink } from "../../../bridge/importer/free-places.ts";
import { ImportMachine } from "../../../bridge/importer/import-machine.ts";
import type { ImportRule } from "../../../bridge/rules/rule.ts";
import { serviceKey } from "../../../bridge/zeroconf/service.ts";
import { aRecord, idOf } from "../exchange/samples.ts";

const [ANNA, BERTA, MALLORY] = ["anna", "berta", "mallory"].map(idOf) as [string, string, string];
const [SITE_A, SITE_B] = [idOf("subnet a"), idOf("subnet b")];
const ALL_SLOTS = new Set(Array.from({ length: SLOTS }, (_, slot) => slot));
const ORIGIN = originIdOf(aRecord());
const TYPE_KEY = "bridge/type/_daap._tcp";
const RULE: ImportRule = {
  ...{ type: "import", id: "i-1", types: ["_daap._tcp"], keys: [], from: [] },
  ...{ isLocalOnly: false, isDirect: false, isHere: false },
};

function situation(given: Partial<ImportSituation> = {}): ImportSituation {
  return {
    ...{ self: BERTA, subnetId: SITE_B, isInCrew: true, acting: ALL_SLOTS, rules: [RULE] },
    subnets: [
      { id: SITE_B, hosts: [{ id: BERTA }] },
      { id: SITE_A, hosts: [{ id: ANNA }] },
    ],
    ...given,
  };
}

/** A link without services, of which a host knows since time 0. */
const EMPTY_HOME: HomeLink = { isAtHome: () => false, isKnownFromMs: () => 0 };

function importing(
  given: Partial<ImportSituation> = {},
  names = new Map<string, string>(),
  home = EMPTY_HOME,
) {
  const machine = new ImportMachine(names, home);
  const actions = machine.step({ type: "situation", situation: situation(given) }, 0);
  return { machine, actions };
}

function heard(given: Partial<ServiceRecord> = {}, publisher = ANNA, key = TYPE_KEY) {
  const record = aRecord({ exporters: [publisher], ...given });
  const statement = { record, publisher, key, slot: originIdOf(record), deadlineMs: 600_000 };
  return { type: "record", statement } as const;
}

const shows = (actions: readonly ImportAction[]) =>
  actions.flatMap((one) => (one.type === "show" ? [one.wanted] : []));

describe("what is watched", () => {
  it("is the inbox and the keys of the rules, and nothing without a rule", () => {
    const watched = ({ actions }: { readonly actions: readonly ImportAction[] }) =>
      actions.find((one) => one.type === "watch")?.keys;
    expect(watched(importing())).toEqual([`bridge/inbox/${BERTA}`, TYPE_KEY]);
    const keys = { ...RULE, types: [], keys: ["Office Music"] };
    expect(watched(importing({ rules: [keys] }))).toContain("bridge/key/officemusic");
    expect(watched(importing({ rules: [] }))).toEqual([]);
  });

  it("is with `all` the list of types, and each type on it", () => {
    const { machine, actions } = importing({ rules: [{ ...RULE, types: ["all"] }] });
    expect(actions).toContainEqual({
      ...{ type: "watch", keys: [`bridge/inbox/${BERTA}`, "bridge/types"] },
    });
    const [watch] = machine.step({ type: "types", publisher: ANNA, types: ["_ipp._tcp"] }, 1);
    expect(watch).toMatchObject({ type: "watch" });
    expect(watch?.type === "watch" && watch.keys).toContain("bridge/type/_ipp._tcp");
  });
});

describe("a record", () => {
  it("is shown at the crew's host name, under its own name first", () => {
    const [wanted] = shows(importing().machine.step(heard(), 1));
    expect(wanted).toMatchObject({ originId: ORIGIN, scope: "crew", way: "relay" });
    expect(wanted!.ports[0]).toBe(3689);
    expect(wanted!.host[0]).toBe(`cw-${SITE_B.slice(0, 8)}-${slotOfOrigin(ORIGIN)}`);
    expect(wanted!.names.slice(0, 2)).toEqual(["Tom's Music v1.2", "Tom's Music v1.2 (anna)"]);
  });

  it("is not shown again when it is only put again", () => {
    const { machine } = importing();
    machine.step(heard(), 1);
    expect(machine.step(heard(), 200_000)).toEqual([]);
    expect(shows(machine.step(heard({ version: 8n }), 200_001))).toEqual([]);
  });

  it.each([
    ["has come by here", { path: [SITE_A, SITE_B] }, ANNA],
    ["has no hop left", { hopsLeft: 0 }, ANNA],
    ["exported by a host that is here by now", {}, BERTA],
  ])("is not shown when it is %s", (_what, given, publisher) => {
    const { machine } = importing();
    expect(shows(machine.step(heard(given, publisher), 1))).toEqual([]);
    expect(machine.views().map(({ shown }) => shown)).toEqual([undefined]);
    expect(machine.views()[0]!.reason).not.toBe("");
  });

  it("of a service at home here is nothing to anybody here", () => {
    const { machine } = importing();
    const home = { originSubnet: SITE_B, path: [SITE_B] };
    expect(shows(machine.step(heard(home), 1))).toEqual([]);
    expect(machine.views()).toEqual([]);
  });

  it("of who only says to be of a site is nothing to a rule that names the site", () => {
    const from = [{ type: "subnet", id: SITE_A }] as const;
    const { machine } = importing({ rules: [{ ...RULE, from }] });
    expect(shows(machine.step(heard({}, MALLORY), 1))).toEqual([]);
    expect(shows(machine.step(heard(), 2)).length).toBe(1);
  });

  it("of a hijacker with a higher version does not take the place of the site's own", () => {
    const { machine } = importing();
    machine.step(heard(), 1);
    expect(shows(machine.step(heard({ version: 99n, port: 666 }, MALLORY), 2))).toEqual([]);
    expect(machine.views()[0]!.known.record.port).toBe(3689);
  });

  it("is hidden while its site is silent, and shown under its name again when it answers", () => {
    const { machine } = importing({}, new Map([[ORIGIN, "Tom's Music v1.2 (2)"]]));
    machine.step(heard(), 1);
    const hidden = machine.step({ type: "site", subnetId: SITE_A, isAlive: false }, 2);
    expect(hidden).toContainEqual({ type: "hide", originId: ORIGIN });
    expect(hidden.some((one) => one.type === "sites")).toBe(false); // touch is kept
    const [again] = shows(machine.step({ type: "site", subnetId: SITE_A, isAlive: true }, 3));
    expect(again!.names[0]).toBe("Tom's Music v1.2 (2)");
  });

  it("is shown again when its site comes back after its records have expired", () => {
    const { machine } = importing();
    machine.step(heard(), 1);
    machine.step({ type: "site", subnetId: SITE_A, isAlive: false }, 2);
    const expired = machine.step({ type: "tick" }, 600_000);
    expect(expired).toContainEqual({ type: "sites", sites: new Map() });
    const [again] = shows(machine.step(heard(), 600_001));
    expect(again).toMatchObject({ originId: ORIGIN });
  });

  it("is not taken for shown when it was hidden while it was being announced", () => {
    const { machine } = importing();
    machine.step(heard(), 1);
    machine.step({ type: "situation", situation: situation({ rules: [] }) }, 2);
    const late = { type: "shown", originId: ORIGIN, instance: "Tom's Music v1.2" } as const;
    machine.step({ ...late, port: 3689, by: "self" }, 3);
    expect(machine.shownKeys()).toEqual(new Set());
  });

  it("goes when it expires", () => {
    const { machine } = importing();
    machine.step(heard(), 1);
    expect(machine.wakeAtMs).toBe(600_000);
    expect(machine.step({ type: "tick" }, 600_000)).toContainEqual({
      ...{ type: "hide", originId: ORIGIN },
    });
  });

  it("is shown with its real address and port where the rule says so and the record has one", () => {
    const { machine } = importing({ rules: [{ ...RULE, isDirect: true }] });
    expect(shows(machine.step(heard(), 1))[0]).toMatchObject({ way: "direct" });
    const none = importing({ rules: [{ ...RULE, isDirect: true }] }).machine;
    expect(shows(none.step(heard({ addresses: [] }), 1))[0]).toMatchObject({ way: "relay" });
  });
});

describe("a stand-by", () => {
  it("waits for the acting host's name and port, and shows the same without probing", () => {
    const { machine } = importing({ acting: new Set() });
    expect(shows(machine.step(heard(), 1))).toEqual([]);
    const told = { type: "shown", originId: ORIGIN, instance: "X (anna)", port: 7777 } as const;
    const [wanted] = shows(machine.step({ ...told, by: "colleague" }, 2));
    expect(wanted).toMatchObject({ names: ["X (anna)"], ports: [7777], isTakeover: true });
  });

  it("keeps what it is told before it hears of the service itself", () => {
    const { machine } = importing();
    const told = { type: "shown", originId: ORIGIN, instance: "X (anna)", port: 7777 } as const;
    expect(shows(machine.step({ ...told, by: "colleague" }, 1))).toEqual([]);
    const [wanted] = shows(machine.step(heard(), 2));
    expect(wanted).toMatchObject({ names: ["X (anna)"], isTakeover: true });
    expect(wanted!.ports[0]).toBe(7777);
  });

  it("forgets what colleagues showed on the link that it left", () => {
    const { machine } = importing();
    const told = { type: "shown", originId: ORIGIN, instance: "X (anna)", port: 7777 } as const;
    machine.step({ ...told, by: "colleague" }, 1);
    const elsewhere = situation({ subnetId: idOf("subnet c") });
    machine.step({ type: "situation", situation: elsewhere }, 2);
    const [wanted] = shows(machine.step(heard(), 3));
    expect(wanted).toMatchObject({ isTakeover: false });
    expect(wanted!.ports[0]).toBe(3689);
  });

  it("changes nothing of that when it takes over", () => {
    const { machine } = importing({ acting: new Set() });
    machine.step(heard(), 1);
    const told = { type: "shown", originId: ORIGIN, instance: "X", port: 7777 } as const;
    machine.step({ ...told, by: "colleague" }, 2);
    machine.step({ ...told, by: "self" }, 3);
    expect(shows(machine.step({ type: "situation", situation: situation() }, 4))).toEqual([]);
    const acting = { ...told, instance: "other", port: 1, by: "colleague" } as const;
    expect(shows(machine.step(acting, 5))).toEqual([]);
  });

  it("shows nothing when it is not of the crew, but what is for each host by itself", () => {
    const outside = { isInCrew: false, acting: new Set<number>() };
    expect(shows(importing(outside).machine.step(heard(), 1))).toEqual([]);
    const here = importing({ ...outside, rules: [{ ...RULE, isHere: true }] }).machine;
    expect(shows(here.step(heard(), 1))[0]).toMatchObject({ scope: "host" });
    const alone = importing({ ...outside, rules: [{ ...RULE, isLocalOnly: true }] }).machine;
    expect(shows(alone.step(heard(), 1))[0]).toMatchObject({ scope: "loopback" });
  });
});

describe("a link", () => {
  it("is shown 512 services and no more, and says why the others are not there", () => {
    const { machine } = importing();
    let count = 0;
    for (let i = 0; i < 600; i++)
      count += shows(machine.step(heard({ instance: `service ${i}` }), 1)).length;
    expect(count).toBe(512);
    expect(machine.views().filter(({ reason }) => /512 services/.test(reason)).length).toBe(88);
  });

  it("waits with the first name until the link's own services are known", () => {
    const home = new Set<string>();
    const { machine } = importing({}, new Map(), {
      isAtHome: (key) => home.has(key),
      isKnownFromMs: () => 1500,
    });
    expect(shows(machine.step(heard(), 100))).toEqual([]);
    expect(machine.views()[0]!.reason).toMatch(/own services are being browsed/);
    expect(machine.wakeAtMs).toBe(1500);
    home.add(serviceKey(heard().statement.record));
    const [wanted] = shows(machine.step({ type: "tick" }, 1500));
    expect(wanted!.names[0]).toBe("Tom's Music v1.2 (anna)");
  });

  it("does not wait with a name that a colleague has shown", () => {
    const home = { isAtHome: () => false, isKnownFromMs: () => 1500 };
    const { machine } = importing({}, new Map(), home);
    machine.step({ type: "shown", originId: ORIGIN, instance: "X", port: 7, by: "colleague" }, 50);
    expect(shows(machine.step(heard(), 100))).toMatchObject([{ names: ["X"], isTakeover: true }]);
  });

  it("gives two services of one name two names", () => {
    const { machine } = importing();
    machine.step(heard(), 1);
    const other = { originSubnet: idOf("subnet c"), path: [idOf("subnet c")], site: "carla" };
    const [wanted] = shows(machine.step(heard(other, idOf("carla")), 2));
    expect(wanted!.names[0]).toBe("Tom's Music v1.2 (carla)");
  });

  it("tries what could not be shown again after half a minute", () => {
    const { machine } = importing();
    machine.step(heard(), 1);
    machine.step({ type: "failed", originId: ORIGIN, reason: "no port" }, 2);
    expect(machine.views()[0]!.reason).toBe("no port");
    expect(shows(machine.step(heard(), 3))).toEqual([]);
    expect(machine.wakeAtMs).toBe(30_002);
    expect(shows(machine.step({ type: "tick" }, 30_002)).length).toBe(1);
  });
});
