import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { SILENT } from "../../../platform/logger.ts";
import { createRandom } from "../../../platform/random.ts";
import { KadRouting } from "../../../overlay/io/kad-routing.ts";
import { peerIdOf } from "../../../overlay/io/nodes.ts";
import { compareDistance, positionOf } from "../../../overlay/routing/position.ts";
import type { RoutingEvent } from "../../../overlay/routing/routing.ts";
import { pairOf } from "../identity/members.ts";
import { stopAll, until } from "./loopback.ts";
import { startSubnet, type Started } from "./subnet-nodes.ts";

afterEach(stopAll);

interface Router extends Started {
  readonly id: string;
  readonly routing: KadRouting;
  readonly events: RoutingEvent[];
}

async function startRouter(name: string): Promise<Router> {
  const subnet = await startSubnet(name);
  const routing = new KadRouting(subnet, SILENT);
  const events: RoutingEvent[] = [];
  routing.onEvent((event) => events.push(event));
  return { ...subnet, id: pairOf(name).id, routing, events };
}

const has = (router: Router, other: Router): boolean =>
  router.routing.entries().some(({ subnetId }) => subnetId === other.id);

/** Connects two and waits until each has the other in its table. */
async function join(a: Router, b: Router): Promise<void> {
  await a.node.dial(b.address);
  await until("both in the tables", () => has(a, b) && has(b, a));
}

/** The naive answer: kad-dht's own order of peer ids. */
function closestFirst(key: Uint8Array, names: readonly string[]): string[] {
  const place = (name: string): Uint8Array =>
    positionOf(peerIdOf(pairOf(name).publicKey).toMultihash().bytes);
  return names
    .toSorted((a, b) => compareDistance(positionOf(key), place(a), place(b)))
    .map((name) => pairOf(name).id);
}

const KEYS = Array.from({ length: 40 }, (_, i) => new Uint8Array(32).fill(i * 5));
const ids = (entries: readonly { readonly subnetId: string }[]): string[] =>
  entries.map(({ subnetId }) => subnetId);

describe("KadRouting", () => {
  it("answers with itself while it knows nobody, without waiting", async () => {
    const a = await startRouter("a");
    const startedMs = performance.now();
    const found = await a.routing.closest(KEYS[1]!, 3, AbortSignal.timeout(5_000));
    expect(ids(found)).toEqual([a.id]);
    expect(ids(a.routing.closestKnown(KEYS[1]!, 3))).toEqual([a.id]);
    expect(performance.now() - startedMs).toBeLessThan(500);
    expect(a.routing.entries()).toEqual([]);
    expect(a.routing.changes).toBe(0);
  });

  it("counts each entry that comes and goes, and tells it once", async () => {
    const [a, b] = await Promise.all([startRouter("a"), startRouter("b")]);
    await join(a, b);
    expect(a.events).toEqual([{ type: "added", subnetId: b.id }]);
    await a.routing.evict(b.id);
    await a.routing.evict(b.id);
    expect(a.events.slice(1)).toEqual([{ type: "removed", subnetId: b.id }]);
    expect(a.routing.changes).toBe(2);
    expect(a.routing.entries()).toEqual([]);
  });

  it("puts the closest first, itself among them, as the DHT orders them", async () => {
    const names = ["a", "b", "c", "d"];
    const routers = await Promise.all(names.map(startRouter));
    for (let i = 1; i < routers.length; i++) await join(routers[0]!, routers[i]!);
    for (const key of KEYS) {
      expect(ids(routers[0]!.routing.closestKnown(key, 3))).toEqual(
        closestFirst(key, names).slice(0, 3),
      );
    }
    const firsts = KEYS.map((key) => routers[0]!.routing.closestKnown(key, 1)[0]!.subnetId);
    expect(firsts).toContain(routers[0]!.id);
    expect(new Set(firsts).size).toBeGreaterThan(2);
  });

  it("finds by a lookup whom only its neighbour knows", async () => {
    const [a, b, c] = await Promise.all(["a", "b", "c"].map(startRouter));
    await join(a!, b!);
    await join(b!, c!);
    const key = c!.node.peerId.toMultihash().bytes; // nobody is closer to it than c
    const found = await a!.routing.closest(key, 3, AbortSignal.timeout(5_000));
    expect(ids(found)).toEqual(closestFirst(key, ["a", "b", "c"]));
  });

  it("keeps an evicted subnet out though a neighbour still lists it, until it is proven", async () => {
    const [a, b, c] = await Promise.all(["a", "b", "c"].map(startRouter));
    await join(a!, b!);
    await join(b!, c!);
    await join(a!, c!);
    await a!.routing.evict(c!.id);
    // The worst case: it goes on answering DHT messages, and every lookup comes upon it.
    const keyOfC = c!.node.peerId.toMultihash().bytes;
    for (const key of [keyOfC, ...KEYS.slice(0, 5)]) {
      const found = await a!.routing.closest(key, 8, AbortSignal.timeout(3_000));
      expect(ids(found)).not.toContain(c!.id);
      expect(ids(a!.routing.closestKnown(key, 8))).not.toContain(c!.id);
    }
    await sleep(200);
    expect(has(b!, c!)).toBe(true);
    expect(has(a!, c!)).toBe(false);

    a!.routing.add(c!.id); // its hello is proven
    await a!.node.dial(c!.address);
    await until("back", () => has(a!, c!));
    expect(a!.events.map(({ type }) => type)).toEqual(["added", "added", "removed", "added"]);
  });

  it("lets an evicted subnet that only dials in stay out", async () => {
    const [a, c] = await Promise.all([startRouter("a"), startRouter("c")]);
    await join(a, c);
    await a.routing.evict(c.id);
    for (const connection of a.node.getConnections()) await connection.close();
    await c.node.dial(a.address); // identify alone brings nobody back
    await until("identified", () => c.node.getConnections().length > 0);
    await a.routing.closest(KEYS[3]!, 8, AbortSignal.timeout(2_000));
    expect(has(a, c)).toBe(false);
  });

  it("survives a lookup whose time is up, with what it knows", async () => {
    const [a, b] = await Promise.all([startRouter("a"), startRouter("b")]);
    await join(a, b);
    const found = await a.routing.closest(KEYS[2]!, 8, AbortSignal.abort());
    expect(ids(found)).toEqual(closestFirst(KEYS[2]!, ["a", "b"]));
  });

  it("looks around by itself and fills its table", async () => {
    const [a, b, c] = await Promise.all(["a", "b", "c"].map(startRouter));
    await join(b!, c!);
    await a!.node.dial(b!.address);
    await until("first contact", () => has(a!, b!));
    a!.routing.start(createRandom(1));
    await until("the rest", () => has(a!, c!));
    a!.routing.stop();
  });

  it("tells nobody of others before the hello is proven", async () => {
    const [a, c] = await Promise.all([startRouter("a"), startRouter("c")]);
    const closed = await startSubnet("quay", {
      admitted: () => Promise.reject(new Error("no hello")),
    });
    const quay = new KadRouting(closed, SILENT);
    await closed.node.dial(c.address);
    await until("it knows c", () => quay.entries().length === 1);
    await a.node.dial(closed.address);
    a.routing.add(pairOf("quay").id);
    await until("a asks it", () => a.routing.entries().length === 1);
    const key = c.node.peerId.toMultihash().bytes;
    const found = await a.routing.closest(key, 3, AbortSignal.timeout(3_000));
    expect(ids(found)).not.toContain(c.id); // the lookup above shows that an open one tells
  });
});
