import { once } from "node:events";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { labCommand } from "../../daemon/lab/command.ts";
import { downLab, parseLabSpec, upLab, type Lab } from "../../daemon/lab/lab.ts";
import { LAB_MISSING, ownLabName } from "./lab-requirements.ts";

const NAME = ownLabName("w");
const FILE = "sites: [{ name: alpha }, { name: beta }, { name: gamma }, { name: home, nat: true }]";

/** Counts datagrams for 1.5 s. */
const RECEIVER = `
let count = 0;
const socket = require("node:dgram").createSocket("udp4");
socket.on("message", () => count++);
socket.bind(5000, () => console.error("ready"));
setTimeout(() => { console.log(count); process.exit(); }, 1500);`;
/** Sends 1000 datagrams, ten a millisecond. */
const SENDER = `
const socket = require("node:dgram").createSocket("udp4");
let left = 100;
const timer = setInterval(() => {
  for (let i = 0; i < 10; i++) socket.send("x", 5000, process.argv[1]);
  if (--left === 0) { clearInterval(timer); setTimeout(() => socket.close(), 100); }
}, 1);`;

describe.skipIf(LAB_MISSING !== undefined)("between two sites of a lab", () => {
  let lab: Lab;

  beforeAll(async () => {
    await downLab(NAME).catch(() => {});
    lab = await upLab(parseLabSpec(FILE, "test"), NAME);
  });

  afterEach(async () => {
    await causeway("link", "alpha", "beta", "--heal");
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
  const reaches = async (from: string, to: string): Promise<boolean> => {
    const argv = ["ping", "-c", "2", "-i", "0.2", "-W", "1", "-q", lab.address(to)];
    return (await lab.exec(from, argv)).status === 0;
  };
  /** How many of 1000 datagrams arrive. */
  async function arrived(from: string, to: string): Promise<number> {
    const receiver = lab.spawn(to, [process.execPath, "-e", RECEIVER]);
    await once(receiver.stderr!, "data");
    let count = "";
    receiver.stdout!.on("data", (text) => (count += String(text)));
    const closed = once(receiver, "close");
    await lab.exec(from, [process.execPath, "-e", SENDER, lab.address(to)]);
    await closed;
    return Number(count);
  }

  it("everything is cut, and nothing else", async () => {
    expect(await causeway("link", "alpha", "beta", "--cut")).toBe(
      "alpha to beta: cut\nbeta to alpha: cut",
    );
    expect(await reaches("alpha-1", "beta-1")).toBe(false);
    expect(await reaches("alpha-1", "gamma-1")).toBe(true);
    expect(await reaches("gamma-1", "beta-1")).toBe(true);
    await causeway("link", "beta", "alpha", "--heal");
    expect(await reaches("alpha-1", "beta-1")).toBe(true);
  });

  it("one way is cut and the other is not", async () => {
    await causeway("link", "alpha", "beta", "--cut", "--one-way");
    expect(await causeway("link", "beta", "alpha")).toBe(
      "beta to alpha: as it is\nalpha to beta: cut",
    );
    expect(await arrived("alpha-1", "beta-1")).toBe(0);
    expect(await arrived("beta-1", "alpha-1")).toBe(1000);
    await causeway("link", "beta", "alpha", "--cut", "--one-way");
    await causeway("link", "alpha", "beta", "--heal", "--one-way");
    expect(await arrived("alpha-1", "beta-1")).toBe(1000);
    expect(await arrived("beta-1", "alpha-1")).toBe(0);
  });

  it("a share is lost, one way", async () => {
    await causeway("link", "alpha", "beta", "--loss-to", "30%");
    const there = await arrived("alpha-1", "beta-1");
    expect(there).toBeGreaterThan(600);
    expect(there).toBeLessThan(800);
    expect(await arrived("beta-1", "alpha-1")).toBe(1000);
    expect(await causeway("link", "alpha", "beta", "--loss", "0%", "--loss-from", "60%")).toBe(
      "alpha to beta: as it is\nbeta to alpha: loss 60%",
    );
    expect(await arrived("alpha-1", "beta-1")).toBe(1000);
    const back = await arrived("beta-1", "alpha-1");
    expect(back).toBeGreaterThan(300);
    expect(back).toBeLessThan(500);
  });

  it("two faults at a time hold, and healing one leaves the other", async () => {
    await Promise.all([
      lab.changeWays("alpha", "beta", { to: { isCut: true } }),
      lab.changeWays("gamma", "beta", { to: { isCut: true } }),
    ]);
    expect(await reaches("alpha-1", "beta-1")).toBe(false);
    expect(await reaches("gamma-1", "beta-1")).toBe(false);
    await causeway("link", "gamma", "beta", "--heal");
    expect(await reaches("alpha-1", "beta-1")).toBe(false);
    expect(await reaches("gamma-1", "beta-1")).toBe(true);
  });

  it("a site behind NAT is cut off like any other", async () => {
    expect(await reaches("home-1", "alpha-1")).toBe(true);
    await causeway("link", "home", "alpha", "--cut");
    expect(await reaches("home-1", "alpha-1")).toBe(false);
    expect(await reaches("home-1", "beta-1")).toBe(true);
    await causeway("link", "home", "alpha", "--heal");
    expect(await reaches("home-1", "alpha-1")).toBe(true);
  });

  it.each([
    [["link", "alpha", "betta", "--cut"], "did you mean beta?"],
    [["link", "alpha", "alpha", "--cut"], "alpha is one site"],
    [["link", "alpha", "beta", "--delay", "5ms"], "is of one site; between two: --cut"],
    [["link", "alpha", "beta", "--split", "alpha-1"], "is of one site"],
    [["link", "alpha", "--loss-to", "5%"], "is between two sites"],
    [["link", "alpha", "beta", "--cut", "--heal"], "one or the other"],
    [["link", "alpha", "beta", "--loss", "5%", "--one-way"], "use --loss-to"],
    [["link", "alpha", "beta", "--loss-to", "half"], "is no share"],
    [["link", "alpha", "beta", "gamma"], "takes SITE"],
  ])("refuses %j", async (args, hint) => {
    await expect(causeway(...args)).rejects.toThrow(hint);
  });
});
