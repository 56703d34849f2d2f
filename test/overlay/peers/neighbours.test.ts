import { afterEach, expect, it } from "vitest";
import { SYSTEM_TIMERS } from "../../../platform/io/system-timers.ts";
import { SILENT } from "../../../platform/logger.ts";
import { createRandom } from "../../../platform/random.ts";
import { OverlayError, type OverlayErrorCode } from "../../../overlay/errors.ts";
import { Neighbours } from "../../../overlay/peers/neighbours.ts";
import { SubnetBook } from "../../../overlay/subnet/subnet-book.ts";
import { pairOf } from "../identity/members.ts";
import { SetClock } from "../records/fixture.ts";
import { setAt } from "../io/dialled-set.ts";
import { dial, startPeer, stopAll, until, type Peer } from "../io/loopback.ts";
import { ListedRouting, startHost } from "../io/site.ts";

afterEach(stopAll);

const DAY_MS = 24 * 3_600_000;
const ofPier = {
  hello: { subnet: pairOf("pier").publicKey },
  subnetKey: () => pairOf("pier"),
};

it.each<OverlayErrorCode>(["ERR_OVERLAY_QUOTA", "ERR_OVERLAY_NOT_JOINED"])(
  "asks another host of a subnet where one answers %s",
  async (code) => {
    const anna = await startHost("anna", "quay");
    const busy = await startPeer("bert", {
      ...ofPier,
      onCall: async () => {
        throw new OverlayError(code, "not now");
      },
    });
    const other = await startPeer("cora", ofPier);
    await dial(anna, busy);
    await dial(anna, other);
    for (let i = 0; i < 10; i++)
      expect(
        await anna.neighbours.call(pairOf("pier").id, "get", new Uint8Array(), 1_000),
      ).toMatchObject({ host: pairOf("cora").id });
  },
);

function neighboursOf(
  { pool }: Peer,
  clock: SetClock,
  routing = new ListedRouting("quay"),
): Neighbours {
  return new Neighbours(pool, {
    routing,
    book: new SubnetBook(),
    clock,
    timers: SYSTEM_TIMERS,
    random: createRandom(1),
    log: SILENT,
    addressesOf: async () => [],
    isOnLink: () => false,
    allowsDials: true,
  });
}

it("remembers 128 lost subnets, the latest", async () => {
  const peer = await startPeer("anna");
  const neighbours = neighboursOf(peer, new SetClock());
  for (let i = 0; i <= 128; i++) neighbours.remember(setAt(`lost ${i}`, "127.0.0.1:9"));
  const why = async (subnet: string): Promise<string> =>
    neighbours.connect(pairOf(subnet).id).then(
      () => "reached",
      (error: Error) => error.message,
    );
  const unknown = "no host of it is known";
  expect(await why("lost 0")).toBe(unknown);
  expect(await why("lost 1")).not.toBe(unknown);
  expect(await why("lost 128")).not.toBe(unknown);
});

it("gives a lost subnet up after a day, if it reaches others", async () => {
  const peer = await startPeer("anna");
  const clock = new SetClock();
  const neighbours = neighboursOf(peer, clock);
  neighbours.remember(setAt("moor", "127.0.0.1:9"));
  clock.pass(2 * DAY_MS);
  neighbours.maintain();
  expect(neighbours.knowsOthers).toBe(true); // nobody else could bring it back
  await dial(peer, await startPeer("bert", ofPier));
  neighbours.maintain();
  expect(neighbours.knowsOthers).toBe(false);
});

it("counts a subnet that nobody has tried to reach yet as known, whatever its reach", async () => {
  const neighbours = neighboursOf(await startPeer("anna"), new SetClock());
  neighbours.remember(setAt("moor", "127.0.0.1:9", { reach: "unknown" })); // nobody listens there
  expect(neighbours.knowsOthers).toBe(true);
  neighbours.maintain();
  await until("it was tried", () => !neighbours.knowsOthers);
});

it("looks for a subnet that departed in good order, and does not miss it", async () => {
  const clock = new SetClock();
  const anna = await startPeer("anna");
  const pier = await startPeer("bert", ofPier);
  const neighbours = neighboursOf(anna, clock);
  await neighbours.onResigned(pairOf("pier").id, setAt("pier", pier.address));
  expect(neighbours.knowsOthers).toBe(false);
  neighbours.maintain();
  expect(anna.opened).toHaveLength(0); // it has only just gone
  clock.pass(4_000);
  neighbours.maintain();
  await until("dialled again", () => anna.opened.length === 1);
});

it("does not look for a subnet that shall not come back", async () => {
  const clock = new SetClock();
  const neighbours = neighboursOf(await startPeer("anna"), clock);
  const set = setAt("moor", "127.0.0.1:9");
  neighbours.remember(set);
  await neighbours.onResigned(set.subnetId);
  expect([...neighbours.lostSets(true), ...neighbours.lostSets(false)]).toEqual([]);
});

it("goes on looking for a subnet that cut it as soon as the channel was open", async () => {
  const clock = new SetClock();
  const peer = await startPeer("anna");
  const routing = new ListedRouting("quay");
  const neighbours = new Neighbours(peer.pool, {
    routing,
    book: new SubnetBook(),
    clock,
    timers: SYSTEM_TIMERS,
    random: createRandom(1),
    log: SILENT,
    addressesOf: async () => [],
    isOnLink: () => false,
    allowsDials: true,
  });
  const pier = await startPeer("bert", ofPier);
  neighbours.remember(setAt("pier", pier.address));
  const channel = await dial(peer, pier);
  neighbours.onOpen(channel);
  channel.cut("ERR_OVERLAY_REFUSED", "its membership has expired");
  await until("it is closed", () => !channel.isOpen && peer.pool.channels.size === 0);
  neighbours.onClose(channel);
  expect(routing.entries()).toEqual([]); // the table never had it
  neighbours.maintain();
  expect(peer.opened).toHaveLength(1); // not at once
  clock.pass(4_000);
  neighbours.maintain();
  await until("dialled again", () => peer.opened.length === 2);
  // One that stays is looked for no more.
  neighbours.onOpen(peer.opened[1]!);
  clock.pass(10_000);
  neighbours.maintain();
  expect(neighbours.knowsOthers).toBe(false);
});

it("takes one host of each subnet for a round of questions, by chance", async () => {
  const anna = await startHost("anna", "quay");
  for (const name of ["bert", "cora"]) await dial(anna, await startPeer(name, ofPier));
  const asked = new Set<string>();
  for (let i = 0; i < 40; i++) {
    const channels = anna.neighbours.onePerSubnet();
    expect(channels).toHaveLength(1);
    asked.add(channels[0]!.hostId);
  }
  expect(asked.size).toBe(2);
});

it("counts calls without an answer, and no refusal", async () => {
  const anna = await startHost("anna", "quay");
  const { tally } = anna.neighbours;
  const onCall = async (_peer: unknown, method: string): Promise<Uint8Array> => {
    if (method === "put") throw new OverlayError("ERR_OVERLAY_REFUSED", "no");
    return new Promise(() => {});
  };
  await dial(anna, await startPeer("bert", { ...ofPier, onCall }));
  const call = (method: string): Promise<unknown> =>
    anna.neighbours.call(pairOf("pier").id, method, new Uint8Array(), 50).catch(() => {});
  await call("put");
  expect([tally.failed("put"), tally.sinceFailedMs]).toEqual([0, Infinity]);
  await call("get");
  expect(tally.failed("get")).toBeGreaterThanOrEqual(1); // and the dial to nobody else
  expect(tally.sinceFailedMs).toBeLessThan(5_000);
});

it("evicts a subnet that three rounds of dials did not reach, whoever dialled", async () => {
  const peer = await startPeer("anna");
  const clock = new SetClock();
  const routing = new ListedRouting("quay");
  const neighbours = neighboursOf(peer, clock, routing);
  routing.list("moor");
  neighbours.remember(setAt("moor", "127.0.0.1:9"));
  const moor = pairOf("moor").id;
  const dialAgain = (): Promise<unknown> => neighbours.connect(moor).catch(() => {});
  expect(neighbours.isDoubtful(moor)).toBe(false);
  await dialAgain();
  expect(neighbours.isDoubtful(moor)).toBe(true);
  for (let i = 0; i < 5; i++) await dialAgain(); // gets that want it: the same round
  for (let round = 2; round <= 3; round++) {
    expect(routing.evicted).toEqual([]);
    clock.pass(4_000);
    await dialAgain();
  }
  expect(routing.evicted).toEqual([moor]);
  expect(neighbours.isDoubtful(moor)).toBe(false);
});

it("doubts a subnet from the moment its last channel closes until one opens", async () => {
  const anna = await startHost("anna", "quay");
  const bert = await startPeer("bert", ofPier);
  const { neighbours } = anna;
  const channel = await dial(anna, bert);
  neighbours.onOpen(channel);
  const pier = pairOf("pier").id;
  expect(neighbours.isDoubtful(pier)).toBe(false);
  await bert.node.stop();
  await until("closed", () => !channel.isOpen);
  neighbours.onClose(channel);
  expect(neighbours.isDoubtful(pier)).toBe(true);
  const back = await dial(anna, await startPeer("cora", ofPier));
  neighbours.onOpen(back);
  expect(neighbours.isDoubtful(pier)).toBe(false);
});
