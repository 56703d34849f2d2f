import { readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { describe, expect, it } from "vitest";
import { OverlayError } from "../../../overlay/errors.ts";
import {
  linkFingerprint,
  parseArp,
  parseIpv4Routes,
  parseIpv6Routes,
  pickLink,
  readLink,
} from "../../../overlay/io/interfaces.ts";
import { EchoFilter } from "../../../platform/io/mdns-echo.ts";
import { utf8 } from "../../../platform/bytes.ts";

const ROUTES = `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
wlan0	00000000	0101A8C0	0003	0	0	600	00000000	0	0	0
eth0	00000000	FE02000A	0003	0	0	100	00000000	0	0	0
wg0	00000000	00000000	0001	0	0	50	00000000	0	0	0
eth0	0002000A	00000000	0001	0	0	100	00FFFFFF	0	0	0
eth1	00000000	0103A8C0	0203	0	0	1	00000000	0	0	0
`;

const ZERO = "0".repeat(32);
const ROUTES6 = `fd000033000000000000000000000000 40 ${ZERO} 00 ${ZERO} 00000100 00000001 00000000 00000001     eth0
${ZERO} 00 ${ZERO} 00 fe800000000000000000000000000001 00000400 00000001 00000000 00450003     eth0
${ZERO} 00 ${ZERO} 00 ${ZERO} ffffffff 00000001 00000000 00200200       lo
`;

const ARP = `IP address       HW type     Flags       HW address            Mask     Device
10.0.2.254       0x1         0x2         02:AA:bb:cc:dd:ee     *        eth0
10.0.2.9         0x1         0x0         00:00:00:00:00:00     *        eth0
`;

describe("the kernel's tables", () => {
  it("give the default routes, best first, refused ones left out", () => {
    expect(parseIpv4Routes(ROUTES)).toEqual([
      { interface: "wg0", gateway: null, metric: 50 },
      { interface: "eth0", gateway: "10.0.2.254", metric: 100 },
      { interface: "wlan0", gateway: "192.168.1.1", metric: 600 },
    ]);
    expect(parseIpv6Routes(ROUTES6)).toEqual([
      { interface: "eth0", gateway: "fe80::1", metric: 1024 },
    ]);
    expect([...parseIpv4Routes(""), ...parseIpv6Routes("")]).toEqual([]);
  });

  it("give the gateway's hardware address once it answered", () => {
    expect(parseArp(ARP, "10.0.2.254", "eth0")).toBe("02:aa:bb:cc:dd:ee");
    expect(parseArp(ARP, "10.0.2.254", "eth1")).toBeNull();
    expect(parseArp(ARP, "10.0.2.9", "eth0")).toBeNull();
    expect(parseArp("", "10.0.2.9", "eth0")).toBeNull();
  });

  it("are read as this kernel writes them", () => {
    const read = (path: string): string => {
      try {
        return readFileSync(path, "utf8");
      } catch {
        return "";
      }
    };
    const names = [
      ...parseIpv4Routes(read("/proc/net/route")),
      ...parseIpv6Routes(read("/proc/net/ipv6_route")),
    ].map((route) => route.interface);
    for (const name of names) expect(read("/proc/net/dev")).toContain(`${name}:`);
  });
});

describe("the interface", () => {
  it("is the named one, with its addresses and prefixes", () => {
    expect(pickLink("lo")).toEqual(readLink("lo"));
    expect(readLink("lo").addresses).toContainEqual({ address: "127.0.0.1", prefixBits: 8 });
  });

  it("is not taken when its name is wrong, and the message tells the right ones", () => {
    expect(() => pickLink("no-such0")).toThrow(OverlayError);
    expect(() => pickLink("no-such0")).toThrow(/no interface no-such0; there are: .*lo/);
  });

  it("is never a loopback, container or tunnel device unless named", () => {
    const picked = pickLink(null);
    if (picked === undefined) return;
    expect(picked.name).not.toMatch(/^(lo|veth|docker|br-|tun|tap|wg)/);
    expect(Object.keys(networkInterfaces())).toContain(picked.name);
  });

  it("tells its link by its prefixes, link-local ones left out", async () => {
    const link = {
      name: "none0",
      addresses: [
        { address: "10.0.2.7", prefixBits: 24 },
        { address: "10.0.2.8", prefixBits: 24 },
        { address: "fd00:33::7", prefixBits: 64 },
        { address: "fe80::7", prefixBits: 64 },
      ],
    };
    expect(await linkFingerprint(link, 0)).toEqual({
      prefixes: ["10.0.2.0/24", "fd00:33::/64"],
      gatewayMac: null,
    });
  });
});

describe("own echoes", () => {
  const setUp = (): { filter: EchoFilter; wait: (ms: number) => void } => {
    let nowMs = 0;
    const filter = new EchoFilter({ monotonicMs: () => nowMs, wallMs: () => 0 });
    return {
      filter,
      wait: (ms) => {
        nowMs += ms;
      },
    };
  };

  it("are taken back once for each datagram sent", () => {
    const { filter } = setUp();
    filter.sent(utf8("question"));
    filter.sent(utf8("question"));
    const heard = ["question", "question", "question", "other"].map((text) =>
      filter.isEcho(utf8(text)),
    );
    // The third came from somebody else on this host.
    expect(heard).toEqual([true, true, false, false]);
  });

  it("are not waited for longer than a second", () => {
    const { filter, wait } = setUp();
    filter.sent(utf8("question"));
    wait(1001);
    expect(filter.isEcho(utf8("question"))).toBe(false);
  });
});
