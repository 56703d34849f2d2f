import { beforeEach, describe, expect, it } from "vitest";
import {
  BrowseTable,
  watchKey,
  type BrowseTableAction,
  type BrowseTableEvent,
} from "../../../bridge/avahi/browse-table.ts";
import { RECORD_CODE, type DnsData } from "../../../platform/dns/message.ts";
import type { DnsName } from "../../../platform/dns/name.ts";
import { serviceOf } from "./services.ts";

const [IPV4, IPV6] = [0, 1];
const NAME = ["A", "_http", "_tcp", "local"];
const HOST = ["host", "local"];
const OTHER = ["other", "local"];

let table: BrowseTable;
let nowMs: number;
let actions: BrowseTableAction[];

beforeEach(() => {
  table = new BrowseTable("_http._tcp");
  nowMs = 0;
  actions = [];
});

function feed(event: BrowseTableEvent): void {
  actions.push(...table.step(event, nowMs));
}

function passMs(ms: number): void {
  const endMs = nowMs + ms;
  while (table.wakeAtMs <= endMs) {
    nowMs = Math.max(nowMs, table.wakeAtMs);
    actions.push(...table.step({ type: "tick" }, nowMs));
  }
  nowMs = endMs;
}

function record(
  type: "record-new" | "record-gone",
  name: DnsName,
  data: Exclude<DnsData, { type: "other" }>,
  family = IPV4,
): void {
  feed({ type, watch: { name, code: RECORD_CODE[data.type] }, family, data });
}

const srv = (target: DnsName, port = 80): DnsData & { type: "srv" } => ({
  type: "srv",
  priority: 0,
  weight: 0,
  port,
  target,
});
const txt = { type: "txt", strings: [Uint8Array.of(0x61)] } as const;
const address = (text: string): DnsData & { type: "a" | "aaaa" } => ({
  type: text.includes(":") ? "aaaa" : "a",
  address: text,
});

function resolve(): void {
  feed({ type: "instance-new", instance: "A", family: IPV4 });
  record("record-new", NAME, srv(HOST));
  record("record-new", NAME, txt);
  passMs(150);
  record("record-new", HOST, address("10.0.0.1"));
  passMs(150);
}

/** What browsers were told, in short, since the last time. */
function told(): string[] {
  const events = actions.flatMap((action) => (action.type === "emit" ? [action.event] : []));
  actions = actions.filter(({ type }) => type !== "emit");
  return events.map((event) =>
    event.type === "gone"
      ? `gone ${event.id.instance}`
      : `${event.isOwn ? "own" : "found"} ${event.service.instance} ` +
        `${event.service.host.join(".")}:${event.service.port} ${event.service.addresses.join()}`,
  );
}

function watches(): string[] {
  const open = new Set<string>();
  for (const action of actions)
    if (action.type === "watch") open.add(watchKey(action.watch));
    else if (action.type === "unwatch") open.delete(watchKey(action.watch));
  return [...open];
}

describe("a table of Avahi's browsers", () => {
  it("tells a service once SRV, TXT and an address are known", () => {
    feed({ type: "instance-new", instance: "A", family: IPV4 });
    feed({ type: "instance-new", instance: "A", family: IPV6 });
    record("record-new", NAME, srv(HOST));
    passMs(200);
    record("record-new", NAME, txt);
    passMs(200);
    expect(told()).toEqual([]);
    record("record-new", HOST, address("10.0.0.1"));
    record("record-new", HOST, address("fd00::1"), IPV6);
    passMs(200);
    expect(told()).toEqual(["found A host.local:80 10.0.0.1,fd00::1"]);
    expect(watches()).toHaveLength(4);
  });

  it("counts each address family: it is gone when both are", () => {
    feed({ type: "instance-new", instance: "A", family: IPV6 });
    resolve();
    told();
    feed({ type: "instance-gone", instance: "A", family: IPV4 });
    expect(told()).toEqual([]);
    feed({ type: "instance-gone", instance: "A", family: IPV6 });
    expect(told()).toEqual(["gone A"]);
    expect(watches()).toEqual([]);
    expect(table.wakeAtMs).toBe(Infinity);
  });

  it("takes the newer of two SRV records, and follows to the other host", () => {
    resolve();
    told();
    record("record-new", NAME, srv(OTHER, 81));
    passMs(100);
    record("record-new", OTHER, address("10.0.0.2"));
    passMs(100);
    record("record-gone", NAME, srv(HOST));
    passMs(200);
    expect(told().at(-1)).toBe("found A other.local:81 10.0.0.2");
    expect(watches()).not.toContain(watchKey({ name: HOST, code: RECORD_CODE.a }));
  });

  it("tells that a service is gone when its SRV record runs out, and that it is back", () => {
    resolve();
    told();
    record("record-gone", NAME, srv(HOST));
    passMs(200);
    expect(told()).toEqual(["gone A"]);
    record("record-new", NAME, srv(HOST));
    passMs(200);
    expect(told()).toEqual(["found A host.local:80 10.0.0.1"]);
  });

  it("shares the browsers of one host between its services", () => {
    for (const instance of ["A", "B"]) {
      feed({ type: "instance-new", instance, family: IPV4 });
      record("record-new", [instance, ...NAME.slice(1)], srv(HOST));
      record("record-new", [instance, ...NAME.slice(1)], txt);
    }
    passMs(200);
    expect(watches()).toHaveLength(6);
    record("record-new", HOST, address("10.0.0.1"));
    passMs(200);
    expect(told()).toHaveLength(2);
    feed({ type: "instance-gone", instance: "A", family: IPV4 });
    expect(watches()).toHaveLength(4);
  });

  it("asks nothing about what is registered here, and says that it is ours", () => {
    feed({ type: "own", services: [serviceOf({ instance: "a" })] });
    feed({ type: "instance-new", instance: "A", family: IPV4 });
    expect(told()).toEqual(["own a remote-203-0-113-7.local:80 203.0.113.7"]);
    expect(watches()).toEqual([]);
  });

  it("does not take what was withdrawn here for somebody else's in the second of its goodbye", () => {
    feed({ type: "own", services: [serviceOf({ instance: "A" })] });
    feed({ type: "instance-new", instance: "A", family: IPV4 });
    told();
    feed({ type: "own", services: [] });
    expect(told()).toEqual(["gone A"]);
    passMs(2000);
    expect(watches()).toEqual([]);
    passMs(1000);
    // Others registered it too.
    expect(watches()).toHaveLength(2);
  });

  it("says nothing of a restart of Avahi, but what is not there after 5 s", () => {
    feed({ type: "instance-new", instance: "B", family: IPV4 });
    resolve();
    record("record-new", ["B", ...NAME.slice(1)], srv(HOST));
    record("record-new", ["B", ...NAME.slice(1)], txt);
    passMs(200);
    expect(told()).toHaveLength(2);
    feed({ type: "restarted" });
    resolve();
    expect(told()).toEqual([]);
    passMs(6000);
    expect(told()).toEqual(["gone B"]);
  });

  it("holds 64 records of a name and 4096 instances at most", () => {
    resolve();
    for (let i = 0; i < 200; i++) record("record-new", HOST, address(`10.0.1.${i}`));
    passMs(200);
    expect(told().at(-1)!.split(",")).toHaveLength(64);
    for (let i = 0; i < 5000; i++) feed({ type: "instance-new", instance: `I${i}`, family: IPV4 });
    expect(watches().length).toBeLessThanOrEqual(2 * 4096 + 2);
  });
});
