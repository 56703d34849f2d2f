import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { Lab } from "../../daemon/lab/lab.ts";
import { LineProcess, type Line } from "./fixtures/line-process.ts";
import { LAB_MISSING, ownLabName } from "./lab-requirements.ts";
import { useLab } from "./use-lab.ts";

const NAME = ownLabName("m");
const SITES = `
sites:
  - { name: alpha, subnet: 10.1.0.0/24, hosts: 3, avahi: true, ipv6: true }
  - { name: gamma, subnet: 'fd00:33::/64', hosts: 2 }
`;
const FIXTURE = join(import.meta.dirname, "fixtures/link-host.ts");
const LABEL = "k".repeat(52);

/** A process that has a link, and what it said. */
class LinkHost extends LineProcess {
  readonly tag: string;

  constructor(lab: Lab, host: string, labels: readonly string[] = []) {
    const tag = host.replace(/[^a-z]/g, "").padEnd(15, "q") + "234567"[Number(host.at(-1))]!;
    super(lab, host, [FIXTURE, "eth0", tag, ...labels], 5_000);
    this.tag = tag;
  }

  needPeer(type: string, other: LinkHost, limitMs?: number): Promise<Line> {
    const fits = (line: Line): boolean => line.type === type && tagOf(line) === other.tag;
    return this.need(`${type} ${other.tag}`, fits, limitMs);
  }

  async tell(command: object, answer: string): Promise<Line> {
    const before = this.all(answer).length;
    this.order(command);
    return this.need(answer, (line) => this.all(answer).indexOf(line) >= before);
  }

  /** Says goodbye. */
  end(): Promise<Line> {
    this.endInput();
    return this.need("closed", ({ type }) => type === "closed");
  }
}

function tagOf(line: Line): string | undefined {
  return (line["peer"] as { readonly hostTag: string } | undefined)?.hostTag;
}

describe.skipIf(LAB_MISSING !== undefined)("links beside Avahi", () => {
  const shared = useLab(NAME, SITES);

  function open(host: string, labels?: readonly string[]): Promise<LinkHost> {
    return shared.opened(new LinkHost(shared.lab, host, labels));
  }

  it("find each other in half a second, over both address families", async () => {
    const first = await open("alpha-1");
    await sleep(3000);
    const second = await open("alpha-2");
    const found = await second.needPeer("peer-found", first);
    const seen = await first.needPeer("peer-found", second);
    const openedAtMs = second.all("open")[0]!.atMs;
    expect(found.atMs - openedAtMs).toBeLessThan(500);
    expect(seen.atMs - openedAtMs).toBeLessThan(500);
    await sleep(200);
    const stats = await second.tell({}, "stats");
    expect(stats).toMatchObject({ families: ["ipv4", "ipv6"], multicast: "heard", malformed: 0 });
    const [peer] = stats["peers"] as { addresses: string[] }[];
    expect(peer!.addresses).toContain(shared.lab.address("alpha-1"));
    expect(peer!.addresses.some((address) => /^fe80::.*%eth0$/.test(address))).toBe(true);
  });

  it("tell a change at once, and a goodbye after its second of grace", async () => {
    const [first, second] = [await open("alpha-1"), await open("alpha-2")];
    await first.needPeer("peer-found", second);
    second.order({ generation: 7 });
    const changed = await first.need(
      "peer-changed",
      (line) => line.type === "peer-changed" && JSON.stringify(line).includes('"generation":7'),
    );
    expect(tagOf(changed)).toBe(second.tag);
    const { atMs } = await second.end();
    const gone = await first.needPeer("peer-gone", second);
    expect(gone).toMatchObject({ reason: "goodbye" });
    expect(gone.atMs - atMs).toBeLessThan(2000);
  });

  it("find the holder of a record, and give up when there is none", async () => {
    const [asker, holder] = [await open("alpha-1"), await open("alpha-3", [LABEL])];
    await asker.needPeer("peer-found", holder);
    const times: number[] = [];
    for (let i = 0; i < 5; i++) {
      const startMs = Date.now();
      const asked = await asker.tell({ ask: LABEL }, "asked");
      times.push(asked.atMs - startMs);
      expect(asked["hostTags"]).toEqual([holder.tag]);
    }
    // 30 ms of them are spent waiting for a second holder.
    expect(Math.min(...times)).toBeLessThan(100);
    const none = await asker.tell({ ask: "z".repeat(52) }, "asked");
    expect(none["hostTags"]).toEqual([]);
  });

  it("work over IPv6 alone", async () => {
    const [first, second] = [await open("gamma-1"), await open("gamma-2", [LABEL])];
    await first.needPeer("peer-found", second);
    expect(await first.tell({}, "stats")).toMatchObject({ families: ["ipv6"] });
    const asked = await first.tell({ ask: LABEL }, "asked");
    expect(asked["hostTags"]).toEqual([second.tag]);
  });

  it("follow a change of address, and find each other again", async () => {
    const [first, second] = [await open("alpha-1"), await open("alpha-2")];
    await first.needPeer("peer-found", second);
    const before = shared.lab.address("alpha-2");
    const ip = (...argv: string[]): Promise<unknown> => shared.lab.exec("alpha-2", ["ip", ...argv]);
    await ip("address", "del", `${before}/24`, "dev", "eth0");
    await ip("address", "add", "10.1.0.99/24", "dev", "eth0");
    try {
      const fits = (line: Line): boolean => {
        const { addresses = [] } = (line["peer"] ?? {}) as { addresses?: string[] };
        return addresses.includes("10.1.0.99") && !addresses.includes(before);
      };
      await first.need("the new address alone", fits);
      await second.need("link-changed", ({ type }) => type === "link-changed");
    } finally {
      await ip("address", "del", "10.1.0.99/24", "dev", "eth0");
      await ip("address", "add", `${before}/24`, "dev", "eth0");
    }
  });

  it("say what to do when port 5353 is not shared", async () => {
    const blocker = `
      const socket = require("node:dgram").createSocket("udp6");
      socket.bind(5353, "::", () => console.log("bound"));`;
    const taken = shared.lab.spawn("gamma-1", [process.execPath, "-e", blocker], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    try {
      await new Promise((resolve) => {
        taken.stdout!.once("data", resolve);
      });
      const host = shared.started(new LinkHost(shared.lab, "gamma-1"));
      const failed = await host.need("failed", ({ type }) => type === "failed", 20_000);
      expect(failed).toMatchObject({ code: "ERR_OVERLAY_LINK" });
      expect(failed["message"]).toMatch(/port 5353 is taken.*disallow-other-stacks=no/);
    } finally {
      taken.kill("SIGKILL");
    }
  });

  it("are seen by Avahi's browser, and answer a plain DNS question", async () => {
    const host = await open("alpha-1");
    const browsed = await shared.lab.exec("alpha-2", [
      ..."avahi-browse --parsable --resolve --terminate _causeway._tcp".split(" "),
    ]);
    const resolved = browsed.stdout.split("\n").filter((line) => line.startsWith("="));
    expect(resolved.some((line) => line.includes(`;${host.tag};`) && line.includes(";4711;"))).toBe(
      true,
    );
    const asked = await shared.lab.exec("alpha-3", [
      process.execPath,
      "-e",
      LEGACY,
      shared.lab.address("alpha-3"),
    ]);
    expect(asked.stdout).toContain(host.tag);
  });
});

/** One question by multicast from a port of its own, as dig asks. */
const LEGACY = `
const packet = require("dns-packet");
const socket = require("node:dgram").createSocket("udp4");
const questions = [{ name: "_causeway._tcp.local", type: "PTR" }];
socket.on("message", (bytes) => {
  const { id, answers } = packet.decode(bytes);
  if (id === 7) console.log(answers.map(({ data }) => data).join(" "));
});
socket.bind(0, () => {
  socket.setMulticastInterface(process.argv[1]);
  socket.send(packet.encode({ type: "query", id: 7, questions }), 5353, "224.0.0.251");
});
setTimeout(() => socket.close(), 1000);`;
