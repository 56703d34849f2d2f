import { describe, expect, it } from "vitest";
import {
  PENDING_FOR_MS,
  PENDING_MAX,
  PENDING_PER_ADDRESS_MAX,
  PendingHosts,
} from "../../../overlay/identity/pending-hosts.ts";
import { membershipOf } from "./members.ts";

const host = (id: string, address = `10.0.0.${id}`) => ({
  id,
  key: new Uint8Array(32),
  name: `host ${id}`,
  address,
});

describe("PendingHosts", () => {
  it("lists who asked, the longest waiting first, and forgets who stopped asking for an hour", () => {
    const pending = new PendingHosts();
    pending.note(host("1"), 1_000);
    pending.note(host("2"), 2_000);
    pending.note(host("1"), PENDING_FOR_MS);
    expect(pending.list(PENDING_FOR_MS).map(({ id, sinceMs }) => [id, sinceMs])).toEqual([
      ["1", 1_000],
      ["2", 2_000],
    ]);
    expect(pending.list(PENDING_FOR_MS + 2_000).map(({ id }) => id)).toEqual(["1"]);
    pending.forget("1");
    expect(pending.list(PENDING_FOR_MS + 2_000)).toEqual([]);
  });

  it("counts the time that it waited with a sibling", () => {
    const pending = new PendingHosts();
    pending.note(host("1"), 9_000, 4_000);
    expect(pending.list(9_000)[0]?.sinceMs).toBe(5_000);
  });

  it("lets one address have so many waiting and no more, and makes room in all", () => {
    const pending = new PendingHosts();
    for (let i = 0; i < PENDING_PER_ADDRESS_MAX; i++)
      expect(pending.note(host(String(i), "10.0.0.66"), i)).toBe(true);
    expect(pending.note(host("one more", "10.0.0.66"), 99)).toBe(false);
    expect(pending.note(host("0", "10.0.0.66"), 99)).toBe(true); // asks again
    for (let i = 0; i < PENDING_MAX; i++) pending.note(host(`other ${i}`, `10.0.1.${i}`), 100 + i);
    expect(pending.list(200)).toHaveLength(PENDING_MAX);
    expect(pending.list(200).map(({ id }) => id)).toContain(`other ${PENDING_MAX - 1}`);
  });

  it("keeps a membership for who was let in, for an hour", () => {
    const pending = new PendingHosts();
    const membership = membershipOf("newcomer");
    pending.note(host("1"), 0);
    pending.approve("1", membership, 10);
    expect(pending.list(10)).toEqual([]);
    expect(pending.approvalOf("1", 20)).toBe(membership);
    expect(pending.approvalOf("2", 20)).toBeUndefined();
    expect(pending.approvalOf("1", 10 + PENDING_FOR_MS)).toBeUndefined();
  });
});
