import { describe, expect, it } from "vitest";
import { errorCode } from "../../../platform/errors.ts";
import {
  CERTIFICATE_DOMAIN,
  CERTIFICATE_LIFETIME_MS,
  CHAIN_DEPTH_MAX,
  checkMembership,
  CLOCK_SKEW_MAX_MS,
  readLeaf,
} from "../../../overlay/identity/certificate.ts";
import { CertificateBodyCodec, type Membership } from "../../../overlay/schema/messages.ts";
import { DAY_MS, flipped, membershipOf, OVERLAY, pairOf, WALL_MS } from "./members.ts";

const NAMES = ["anna", "bert", "cora", "dora"] as const;

/** Anna by the authority, then each by the one before. */
function chainOf(length: number): Membership {
  let membership = membershipOf(NAMES[0]);
  for (let i = 1; i < length; i++)
    membership = membershipOf(NAMES[i]!, { by: [NAMES[i - 1]!, membership] });
  return membership;
}

function refusal(membership: Membership, overlay = OVERLAY, wallMs = WALL_MS): string {
  try {
    checkMembership(membership, overlay, wallMs);
  } catch (error) {
    expect(["ERR_OVERLAY_CERTIFICATE", "ERR_WIRE"]).toContain(errorCode(error));
    return (error as Error).message;
  }
  return "accepted";
}

describe("checkMembership", () => {
  it.each([1, 2, 3, 4])("accepts a chain of %i up to the authority", (length) => {
    const checked = checkMembership(chainOf(length), OVERLAY, WALL_MS);
    expect(checked).toMatchObject({ depth: length, admittedAtMs: WALL_MS, linkSubnet: null });
    expect(checked.host).toEqual(Buffer.from(pairOf(NAMES[length - 1]!).publicKey));
    expect(checked.notAfterMs).toBe(WALL_MS + CERTIFICATE_LIFETIME_MS);
    expect(checked.mayAdmit).toBe(length < CHAIN_DEPTH_MAX);
  });

  it("lets nobody admit at the greatest depth, so no longer chain can be made", () => {
    const full = chainOf(CHAIN_DEPTH_MAX);
    expect(() => membershipOf("emil", { by: ["dora", full] })).toThrow(/may not admit/);
    const forged = { chain: [full.chain[0]!, ...full.chain] };
    expect(refusal(forged)).toMatch(/chain of 5/);
    expect(refusal({ chain: [] })).toMatch(/chain of 0/);
  });

  it("refuses it from the moment it expires, wherever in the chain", () => {
    const anna = membershipOf("anna", { wallMs: WALL_MS - DAY_MS });
    const bert = membershipOf("bert", { by: ["anna", anna], wallMs: WALL_MS });
    const annaEndsMs = WALL_MS - DAY_MS + CERTIFICATE_LIFETIME_MS;
    expect(refusal(bert, OVERLAY, annaEndsMs - 1)).toBe("accepted");
    expect(refusal(bert, OVERLAY, annaEndsMs)).toMatch(/expired on 2027/);
  });

  it("refuses one dated further ahead than honest clocks differ", () => {
    const wallMs = WALL_MS - CLOCK_SKEW_MAX_MS;
    expect(refusal(membershipOf("anna"), OVERLAY, wallMs)).toBe("accepted");
    expect(refusal(membershipOf("anna"), OVERLAY, wallMs - 1)).toMatch(/in the future/);
  });

  it("refuses a chain that leads to another overlay's authority", () => {
    expect(refusal(chainOf(2), pairOf("another authority").publicKey)).toMatch(/another overlay/);
  });

  it("refuses an issuer that may not admit", () => {
    const anna = membershipOf("anna", { mayAdmit: false });
    expect(() => membershipOf("bert", { by: ["anna", anna] })).toThrow(/may not admit/);
    // Anna signs all the same, under her valid membership.
    const body = CertificateBodyCodec.encode({
      ...CertificateBodyCodec.decode(membershipOf("bert").chain[0]!.body),
      issuer: pairOf("anna").publicKey,
      depth: 2,
    });
    const leaf = { body, signature: pairOf("anna").sign(CERTIFICATE_DOMAIN, body) };
    expect(refusal({ chain: [leaf, ...anna.chain] })).toMatch(/its issuer may not admit/);
  });

  it("refuses links that are swapped, left out, repeated or of another chain", () => {
    const { chain } = chainOf(3);
    const [leaf, middle, root] = chain;
    const other = membershipOf("dora", { by: ["emil", membershipOf("emil")] }).chain;
    for (const wrong of [
      [middle!, leaf!, root!],
      [leaf!, root!, middle!],
      [root!, middle!, leaf!],
      [leaf!, root!],
      [leaf!, middle!],
      [middle!],
      [leaf!, middle!, middle!, root!],
      [leaf!, ...other],
    ])
      expect(refusal({ chain: wrong })).not.toBe("accepted");
  });

  it("refuses a host that writes its own certificate", () => {
    const anna = membershipOf("anna");
    for (const change of [
      { issuer: pairOf("mallory").publicKey },
      { issuer: OVERLAY },
      { depth: 2, issuer: pairOf("anna").publicKey },
    ]) {
      const leaf = readLeaf(anna);
      const body = CertificateBodyCodec.encode({
        ...leaf,
        host: pairOf("mallory").publicKey,
        ...change,
      });
      const forged = { body, signature: pairOf("mallory").sign(CERTIFICATE_DOMAIN, body) };
      expect(refusal({ chain: [forged] })).not.toBe("accepted");
      expect(refusal({ chain: [forged, ...anna.chain] })).not.toBe("accepted");
    }
  });

  it("refuses each single flipped byte of every body and signature", () => {
    const { chain } = chainOf(2);
    chain.forEach((signed, i) => {
      for (let at = 0; at < signed.body.length; at++)
        expect(
          refusal({ chain: chain.with(i, { ...signed, body: flipped(signed.body, at) }) }),
        ).not.toBe("accepted");
      for (let at = 0; at < signed.signature.length; at++)
        expect(
          refusal({
            chain: chain.with(i, { ...signed, signature: flipped(signed.signature, at) }),
          }),
        ).not.toBe("accepted");
    });
  });

  it("tells the subnet that an open link's membership is bound to", () => {
    const subnet = pairOf("a subnet").publicKey;
    const checked = checkMembership(membershipOf("anna", { linkSubnet: subnet }), OVERLAY, WALL_MS);
    expect(checked.linkSubnet).toEqual(Buffer.from(subnet));
  });

  it("lets a host of an open link admit others to that link only, and no key of its own beyond", () => {
    const subnet = pairOf("a subnet").publicKey;
    const guest = membershipOf("guest", { linkSubnet: subnet });
    const friend = membershipOf("friend", { linkSubnet: subnet, by: ["guest", guest] });
    expect(refusal(friend)).toBe("accepted");
    expect(() => membershipOf("friend", { by: ["guest", guest] })).toThrow(/open link/);
    // A guest with a program of its own signs what ours would not.
    const body = CertificateBodyCodec.encode({
      ...readLeaf(friend),
      linkSubnet: new Uint8Array(),
    });
    const signature = pairOf("guest").sign(CERTIFICATE_DOMAIN, body);
    expect(refusal({ chain: [{ body, signature }, ...guest.chain] })).toMatch(/reaches beyond/);
  });

  it("refuses a depth that is not the place in the chain, though its issuer signed it", () => {
    const leaf = readLeaf(membershipOf("anna"));
    for (const depth of [0, 2, 4]) {
      const body = CertificateBodyCodec.encode({ ...leaf, depth });
      const signature = pairOf("authority").sign(CERTIFICATE_DOMAIN, body);
      expect(refusal({ chain: [{ body, signature }] })).toMatch(/depth \d where 1 is due/);
    }
  });

  it("refuses a host key that is no key", () => {
    const body = CertificateBodyCodec.encode({
      ...readLeaf(membershipOf("anna")),
      host: new Uint8Array(31),
    });
    const signature = pairOf("authority").sign(CERTIFICATE_DOMAIN, body);
    expect(refusal({ chain: [{ body, signature }] })).toMatch(/not 32 bytes/);
  });

  it("says what to do about an impossible date", () => {
    const body = CertificateBodyCodec.encode({
      ...readLeaf(membershipOf("anna")),
      admittedAtMs: 2n ** 64n - 1n,
    });
    const signature = pairOf("authority").sign(CERTIFICATE_DOMAIN, body);
    expect(refusal({ chain: [{ body, signature }] })).toMatch(/check both clocks/);
  });
});
