import { afterEach, expect, it } from "vitest";
import { SYSTEM_TIMERS } from "../../../platform/io/system-timers.ts";
import { SILENT } from "../../../platform/logger.ts";
import { Siblings } from "../../../overlay/peers/siblings.ts";
import { WatchDesk } from "../../../overlay/custody/watch-desk.ts";
import { pairOf } from "../identity/members.ts";
import { keyOf } from "../records/fixture.ts";
import { dial, startPeer, stopAll, until } from "../io/loopback.ts";

afterEach(stopAll);

async function startDesk() {
  const ofQuay = {
    hello: { subnet: pairOf("quay").publicKey },
    subnetKey: () => pairOf("quay"),
  };
  const [anna, bert] = await Promise.all([startPeer("anna", ofQuay), startPeer("bert", ofQuay)]);
  const channel = await dial(anna, bert);
  const desk = new WatchDesk(new Siblings(anna.pool, pairOf("quay").id, SILENT, SYSTEM_TIMERS));
  return { desk, channel, bert };
}

it("takes 1024 watches of one host, of which each may be renewed", async () => {
  const { desk, channel } = await startDesk();
  for (let id = 0; id < 1024; id++) expect(desk.addRemote(channel, id, keyOf("a"))).toBe(true);
  expect(desk.addRemote(channel, 1024, keyOf("a"))).toBe(false);
  expect(desk.addRemote(channel, 7, keyOf("b"))).toBe(true);
});

it("tells a sibling of 4096 keys at most, none of another length than a key's", async () => {
  const { desk, channel, bert } = await startDesk();
  const changed = (): number => bert.notices.filter((notice) => notice === "changed").length;
  const long = new Uint8Array(33);
  desk.onInterest(channel.hostId, long, false);
  for (let i = 0; i <= 4096; i++) desk.onInterest(channel.hostId, keyOf(`key ${i}`), false);
  desk.publish(long, [], true);
  desk.publish(keyOf("key 4096"), [], true);
  desk.publish(keyOf("key 4095"), [], true);
  await until("told", () => changed() > 0);
  expect(changed()).toBe(1);
  desk.onInterest(channel.hostId, keyOf("key 0"), true); // that makes room
  desk.onInterest(channel.hostId, keyOf("key 4096"), false);
  desk.publish(keyOf("key 4096"), [], true);
  await until("told of that one too", () => changed() === 2);
});
