/** Our own responder and browser on real sockets: both families, other responders, a flood. */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { Lab } from "../../daemon/lab/lab.ts";
import { LineProcess, type Line } from "./fixtures/line-process.ts";
import { LAB_MISSING, ownLabName } from "./lab-requirements.ts";
import { useLab } from "./use-lab.ts";

const NAME = ownLabName("own");
const SITES = `
sites:
  - { name: alpha, subnet: 10.1.0.0/24, hosts: 2, avahi: true, ipv6: true }
  - { name: gamma, subnet: 'fd00:33::/64', hosts: 2 }
  - { name: delta, subnet: 10.3.0.0/24, hosts: 3 }
`;
const FIXTURE = join(import.meta.dirname, "fixtures/own-backend-host.ts");
const FLOOD = join(import.meta.dirname, "fixtures/mdns-flood.ts");

class Host extends LineProcess {
  #lastId = 0;

  constructor(lab: Lab, host: string) {
    super(lab, host, [FIXTURE], 8_000);
  }

  async call(call: string, given: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    const id = ++this.#lastId;
    this.order({ id, call, ...given });
    const answer = await this.need(`answer to ${call}`, (line) => line["id"] === id, 20_000);
    if (answer["error"] !== undefined) throw new Error(answer["error"] as string);
    return answer["value"];
  }

  found(instance: string): Promise<Line> {
    return this.need(
      instance,
      ({ type, instance: found }) => type === "found" && found === instance,
    );
  }

  gone(instance: string): Promise<Line> {
    return this.need(
      `end of ${instance}`,
      (line) => line.type === "gone" && line["instance"] === instance,
    );
  }

  end(): Promise<void> {
    const exited = this.exited();
    this.endInput();
    return exited;
  }
}

describe.skipIf(LAB_MISSING !== undefined)("our own back end", () => {
  const shared = useLab(NAME, SITES);

  function open(host: string): Promise<Host> {
    return shared.opened(new Host(shared.lab, host));
  }

  it.each(["gamma", "delta"])(
    "row 24, RFC 6762 §20: speaks IPv6 alone, and IPv4 alone (%s)",
    async (site) => {
      const [server, client] = [await open(`${site}-1`), await open(`${site}-2`)];
      await client.call("browse");
      const address = shared.lab.address(`${site}-1`);
      const given = { instance: "Dr. No's web", host: ["far", "local"], address };
      expect(await server.call("register", given)).toBe("Dr. No's web");
      const line = await client.found("Dr. No's web");
      expect(line["service"]).toMatchObject({ addresses: [address] });
      await server.end();
      await client.gone("Dr. No's web");
    },
  );

  it("takes neither its own packets nor those of another on its host for a conflict with itself", async () => {
    const [one, other] = [await open("alpha-1"), await open("alpha-1")];
    const given = { host: ["far", "local"], address: "203.0.113.7" };
    expect(await one.call("register", { ...given, instance: "Same" })).toBe("Same");
    expect(await other.call("register", { ...given, instance: "Same" })).toBe("Same");
    const elsewhere = { instance: "Same", host: ["else", "local"], address: "203.0.113.8" };
    expect(await other.call("register", elsewhere)).toBe("Same (2)");
    await sleep(2_000);
    for (const host of [one, other]) {
      expect(await host.call("stats")).toMatchObject({ malformed: 0, offLink: 0 });
      expect(host.all("renamed")).toEqual([]);
    }
    expect(await one.call("stats")).toMatchObject({ conflicts: 0 });
  });

  it("row 6: on a link that changed says all anew, and goes on", async () => {
    const [server, client] = [await open("alpha-1"), await open("alpha-2")];
    await client.call("browse");
    const given = { instance: "Mover", host: ["far", "local"], address: "203.0.113.7" };
    await server.call("register", given);
    await client.found("Mover");
    const before = (await server.call("stats")) as { readonly sent: number };
    await server.call("renew-link");
    await client.call("renew-link");
    await sleep(3_000);
    const after = (await server.call("stats")) as { readonly sent: number };
    expect(after.sent).toBeGreaterThan(before.sent + 3);
    await sleep(4_000);
    expect(client.all("gone")).toEqual([]);
    expect(server.all("renamed")).toEqual([]);
  });

  it("§5.5: asks one host whether it has a record, and tells a live host from a silent one", async () => {
    const asker = await open("alpha-1");
    const server = await open("alpha-2");
    const given = { instance: "Web", host: ["far", "local"], address: "203.0.113.7" };
    await server.call("register", given);
    const published = shared.lab.spawn("alpha-2", [
      "avahi-publish",
      "-s",
      "By Avahi",
      "_http._tcp",
      "80",
    ]);
    try {
      const name = ["By Avahi", "_http", "_tcp", "local"];
      const address = shared.lab.address("alpha-2");
      let answer: unknown;
      for (let tries = 0; tries < 20 && answer !== "answered"; tries++)
        answer = await asker.call("ask-host", { address, name });
      expect(answer).toBe("answered");
      const nothing = ["Nothing", "_http", "_tcp", "local"];
      expect(await asker.call("ask-host", { address, name: nothing })).toBe("silent");
      const nobody = "10.1.0.99";
      expect(await asker.call("ask-host", { address: nobody, name })).toBe("silent");
      expect(await asker.call("ask-host", { address: "203.0.113.7", name })).toBe("silent");
    } finally {
      published.kill("SIGKILL");
    }
    const alone = await open("delta-1");
    const name = ["Web", "_http", "_tcp", "local"];
    expect(await alone.call("ask-host", { address: shared.lab.address("delta-2"), name })).toBe(
      "refused",
    );
  });

  it("bears 10,000 announcements a second: little memory, and the others are found", async () => {
    const [server, client] = [await open("delta-1"), await open("delta-2")];
    await client.call("browse");
    const before = (await client.call("stats")) as { readonly rssBytes: number };
    const flood = shared.lab.spawn("delta-3", [process.execPath, FLOOD, "10000", "5"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const sent = new Promise<number>((resolve) => {
      flood.stdout!.once("data", (bytes: Buffer) => resolve(Number(bytes.toString())));
    });
    await sleep(1_500);
    const given = { instance: "Honest", host: ["far", "local"], address: "10.3.0.11" };
    const startMs = Date.now();
    await server.call("register", given);
    await client.found("Honest");
    const foundMs = Date.now() - startMs;
    const count = await sent;
    const after = (await client.call("stats")) as Record<string, number>;
    const grownMiB = (after["rssBytes"]! - before.rssBytes) / 2 ** 20;
    console.log(`flood: ${count} sent in 5 s, another found after ${foundMs} ms, ${grownMiB} MiB`);
    expect(count).toBeGreaterThan(5_000);
    expect(foundMs).toBeLessThan(5_000);
    expect(grownMiB).toBeLessThan(96);
    expect(after["cached"]).toBeLessThanOrEqual(2_048 + 8);
    expect(after["limited"]).toBeGreaterThan(0);
  });
});
