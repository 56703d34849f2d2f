import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openMovingBackend } from "../../../bridge/io/moving-backend.ts";
import type { ZeroconfBackend } from "../../../bridge/zeroconf/backend.ts";
import type { LinkAddressing } from "../../../platform/address.ts";
import { SILENT } from "../../../platform/logger.ts";
import { serviceOf } from "../avahi/services.ts";
import { MemoryBackend, MemoryLink } from "./memory-link.ts";

let link: MemoryLink;
/** All that were opened, the last one last. */
let opened: MemoryBackend[];
/** The interfaces that they were opened on. */
let openedOn: string[];
let isAvahiThere: boolean;
let isAvahiDeaf: boolean;
let isOwnThere: boolean;
/** What the other one waits for before it opens. */
let ownOpens: Promise<void>;
let backend: ZeroconfBackend | null;
const ends: AbortController[] = [];

beforeEach(() => {
  link = new MemoryLink();
  [opened, openedOn] = [[], []];
  [isAvahiThere, isAvahiDeaf, isOwnThere] = [true, false, true];
  ownOpens = Promise.resolve();
  backend = null;
});

afterEach(async () => {
  for (const end of ends.splice(0)) end.abort();
  await backend?.close();
});

function openOne(name: "avahi" | "own", isThere: boolean, on: string): Promise<MemoryBackend> {
  if (!isThere) return Promise.reject(new Error(`no ${name}`));
  const one = new MemoryBackend(link, name);
  opened.push(one);
  openedOn.push(on);
  return Promise.resolve(one);
}

async function open(): Promise<ZeroconfBackend> {
  backend = await openMovingBackend({
    interface: "eth0",
    openPreferred: (on) => openOne("avahi", isAvahiThere, on),
    check: () => (isAvahiDeaf ? Promise.reject(new Error("deaf")) : Promise.resolve()),
    openFallback: async (on) => {
      await ownOpens;
      return openOne("own", isOwnThere, on);
    },
    patienceMs: 50,
    lookAgainMs: 50,
    log: SILENT,
  });
  return backend;
}

const linkAt = (address: string, name = "eth0"): LinkAddressing => ({
  name,
  addresses: [{ address, prefixBits: 24 }],
});

/** What a browse says, in short. */
function browse(from: ZeroconfBackend, type = "_http._tcp"): string[] {
  const end = new AbortController();
  ends.push(end);
  const told: string[] = [];
  void (async () => {
    for await (const event of from.browse(type, end.signal))
      told.push(
        event.type === "found" ? `found ${event.service.instance}` : `gone ${event.id.instance}`,
      );
  })();
  return told;
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  for (let waitedMs = 0; !isSo(); waitedMs += 5) {
    if (waitedMs > 2000) throw new Error(`never ${what}`);
    await sleep(5);
  }
}

const registration = (instance: string, port = 80) => ({
  service: serviceOf({ instance, port }),
  isShared: false,
  isTakeover: false,
});

describe("a back end made of two", () => {
  it("is the preferred one when that works, else the other, and says why neither does", async () => {
    expect((await open()).name).toBe("avahi");
    await backend!.close();
    isAvahiDeaf = true;
    expect((await open()).name).toBe("own");
    expect(opened.filter(({ name }) => name === "avahi").every((one) => one.isClosed)).toBe(true);
    await backend!.close();
    isAvahiThere = isOwnThere = false;
    await expect(open()).rejects.toThrow("no avahi; and no own");
  });

  it("moves what is registered and browsed when the preferred one dies, and back", async () => {
    const moving = await open();
    const far = new MemoryBackend(link, "own");
    await far.register(registration("Far"), []);
    const told = browse(moving);
    const near = await moving.register(registration("Near"), []);
    await moving.registerHost(["h", "local"], ["10.0.0.1"], false);
    await until("both found", () => told.length === 2);
    opened[0]!.die();
    isAvahiThere = false;
    await until("moved", () => opened[0]!.isClosed);
    expect(moving.name).toBe("own");
    expect(opened.at(-1)!.hosts).toEqual(["h.local"]);
    isAvahiThere = true;
    await until("moved back", () => moving.name === "avahi" && opened[1]!.isClosed);
    await sleep(20);
    expect(told).toEqual(["found Far", "found Near"]);
    expect(link.seen).toEqual(["+Far", "+Near"]);
    expect(opened[1]!.goodbyes).toEqual([]); // browsers would drop what the next one shows
    await near.update(serviceOf({ instance: "Near", port: 81 }));
    await until("changed", () => told.length === 3);
    await near.withdraw();
    await until("withdrawn", () => told.at(-1) === "gone Near");
    expect(link.seen).toEqual(["+Far", "+Near", "-Near"]);
  });

  it("tells what went while it moved, after its grace of 5 s", async () => {
    const moving = await open();
    const far = new MemoryBackend(link, "own");
    await far.register(registration("Far"), []);
    const told = browse(moving);
    await until("found", () => told.length === 1);
    opened[0]!.die();
    isAvahiThere = false;
    await far.close();
    await until("moved", () => moving.name === "own");
    await sleep(4000);
    expect(told).toEqual(["found Far"]);
    await sleep(1500);
    expect(told).toEqual(["found Far", "gone Far"]);
  });

  it("does not move for a restart that is shorter than its patience", async () => {
    const moving = await open();
    opened[0]!.die();
    await sleep(10);
    opened[0]!.live();
    await sleep(200);
    expect(moving.name).toBe("avahi");
    expect(opened).toHaveLength(1);
  });

  it("registers with the other what waited for the one that died", async () => {
    const moving = await open();
    opened[0]!.die();
    isAvahiThere = false;
    const registered = await moving.register(registration("Late"), []);
    expect(registered.instance).toBe("Late");
    expect(moving.name).toBe("own");
    expect(link.seen).toEqual(["+Late"]);
  });

  it("goes on looking for any when the preferred one died and the other cannot be had", async () => {
    const moving = await open();
    opened[0]!.die();
    isAvahiThere = isOwnThere = false;
    await sleep(200);
    expect(moving.name).toBe("avahi");
    isOwnThere = true;
    await until("moved", () => moving.name === "own");
  });

  it("tells the one in use of another address of the link", async () => {
    isAvahiDeaf = true;
    const moving = await open();
    await moving.becomeLink!(linkAt("10.0.0.2"));
    const own = opened.find(({ name }) => name === "own")!;
    expect(own.links).toEqual([linkAt("10.0.0.2")]);
    isAvahiDeaf = false;
    await until("moved", () => moving.name === "avahi");
    await moving.becomeLink!(linkAt("10.0.0.3"));
    expect(opened.at(-1)!.links).toEqual([linkAt("10.0.0.3")]);
    expect(own.links).toHaveLength(1);
  });

  it("tells the next one of what the link became while it was opened", async () => {
    const moving = await open();
    const opens = Promise.withResolvers<void>();
    ownOpens = opens.promise;
    opened[0]!.die();
    isAvahiThere = false;
    await sleep(100); // beyond its patience: the next one is being opened
    const told = moving.becomeLink!(linkAt("10.0.0.2"));
    opens.resolve();
    await told;
    expect(moving.name).toBe("own");
    expect(opened.map(({ links }) => links)).toEqual([[], [linkAt("10.0.0.2")]]);
  });

  it("opens the next one on the interface that the link became", async () => {
    const moving = await open();
    await moving.becomeLink!(linkAt("10.0.0.2", "wlan0"));
    await moving.becomeLink!({ name: "", addresses: [] });
    opened[0]!.die();
    isAvahiThere = false;
    await until("moved", () => moving.name === "own");
    expect(openedOn).toEqual(["eth0", "wlan0"]);
  });
});
