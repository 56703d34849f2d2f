import { expect, it } from "vitest";
import { rankRelays } from "../../../overlay/io/relays.ts";

const at = (subnetId: string, tookMs: number) => ({ subnetId, tookMs });

it("takes near relays first, and of those as near first one of each subnet", () => {
  const found = [at("far", 200), at("a", 10), at("a", 11), at("b", 25), at("c", 90)];
  expect(rankRelays(found, new Set())).toEqual([
    at("a", 10),
    at("b", 25),
    at("a", 11),
    at("c", 90),
    at("far", 200),
  ]);
});

it("takes another subnet than those that serve already, when it is as near", () => {
  expect(rankRelays([at("a", 10), at("b", 29)], new Set(["a"]))).toEqual([
    at("b", 29),
    at("a", 10),
  ]);
  expect(rankRelays([at("a", 10), at("b", 31)], new Set(["a"]))[0]).toEqual(at("a", 10));
});
