import { describe, expect, it } from "vitest";
import {
  gatewayAddress,
  hardwareAddress,
  hostAddress,
  linkLocalAddress,
  outerAddresses,
  parseNetwork,
} from "../../daemon/lab/addresses.ts";
import { linkChange } from "../../daemon/lab/options.ts";
import { parseLabSpec } from "../../daemon/lab/spec.ts";
import {
  formatRate,
  formatShare,
  formatShift,
  formatTime,
  parseRate,
  parseShare,
  parseShiftMs,
  parseTimeMs,
} from "../../daemon/lab/units.ts";
import { ConfigError } from "../../platform/errors.ts";

const parse = (sites: string) => parseLabSpec(`sites:\n${sites}`, "lab.yaml");

function mistake(action: () => unknown): { path: string; message: string } {
  try {
    action();
  } catch (error) {
    if (error instanceof ConfigError) return { path: error.path, message: error.message };
    throw error;
  }
  throw new Error("no mistake was found");
}

describe("a lab's file", () => {
  it("gives every field, and what is usual for those left out", () => {
    const spec = parse(
      "  - { name: alpha, subnet: 10.1.0.0/24, hosts: 4, switch: ovs, avahi: true, ipv6: true,\n" +
        "      uplink: { delay: 10ms, jitter: 500us, rate: 100mbit, loss: 0.5% } }\n" +
        "  - { name: beta }\n",
    );
    const [alpha, beta] = spec.sites;
    expect(alpha).toMatchObject({
      name: "alpha",
      hosts: 4,
      switch: "ovs",
      hasAvahi: true,
      uplink: { delayMs: 10, jitterMs: 0.5, rate: 100e6, lossRatio: 0.005, isCut: false },
    });
    expect(alpha!.networks.map(({ text }) => text)).toEqual(["10.1.0.0/24", "fd00:1::/64"]);
    expect(beta).toMatchObject({ hosts: 1, switch: "bridge", hasAvahi: false });
    expect(beta!.networks.map(({ text }) => text)).toEqual(["10.2.0.0/24"]);
    expect(beta!.uplink).toEqual({
      delayMs: 0,
      jitterMs: 0,
      rate: null,
      lossRatio: 0,
      isCut: false,
    });
  });

  it.each([
    ["  - { name: alpha, host: 3 }", "sites[0].host", "allowed: name, subnet, hosts"],
    ["  - { name: Alpha }", "sites[0].name", "lower-case"],
    ["  - { name: alphabeta }", "sites[0].name", "1 to 8"],
    ["  - { hosts: 2 }", "sites[0].name", "nothing is no site name"],
    ["  - { name: a, hosts: 65 }", "sites[0].hosts", "1 to 64"],
    ["  - { name: a, hosts: 1.5 }", "sites[0].hosts", "1 to 64"],
    ["  - { name: a, switch: hub }", "sites[0].switch", "ovs or bridge"],
    ["  - { name: a, avahi: 1 }", "sites[0].avahi", "true or false"],
    ["  - { name: a, subnet: 10.1.0.0/26 }", "sites[0].subnet", "/8 to /25"],
    ["  - { name: a, subnet: 10.1.0.1/24 }", "sites[0].subnet", "behind /24"],
    ["  - { name: a, subnet: nonsense }", "sites[0].subnet", "10.1.0.0/24"],
    ["  - { name: a, uplink: { delay: 10 } }", "sites[0].uplink.delay", "with a unit"],
    ["  - { name: a, uplink: { delay: 10m } }", "sites[0].uplink.delay", "20ms"],
    ["  - { name: a, uplink: { loss: 101% } }", "sites[0].uplink.loss", "0% to 100%"],
    ["  - { name: a, uplink: { rate: 100mb } }", "sites[0].uplink.rate", "100mbit"],
    ["  - { name: a, uplink: { lost: 1% } }", "sites[0].uplink.lost", "delay, jitter"],
    ["  - { name: a }\n  - { name: a }", "sites[1].name", "twice"],
    [
      "  - { name: a, subnet: 10.0.0.0/8 }\n  - { name: b, subnet: 10.2.0.0/24 }",
      "sites[1].subnet",
      "overlaps 10.0.0.0/8 of a",
    ],
    [
      "  - { name: a, subnet: 'fd00:2::/64' }\n  - { name: b, ipv6: true }",
      "sites[1].subnet",
      "overlaps fd00:2::/64 of a",
    ],
    ["  - { name: a, clock: { b-1: +1h } }", "sites[0].clock.b-1", "allowed: a-1"],
    ["  - { name: a, clock: { a-1: soon } }", "sites[0].clock.a-1", "+1h, -90s"],
    ["  - { name: a, disk: 64MB }", "sites[0].disk", "64MiB"],
    ["  - { name: a, disk: 512KiB }", "sites[0].disk", "1MiB to 16GiB"],
    ["  - { name: a, extra: docker0 }", "sites[0].extra", "list of 8"],
    ["  - { name: a, extra: [eth1] }", "sites[0].extra[0]", "docker0, br-1a2b, tun0"],
    ["  - { name: a, extra: [tun0, tun0] }", "sites[0].extra[1]", "twice"],
    ["  - { name: a, nat: 1 }", "sites[0].nat", "mapping with portMapping"],
    ["  - { name: a, nat: { portMapping: pcp } }", "sites[0].nat.portMapping", "upnp, nat-pmp"],
    ["  - { name: a, nat: true, ipv6: true }", "sites[0].nat", "IPv4 only"],
    ["  - { name: a, nat: true, subnet: 'fd00:1::/64' }", "sites[0].nat", "IPv4 only"],
    ["  - { name: a, ipv6: maybe }", "sites[0].ipv6", "true, false or link-local"],
    ["  - { name: a, ipv4: false, ipv6: false }", "sites[0].ipv6", "leaves no addresses"],
    ["  - { name: a, ipv4: false, subnet: 10.1.0.0/24 }", "sites[0].ipv4", "contradicts"],
    ["  - { name: a, ipv6: false, subnet: 'fd00:1::/64' }", "sites[0].ipv6", "contradicts"],
    [
      "  - { name: a, nat: true, subnet: 10.2.0.0/24 }\n  - { name: b }",
      "sites[1].subnet",
      "overlaps 10.2.0.0/24 of a",
    ],
    [
      "  - { name: a, nat: true }\n  - { name: b, subnet: 11.0.0.0/8 }",
      "sites[1].subnet",
      "outer addresses",
    ],
    ["  - 5", "sites[0]", "mapping"],
    ["  []", "sites", "1 to 100"],
    ["  - { name: a", "lab.yaml", ""],
    ["  - { [name]: a }", "lab.yaml", "must be strings"],
    ["  - { name: a, disk: { toString: 1 } }", "sites[0].disk", "no size"],
    ["  - { name: a, clock: { a-1: [1] } }", "sites[0].clock.a-1", "no shift"],
    ["  - { name: *a }", "lab.yaml", "Unresolved alias"],
    ["  - { name: &a [*a] }", "sites[0].name", "holds itself"],
    ["  - { name: a, subnet: 'fe80::1%eth0/64' }", "sites[0].subnet", "no network"],
  ])("refuses %j and says what is allowed", (sites, path, hint) => {
    const found = mistake(() => parse(sites));
    expect(found.path).toBe(path);
    expect(found.message).toContain(hint);
  });

  it("lets two sites behind NAT have the same addresses, and one usual for home routers", () => {
    const { sites } = parse(
      "  - { name: a, nat: true }\n  - { name: b, nat: { portMapping: nat-pmp } }\n" +
        "  - { name: c, nat: false }",
    );
    expect(sites.map(({ networks }) => networks.map(({ text }) => text))).toEqual([
      ["192.168.1.0/24"],
      ["192.168.1.0/24"],
      ["10.3.0.0/24"],
    ]);
    expect(sites.map(({ nat }) => nat)).toEqual([
      { portMapping: null },
      { portMapping: "nat-pmp" },
      null,
    ]);
  });

  it("sets clocks for a whole site or for some of its hosts, and gives hosts disks", () => {
    const { sites } = parse(
      "  - { name: a, hosts: 2, clock: -90s, disk: 64MiB }\n" +
        "  - { name: b, hosts: 2, clock: { b-2: +61d } }",
    );
    expect(sites.map(({ clocks }) => clocks)).toEqual([
      { "a-1": -90_000, "a-2": -90_000 },
      { "b-2": 61 * 86_400_000 },
    ]);
    expect(sites.map(({ diskBytes }) => diskBytes)).toEqual([64 << 20, null]);
  });

  it("gives sites without IPv4 a network of their own, or link-local addresses only", () => {
    const { sites } = parse(
      "  - { name: a, ipv4: false }\n  - { name: b, ipv4: false, ipv6: link-local }\n" +
        "  - { name: c, ipv6: link-local }",
    );
    expect(sites.map(({ networks }) => networks.map(({ text }) => text))).toEqual([
      ["fd00:1::/64"],
      [],
      ["10.3.0.0/24"],
    ]);
  });

  it("refuses an empty file", () => {
    expect(mistake(() => parseLabSpec("", "lab.yaml")).path).toBe("lab.yaml");
  });
});

describe("a site's addresses", () => {
  it("end in the same digits in both families", () => {
    const [v4, v6] = [parseNetwork("x", "10.1.0.0/24"), parseNetwork("x", "fd00:1::/64")];
    expect([hostAddress(v4, 1), hostAddress(v6, 1)]).toEqual(["10.1.0.11", "fd00:1::11"]);
    expect([hostAddress(v4, 64), hostAddress(v6, 64)]).toEqual(["10.1.0.74", "fd00:1::74"]);
    expect([gatewayAddress(v4), gatewayAddress(v6)]).toEqual(["10.1.0.1", "fd00:1::1"]);
  });

  it("have the outer address of a site's router, and the kernel's own link-local one", () => {
    expect(outerAddresses(3)).toEqual({ core: "11.0.3.1/30", router: "11.0.3.2/30" });
    expect(hardwareAddress(3, 11)).toBe("02:00:00:00:03:0b");
    expect(linkLocalAddress("02:00:00:00:03:0b")).toBe("fe80::ff:fe00:30b");
    // RFC 4291, appendix A: the universal bit is inverted.
    expect(linkLocalAddress("34:56:78:9a:bc:de")).toBe("fe80::3656:78ff:fe9a:bcde");
  });

  it("hold for networks above the middle and with zeros inside", () => {
    expect(hostAddress(parseNetwork("x", "192.168.255.128/25"), 2)).toBe("192.168.255.140");
    expect(hostAddress(parseNetwork("x", "2001:db8:0:7::/64"), 2)).toBe("2001:db8:0:7::12");
    expect(hostAddress(parseNetwork("x", "fd00::/64"), 2)).toBe("fd00::12");
  });
});

describe("units", () => {
  it("are read and written", () => {
    expect([parseTimeMs("x", "20ms"), parseTimeMs("x", "1.5s")]).toEqual([20, 1500]);
    expect([parseRate("x", "512kbit"), parseRate("x", "none")]).toEqual([512_000, null]);
    expect(parseShare("x", "0.25%")).toBe(0.0025);
    expect([formatTime(0.5), formatRate(2.5e9), formatShare(0.015)]).toEqual([
      "0.5ms",
      "2.5gbit",
      "1.5%",
    ]);
  });

  it.each(["-5ms", "20", "ms", "11s", "1e3ms", " 1ms"])("refuse the time %j", (text) => {
    expect(mistake(() => parseTimeMs("--delay", text)).path).toBe("--delay");
  });
});

describe("shifts of a clock", () => {
  it("are read and written", () => {
    const shifts = ["+1h", "-90s", "+61d", "+1500ms", "0"];
    expect(shifts.map((text) => formatShift(parseShiftMs("x", text)))).toEqual(shifts);
    expect(parseShiftMs("x", "-1.5h")).toBe(-5_400_000);
    expect(parseShiftMs("x", 0)).toBe(0);
  });

  it.each(["1h", "+1", "+1w", "", "0s", "+36501d"])("are not %j", (text) => {
    expect(mistake(() => parseShiftMs("SHIFT", text)).message).toContain("no shift");
  });
});

describe("the options of lab link", () => {
  it("change only what is given", () => {
    expect(linkChange({ loss: "1%" })).toEqual({ lossRatio: 0.01 });
    expect(linkChange({ cut: true })).toEqual({ isCut: true });
    expect(linkChange({ split: "a-1,a-2" })).toEqual({ split: ["a-1", "a-2"] });
    expect(linkChange({ heal: true, delay: "5ms" })).toEqual({
      isCut: false,
      split: [],
      delayMs: 5,
    });
  });

  it("may not cut and heal at once", () => {
    expect(mistake(() => linkChange({ heal: true, cut: true })).path).toBe("--heal");
  });
});
