import { describe, expect, it } from "vitest";
import { ConfigError } from "../../platform/errors.ts";
import { labCommand } from "../../daemon/lab/command.ts";
import { findHost, labNamespaces, planLab } from "../../daemon/lab/record.ts";
import { parseLabSpec } from "../../daemon/lab/spec.ts";
import {
  networkScript,
  openVSwitchArguments,
  rateLines,
  splitBridgeLines,
  splitSwitchArguments,
} from "../../daemon/lab/wiring.ts";

const SPEC = parseLabSpec(
  "sites: [{ name: abcdefgh, hosts: 64, switch: ovs }, { name: beta, hosts: 2, ipv6: true }]",
  "lab.yaml",
);
const MAKER = { pid: 1, startTime: "1" };
const lab = planLab(SPEC, "lab", MAKER);

describe("the plan of a lab", () => {
  it("names namespaces so that two labs never share one", () => {
    const other = planLab(SPEC, "two", MAKER);
    const names = [...labNamespaces(lab), ...labNamespaces(other)];
    expect(new Set(names).size).toBe(names.length);
    expect(findHost(lab, "beta-2").namespace).toBe("beta-2");
    expect(findHost(other, "beta-2").namespace).toBe("two.beta-2");
  });

  it("keeps every interface name within the kernel's 15 bytes", () => {
    const names = [...networkScript(lab).matchAll(/\b(?:name|dev) (\S+)/g)].map(
      ([, name]) => name!,
    );
    expect(names).toContain("abcdefgh-64");
    expect(names.filter((name) => name.length > 15)).toEqual([]);
  });

  it("gives every interface a hardware address of its own", () => {
    const found = [...networkScript(lab).matchAll(/address (02:\S+)/g)].map(([, one]) => one);
    expect(found).toHaveLength(64 + 2 + 2);
    expect(new Set(found).size).toBe(found.length);
  });

  it("says which hosts there are when asked for another", () => {
    const ask = () => findHost(lab, "beta-3");
    expect(ask).toThrow(ConfigError);
    expect(ask).toThrow(/no host "beta-3" in lab lab; did you mean beta-/);
  });
});

describe("changes of a link", () => {
  const [ovs, bridge] = lab.sites as [(typeof lab.sites)[0], (typeof lab.sites)[0]];

  it("limit the rate at both ends of the delay line", () => {
    expect(rateLines("beta", 100e6, false)).toEqual([
      "qdisc replace dev beta.in root tbf rate 100000000bit burst 62500 latency 100ms",
      "qdisc replace dev beta.out root tbf rate 100000000bit burst 62500 latency 100ms",
    ]);
    expect(rateLines("beta", null, true)).toEqual([
      "qdisc del dev beta.in root",
      "qdisc del dev beta.out root",
    ]);
    expect(rateLines("beta", null, false)).toEqual([]);
  });

  it("move split hosts of a Linux bridge to a second one and back", () => {
    expect(splitBridgeLines(bridge, ["beta-2"], false)).toEqual([
      "link add name beta.cut type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
      "link set dev beta.cut up",
      "link set dev beta-2 master beta.cut",
      "link set dev beta-1 master beta",
    ]);
    expect(splitBridgeLines(bridge, [], true).at(-1)).toBe("link delete dev beta.cut");
    expect(splitBridgeLines(bridge, ["beta-1"], true)[0]).toBe(
      "link set dev beta-1 master beta.cut",
    );
  });

  it("tag every port of a switch, the uplink with the rest", () => {
    const args = splitSwitchArguments(ovs, ["abcdefgh-1"]).join(" ");
    expect(args).toContain("set port abcdefgh-1 tag=2");
    expect(args).toContain("set port abcdefgh-2 tag=1");
    expect(args).toContain("set port abcdefgh.up tag=1");
    expect(openVSwitchArguments([ovs]).filter((word) => word === "add-port")).toHaveLength(65);
  });
});

describe("causeway lab", () => {
  const run = async (...args: string[]) => {
    const lines: string[] = [];
    const status = await labCommand.run(args, { stdout: (l) => lines.push(l), stderr: () => {} });
    return { status, text: lines.join("\n") };
  };

  it("explains itself", async () => {
    expect((await run("--help")).text).toContain("lab exec HOST -- CMD");
    expect(await run("link", "--help")).toMatchObject({ status: 0 });
    expect((await run()).status).toBe(2);
  });

  it.each([
    [["lnk"], "did you mean link"],
    [["up"], "takes FILE"],
    [["up", "/nonexistent.yaml"], "cannot read /nonexistent.yaml"],
    [["link", "alpha", "--dela", "5ms"], "--dela"],
    [["exec", "--", "ip"], "takes HOST"],
    [["kill"], "takes HOST"],
    [["ls", "--name", "Bad Name"], "no lab name"],
  ])("refuses %j as a mistake of the user's", async (args, hint) => {
    await expect(run(...args)).rejects.toThrow(ConfigError);
    await expect(run(...args)).rejects.toThrow(hint);
  });

  it("says how to make a lab that is not there", async () => {
    await expect(run("exec", "alpha-1", "--name", "zz", "--", "true")).rejects.toMatchObject({
      code: "ERR_LAB_ABSENT",
      message: expect.stringContaining("lab up FILE --name zz"),
    });
  });
});
