import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { outerPortsOf, PortMapper, type PortMapperParts } from "../../../overlay/io/port-mapper.ts";
import type { Reach } from "../../../overlay/subnet/reachability-machine.ts";
import { createSystemClock } from "../../../platform/io/system-clock.ts";
import { SILENT } from "../../../platform/logger.ts";
import { FakeGateway } from "./fake-gateway.ts";

const HOST = "a".repeat(52);
const PORTS = { subnet: 4777, host: 4778 };

let router: FakeGateway;
let reach: Reach;
let proofs: string[];
let changes: string[];
let isReached: boolean | null;
let mapper: PortMapper;
let place: FakeGateway["place"] | undefined;

beforeEach(async () => {
  router = await FakeGateway.start();
  place = router.place;
  reach = "unreachable";
  proofs = [];
  changes = [];
  isReached = true;
  mapper = new PortMapper({
    clock: createSystemClock({ wallOffsetFile: null }),
    log: SILENT,
    hostId: HOST,
    ports: () => PORTS,
    place: () => place,
    reach: () => reach,
    prove: async (port, outer) => {
      proofs.push(`${port} ${outer}`);
      return isReached;
    },
    onChange: (port, isUp) => changes.push(`${port} ${isUp ? "up" : "down"}`),
  } satisfies PortMapperParts);
});
afterEach(async () => {
  await mapper.stop();
  router.close();
});

const outerOf = (port: number): string => `203.0.113.7:${outerPortsOf(HOST, port, 0)[0]}`;
const until = (holds: () => boolean) => expect.poll(holds, { timeout: 8_000 }).toBe(true);

describe("PortMapper", () => {
  it("states both ports once others have dialled them, and takes them back when it stops", async () => {
    mapper.tick();
    await until(() => mapper.proven.host !== null);
    expect(mapper.proven).toEqual({ subnet: outerOf(4777), host: outerOf(4778) });
    expect(proofs).toEqual([`subnet ${outerOf(4777)}`, `host ${outerOf(4778)}`]);
    expect(changes).toEqual(["subnet up", "host up"]);
    expect(mapper.view()).toMatchObject({ protocol: "nat-pmp", isProven: true });
    expect(router.mappings.size).toBe(2);
    await mapper.stop();
    expect(router.mappings.size).toBe(0);
  });

  it("uses UPnP where the router speaks no NAT-PMP", async () => {
    router.pmpResult = 2;
    mapper.tick();
    await until(() => mapper.proven.subnet !== null);
    expect(mapper.view()).toMatchObject({ protocol: "upnp", outer: outerOf(4777) });
    expect(mapper.trouble).toBe("");
  });

  it("states nothing that others do not reach, and says so", async () => {
    isReached = false;
    mapper.tick();
    await until(() => mapper.trouble !== "" && proofs.length >= 2);
    expect(mapper.trouble).toContain("no other subnet reaches this host there");
    expect(mapper.proven).toEqual({ subnet: null, host: null });
    expect(changes).toEqual([]);
    await until(() => router.mappings.size === 0);
  });

  it("has nobody dial an address that the router cannot have", async () => {
    router.outer = "192.168.7.7";
    mapper.tick();
    await until(() => mapper.trouble.includes("192.168.7.7"));
    expect(proofs).toEqual([]);
    await until(() => router.mappings.size === 0);
  });

  it("names what the router answered", async () => {
    router.pmpResult = 3;
    router.upnpError = 606;
    mapper.tick();
    await until(() => mapper.trouble !== "");
    expect(mapper.trouble).toMatch(/^NAT-PMP: .+; UPnP: .*error 606/);
    expect(mapper.router).toBe("127.0.0.1");
  });

  it("asks nothing while others dial this host, nor of no router", async () => {
    place = undefined;
    for (let i = 0; i < 5; i++) mapper.tick();
    reach = "reachable";
    place = router.place;
    for (let i = 0; i < 5; i++) mapper.tick();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(router.asked).toEqual([]);
    expect(mapper.counts).toEqual({ asked: 0, refused: 0 });
  });

  it("states a port no more when others fail to dial this host", async () => {
    mapper.tick();
    await until(() => mapper.proven.subnet !== null);
    isReached = null;
    mapper.tick(); // still unreachable
    expect(mapper.proven.subnet).toBeNull();
    expect(changes).toContain("subnet down");
  });

  it("asks anew when the router is another", async () => {
    mapper.tick();
    await until(() => mapper.proven.subnet !== null);
    reach = "reachable";
    place = { ...router.place, local: "127.0.0.3" };
    for (let i = 0; i < 3; i++) mapper.tick();
    expect(mapper.proven).toEqual({ subnet: null, host: null });
    place = router.place;
  });
});

describe("outer ports", () => {
  it("are the same after a restart, others for other hosts and after a failure", () => {
    const one = outerPortsOf(HOST, 4777, 0);
    expect(outerPortsOf(HOST, 4777, 0)).toEqual(one);
    expect(outerPortsOf("b".repeat(52), 4777, 0)).not.toEqual(one);
    expect(outerPortsOf(HOST, 4777, 1)[0]).toBe(one[1]);
    expect(one.every((port) => port >= 20_000 && port < 32_000)).toBe(true);
  });
});
