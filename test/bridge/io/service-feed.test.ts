import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { ServiceFeeds } from "../../../bridge/io/service-feed.ts";
import { InMemoryLink } from "../in-memory-link.ts";
import { aService } from "./bridge-bed.ts";

function feeding() {
  const link = new InMemoryLink();
  link.probeMs = 50;
  const backend = link.open();
  const feeds = new ServiceFeeds(
    () => backend,
    () => "anna",
  );
  return { feed: feeds.open(), names: () => link.list("_daap._tcp").map((one) => one.instance) };
}

it("leaves nothing behind that was being registered when its stream ended", async () => {
  const { feed, names } = feeding();
  const adding = feed.add(aService());
  await feed.close();
  await expect(adding).rejects.toThrow(/has ended/);
  await sleep(100);
  expect(names()).toEqual([]);
  await expect(feed.add(aService())).rejects.toThrow(/has ended/);
});

it("takes the lines of one service in their order", async () => {
  const { feed, names } = feeding();
  const lines = [
    feed.add(aService()),
    feed.add(aService({ port: 1 })),
    feed.remove(aService()),
    feed.add(aService({ port: 2 })),
    feed.remove(aService()),
  ] as const;
  const { instance } = aService();
  expect(await Promise.all(lines)).toEqual([instance, instance, true, instance, true]);
  expect(names()).toEqual([]);
});
