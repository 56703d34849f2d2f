import { describe, expect, it } from "vitest";
import { findHost, isHostId } from "../../../overlay/identity/find-host.ts";
import { pairOf } from "./members.ts";

const HOSTS = [
  { id: "aaaabbbb", name: "desk" },
  { id: "aaaacccc", name: "desk" },
  { id: "ccccdddd", name: "aaaabbbb" },
  { id: "eeeeffff", name: "lamp" },
];

describe("findHost", () => {
  it("finds by whole id first, then by the beginning of one or by name", () => {
    expect(findHost("aaaabbbb", HOSTS, "known")).toBe(HOSTS[0]);
    expect(findHost("aaaac", HOSTS, "known")).toBe(HOSTS[1]);
    expect(findHost("lamp", HOSTS, "known")).toBe(HOSTS[3]);
    expect(findHost("eee", HOSTS, "known")).toBeUndefined(); // too short to be meant
    expect(findHost("nobody", HOSTS, "known")).toBeUndefined();
  });

  it("asks for more when several hosts are meant", () => {
    expect(() => findHost("desk", HOSTS, "waiting")).toThrow(
      /several waiting hosts: aaaabbbb \(desk\)/,
    );
    expect(() => findHost("aaaa", HOSTS, "known")).toThrow(/more of the id/);
  });

  it("counts a host that is listed twice once", () => {
    expect(findHost("lamp", [...HOSTS, ...HOSTS], "known")?.id).toBe("eeeeffff");
  });
});

describe("isHostId", () => {
  it("knows a whole id from anything else", () => {
    expect(isHostId(pairOf("anna").id)).toBe(true);
    expect(isHostId(pairOf("anna").id.slice(1))).toBe(false);
    expect(isHostId("!".repeat(52))).toBe(false);
  });
});
