import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { downLab, parseLabSpec, upLab, type Lab } from "../../daemon/lab/lab.ts";
import { labLines } from "../../daemon/lab/listing.ts";
import { LAB_MISSING, ownLabName } from "./lab-requirements.ts";

const NAME = ownLabName("h");
const FILE = `
sites:
  - { name: pub, hosts: 2, uplink: { delay: 5ms } }
  - { name: home, hosts: 2, nat: { portMapping: both }, uplink: { delay: 10ms } }
  - { name: flat, hosts: 1, nat: { portMapping: nat-pmp }, switch: ovs }
  - { name: plain, hosts: 1, nat: true }
`;
/** \`11.0.N.2\` for site N. */
const OUTER = { home: "11.0.2.2", flat: "11.0.3.2" };

/** Answers each line with where it came from. */
const SERVER = `
const server = require("node:net").createServer((socket) => {
  socket.on("error", () => {});
  socket.end(socket.remoteAddress + " reached " + process.argv[1]);
}).listen(5000, "0.0.0.0", () => console.log("ready"));`;
const CLIENT = `
const socket = require("node:net").connect(Number(process.argv[2]), process.argv[1]);
socket.setTimeout(1500, () => { console.log("no answer"); socket.destroy(); });
socket.on("error", (error) => console.log(error.code));
socket.on("data", (bytes) => console.log(String(bytes)));`;
/** Sends each datagram (hexadecimal) to PORT at ADDRESS, prints what comes back within 1.5 s. */
const DATAGRAMS = `
const [address, port, ...datagrams] = process.argv.slice(1);
const socket = require("node:dgram").createSocket("udp4");
socket.on("error", () => {});
socket.on("message", (bytes) => console.log(bytes.toString("hex")));
socket.bind(() => {
  for (const one of datagrams) socket.send(Buffer.from(one, "hex"), Number(port), address);
  setTimeout(() => process.exit(), 1500);
});`;

describe.skipIf(LAB_MISSING !== undefined)("a site behind NAT", () => {
  let lab: Lab;

  beforeAll(async () => {
    await downLab(NAME).catch(() => {});
    lab = await upLab(parseLabSpec(FILE, "test"), NAME);
    for (const host of ["pub-1", "home-1", "home-2", "flat-1"]) {
      const server = lab.spawn(host, [process.execPath, "-e", SERVER, host]);
      await once(server.stdout!, "data");
    }
  });

  afterAll(async () => {
    await lab?.down();
  });

  const node = async (host: string, script: string, ...args: string[]): Promise<string> =>
    (await lab.exec(host, [process.execPath, "-e", script, ...args])).stdout.trim();
  const call = (host: string, address: string, port = 5000) =>
    node(host, CLIENT, address, String(port));
  const askRouter = async (host: string, ...datagrams: string[]) =>
    (await node(host, DATAGRAMS, "192.168.1.1", "5351", ...datagrams)).split("\n");

  it("has the addresses that another one has, and reaches its own with them", async () => {
    expect([lab.address("home-1"), lab.address("flat-1")]).toEqual([
      "192.168.1.11",
      "192.168.1.11",
    ]);
    expect(await call("home-2", "192.168.1.11")).toBe("192.168.1.12 reached home-1");
    expect(await call("flat-1", "192.168.1.12")).toMatch(/EHOSTUNREACH|no answer/);
  });

  it("is listed with its outer address", () => {
    expect(labLines(lab)).toContain(
      "  home (bridge, behind 11.0.2.2, port mapping: both): delay 10ms",
    );
  });

  it("is one outer address to all others", async () => {
    expect(await call("home-1", lab.address("pub-1"))).toBe(`${OUTER.home} reached pub-1`);
    expect(await call("home-2", lab.address("pub-1"))).toBe(`${OUTER.home} reached pub-1`);
    expect(await call("flat-1", lab.address("pub-1"))).toBe(`${OUTER.flat} reached pub-1`);
  });

  it("lets nothing in that nobody asked for", async () => {
    expect(await call("pub-1", OUTER.home)).toBe("no answer");
    expect(await call("pub-1", "192.168.1.11")).toBe("no answer");
    expect(await call("flat-1", OUTER.home)).toBe("no answer");
  });

  it("has its router before the uplink, and the delay behind it", async () => {
    const bestMs = async (address: string): Promise<number> => {
      const argv = ["ping", "-c", "5", "-i", "0.1", "-q", address];
      const { stdout } = await lab.exec("home-1", argv);
      return Number(/rtt min\/avg\/max\/mdev = ([\d.]+)\//.exec(stdout)?.[1]);
    };
    expect(await bestMs("192.168.1.1")).toBeLessThan(3);
    expect(await bestMs(lab.address("pub-1"))).toBeGreaterThanOrEqual(30);
    await lab.link("home", { isCut: true });
    expect(await call("home-1", lab.address("pub-1"))).toBe("no answer");
    expect((await lab.exec("home-1", ["ping", "-c", "1", "-W", "1", "192.168.1.1"])).status).toBe(
      0,
    );
    await lab.heal("home");
    expect(await call("home-1", lab.address("pub-1"))).toContain("reached pub-1");
  });

  it("maps a port by NAT-PMP (RFC 6886), which others then reach", async () => {
    // Version 0, operation 0: the outer address; operation 2: TCP port 5000 as 5001 for 3600 s.
    const [address = "", mapping = ""] = await askRouter(
      "home-1",
      "0000",
      "000200001388138900000e10",
    );
    expect(address).toMatch(/^00800000[0-9a-f]{8}0b000202$/);
    expect(mapping).toMatch(/^00820000[0-9a-f]{8}1388138900000e10$/);
    expect(await call("pub-1", OUTER.home, 5001)).toBe("10.1.0.11 reached home-1");
    expect(await call("flat-1", OUTER.home, 5001)).toBe(`${OUTER.flat} reached home-1`);
    expect(await call("pub-1", OUTER.home, 5000)).toBe("no answer");
  });

  it("answers a search by UPnP and describes its router", async () => {
    const type = "urn:schemas-upnp-org:device:InternetGatewayDevice:1";
    const lines = ["M-SEARCH * HTTP/1.1", "HOST: 239.255.255.250:1900", 'MAN: "ssdp:discover"'];
    const search = [...lines, "MX: 1", `ST: ${type}`, "", ""].join("\r\n");
    const request = Buffer.from(search).toString("hex");
    const answer = await node("home-2", DATAGRAMS, "239.255.255.250", "1900", request);
    const text = Buffer.from(answer.split("\n")[0]!, "hex").toString();
    expect(text).toContain(`ST: ${type}`);
    const url = /LOCATION: (http:\/\/192\.168\.1\.1:\d+\/\S+)/i.exec(text)?.[1] ?? "";
    const fetched = await node(
      "home-2",
      "fetch(process.argv[1]).then(async (r) => console.log(await r.text()))",
      url,
    );
    expect(fetched).toContain("WANIPConnection");
  });

  it("offers only what its file says", async () => {
    expect(await askRouter("flat-1", "0000")).toHaveLength(1);
    const [answer] = await askRouter("flat-1", "0000");
    expect(answer).toMatch(/0b000302$/);
    expect(await askRouter("plain-1", "0000")).toEqual([""]);
  });
});
