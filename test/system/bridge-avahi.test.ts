/** Avahi comes and goes, and those who use it through the bridge's back end. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { downLab, parseLabSpec, upLab, type Lab } from "../../daemon/lab/lab.ts";
import { AvahiService } from "./fixtures/avahi-service.ts";
import { BackendProcess, wireService, type BackendKind } from "./fixtures/backend-process.ts";
import { OWN_MISSING } from "./fixtures/own-backend-opener.ts";
import { avahiPublish, AvahiObserver } from "./fixtures/zeroconf.ts";
import { LAB_MISSING, ownLabName } from "./lab-requirements.ts";

const NAME = ownLabName("av");
const SITES = `
sites:
  - { name: alpha, subnet: 10.1.0.0/24, hosts: 2, avahi: true, ipv6: true }
`;

if (OWN_MISSING !== undefined) console.warn(`skipped in part: ${OWN_MISSING}`);

describe.skipIf(LAB_MISSING !== undefined)("the back end Avahi", () => {
  const ending: { close(): unknown }[] = [];
  let lab: Lab;
  let avahi: AvahiService;

  beforeAll(async () => {
    await downLab(NAME).catch(() => {});
    lab = await upLab(parseLabSpec(SITES, "test"), NAME);
    avahi = new AvahiService(lab, "alpha-1");
  });

  afterEach(async () => {
    for (const one of ending.splice(0)) await one.close();
  });

  afterAll(async () => {
    await lab?.down();
  });

  async function open(kind: BackendKind, host = "alpha-1"): Promise<BackendProcess> {
    const opened = await BackendProcess.open(lab, host, kind);
    ending.push(opened);
    return opened;
  }

  function observe(type: string): AvahiObserver {
    const observer = new AvahiObserver(lab, "alpha-2", type);
    ending.push(observer);
    return observer;
  }

  /** One service registered by the back end, one published by the other host. */
  async function both(backend: BackendProcess, type: string): Promise<AvahiObserver> {
    const observer = observe(type);
    const far = { instance: "Far", type, port: 80, txt: ["a=1"] };
    const published = await avahiPublish(lab, "alpha-2", far);
    ending.push({ close: () => published.kill("SIGKILL") });
    await backend.call("browse", { type, key: type });
    await backend.register("near", wireService({ type, instance: "Near" }));
    await backend.found(type, "Far", ({ addresses }) => addresses.length > 1);
    await observer.needCount(2);
    return observer;
  }

  it.each([
    { how: "restarted", again: () => avahi.restart() },
    { how: "killed and started", again: () => avahi.restart("KILL") },
    {
      how: "taken away with its bus and given back",
      again: async () => {
        await avahi.killBus();
        await sleep(500);
        await avahi.startBus();
      },
    },
  ])("is followed when it is $how: nobody hears of it but the link", async ({ how, again }) => {
    const type = `_cwagain${how.length}._tcp`;
    const backend = await open("avahi");
    const observer = await both(backend, type);
    const founds = (await backend.settled("found")).length;
    const startMs = Date.now();
    await again();
    await backend.need("return", ({ event }) => event === "avahi is back", 15_000);
    const fresh = observe(type);
    await fresh.needResolved("Near", (one) => one.instance === "Near", 10_000);
    console.log(`${how}: registered again ${Date.now() - startMs} ms after it began`);
    await observer.needCount(2);
    await sleep(6000);
    expect(backend.all("gone")).toEqual([]);
    expect(backend.all("found")).toHaveLength(founds);
    await backend.register("more", wireService({ type, instance: "More" }));
    await observer.needCount(3);
    await backend.call("withdraw", { key: "near" });
    await observer.needGone("Near");
  });

  it("tells what went while Avahi was away", async () => {
    const type = "_cwaway._tcp";
    const backend = await open("avahi");
    await both(backend, type);
    await avahi.stop();
    await ending.pop()?.close();
    await avahi.start();
    await backend.gone(type, "Far", 10_000);
    expect(backend.all("gone")).toHaveLength(1);
  });

  it("waits with a registration until Avahi is back", async () => {
    const type = "_cwlate._tcp";
    const backend = await open("avahi");
    await avahi.stop();
    const registered = backend.register("late", wireService({ type }));
    await sleep(500);
    await avahi.start();
    expect(await registered).toBe("Tom's Music v1.2");
  });

  it("says what to do when there is no Avahi", async () => {
    await avahi.stop();
    const failed = (await open("avahi")).all("failed")[0]!;
    expect(failed).toMatchObject({ code: "ERR_BRIDGE_BACKEND" });
    expect(failed["message"]).toMatch(/Avahi does not run; start it with "systemctl start avahi/);
    await avahi.start();
  });

  it("is chosen when a service published there is seen on the link", async () => {
    const backend = await open("auto");
    expect(await backend.call("name")).toBe("avahi");
    expect(backend.all("log").filter(({ level }) => level === "warn")).toEqual([]);
  });

  it.skipIf(OWN_MISSING === undefined)("says why neither back end works", async () => {
    const undo = avahi.configure("allow-interfaces=eth0", "allow-interfaces=lo");
    try {
      await avahi.restart();
      const failed = (await open("auto")).all("failed")[0]!;
      expect(failed["message"]).toMatch(/was not seen on the link within 3 s.*; and /);
    } finally {
      undo();
      await avahi.restart();
    }
  });

  it.skipIf(OWN_MISSING)("gives way to our own when it is deaf", async () => {
    const undo = avahi.configure("allow-interfaces=eth0", "allow-interfaces=lo");
    try {
      await avahi.restart();
      const backend = await open("auto");
      expect(await backend.call("name")).toBe("own");
    } finally {
      undo();
      await avahi.restart();
    }
  });

  it.skipIf(OWN_MISSING)("gives way to our own when it dies, and comes back", async () => {
    const type = "_cwmove._tcp";
    const backend = await open("auto");
    const observer = await both(backend, type);
    await avahi.stop("KILL");
    await backend.need("move", ({ event }) => event === "own multicast DNS in use", 10_000);
    await observer.needCount(2);
    await backend.register("more", wireService({ type, instance: "More" }));
    await observer.needCount(3);
    await avahi.start();
    await backend.need("return", ({ event }) => event === "preferred multicast DNS in use", 20_000);
    await sleep(6000);
    expect(await backend.call("name")).toBe("avahi");
    expect(observer.present().toSorted()).toEqual(["Far", "More", "Near"]);
    expect(observer.removals("Near") + observer.removals("More")).toBe(0);
    expect(backend.all("gone")).toEqual([]);
    expect(backend.all("renamed")).toEqual([]);
  });
});
