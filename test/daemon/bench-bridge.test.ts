import { describe, expect, it } from "vitest";
import { parseAvahiLine } from "../../daemon/bench/bridge/avahi-programs.ts";
import { countMulticast } from "../../daemon/bench/bridge/multicast-count.ts";

describe("a line of avahi-browse", () => {
  it("gives the exact name and the strings of TXT as they were on the wire", () => {
    // By avahi-browse 0.8, of a service with the strings below in this order.
    const line = String.raw`=;eth0;IPv4;Tom\039s\032Caf\195\169\059\032v1\.2;_daap._tcp;local;alpha-1.local;10.1.0.11;3689;"c=\\x" "b=a;b" "a=\"1\""`;
    expect(parseAvahiLine(line)).toEqual({
      sign: "=",
      browsed: {
        family: "IPv4",
        instance: "Tom's Café; v1.2",
        type: "_daap._tcp",
        host: "alpha-1.local",
        address: "10.1.0.11",
        port: 3689,
        txt: ['a="1"', "b=a;b", "c=\\x"],
      },
    });
  });

  it("comes first without an address", () => {
    const browsed = parseAvahiLine(String.raw`+;eth0;IPv6;Caf\195\169;_http._tcp;local`);
    expect(browsed).toMatchObject({ sign: "+", browsed: { instance: "Café", family: "IPv6" } });
  });

  it("is told from what else the program says", () => {
    const others = ["", "Failed to create client object: Daemon not running", "+;eth0;both;x"];
    expect(others.map((line) => parseAvahiLine(line))).toEqual(others.map(() => undefined));
  });
});

describe("multicast packets of a recording", () => {
  const packet = (source: string, destination: string) => ({ source, destination });

  it("are counted by host, whichever of its addresses they come from", () => {
    const owners = new Map([
      ["10.1.0.11", "alpha-1"],
      ["fe80::1", "alpha-1"],
      ["10.1.0.12", "alpha-2"],
    ]);
    const packets = [
      packet("10.1.0.11", "224.0.0.251"),
      packet("fe80:0:0:0:0:0:0:1", "ff02:0:0:0:0:0:0:fb"),
      packet("10.1.0.12", "239.255.255.250"),
      packet("10.9.9.9", "224.0.0.251"),
    ];
    expect(Object.fromEntries(countMulticast(packets, owners))).toEqual({
      "alpha-1": 2,
      "alpha-2": 1,
      "10.9.9.9": 1,
    });
  });

  it("are those alone: not what goes to one host, nor to all of a link", () => {
    const packets = ["10.1.0.12", "255.255.255.255", "223.0.0.1", "fe80:0:0:0:0:0:0:2"].map((to) =>
      packet("10.1.0.11", to),
    );
    expect(countMulticast(packets, new Map()).size).toBe(0);
  });
});
