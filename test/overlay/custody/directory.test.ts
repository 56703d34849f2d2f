import { afterEach, describe, expect, it } from "vitest";
import { setTimeout as sleep } from "node:timers/promises";
import { toHex, utf8 } from "../../../platform/bytes.ts";
import { WatchFeed } from "../../../overlay/io/watch-feed.ts";
import type { WatchEvent } from "../../../overlay/types.ts";
import { pairOf } from "../identity/members.ts";
import { keyOf } from "../records/fixture.ts";
import { CLOCK, dial, stopAll, until } from "../io/loopback.ts";
import { introduceSites, startSite, type SiteHost } from "../io/site.ts";

afterEach(stopAll);

const text = (value: Uint8Array): string => new TextDecoder().decode(value);

async function values(host: SiteHost, key: Uint8Array): Promise<string[]> {
  const { records } = await host.directory.get(key);
  return records.map(({ value }) => text(value)).toSorted();
}

async function threeSites(): Promise<SiteHost[]> {
  const sites = await Promise.all([
    startSite("quay", ["anna", "bert"]),
    startSite("pier", ["cora"]),
    startSite("moor", ["dora"]),
  ]);
  introduceSites(...sites);
  return sites.flat();
}

/** A key of which a subnet is, or is not, one of the two closest. */
function keyFor(host: SiteHost, isHolder: boolean): Uint8Array {
  const self = pairOf(host.subnet).id;
  for (let i = 0; ; i++) {
    const key = keyOf(`key ${i}`);
    const closest = host.routing.closestKnown(key, 2).map(({ subnetId }) => subnetId);
    if (closest.includes(self) === isHolder) return key;
  }
}

describe("put and get", () => {
  it("find what any host of any subnet put, at the two closest subnets", async () => {
    const [anna, bert, cora, dora] = await threeSites();
    for (const isHolder of [true, false]) {
      const key = keyFor(anna!, isHolder);
      const { storedOn, version } = await anna!.directory.put(key, utf8("10.0.0.7:631"));
      const closest = anna!.routing.closestKnown(key, 2).map(({ subnetId }) => subnetId);
      expect(storedOn.toSorted()).toEqual(closest.toSorted());
      expect(version).toBe(1n);
      for (const host of [anna!, bert!, cora!, dora!])
        expect(await values(host, key), host.name).toEqual(["10.0.0.7:631"]);
    }
  });

  it("find what is kept by a subnet that the table does not have yet", async () => {
    const [[anna], [cora]] = await Promise.all([
      startSite("quay", ["anna"]),
      startSite("pier", ["cora"]),
    ]);
    const key = keyOf("printer");
    await cora!.directory.put(key, utf8("cora's"));
    expect(await values(anna!, key)).toEqual([]);
    await dial(anna!, cora!);
    expect(anna!.routing.entries()).toEqual([]);
    expect(await values(anna!, key)).toEqual(["cora's"]);
  });

  it("reach a subnet later that could not take the record when it came", async () => {
    const [anna, , cora] = await threeSites();
    const key = keyFor(cora!, true);
    await anna!.directory.put(key, utf8("old"));
    cora!.breakDisk();
    const { storedOn } = await anna!.directory.put(key, utf8("new"));
    expect(storedOn).not.toContain(pairOf("pier").id);
    cora!.mendDisk();
    const held = (): string => {
      const [one] = cora!.records.store.get(toHex(key), CLOCK.monotonicMs());
      return text(one!.record.value);
    };
    expect(held()).toBe("old");
    await until("pushed", () => held() === "new");
  });

  it("keep one record of each publisher and slot, the newest", async () => {
    const [anna, , cora, dora] = await threeSites();
    const key = keyOf("printer");
    await anna!.directory.put(key, utf8("old"));
    await anna!.directory.put(key, utf8("new"));
    await anna!.directory.put(key, utf8("other slot"), { slot: "b" });
    await cora!.directory.put(key, utf8("cora's"));
    expect(await values(dora!, key)).toEqual(["cora's", "new", "other slot"]);
  });

  it("give each put of one slot its own version, in their order", async () => {
    const [anna, , cora] = await threeSites();
    const key = keyOf("counter");
    const puts = Array.from({ length: 10 }, (_, i) => anna!.directory.put(key, utf8(`${i}`)));
    const versions = (await Promise.all(puts)).map(({ version }) => version);
    expect(versions).toEqual(Array.from({ length: 10 }, (_, i) => BigInt(i + 1)));
    expect(await values(cora!, key)).toEqual(["9"]);
  });

  it("put above what the holders remember when the own state is lost", async () => {
    const [anna, , cora] = await threeSites();
    const key = keyFor(anna!, false); // held elsewhere only
    for (let i = 0; i < 4; i++) await anna!.directory.put(key, utf8(`life one ${i}`));
    // The same publisher on an empty disk: another host with Anna's key.
    await anna!.crash();
    const [again] = await startSite("quay", ["anna"]);
    introduceSites([again!], [cora!]);
    again!.routing.list("pier");
    const { version } = await again!.directory.put(keyFor(again!, true), utf8("unrelated"));
    expect(version).toBe(1n);
    const back = await again!.directory.put(key, utf8("life two"));
    expect(back.version).toBe(5n);
    expect(await values(cora!, key)).toContain("life two");
  });

  it("remove everywhere, once", async () => {
    const [anna, bert, cora, dora] = await threeSites();
    const key = keyOf("printer");
    await anna!.directory.put(key, utf8("here"));
    expect(await anna!.directory.remove(key)).toBe(true);
    for (const host of [anna!, bert!, cora!, dora!]) expect(await values(host, key)).toEqual([]);
    expect(await anna!.directory.remove(key)).toBe(false);
    expect(await anna!.directory.remove(keyOf("never put"))).toBe(false);
    await anna!.directory.put(key, utf8("back"));
    expect(await values(dora!, key)).toEqual(["back"]);
  });

  it("remove what a put just before has yet to store", async () => {
    const [anna, , cora] = await threeSites();
    const key = keyOf("printer");
    const [, isRemoved] = await Promise.all([
      anna!.directory.put(key, utf8("here")),
      anna!.directory.remove(key),
    ]);
    expect(isRemoved).toBe(true);
    expect(await values(cora!, key)).toEqual([]);
  });

  it("find nothing under a key that nobody used, without an error", async () => {
    const [anna] = await threeSites();
    const { records, path } = await anna!.directory.get(keyOf("nothing"));
    expect(records).toEqual([]);
    expect(path.map(({ result }) => result)).toEqual(path.map(() => "absent"));
    expect(path.length).toBeGreaterThanOrEqual(2);
  });

  it("go on while one holder is dead, and say so in the path", async () => {
    const [anna, , cora, dora] = await threeSites();
    const key = keyFor(cora!, true);
    const { storedOn } = await anna!.directory.put(key, utf8("here"));
    expect(storedOn).toHaveLength(2);
    const isHolder = (host: SiteHost): boolean => storedOn.includes(pairOf(host.subnet).id);
    const dead = [cora!, dora!].find(isHolder)!;
    const asker = [anna!, cora!, dora!].find((host) => host !== dead && !isHolder(host)) ?? anna!;
    await dead.crash();
    const { records, path } = await asker.directory.get(key);
    expect(records.map(({ value }) => text(value))).toEqual(["here"]);
    expect(path.some(({ result }) => result === "found")).toBe(true);
  });

  it("say that no holder answered rather than that there is nothing", async () => {
    const [anna, bert, cora, dora] = await threeSites();
    const key = keyFor(anna!, false);
    await cora!.crash();
    await dora!.crash();
    await expect(bert!.directory.get(key)).rejects.toMatchObject({
      code: "ERR_OVERLAY_UNREACHABLE",
      message: expect.stringContaining("causeway explain"),
    });
    // A put finds a place all the same: the own subnet stands in.
    const { storedOn } = await anna!.directory.put(key, utf8("here"));
    expect(storedOn).toEqual([pairOf("quay").id]);
  });
});

describe("watch", () => {
  it("tells what is there, then each change once, wherever it was put", async () => {
    const [anna, bert, cora, dora] = await threeSites();
    const key = keyOf("printer");
    await anna!.directory.put(key, utf8("first"));
    const stop = new AbortController();
    const heard = new Map<SiteHost, string[]>();
    const watching = [bert!, cora!, dora!].map(async (host) => {
      const events: string[] = [];
      heard.set(host, events);
      for await (const event of host.directory.watch(key, stop.signal)) events.push(inWords(event));
    });
    const all = (count: number): boolean =>
      [...heard.values()].length === 3 && [...heard.values()].every((e) => e.length >= count);
    await until("the present record", () => all(1));
    await sleep(100); // every subscription stands
    await anna!.directory.put(key, utf8("second"));
    await until("the change", () => all(2));
    await anna!.directory.remove(key);
    await until("the removal", () => all(3));
    stop.abort();
    await Promise.all(watching);
    for (const events of heard.values())
      expect(events).toEqual(["put first", "put second", "remove 3"]);
  });

  it("tells of a put that another host of the subnet took in and keeps to itself", async () => {
    const [anna, bert, cora] = await startSite("quay", ["anna", "bert", "cora"]);
    const key = keyOf("printer");
    const stop = new AbortController();
    const heard = { anna: [] as string[], bert: [] as string[] };
    const watch = async (host: SiteHost, words: string[]): Promise<void> => {
      for await (const event of host.directory.watch(key, stop.signal)) words.push(inWords(event));
    };
    const watching = [watch(anna!, heard.anna), watch(bert!, heard.bert)];
    await sleep(100); // its siblings know of its interest
    await anna!.directory.put(key, utf8("anna's"), { copies: { type: "one" } });
    await cora!.directory.put(key, utf8("cora's"), { copies: { type: "one" } });
    await until("both", () => heard.anna.length >= 2 && heard.bert.length >= 2);
    stop.abort();
    await Promise.all(watching);
    const both = ["put anna's", "put cora's"];
    expect(heard).toEqual({ anna: both, bert: both });
  });

  it("ends with this host's time in the subnet, and goes on in the next with each change once", async () => {
    const [anna, , , dora] = await threeSites();
    const key = keyOf("printer");
    const { signal } = new AbortController();
    const feed = new WatchFeed(key);
    const heard: string[] = [];
    const watch = async (host: SiteHost, given?: WatchFeed): Promise<void> => {
      for await (const event of host.directory.watch(key, signal, given))
        heard.push(inWords(event));
    };
    await anna!.directory.put(key, utf8("first"), { ttlMs: 1_500 });
    const former = watch(anna!, feed);
    await until("heard", () => heard.length === 1);
    anna!.watcher.stop();
    await former;
    await watch(anna!); // it is over there for good
    await dora!.directory.put(key, utf8("second"));
    const next = watch(dora!, feed);
    await until("heard the change", () => heard.length === 2);
    await until("and the end of what was told before", () => heard.length === 3);
    dora!.watcher.stop();
    await next;
    feed.stop();
    expect(heard).toEqual(["put first", "put second", "expire 1"]);
  });

  it("leaves no subscription behind that was under way when it ended", async () => {
    const [anna, , cora] = await threeSites();
    await dial(anna!, cora!);
    const key = keyFor(cora!, true);
    const stop = new AbortController();
    const events = anna!.directory.watch(key, stop.signal);
    const first = events.next();
    stop.abort();
    await first;
    const calls = (): string[] => cora!.served.filter((call) => call === "watch from anna");
    await until("begun and cancelled", () => calls().length === 2);
  });

  it("tells that a record has expired", async () => {
    const [anna] = await startSite("quay", ["anna"]);
    const key = keyOf("short");
    await anna!.directory.put(key, utf8("soon gone"), { ttlMs: 1_000 });
    const heard: string[] = [];
    const stop = new AbortController();
    for await (const event of anna!.directory.watch(key, stop.signal)) {
      heard.push(inWords(event));
      if (heard.length === 2) stop.abort();
    }
    expect(heard).toEqual(["put soon gone", "expire 1"]);
    expect(await values(anna!, key)).toEqual([]);
  });
});

function inWords(event: WatchEvent): string {
  return event.type === "put"
    ? `put ${text(event.record.value)}`
    : `${event.type} ${event.version}`;
}
