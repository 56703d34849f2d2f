import { describe, expect, it } from "vitest";
import { SUBNETS_KNOWN_MAX, SubnetBook } from "../../../overlay/subnet/subnet-book.ts";
import type { HostSet } from "../../../overlay/subnet/host-set.ts";
import { setHostOf } from "./statements.ts";

function setOf(subnetId: string, version: bigint, generation = 1): HostSet {
  const nothing = new Uint8Array();
  const signed = { body: nothing, signature: nothing };
  return { subnet: nothing, subnetId, generation, version, hosts: [], peerRecord: nothing, signed };
}

describe("SubnetBook", () => {
  it("keeps the newest version of each subnet", () => {
    const book = new SubnetBook();
    expect(book.consider(setOf("a", 2n))).toBe(true);
    expect(book.consider(setOf("a", 2n))).toBe(false);
    expect(book.consider(setOf("a", 1n))).toBe(false);
    expect(book.consider(setOf("b", 1n))).toBe(true);
    expect(book.consider(setOf("a", 3n))).toBe(true);
    expect(book.get("a")?.version).toBe(3n);
    expect(book.all().map((set) => set.subnetId)).toEqual(["b", "a"]);
  });

  it("believes no generation that a set merely says it has", () => {
    const book = new SubnetBook();
    book.consider(setOf("a", 900n));
    expect(book.consider(setOf("a", 1n, 2))).toBe(false);
    expect(book.consider(setOf("a", 901n, 0))).toBe(true);
  });

  it("strikes hosts out of every set, and names the subnets that this empties", () => {
    const book = new SubnetBook();
    const [anna, bert] = [setHostOf("anna"), setHostOf("bert")];
    book.consider({ ...setOf("a", 1n), hosts: [anna] });
    book.consider({ ...setOf("b", 1n), hosts: [anna, bert] });
    expect(book.strike((host) => host.id === anna.id)).toEqual(["a"]);
    expect(book.get("b")?.hosts).toEqual([bert]);
    expect(book.strike((host) => host.id === anna.id)).toEqual([]);
  });

  it("forgets on demand, and the longest unheard when full", () => {
    const book = new SubnetBook();
    for (let i = 0; i < SUBNETS_KNOWN_MAX; i++) book.consider(setOf(`s${i}`, 1n));
    book.consider(setOf("s0", 2n)); // heard of again
    book.consider(setOf("new", 1n));
    expect(book.all()).toHaveLength(SUBNETS_KNOWN_MAX);
    expect(book.get("s1")).toBeUndefined();
    expect(book.get("s0")).toBeDefined();
    book.forget("new");
    expect(book.get("new")).toBeUndefined();
  });
});
