import type { networkInterfaces } from "node:os";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { downLab, parseLabSpec, upLab, type Lab } from "../../daemon/lab/lab.ts";
import { LAB_MISSING, ownLabName } from "./lab-requirements.ts";

const NAME = ownLabName("e");
const FILE = `
sites:
  - { name: alpha, hosts: 2, extra: [docker0, tun0, veth9z], switch: ovs }
  - { name: beta }
`;
type Interfaces = ReturnType<typeof networkInterfaces>;

describe.skipIf(LAB_MISSING !== undefined)("a host with more interfaces", () => {
  let lab: Lab;

  beforeAll(async () => {
    await downLab(NAME).catch(() => {});
    lab = await upLab(parseLabSpec(FILE, "test"), NAME);
  });

  afterAll(async () => {
    await lab?.down();
  });

  /** As any program sees them, which passes over those without a carrier. */
  async function seen(host: string): Promise<Record<string, string[]>> {
    const script = "console.log(JSON.stringify(os.networkInterfaces()))";
    const { stdout } = await lab.exec(host, [process.execPath, "-p", "-e", script]);
    const found = JSON.parse(stdout.split("\n")[0]!) as Interfaces;
    return Object.fromEntries(
      Object.entries(found).map(([name, addresses = []]) => [
        name,
        addresses.filter(({ family }) => family === "IPv4").map(({ cidr }) => cidr!),
      ]),
    );
  }

  it("has them up, with a carrier and an address", async () => {
    expect(await seen("alpha-2")).toMatchObject({
      eth0: ["10.1.0.12/24"],
      docker0: ["172.17.0.1/16"],
      tun0: ["172.18.1.2/16"],
      veth9z: ["172.19.1.2/16"],
    });
    expect(Object.keys(await seen("beta-1")).toSorted()).toEqual(["eth0", "lo"]);
  });

  it("runs a daemon that finds its link by itself", async () => {
    await lab.start(["alpha-1", "alpha-2"]);
    const argv = (
      await lab.exec("alpha-2", ["cat", `/proc/${lab.daemonProcess("alpha-2")!.pid}/cmdline`])
    ).stdout;
    expect(argv).not.toContain("--interface");
    const status = (await lab.api("alpha-2", "GET", "/v1/status")) as {
      readonly link: { readonly interface: string; readonly addresses: readonly string[] };
    };
    expect(status.link.interface).toBe("eth0");
    expect(status.link.addresses.join(" ")).not.toContain("172.");
  });
});
