import { beforeEach, describe, expect, it } from "vitest";
import type { RegistrarAction, RegistrarEvent } from "../../../bridge/avahi/registrar-events.ts";
import { RegistrarMachine } from "../../../bridge/avahi/registrar-machine.ts";
import type { Registration } from "../../../bridge/zeroconf/backend.ts";
import { serviceOf } from "./services.ts";

type Of<T extends RegistrarAction["type"]> = RegistrarAction & { readonly type: T };

let machine: RegistrarMachine;
let nowMs: number;
let actions: RegistrarAction[];

beforeEach(() => {
  machine = new RegistrarMachine();
  nowMs = 1000;
  actions = [];
});

function feed(event: RegistrarEvent): void {
  actions.push(...machine.step(event, nowMs));
}

function passMs(ms: number): void {
  const endMs = nowMs + ms;
  while (machine.wakeAtMs <= endMs) {
    nowMs = Math.max(nowMs, machine.wakeAtMs);
    actions.push(...machine.step({ type: "tick" }, nowMs));
  }
  nowMs = endMs;
}

/** Those of a type since they were taken last. */
function take<T extends RegistrarAction["type"]>(type: T): Of<T>[] {
  const taken = actions.filter((action): action is Of<T> => action.type === type);
  actions = actions.filter((action) => action.type !== type);
  return taken;
}

function up(): void {
  feed({ type: "session-up", interfaceIndex: 2 });
}

function register(
  id: number,
  instance = `S${id}`,
  candidates: string[] = [],
  changes: Partial<Registration> = {},
): void {
  const service = serviceOf({ instance, addresses: [] });
  const registration = { service, isShared: false, isTakeover: false, ...changes };
  feed({ type: "register", id, registration, candidates: candidates.values() });
}

function establish(group: number): void {
  feed({ type: "group-state", group, state: "established" });
}

function collide(group: number): void {
  feed({ type: "group-state", group, state: "collision" });
}

/** Instance names in the calls of a group, those without probing as records. */
function members({ calls }: Of<"make-group">): string[] {
  return calls.filter(({ member }) => member === "AddService").map(({ body }) => String(body[3]));
}

describe("registrations with Avahi", () => {
  it("put what comes together into groups of 16", () => {
    up();
    for (let id = 0; id < 40; id++) register(id);
    passMs(10);
    const made = take("make-group");
    expect(made.map((group) => members(group).length)).toEqual([16, 16, 8]);
    expect(made.every(({ calls }) => calls.length <= 32)).toBe(true);
    for (const { group } of made) establish(group);
    expect(take("registered").map(({ id }) => id)).toEqual(Array.from({ length: 40 }, (_, i) => i));
    expect(machine.wakeAtMs).toBe(Infinity);
  });

  it("have at most 16 groups probe at a time", () => {
    up();
    for (let id = 0; id < 400; id++) register(id);
    passMs(10);
    const first = take("make-group");
    expect(first).toHaveLength(16);
    passMs(500);
    expect(take("make-group")).toEqual([]);
    establish(first[0]!.group);
    expect(take("make-group")).toHaveLength(1);
  });

  it("take a group apart when one of it collides, and rename that one only", () => {
    up();
    register(1, "A", ["A (2)"]);
    register(2, "B", ["B (2)"]);
    passMs(10);
    collide(take("make-group")[0]!.group);
    const alone = take("make-group");
    expect(alone.map((group) => members(group))).toEqual([["A"], ["B"]]);
    establish(alone[0]!.group);
    collide(alone[1]!.group);
    passMs(10);
    const [renamed] = take("make-group");
    expect(members(renamed!)).toEqual(["B (2)"]);
    establish(renamed!.group);
    expect(take("registered")).toMatchObject([{ instance: "A" }, { instance: "B (2)" }]);
    expect([...machine.registered()].map(({ instance }) => instance)).toEqual(["A", "B (2)"]);
  });

  it("fail when all names are taken", () => {
    up();
    register(1, "A", ["A (2)"]);
    for (let tries = 0; tries < 2; tries++) {
      passMs(10);
      collide(take("make-group")[0]!.group);
    }
    expect(take("failed")).toMatchObject([{ id: 1, code: "ERR_BRIDGE_NAME_CONFLICT" }]);
    expect(machine.wakeAtMs).toBe(Infinity);
  });

  it("tell a name lost later (RFC 6762 §9)", () => {
    up();
    register(1, "A", ["A (2)"]);
    passMs(10);
    const { group } = take("make-group")[0]!;
    establish(group);
    collide(group);
    passMs(10);
    establish(take("make-group")[0]!.group);
    expect(take("renamed")).toEqual([{ type: "renamed", id: 1, from: "A", to: "A (2)" }]);
  });

  it("try a shared service again before they rename it: the others may be changing it too", () => {
    up();
    register(1, "A", ["A (2)"], { isShared: true });
    passMs(10);
    const { group } = take("make-group")[0]!;
    establish(group);
    collide(group);
    passMs(500);
    expect(take("make-group")).toEqual([]);
    passMs(600);
    const again = take("make-group")[0]!;
    expect(members(again)).toEqual(["A"]);
    establish(again.group);
    expect(take("renamed")).toEqual([]);
  });

  it("move what stays to a new group before they free the old one", () => {
    up();
    for (let id = 0; id < 3; id++) register(id);
    passMs(10);
    const old = take("make-group")[0]!.group;
    establish(old);
    feed({ type: "withdraw", id: 1 });
    passMs(30);
    const [fresh] = take("make-group");
    // Without probing, hence as single records.
    expect(members(fresh!)).toEqual([]);
    expect(take("free-group")).toEqual([]);
    establish(fresh!.group);
    expect(take("free-group")).toEqual([{ type: "free-group", group: old }]);
    expect(take("withdrawn")).toEqual([{ type: "withdrawn", id: 1 }]);
  });

  it("free a group at once when all of it is withdrawn", () => {
    up();
    for (let id = 0; id < 3; id++) register(id);
    passMs(10);
    establish(take("make-group")[0]!.group);
    for (let id = 0; id < 3; id++) feed({ type: "withdraw", id });
    expect(take("free-group")).toHaveLength(1);
    expect(take("withdrawn")).toHaveLength(3);
    passMs(100);
    expect(take("make-group")).toEqual([]);
  });

  it("register everything anew after a restart, by probing (RFC 6762 §8.1)", () => {
    up();
    register(1, "A", [], { isTakeover: true });
    passMs(10);
    const [takeover] = take("make-group");
    expect(members(takeover!)).toEqual([]);
    establish(takeover!.group);
    feed({ type: "session-down" });
    passMs(60_000);
    expect(take("make-group")).toEqual([]);
    feed({ type: "session-up", interfaceIndex: 7 });
    const [again] = take("make-group");
    expect(members(again!)).toEqual(["A"]);
    expect(again!.calls[0]!.body[0]).toBe(7);
    establish(again!.group);
    expect(take("registered")).toHaveLength(1);
    expect(take("failed")).toEqual([]);
  });

  it("give up after 20 s without Avahi", () => {
    register(1);
    passMs(21_000);
    expect(take("failed")).toMatchObject([{ id: 1, code: "ERR_BRIDGE_BACKEND" }]);
    expect([...machine.registered()]).toEqual([]);
  });

  it("change port and TXT in place, and subtypes by a new group", () => {
    up();
    register(1, "A");
    passMs(10);
    establish(take("make-group")[0]!.group);
    const service = serviceOf({ instance: "A", port: 81, addresses: [] });
    feed({ type: "update", id: 1, service });
    expect(take("change-group").map(({ calls }) => calls.length)).toEqual([1]);
    passMs(100);
    expect(take("make-group")).toEqual([]);
    feed({ type: "update", id: 1, service: { ...service, subtypes: ["_color"] } });
    passMs(100);
    expect(take("change-group")).toEqual([]);
    expect(take("make-group")).toHaveLength(1);
  });

  it("tell Avahi an address once, however many services have it", () => {
    up();
    const registration = { service: serviceOf(), isShared: false, isTakeover: false };
    for (const id of [1, 2])
      feed({ type: "register", id, registration, candidates: ["x"].values() });
    passMs(10);
    const [made] = take("make-group");
    expect(made!.calls.map(({ member }) => member)).toEqual([
      "AddService",
      "AddAddress",
      "AddService",
    ]);
    establish(made!.group);
    expect(take("registered").map(({ id }) => id)).toEqual([1, 2]);
    feed({ type: "update", id: 1, service: serviceOf({ addresses: ["203.0.113.8"] }) });
    passMs(100);
    const [added] = take("make-group");
    expect(added!.calls.map(({ body }) => body[4])).toEqual(["203.0.113.8"]);
    feed({ type: "withdraw", id: 2 });
    passMs(100);
    const [rest] = take("make-group");
    expect(rest!.calls.filter(({ body }) => body[5] === 1)).toEqual([]);
  });

  it("say that another host has the name, and try again", () => {
    up();
    const registration = { service: serviceOf(), isShared: false, isTakeover: false };
    feed({ type: "register", id: 1, registration, candidates: [].values() });
    passMs(10);
    collide(take("make-group")[0]!.group);
    const [service, host] = take("make-group");
    establish(service!.group);
    collide(host!.group);
    expect(take("host-conflict")).toMatchObject([{ host: serviceOf().host }]);
    expect(take("registered")).toHaveLength(1);
    passMs(31_000);
    expect(take("make-group")).toHaveLength(1);
    expect(take("failed")).toEqual([]);
  });

  it("announce at most 10 changes a minute, and the last one in the end (RFC 6762 §8.4)", () => {
    up();
    register(1, "A");
    passMs(10);
    establish(take("make-group")[0]!.group);
    for (let port = 100; port < 130; port++) {
      feed({ type: "update", id: 1, service: serviceOf({ instance: "A", port, addresses: [] }) });
      passMs(100);
    }
    expect(take("change-group")).toHaveLength(10);
    passMs(60_000);
    expect(take("change-group")).toHaveLength(1);
    expect([...machine.registered()][0]!.port).toBe(129);
  });

  it("say what Avahi refuses", () => {
    up();
    register(1, "A");
    passMs(10);
    feed({ type: "group-failed", group: take("make-group")[0]!.group, reason: "Invalid record" });
    expect(take("failed")[0]!.reason).toBe('Avahi refuses "A" of _http._tcp: Invalid record');
  });

  it("take a host over without probing, and try again when another has the name", () => {
    up();
    const entry = {
      host: ["cw-abc-1", "local"],
      addresses: ["10.1.0.11", "fd00:1::11"],
      isShared: false,
    };
    feed({ type: "register-host", id: 1, entry, isTakeover: true });
    passMs(10);
    const [made] = take("make-group");
    expect(made!.calls.map(({ member, body }) => [member, body[2]])).toEqual([
      ["AddRecord", 11],
      ["AddRecord", 11],
    ]);
    establish(made!.group);
    collide(made!.group);
    passMs(1100);
    expect(take("make-group")[0]!.calls.map(({ member }) => member)).toEqual([
      "AddAddress",
      "AddAddress",
    ]);
    expect(take("failed")).toEqual([]);
  });
});

describe("an Avahi that does not answer", () => {
  it("fails what is new after 20 s, and is asked again for what it had", () => {
    up();
    register(1, "A");
    passMs(10);
    establish(take("make-group")[0]!.group);
    feed({ type: "session-down" });
    up();
    register(2, "B", ["B (2)"]);
    passMs(19_000);
    expect(take("make-group")).toHaveLength(2);
    expect(take("failed")).toEqual([]);
    passMs(2000);
    expect(take("failed")).toMatchObject([{ id: 2, code: "ERR_BRIDGE_BACKEND" }]);
    passMs(5000);
    expect(take("make-group").map((group) => members(group))).toEqual([["A"]]);
  });

  it("does not fail what waits for its turn", () => {
    up();
    for (let id = 0; id < 600; id++) register(id);
    for (let passed = 0; passed < 60_000; passed += 15_000) {
      passMs(15_000);
      for (const { group } of take("make-group")) establish(group);
    }
    expect(take("failed")).toEqual([]);
    expect(take("registered")).toHaveLength(600);
  });
});
