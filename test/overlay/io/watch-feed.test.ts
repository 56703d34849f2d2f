import { expect, it } from "vitest";
import { WatchFeed } from "../../../overlay/io/watch-feed.ts";
import { encodeRecord } from "../../../overlay/records/record.ts";
import { keyOf, makeRecord, type Wanted } from "../records/fixture.ts";

const item = (wanted: Wanted) => ({
  record: encodeRecord(makeRecord(wanted)),
  remainingMs: 60_000,
});

it("tells that the records of a removed publisher are gone, and takes none of them again", async () => {
  const anna = makeRecord({ publisher: "anna" }).publisher;
  let isRemoved = false;
  const feed = new WatchFeed(keyOf("printer"), (publisher) =>
    isRemoved ? Buffer.compare(publisher, anna) === 0 : false,
  );
  const ending = new AbortController();
  const seen: string[] = [];
  const reading = (async () => {
    for await (const event of feed.read(ending.signal)) {
      const { publisher, slot } = event.type === "put" ? event.record : event;
      const isAnna = Buffer.compare(publisher, anna) === 0;
      seen.push(`${event.type} ${isAnna ? "anna" : "bert"} ${slot}`);
    }
  })();
  feed.take([item({ publisher: "anna", slot: "a" }), item({ publisher: "bert", slot: "b" })]);
  feed.take([item({ publisher: "anna", slot: "gone", isRemoved: true })]);
  isRemoved = true;
  feed.strike();
  feed.strike();
  feed.take([
    item({ publisher: "anna", slot: "a", version: 2n }),
    item({ publisher: "bert", slot: "c" }),
  ]);
  await new Promise(setImmediate);
  ending.abort();
  await reading;
  feed.stop();
  expect(seen).toEqual([
    "put anna a",
    "put bert b",
    "remove anna gone",
    "remove anna a",
    "put bert c",
  ]);
});
