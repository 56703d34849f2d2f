import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BIN_DIRECTORY } from "../../daemon/lab/enter.ts";
import { downLab, parseLabSpec, upLab, type Lab } from "../../daemon/lab/lab.ts";
import { LAB_MISSING, ownLabName } from "./lab-requirements.ts";

const NAME = ownLabName("n");
const FILE = `
sites:
  - { name: alpha, subnet: 10.1.0.0/24, hosts: 3, switch: ovs, avahi: true, uplink: { delay: 10ms } }
  - { name: beta, subnet: 10.2.0.0/24, hosts: 3, switch: bridge, ipv6: true, uplink: { delay: 5ms } }
  - { name: gamma, subnet: 'fd00:33::/64', hosts: 1 }
`;

/** Receives one connection and prints the digest of what came. */
const RECEIVER = `
const { createServer } = require("node:net");
const hash = require("node:crypto").createHash("sha256");
const server = createServer((socket) => {
  socket.on("data", (bytes) => hash.update(bytes));
  socket.on("end", () => { console.log(hash.digest("hex")); socket.end(); server.close(); });
}).listen(5000, () => console.error("ready"));`;
const SENDER = `
const socket = require("node:net").connect(5000, process.argv[1]);
process.stdin.pipe(socket);
socket.resume();`;

describe.skipIf(LAB_MISSING !== undefined)("a lab", () => {
  let lab: Lab;
  let scratch: string;

  beforeAll(async () => {
    scratch = mkdtempSync(join(tmpdir(), "lab-test-"));
    await downLab(NAME).catch(() => {});
    lab = await upLab(parseLabSpec(FILE, "test"), NAME);
  });

  afterAll(async () => {
    await lab?.down();
    rmSync(scratch, { recursive: true, force: true });
  });

  const reaches = async (from: string, to: string): Promise<boolean> =>
    (await lab.exec(from, ["ping", "-c", "2", "-i", "0.2", "-W", "1", "-q", lab.address(to)]))
      .status === 0;

  /** Best of ten, in ms. */
  async function roundTripMs(from: string, address: string): Promise<number> {
    const { stdout } = await lab.exec(from, ["ping", "-c", "10", "-i", "0.1", "-q", address]);
    const [, bestMs] = /rtt min\/avg\/max\/mdev = ([\d.]+)\//.exec(stdout) ?? [];
    expect(stdout).toContain(" 0% packet loss");
    return Number(bestMs);
  }

  async function transfer(from: string, to: string, bytes: Uint8Array): Promise<string> {
    const receiver = lab.spawn(to, [process.execPath, "-e", RECEIVER]);
    let digest = "";
    receiver.stdout!.on("data", (text) => (digest += String(text)));
    const closed = once(receiver, "close");
    await once(receiver.stderr!, "data");
    const argv = [process.execPath, "-e", SENDER, lab.address(to)];
    const { status } = await lab.exec(from, argv, { input: bytes });
    expect(status).toBe(0);
    await closed;
    return digest.trim();
  }

  it("delays what crosses two uplinks by both, each way, and nothing inside a site", async () => {
    const acrossMs = await roundTripMs("alpha-1", lab.address("beta-1"));
    expect(acrossMs).toBeGreaterThanOrEqual(30);
    expect(acrossMs).toBeLessThan(33);
    expect(await roundTripMs("alpha-1", lab.address("alpha-2"))).toBeLessThan(3);
    expect(await roundTripMs("beta-1", lab.address("beta-2"))).toBeLessThan(3);
  });

  it("speaks IPv6 beside IPv4 and alone", async () => {
    expect(lab.host("beta-2").addresses).toEqual(["10.2.0.12/24", "fd00:2::12/64"]);
    expect(await roundTripMs("beta-2", "fd00:33::11")).toBeGreaterThanOrEqual(10);
    expect((await lab.exec("gamma-1", ["ping", "-c", "1", "fd00:2::11"])).status).toBe(0);
  });

  it.each([
    ["alpha-1", "beta-1"],
    ["beta-2", "alpha-2"],
    ["alpha-2", "alpha-3"],
    ["beta-2", "beta-3"],
  ])("carries 8 MB by TCP from %s to %s unchanged", async (from, to) => {
    const bytes = randomBytes(8 << 20);
    const digest = createHash("sha256").update(bytes).digest("hex");
    expect(await transfer(from, to, bytes)).toBe(digest);
    const { out, back } = await lab.linkCounters("alpha");
    expect([out.unfinished, back.unfinished, out.dropped, back.dropped]).toEqual([0, 0, 0, 0]);
  });

  it("carries 32 MB by TCP unchanged when thousands of frames are under way", async () => {
    await lab.link("beta", { delayMs: 100, jitterMs: 20 });
    const bytes = randomBytes(32 << 20);
    const digest = createHash("sha256").update(bytes).digest("hex");
    expect(await transfer("alpha-1", "beta-1", bytes)).toBe(digest);
    await lab.link("beta", { delayMs: 5, jitterMs: 0 });
  });

  it("changes delay while it runs", async () => {
    await lab.link("beta", { delayMs: 40 });
    expect(await roundTripMs("alpha-1", lab.address("beta-1"))).toBeGreaterThanOrEqual(100);
    await lab.link("beta", { delayMs: 5 });
    expect(await roundTripMs("alpha-1", lab.address("beta-1"))).toBeLessThan(33);
  });

  it("loses about the share that is asked for", async () => {
    await lab.link("beta", { lossRatio: 0.3 });
    const argv = ["ping", "-c", "200", "-i", "0.01", "-W", "1", "-q", lab.address("beta-1")];
    const { stdout } = await lab.exec("alpha-1", argv);
    await lab.link("beta", { lossRatio: 0 });
    const lost = Number(/([\d.]+)% packet loss/.exec(stdout)?.[1]);
    expect(lost).toBeGreaterThan(35); // both ways: 51
    expect(lost).toBeLessThan(67);
  });

  it("limits the rate, and lifts the limit", async () => {
    const bytes = randomBytes(2 << 20);
    const timeMs = async (): Promise<number> => {
      const from = performance.now();
      await transfer("beta-1", "alpha-1", bytes);
      return performance.now() - from;
    };
    await lab.link("beta", { rate: 10e6 });
    expect(await timeMs()).toBeGreaterThan(1600); // 16.8 Mbit at 10 Mbit/s
    await lab.link("beta", { rate: null });
    expect(await timeMs()).toBeLessThan(1600);
  });

  it("cuts an uplink in silence and heals it", async () => {
    await lab.link("beta", { isCut: true });
    const argv = ["ping", "-c", "2", "-i", "0.2", "-W", "1", lab.address("beta-1")];
    const { status, stdout } = await lab.exec("alpha-1", argv);
    expect(status).toBe(1);
    expect(stdout).not.toMatch(/unreachable|refused/i);
    expect(await reaches("beta-1", "beta-2")).toBe(true);
    await lab.heal("beta");
    expect(await reaches("alpha-1", "beta-1")).toBe(true);
  });

  it.each(["alpha", "beta"])("splits the link of %s in two and heals it", async (site) => {
    const [one, two, three] = lab.sites.find(({ name }) => name === site)!.hosts.map((h) => h.name);
    const other = site === "alpha" ? "beta-1" : "alpha-1";
    await lab.link(site, { split: [two!, three!] });
    expect(await reaches(two!, three!)).toBe(true);
    expect(await reaches(one!, two!)).toBe(false);
    expect(await reaches(three!, other)).toBe(false);
    expect(await reaches(one!, other)).toBe(true);
    await lab.link(site, { split: [two!] });
    expect(await reaches(one!, three!)).toBe(true);
    expect(await reaches(two!, three!)).toBe(false);
    await lab.heal(site);
    expect(await reaches(one!, two!)).toBe(true);
    expect(await reaches(three!, other)).toBe(true);
  });

  it("refuses to split off a host of another site", async () => {
    await expect(lab.link("alpha", { split: ["beta-1"] })).rejects.toThrow("not a host of alpha");
    await expect(lab.link("alpha", { split: ["alpha-9"] })).rejects.toThrow('no host "alpha-9"');
  });

  it.each(["alpha-2", "beta-2"])("runs programs on %s as on a machine", async (host) => {
    writeFileSync(join(scratch, "here.txt"), "file");
    const script = 'pwd; hostname; cat here.txt; cat; echo "$CAUSEWAY_SOCKET" >&2; exit 7';
    const ran = await lab.exec(host, ["sh", "-c", script], { cwd: scratch, input: "input" });
    expect(ran).toEqual({
      status: 7,
      stdout: `${scratch}\n${host}\nfileinput`,
      stderr: `${lab.paths(host).socket}\n`,
    });
    expect((await lab.exec(host, ["sh", "-c", "kill -TERM $$"])).status).toBe(143);
    expect((await lab.exec(host, ["no-such-program"])).status).toBe(127);
    const args = ["printf", "%s|", "a b", "$HOME", "", "--"];
    expect((await lab.exec(host, args)).stdout).toBe("a b|$HOME||--|");
    expect((await lab.exec(host, ["which", "causeway"])).stdout).toMatch(/\/bin\/causeway\n/);
  });

  it("hands streams, signals and exit status through the command line", async () => {
    const cli = join(BIN_DIRECTORY, "causeway");
    const script = 'trap "exit 9" TERM; read word; echo "$word"; sleep 60 & wait';
    const args = ["lab", "exec", "alpha-2", "--name", NAME, "--", "sh", "-c", script];
    const child = spawn(cli, args, { stdio: ["pipe", "pipe", "inherit"] });
    const closed = once(child, "close");
    child.stdin.write("hello\n");
    const [said] = (await once(child.stdout, "data")) as [Buffer];
    expect(said.toString()).toBe("hello\n");
    child.kill("SIGTERM");
    expect(await once(child, "exit")).toEqual([9, null]);
    child.stdout.destroy(); // the sleep that stays behind holds it
    await closed;
  });

  it("lets Avahi clients find services of their site, and of no other", async () => {
    const type = "_lab-test._tcp";
    const argv = ["avahi-publish", "-s", "printer", type, "631", "a=b"];
    const publisher = lab.spawn("alpha-1", argv, { stdio: ["ignore", "ignore", "pipe"] });
    await once(publisher.stderr!, "data");
    const browse = async (): Promise<string> =>
      (await lab.exec("alpha-2", ["avahi-browse", "-rtp", type])).stdout;
    let found = await browse();
    for (let i = 0; i < 20 && !found.includes("\n="); i++) {
      await sleep(200);
      found = await browse();
    }
    expect(found).toContain(`=;eth0;IPv4;printer;${type};local;alpha-1.local;10.1.0.11;631;"a=b"`);
    const closed = once(publisher, "close");
    publisher.kill();
    await closed;
  });

  it.each(["alpha", "beta"])("captures the frames of site %s", async (site) => {
    const [one, two] = [`${site}-1`, `${site}-2`];
    const file = join(scratch, `${site}.pcap`);
    const ended = new AbortController();
    const ready = Promise.withResolvers<void>();
    const capture = lab.capture(site, file, ended.signal, () => ready.resolve());
    await Promise.race([ready.promise, capture]);
    await lab.exec(one, ["ping", "-c", "3", "-i", "0.2", "-q", lab.address(two)]);
    await sleep(300);
    ended.abort();
    await capture;
    const addresses = [one, two].map((host) => lab.address(host).split(".").map(Number));
    // An echo request from one to two: source and destination stand side by side in the header.
    expect(readFileSync(file).includes(Buffer.from(addresses.flat()))).toBe(true);
  });
});
