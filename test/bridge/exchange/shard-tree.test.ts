import { describe, expect, it } from "vitest";
import { shardKey, ShardReader, ShardWriter } from "../../../bridge/exchange/shard-tree.ts";
import { idOf } from "./samples.ts";

const IDS = Array.from({ length: 300 }, (_, i) => idOf(`service ${i}`));

describe("a key that fills", () => {
  it("keeps the first services at itself and the others in branches, none with over 24 of one host", () => {
    const writer = new ShardWriter();
    const places = IDS.map((id) => writer.place(id));
    const counts = new Map<string, number>();
    for (const place of places) counts.set(place, (counts.get(place) ?? 0) + 1);
    expect(counts.get("")).toBe(24);
    expect(Math.max(...counts.values())).toBeLessThanOrEqual(24);
    expect(writer.place(IDS[0]!)).toBe("");
  });

  it("is read whole: every branch with a record is found by its signs alone", () => {
    const writer = new ShardWriter();
    const places = new Map(IDS.map((id) => [id, writer.place(id)]));
    const reader = new ShardReader();
    const look = (path: string): void => {
      const signed = writer.signs().includes(path) ? reader.add(path, "host more", "more") : [];
      for (const next of signed) look(next);
    };
    look("");
    for (const place of places.values()) expect(reader.paths).toContain(place);
  });

  it("is read on where it is full, though there is no room for a sign", () => {
    const reader = new ShardReader();
    let opened: readonly string[] = [];
    for (let i = 0; i < 96; i++) opened = reader.add("", `host ${i}`, IDS[i]!);
    expect(opened.length).toBe(8);
    expect(reader.add("", "host 97", IDS[97]!)).toEqual([]);
    expect(shardKey("k", opened[0]!)).toBe("k/a");
  });

  it("sends a refused record to a branch, to the end of the tree and no further", () => {
    const writer = new ShardWriter();
    const [id] = IDS as [string];
    const places = [writer.place(id)];
    while (writer.refused(id)) places.push(writer.place(id));
    expect(places.map((place) => place.length)).toEqual([0, 1, 2, 3]);
  });

  it("has room again where a service was given up", () => {
    const writer = new ShardWriter();
    for (const id of IDS.slice(0, 24)) writer.place(id);
    writer.release(IDS[3]!);
    expect(writer.place(IDS[100]!)).toBe("");
    expect(writer.place(IDS[101]!)).not.toBe("");
  });
});
