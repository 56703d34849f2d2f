import { describe, expect, it } from "vitest";
import { hostTagOf, overlayTagOf, subnetTagOf } from "../../../overlay/identity/tags.ts";
import { isHostTag } from "../../../overlay/link/announcement.ts";
import { pairOf } from "./members.ts";

describe("tags", () => {
  it("are short base32 that fits an announcement, and tell keys and purposes apart", () => {
    const { publicKey, id } = pairOf("anna");
    const tags = [overlayTagOf(publicKey), subnetTagOf(publicKey), hostTagOf(id)];
    tags.push(overlayTagOf(pairOf("bert").publicKey));
    for (const tag of tags) expect(tag).toMatch(/^[a-z2-7]{20}$/);
    expect(new Set(tags).size).toBe(4);
    expect(isHostTag(hostTagOf(id))).toBe(true);
    expect(id.startsWith(hostTagOf(id))).toBe(true);
  });

  it("do not begin the key that they stand for", () => {
    const { publicKey, id } = pairOf("a subnet");
    expect(id.startsWith(subnetTagOf(publicKey).slice(0, 6))).toBe(false);
  });
});
