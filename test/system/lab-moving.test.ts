import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { labCommand } from "../../daemon/lab/command.ts";
import { downLab, parseLabSpec, upLab, type Lab } from "../../daemon/lab/lab.ts";
import { LAB_MISSING, ownLabName } from "./lab-requirements.ts";

const NAME = ownLabName("m");
const FILE = `
sites:
  - { name: alpha, hosts: 2, ipv6: true }
  - { name: beta, hosts: 2, switch: ovs }
  - { name: home, nat: true }
  - { name: cafe, nat: true }
  - { name: six, ipv4: false, ipv6: link-local }
`;

describe.skipIf(LAB_MISSING !== undefined)("a host of a lab", () => {
  let lab: Lab;

  beforeAll(async () => {
    await downLab(NAME).catch(() => {});
    lab = await upLab(parseLabSpec(FILE, "test"), NAME);
  });

  afterAll(async () => {
    await lab?.down();
  });

  const sh = async (host: string, script: string): Promise<string> => {
    const { stdout, stderr } = await lab.exec(host, ["sh", "-c", script]);
    return `${stdout}${stderr}`.trim();
  };
  const reaches = async (from: string, address: string): Promise<boolean> =>
    (await lab.exec(from, ["ping", "-c", "2", "-i", "0.2", "-W", "1", "-q", address])).status === 0;
  const causeway = async (...args: string[]): Promise<string> => {
    const lines: string[] = [];
    const io = { stdout: (line: string) => lines.push(line), stderr: () => {} };
    await labCommand.run([...args, "--name", NAME], io);
    return lines.join("\n");
  };
  const gatewayMac = (host: string): Promise<string> =>
    sh(host, "ping -c 1 -W 1 192.168.1.1 >/dev/null; ip neigh show 192.168.1.1 | cut -d ' ' -f 5");

  it("is carried to another site with its programs, and back to its own address", async () => {
    const [before, program] = [
      await sh("alpha-2", "cat /sys/class/net/eth0/ifindex /sys/class/net/eth0/address"),
      lab.spawn("alpha-2", ["sleep", "60"], { stdio: "ignore" }),
    ];
    expect(await causeway("move", "alpha-2", "beta")).toBe("alpha-2: at beta, 10.2.0.75/24");
    expect(lab.address("alpha-2")).toBe("10.2.0.75");
    expect(await reaches("alpha-2", lab.address("beta-2"))).toBe(true);
    expect(await reaches("alpha-1", "10.2.0.75")).toBe(true);
    expect(await reaches("alpha-1", "10.1.0.12")).toBe(false);
    expect(await sh("alpha-2", "ip -o address show dev eth0 scope global")).not.toMatch(
      /10\.1\.|fd00/,
    );
    expect(await sh("alpha-2", "ip route show default; ip -6 route show default")).toBe(
      "default via 10.2.0.1 dev eth0",
    );
    expect(lab.sites[1]!.hosts.map(({ name }) => name)).toEqual(["beta-1", "beta-2", "alpha-2"]);
    await lab.move("alpha-2", "alpha");
    expect(lab.host("alpha-2").addresses).toEqual(["10.1.0.12/24", "fd00:1::12/64"]);
    expect(await reaches("alpha-1", "fd00:1::12")).toBe(true);
    expect(await reaches("beta-1", "10.1.0.12")).toBe(true);
    expect(await sh("alpha-2", "cat /sys/class/net/eth0/ifindex /sys/class/net/eth0/address")).toBe(
      before,
    );
    expect(program.exitCode).toBeNull();
    const ended = once(program, "exit");
    program.kill();
    await ended;
  });

  it("comes from an Open vSwitch to a link that is behind NAT", async () => {
    await lab.move("beta-1", "home");
    expect(lab.address("beta-1")).toBe("192.168.1.75");
    expect(await reaches("beta-1", lab.address("home-1"))).toBe(true);
    expect(await reaches("beta-1", lab.address("alpha-1"))).toBe(true);
    await lab.move("beta-1", "beta");
    expect(await reaches("alpha-1", lab.address("beta-1"))).toBe(true);
  });

  it("finds another router at the same address where two sites have the same network", async () => {
    await lab.move("alpha-2", "home");
    const first = await gatewayMac("alpha-2");
    const { addresses } = await lab.move("alpha-2", "cafe");
    expect(addresses).toEqual(["192.168.1.75/24"]);
    expect([first, await gatewayMac("alpha-2")]).toEqual([
      "02:00:00:00:03:fe",
      "02:00:00:00:04:fe",
    ]);
    await lab.move("alpha-2", "alpha");
  });

  it("has a link-local address alone where there is no prefix", async () => {
    await lab.move("alpha-2", "six");
    expect(lab.host("alpha-2").addresses).toEqual(["fe80::ff:fe00:102/64"]);
    expect(await sh("alpha-2", "ip -o address show dev eth0")).not.toMatch(/inet |scope global/);
    expect(await reaches("alpha-2", `${lab.address("six-1")}%eth0`)).toBe(true);
    await lab.move("alpha-2", "alpha");
  });

  it("has no link when it is out", async () => {
    expect(await causeway("move", "alpha-2", "--out")).toBe("alpha-2: unplugged");
    expect(await sh("alpha-2", "cat /sys/class/net/eth0/carrier")).toBe("0");
    expect(await sh("alpha-2", "ping -c 1 -W 1 10.1.0.11")).toContain("unreachable");
    expect(await causeway("ls")).toContain("unplugged: alpha-2");
    await lab.move("alpha-2", null); // again: nothing to do
    await lab.move("alpha-2", "alpha");
    expect(await reaches("alpha-2", lab.address("alpha-1"))).toBe(true);
  });

  it("takes the first free seat of a site that has visitors", async () => {
    await lab.move("alpha-2", "home");
    await lab.move("beta-2", "home");
    expect([lab.address("alpha-2"), lab.address("beta-2")]).toEqual([
      "192.168.1.75",
      "192.168.1.76",
    ]);
    expect(await reaches("alpha-2", "192.168.1.76")).toBe(true);
    await Promise.all([lab.move("alpha-2", "alpha"), lab.move("beta-2", "beta")]);
    expect(lab.hosts.every((host) => host.site === host.home)).toBe(true);
  });

  it("is split off no more once it is carried away", async () => {
    await lab.link("alpha", { split: ["alpha-2"] });
    await lab.move("alpha-2", "beta");
    expect(lab.linkState("alpha").split).toEqual([]);
    await lab.link("beta", { split: ["beta-2"] });
    await lab.move("alpha-2", "alpha");
    expect(await reaches("alpha-2", lab.address("alpha-1"))).toBe(true);
    await lab.move("alpha-2", "beta"); // to the main part
    expect(await reaches("alpha-2", lab.address("beta-1"))).toBe(true);
    expect(await reaches("alpha-2", lab.address("beta-2"))).toBe(false);
    await lab.heal("beta");
    await lab.move("alpha-2", "alpha");
  });

  it("gets another address on its link", async () => {
    expect(await causeway("readdress", "alpha-2", "10.1.0.200")).toBe(
      "alpha-2: at alpha, 10.1.0.200/24 fd00:1::12/64",
    );
    expect(await reaches("beta-1", "10.1.0.200")).toBe(true);
    expect(await reaches("alpha-1", "fd00:1::12")).toBe(true);
    expect(await reaches("alpha-1", "10.1.0.12")).toBe(false);
    await lab.readdress("alpha-2", "fd00:1::99");
    expect(await reaches("alpha-1", "fd00:1::99")).toBe(true);
    expect(await reaches("beta-1", "10.1.0.200")).toBe(true);
    await lab.move("alpha-2", "alpha");
    expect(lab.address("alpha-2")).toBe("10.1.0.12");
  });

  it("loses its interface and gets it back", async () => {
    const mac = await sh("beta-2", "cat /sys/class/net/eth0/address");
    expect(await causeway("link", "beta-2", "--unplug")).toBe("beta-2: unplugged");
    expect(await sh("beta-2", "ip link show dev eth0")).toContain("does not exist");
    expect(await reaches("beta-1", "10.2.0.12")).toBe(false);
    await expect(lab.move("beta-2", "alpha")).rejects.toThrow("link beta-2 --plug");
    expect(await causeway("link", "beta-2", "--plug")).toBe("beta-2: at beta, 10.2.0.12/24");
    expect(await sh("beta-2", "cat /sys/class/net/eth0/address")).toBe(mac);
    expect(await reaches("alpha-1", "10.2.0.12")).toBe(true);
    await lab.unplug("alpha-2");
    await lab.link("alpha", { split: ["alpha-1"] }); // which moves all ports that there are
    await lab.heal("alpha");
    await lab.plug("alpha-2");
    expect(await reaches("beta-1", "10.1.0.12")).toBe(true);
  });

  it.each([
    [["move", "alpha-9", "beta"], 'no host "alpha-9"'],
    [["move", "alpha-2", "betta"], "did you mean beta?"],
    [["move", "alpha-2"], "takes HOST SITE"],
    [["readdress", "alpha-2", "10.2.0.9"], "which has 10.1.0.0/24, fd00:1::/64"],
    [["readdress", "alpha-2", "10.1.0.1"], "none for a host of alpha"],
    [["readdress", "alpha-2", "10.1.0.11"], "taken: alpha-1 has it"],
    [["readdress", "alpha-2", "nonsense"], "none for a host of alpha"],
    [["readdress", "six-1", "fe80::1"], "link-local addresses only"],
    [["link", "alpha-2", "--plug"], "has its interface"],
    [["link", "alpha", "--unplug"], 'no host "alpha"'],
    [["link", "alpha-2", "--plug", "--cut"], "each stands alone"],
  ])("refuses %j", async (args, hint) => {
    await expect(causeway(...args)).rejects.toThrow(hint);
  });
});
