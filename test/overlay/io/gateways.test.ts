import { createSocket } from "node:dgram";
import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { NatPmpGateway } from "../../../overlay/io/nat-pmp-gateway.ts";
import { UpnpGateway } from "../../../overlay/io/upnp-gateway.ts";
import type { GatewayProtocol } from "../../../overlay/io/gateway.ts";
import { FakeGateway } from "./fake-gateway.ts";

const HOUR_MS = 3_600_000;
const NEVER = new AbortController().signal;
const OTHER = { client: "127.0.0.9", port: 9 };

let router: FakeGateway;
let nowMs: number;
const clock = { monotonicMs: () => nowMs, wallMs: () => nowMs };

beforeEach(async () => {
  router = await FakeGateway.start();
  nowMs = 0;
});
afterEach(() => router.close());

const natPmp = (): GatewayProtocol => new NatPmpGateway(router.place, clock);
const upnp = (): GatewayProtocol => new UpnpGateway(router.place);
const map = (from: GatewayProtocol, outer = [20_001, 20_002]) =>
  from.map(4777, outer, HOUR_MS, NEVER);

describe.each([
  ["nat-pmp", natPmp],
  ["upnp", upnp],
] as const)("a router that speaks %s", (name, open) => {
  it("maps a port, has it, and takes it back", async () => {
    const gateway = open();
    const grant = await map(gateway);
    expect(grant).toEqual({ protocol: name, outer: "203.0.113.7:20001", lifetimeMs: HOUR_MS });
    expect([...router.mappings]).toEqual([[20_001, { client: "127.0.0.1", port: 4777 }]]);
    expect(await gateway.check(4777, grant, NEVER)).toBe(true);
    expect(await map(gateway)).toEqual(grant);
    await gateway.unmap(4777, grant, NEVER);
    expect(router.mappings.size).toBe(0);
  });

  it("is not asked to take another host's port away", async () => {
    router.mappings.set(20_001, OTHER);
    expect((await map(open())).outer).toBe("203.0.113.7:20002");
    expect(router.mappings.get(20_001)).toEqual(OTHER);
  });

  it("has another outer address by now", async () => {
    const gateway = open();
    const grant = await map(gateway);
    router.outer = "203.0.113.8";
    expect(await gateway.check(4777, grant, NEVER)).toBe(false);
  });

  it("sends nonsense", async () => {
    router.garbage = new Uint8Array(40).fill(255);
    await expect(map(open())).rejects.toMatchObject({ code: "ERR_OVERLAY_GATEWAY" });
  });

  it("is not waited for when the asker gives up", async () => {
    router.speaksPmp = router.speaksUpnp = false;
    const asking = open().map(4777, [20_001], HOUR_MS, AbortSignal.timeout(50));
    await expect(asking).rejects.toMatchObject({ code: "ERR_OVERLAY_GATEWAY" });
  });
});

describe("a host of the link that answers in the router's place", () => {
  it.each([
    ["nat-pmp", natPmp],
    ["upnp", upnp],
  ] as const)("is not heard by %s", async (_name, open) => {
    const liar = createSocket("udp4").bind(0, "127.0.0.2");
    await once(liar, "listening");
    router.liar = liar;
    await expect(map(open())).rejects.toThrow("no answer");
    expect(router.lies).toBeGreaterThan(0);
    router.liar = undefined;
    expect((await map(open())).outer).toBe("203.0.113.7:20001");
    liar.close();
  });
});

describe("NAT-PMP", () => {
  it("tells the router's reason, or that there was no answer", async () => {
    router.pmpResult = 2;
    await expect(map(natPmp())).rejects.toThrow("port mapping is not allowed");
    router.speaksPmp = false;
    await expect(map(natPmp())).rejects.toThrow("no answer");
  });

  it("notices by its clock that a router has forgotten all mappings, for each port", async () => {
    const gateway = natPmp();
    const one = await gateway.map(4777, [20_001], HOUR_MS, NEVER);
    const two = await gateway.map(4778, [20_002], HOUR_MS, NEVER);
    nowMs += 30_000;
    router.epochS += 29;
    expect(await gateway.check(4777, one, NEVER)).toBe(true);
    nowMs += 30_000;
    router.epochS = 3;
    expect(await gateway.check(4777, one, NEVER)).toBe(false);
    expect(await gateway.check(4778, two, NEVER)).toBe(false);
  });
});

describe("UPnP", () => {
  it("tells the router's error", async () => {
    router.upnpError = 606;
    await expect(map(upnp())).rejects.toThrow("error 606");
  });

  it("takes a mapping without end where the router knows no other", async () => {
    router.upnpError = 725;
    expect(await map(upnp())).toMatchObject({ lifetimeMs: HOUR_MS });
  });

  it("gives up when all ports are other hosts'", async () => {
    for (const port of [20_001, 20_002]) router.mappings.set(port, OTHER);
    await expect(map(upnp())).rejects.toThrow("other hosts'");
  });

  it("calls no other host, whatever the description says", async () => {
    router.controlUrl = "http://127.0.0.2:1/ctl";
    await expect(map(upnp())).rejects.toThrow("another host");
    expect(router.mappings.size).toBe(0);
  });

  it("survives a page in place of documents, and one without end", async () => {
    router.page = "<html><body>log in</body></html>";
    await expect(map(upnp())).rejects.toMatchObject({ code: "ERR_OVERLAY_GATEWAY" });
    router.page = "<service>".repeat(100_000);
    await expect(map(upnp())).rejects.toThrow("too long");
  });

  it("takes an outer address that is none for a refusal", async () => {
    router.outer = "not an address";
    await expect(map(upnp())).rejects.toThrow("outer address");
  });

  it("finds a router again that has moved its port", async () => {
    const gateway = upnp();
    const grant = await map(gateway);
    router.page = "gone";
    await expect(gateway.check(4777, grant, NEVER)).rejects.toThrow();
    router.page = undefined;
    router.asked.length = 0;
    expect(await gateway.check(4777, grant, NEVER)).toBe(true);
    expect(router.asked).toContain("search");
  });
});
