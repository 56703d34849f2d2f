import { describe, expect, it } from "vitest";
import {
  GOOD_FOR_MAX_MS,
  SUBNETS_KNOWN_MAX,
  SUBNETS_PER_HOST_MAX,
  SubnetBook,
  mayTell,
} from "../../../overlay/subnet/subnet-book.ts";
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
    expect(book.consider(setOf("a", 2n), 0)).toBe(true);
    expect(book.consider(setOf("a", 2n), 0)).toBe(false);
    expect(book.consider(setOf("a", 1n), 0)).toBe(false);
    expect(book.consider(setOf("b", 1n), 0)).toBe(true);
    expect(book.consider(setOf("a", 3n), 0)).toBe(true);
    expect(book.get("a")?.version).toBe(3n);
    expect(book.all().map((set) => set.subnetId)).toEqual(["b", "a"]);
  });

  it("believes no generation that a set merely says it has", () => {
    const book = new SubnetBook();
    book.consider(setOf("a", 900n), 0);
    expect(book.consider(setOf("a", 1n, 2), 0)).toBe(false);
    expect(book.consider(setOf("a", 901n), 0)).toBe(true);
  });

  it("strikes hosts out of every set, and names the subnets that this empties", () => {
    const book = new SubnetBook();
    const [anna, bert] = [setHostOf("anna"), setHostOf("bert")];
    book.consider({ ...setOf("a", 1n), hosts: [anna] }, 0);
    book.consider({ ...setOf("b", 1n), hosts: [anna, bert] }, 0);
    expect(book.strike((host) => host.id === anna.id)).toEqual(["a"]);
    expect(book.get("b")?.hosts).toEqual([bert]);
    expect(book.strike((host) => host.id === anna.id)).toEqual([]);
  });

  it("forgets the longest unheard when full", () => {
    const book = new SubnetBook();
    for (let i = 0; i < SUBNETS_KNOWN_MAX; i++) book.consider(setOf(`s${i}`, 1n), 0);
    book.consider(setOf("s0", 2n), 0); // heard of again
    book.consider(setOf("new", 1n), 0);
    expect(book.all()).toHaveLength(SUBNETS_KNOWN_MAX);
    expect(book.get("s1")).toBeUndefined();
    expect(book.get("s0")).toBeDefined();
  });

  it("takes back no set of a subnet that has ended, however late somebody brings it", () => {
    const book = new SubnetBook();
    const set = { ...setOf("a", 5n), hosts: [setHostOf("anna")] };
    const [end, again] = [setOf("a", 6n), { ...set, version: 7n }];
    book.consider(set, 0);
    book.consider(end, 0);
    book.end("a");
    expect([book.get("a"), book.all()]).toEqual([undefined, []]);
    expect(book.consider(set, 1)).toBe(false);
    expect(book.consider(end, 1)).toBe(false);
    expect(book.newest("a")?.version).toBe(6n);
    expect(book.consider(again, 2)).toBe(true);
    expect(book.get("a")?.hosts).toHaveLength(1);
  });

  it("lets no member fill it with subnets that it made up", () => {
    const book = new SubnetBook();
    const [anna, bert, mallory] = [setHostOf("anna"), setHostOf("bert"), setHostOf("mallory")];
    book.consider({ ...setOf("honest", 1n), hosts: [anna, bert] }, 0);
    book.consider({ ...setOf("shared", 1n), hosts: [anna, mallory] }, 0);
    for (let i = 0; i < 3 * SUBNETS_KNOWN_MAX; i++)
      book.consider({ ...setOf(`made up ${i}`, 1n), hosts: [mallory] }, i);
    expect(book.all().length).toBeLessThanOrEqual(2 + SUBNETS_PER_HOST_MAX);
    expect(book.get("honest")?.hosts).toEqual([anna, bert]);
    expect(book.get("shared")?.hosts).toEqual([anna, mallory]);
    expect(book.get(`made up ${3 * SUBNETS_KNOWN_MAX - 1}`)).toBeDefined();
  });

  it("follows a laptop that is carried through many subnets", () => {
    const book = new SubnetBook();
    const [host, laptop] = [setHostOf("anna"), setHostOf("laptop")];
    for (let i = 0; i < 20; i++) {
      expect(book.consider({ ...setOf(`site ${i}`, 1n), hosts: [laptop] }, i)).toBe(true);
      expect(book.get(`site ${i}`)?.hosts).toEqual([laptop]);
    }
    expect(book.consider({ ...setOf("home", 1n), hosts: [host, laptop] }, 30)).toBe(true);
  });

  it("lets go of a host once its statement has run out, counted from its receipt", () => {
    const book = new SubnetBook();
    const [anna, bert] = [
      setHostOf("anna", { goodForMs: 1_000 }),
      setHostOf("bert", { goodForMs: 2_000 }),
    ];
    book.consider({ ...setOf("a", 1n), hosts: [anna, bert] }, 5_000);
    book.expire(5_999);
    expect(book.get("a")?.hosts).toEqual([anna, bert]);
    book.expire(6_000);
    expect(book.get("a")?.hosts).toEqual([bert]);
    book.expire(7_000);
    expect(book.get("a")).toBeUndefined();
    expect(book.all()).toEqual([]);
    expect(book.newest("a")?.version).toBe(1n);
  });

  it("counts anew what was stated anew, and nothing else of a newer set", () => {
    const book = new SubnetBook();
    const first = { goodForMs: 1_000, sequence: 1 };
    book.consider(
      { ...setOf("a", 1n), hosts: [setHostOf("anna", first), setHostOf("bert", first)] },
      0,
    );
    const anna = setHostOf("anna", { goodForMs: 1_000, sequence: 2 });
    book.consider({ ...setOf("a", 2n), hosts: [anna, setHostOf("bert", first)] }, 900);
    book.expire(1_000);
    expect(book.get("a")?.hosts).toEqual([anna]);
  });

  it("caps how long a statement counts", () => {
    const book = new SubnetBook();
    book.consider({ ...setOf("a", 1n), hosts: [setHostOf("anna", { goodForMs: 2 ** 32 - 1 })] }, 0);
    book.expire(GOOD_FOR_MAX_MS - 1);
    expect(book.get("a")).toBeDefined();
    book.expire(GOOD_FOR_MAX_MS);
    expect(book.get("a")).toBeUndefined();
  });

  it("takes no set back that has run out, and its next version as news", () => {
    const book = new SubnetBook();
    const set = { ...setOf("a", 7n), hosts: [setHostOf("anna", { goodForMs: 10 })] };
    book.consider(set, 0);
    book.expire(10);
    expect(book.consider(set, 20)).toBe(false);
    expect(book.get("a")).toBeUndefined();
    expect(
      book.consider({ ...set, version: 8n, hosts: [setHostOf("anna", { sequence: 9 })] }, 20),
    ).toBe(true);
    expect(book.get("a")?.version).toBe(8n);
  });

  it("refuses a version that leaps while the known set holds, and takes it afterwards", () => {
    const book = new SubnetBook();
    const hosts = [setHostOf("anna", { goodForMs: 600_000 })];
    const counter = (count: bigint): bigint => count << 16n;
    // Two months of four statements a quarter of an hour from each of sixteen hosts.
    const later = { ...setOf("a", counter(350_000n)), hosts: [setHostOf("anna", { sequence: 2 })] };
    book.consider({ ...setOf("a", counter(1n)), hosts }, 0);
    expect(book.consider(later, 1_000)).toBe(false);
    book.expire(600_000);
    expect(book.consider({ ...later, version: counter(2n ** 33n) }, 600_000)).toBe(false);
    expect(book.consider(later, 600_000)).toBe(true);
    expect(book.get("a")?.hosts).toHaveLength(1);
  });
});

describe("a host", () => {
  it("tells of its own subnet and of ours, and of others if it is a sibling", () => {
    const set = setOf("a", 1n);
    expect(mayTell(set, "a", "ours")).toBe(true);
    expect(mayTell(set, "b", "a")).toBe(true);
    expect(mayTell(set, "ours", "ours")).toBe(true);
    expect(mayTell(set, "b", "ours")).toBe(false);
    expect(mayTell(set, "", "ours")).toBe(false);
  });
});
