import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { labCommand } from "../../daemon/lab/command.ts";
import { downLab, parseLabSpec, upLab, type Lab } from "../../daemon/lab/lab.ts";
import { parseToken } from "../../overlay/identity/token.ts";
import { LAB_MISSING, ownLabName } from "./lab-requirements.ts";

const NAME = ownLabName("f");
const FILE = `
sites:
  - { name: alpha, hosts: 2, disk: 16MiB, clock: { alpha-1: -2d } }
  - { name: beta, hosts: 2, ipv6: true }
  - { name: home, nat: { portMapping: nat-pmp }, clock: +1h }
`;
/** Asks a NAT-PMP router for TCP port 5001 and prints its answer. */
const MAP_PORT = `
const socket = require("node:dgram").createSocket("udp4");
socket.on("error", () => {});
socket.on("message", (bytes) => { console.log(bytes.toString("hex")); process.exit(); });
socket.send(Buffer.from("000200001388138900000e10", "hex"), 5351, "192.168.1.1");
setTimeout(() => process.exit(), 1500);`;

describe.skipIf(LAB_MISSING !== undefined)("a lab breaks on purpose", () => {
  let lab: Lab;

  beforeAll(async () => {
    await downLab(NAME).catch(() => {});
    lab = await upLab(parseLabSpec(FILE, "test"), NAME);
  });

  afterAll(async () => {
    await lab?.down();
  });

  const causeway = async (...args: string[]): Promise<string> => {
    const lines: string[] = [];
    const io = { stdout: (line: string) => lines.push(line), stderr: () => {} };
    await labCommand.run([...args, "--name", NAME], io);
    return lines.join("\n");
  };
  const sh = async (host: string, script: string): Promise<string> => {
    const { stdout, stderr } = await lab.exec(host, ["sh", "-c", script]);
    return `${stdout}${stderr}`.trim();
  };
  const reaches = async (from: string, address: string): Promise<boolean> =>
    (await lab.exec(from, ["ping", "-c", "2", "-i", "0.2", "-W", "1", "-q", address])).status === 0;
  const newToken = async (): Promise<string> =>
    ((await lab.api("alpha-1", "POST", "/v1/token", {})) as { readonly token: string }).token;

  it("the clock of a daemon, from the start and while it runs", async () => {
    expect(await causeway("clock", "alpha-1")).toBe("alpha-1: clock -2d");
    expect(await causeway("clock", "home-1")).toBe("home-1: clock +1h");
    await lab.start(["alpha-1"]);
    const before = lab.daemonProcess("alpha-1");
    // A token lasts a day by the clock of its maker.
    const old = await newToken();
    expect(() => parseToken(old, Date.now())).toThrow("expired");
    expect(await causeway("clock", "alpha-1", "0")).toBe("alpha-1: clock 0");
    const now = await newToken();
    expect(() => parseToken(now, Date.now())).not.toThrow();
    expect(() => parseToken(now, Date.now() + 25 * 3_600_000)).toThrow("expired");
    expect(await causeway("clock", "alpha-1", "-90m")).toBe("alpha-1: clock -90m");
    expect(await causeway("clock", "alpha-1", "+1500ms")).toBe("alpha-1: clock +1500ms");
    expect(lab.daemonProcess("alpha-1")).toEqual(before);
  });

  it("a disk that is full, and free again", async () => {
    const { state } = lab.paths("alpha-1");
    const write = `dd if=/dev/zero of=${join(state, "probe")} bs=64k count=1 2>&1`;
    expect(await sh("alpha-1", write)).toContain("copied");
    expect(await causeway("disk", "alpha-1", "--full")).toBe("alpha-1: 0MiB of 16MiB free");
    expect(await sh("alpha-1", `rm -f ${join(state, "probe")}; ${write}; ${write}`)).toContain(
      "copied",
    ); // what is given back can be used
    expect(await causeway("disk", "alpha-1", "--full")).toBe("alpha-1: 0MiB of 16MiB free");
    expect(await sh("alpha-1", write.replace("probe", "other"))).toContain("No space left");
    expect(lab.disk("alpha-2").freeBytes).toBe(16 << 20);
    expect(await causeway("disk", "alpha-1", "--free")).toMatch(/1[0-9.]+MiB of 16MiB free/);
    expect(await sh("alpha-1", write.replace("probe", "other"))).toContain("copied");
    expect(lab.daemonState("alpha-1")).toBe("running");
  });

  it("a router that is down, and back with the same hardware address", async () => {
    // The kernel asks for a neighbour that did not answer once a second.
    const mac = async (): Promise<string> =>
      sh("beta-1", "ping -c 3 -W 1 10.2.0.1 >/dev/null; ip neigh show 10.2.0.1 | cut -d ' ' -f 5");
    const before = await mac();
    expect(before).toBe("02:00:00:00:02:fe");
    expect(await causeway("stop-router", "beta")).toBe("beta: router down");
    expect(await causeway("ls")).toContain("beta (bridge, router down)");
    await sh("beta-1", "ip neigh flush dev eth0");
    expect(await sh("beta-1", "ping -c 1 -W 1 10.2.0.1")).not.toContain(" 0% packet loss");
    expect(await reaches("beta-1", lab.address("beta-2"))).toBe(true);
    expect(await reaches("beta-1", lab.address("alpha-1"))).toBe(false);
    expect(await causeway("start-router", "beta")).toBe("beta: router up");
    expect(await mac()).toBe(before);
    expect(await reaches("alpha-1", lab.address("beta-1"))).toBe(true);
    expect(await reaches("beta-1", "fd00:2::1")).toBe(true);
    expect(await causeway("start-router", "beta")).toBe("beta: router up");
  });

  it("a home router that forgets its mapped ports", async () => {
    const rules = async (): Promise<string> =>
      sh("home-1", `ip netns exec ${NAME}.home-rt nft list chain inet filter prerouting_miniupnpd`);
    const map = async (): Promise<string> =>
      (await lab.exec("home-1", [process.execPath, "-e", MAP_PORT])).stdout.trim();
    expect(await map()).toMatch(/^00820000/);
    expect(await rules()).toContain("dnat");
    await lab.stopRouter("home");
    expect(await map()).toBe("");
    expect(await reaches("home-1", lab.address("alpha-1"))).toBe(false);
    await lab.startRouter("home");
    expect(await rules()).not.toContain("dnat");
    expect(await map()).toMatch(/^00820000/);
    expect(await reaches("home-1", lab.address("alpha-1"))).toBe(true);
  });

  it.each([
    [["clock", "alpha-9", "0"], 'no host "alpha-9"'],
    [["clock", "alpha-1", "1h"], "write +1h"],
    [["clock", "alpha-1", "+40000d"], "write +1h"],
    [["clock"], "takes HOST"],
    [["disk", "beta-1", "--full"], "disk: 64MiB"],
    [["disk", "alpha-1", "--full", "--free"], "one or the other"],
    [["stop-router", "betta"], "did you mean beta?"],
    [["stop-routr", "beta"], "did you mean stop-router?"],
  ])("refuses %j", async (args, hint) => {
    await expect(causeway(...args)).rejects.toThrow(hint);
  });
});
