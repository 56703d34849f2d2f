import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { certifyByHost } from "../../../overlay/identity/certificate.ts";
import { Revoked } from "../../../overlay/identity/revoked.ts";
import {
  checkClaim,
  compareClaims,
  createClaim,
  draftSuccessor,
  signAsMaker,
} from "../../../overlay/subnet/claim.ts";
import {
  SubnetClaimCodec,
  type Membership,
  type SubnetClaim,
} from "../../../overlay/schema/messages.ts";
import { flipped, membershipOf, OVERLAY, pairOf, WALL_MS } from "../identity/members.ts";

const ANNA = membershipOf("anna");

function claimOf(subnet: string, change: Partial<Parameters<typeof createClaim>[0]> = {}) {
  return createClaim({
    subnet: pairOf(subnet),
    maker: pairOf("anna"),
    makerMembership: ANNA,
    makerAdmittedMs: WALL_MS,
    wallMs: WALL_MS,
    ...change,
  });
}

/** The next generation of "a subnet" under the key of "the next", whatever its maker may do. */
function successorOf(
  former: SubnetClaim,
  maker = "bert",
  membership: Membership = membershipOf(maker),
  formerKey = "a subnet",
): SubnetClaim {
  const host = pairOf(maker).publicKey;
  const made = { host, membership, admittedAtMs: WALL_MS };
  const draft = draftSuccessor(former, pairOf(formerKey), pairOf("the next"), made);
  return signAsMaker(draft, pairOf(maker));
}

function revokedBy(host: string): Revoked {
  const issuer = OVERLAY;
  const one = { host: pairOf(host).publicKey, issuer, issuerHosts: [], revokedAtMs: WALL_MS };
  return new Revoked([{ ...one, kept: [] }]);
}

describe("createClaim", () => {
  it("makes a claim that holds, on the wire too", () => {
    const claim = claimOf("a subnet");
    expect(claim).toMatchObject({ generation: 1, stampMs: BigInt(WALL_MS) });
    checkClaim(claim, OVERLAY);
    checkClaim(SubnetClaimCodec.decode(SubnetClaimCodec.encode(claim)), OVERLAY);
  });

  it("stamps no earlier than its maker's admission when the clock lags", () => {
    const claim = claimOf("a subnet", { wallMs: WALL_MS - 60_000 });
    expect(claim.stampMs).toBe(BigInt(WALL_MS));
    checkClaim(claim, OVERLAY);
  });
});

describe("checkClaim", () => {
  const claim = claimOf("a subnet");

  it("refuses each part changed: an older stamp would win every merge", () => {
    const forgeries: Partial<SubnetClaim>[] = [
      { stampMs: claim.stampMs - 1n },
      { generation: 2 },
      { generation: 2, predecessor: pairOf("mallory").publicKey },
      { makerAdmittedMs: claim.makerAdmittedMs - 1n },
      { maker: pairOf("mallory").publicKey },
      { subnet: pairOf("another subnet").publicKey },
      { subnetSignature: flipped(claim.subnetSignature, 5) },
      { makerSignature: flipped(claim.makerSignature, 5) },
      { makerSignature: claim.subnetSignature },
      { subnet: claim.subnet.subarray(1) },
      { maker: new Uint8Array() },
      { makerMembership: null },
      { makerMembership: membershipOf("bert") },
    ];
    for (const change of forgeries)
      expect(() => checkClaim({ ...claim, ...change }, OVERLAY)).toThrow(/claim refused/);
  });

  it("voids a stamp before its maker's admission, which the maker's certificate tells", () => {
    const early = (makerAdmittedMs: number): SubnetClaim =>
      claimOf("a subnet", { wallMs: WALL_MS - 9_000, makerAdmittedMs });
    expect(() => checkClaim(early(WALL_MS - 9_000), OVERLAY)).toThrow(/admitted at another time/);
    const older = { ...claim, stampMs: claim.stampMs - 1n };
    const signed = signAsMaker(older, pairOf("anna"));
    expect(() => checkClaim(signed, OVERLAY)).toThrow(/subnet's signature/);
  });

  it("refuses a maker of another overlay", () => {
    expect(() => checkClaim(claim, pairOf("another authority").publicKey)).toThrow(
      /another overlay/,
    );
  });

  it("holds when its maker's certificate has ended, and not when its maker was removed", () => {
    const wallMs = WALL_MS - 400 * 24 * 3_600_000;
    const old = membershipOf("anna", { wallMs });
    const request = { makerMembership: old, makerAdmittedMs: wallMs, wallMs };
    checkClaim(claimOf("a subnet", request), OVERLAY);
    expect(() => checkClaim(claim, OVERLAY, revokedBy("anna"))).toThrow(/maker was removed/);
    checkClaim(claim, OVERLAY, revokedBy("bert"));
  });
});

describe("the next generation", () => {
  const claim = claimOf("a subnet");

  it("keeps the stamp, names its predecessor, and wins over it", () => {
    const next = successorOf(claim);
    checkClaim(next, OVERLAY);
    checkClaim(SubnetClaimCodec.decode(SubnetClaimCodec.encode(next)), OVERLAY);
    expect(next).toMatchObject({ generation: 2, stampMs: claim.stampMs });
    expect(next.predecessor).toEqual(claim.subnet);
    expect(compareClaims(next, claim)).toBeLessThan(0);
  });

  it("is made by hosts only that may admit to the whole overlay", () => {
    const plain = membershipOf("bert", { mayAdmit: false });
    expect(() => checkClaim(successorOf(claim, "bert", plain), OVERLAY)).toThrow(/may admit/);
    const bound = membershipOf("bert", { linkSubnet: claim.subnet });
    expect(() => checkClaim(successorOf(claim, "bert", bound), OVERLAY)).toThrow(/may admit/);
    const deep = certifyByHost(pairOf("anna"), ANNA, {
      host: pairOf("bert").publicKey,
      mayAdmit: true,
      linkSubnet: null,
      wallMs: WALL_MS,
    });
    checkClaim(successorOf(claim, "bert", deep), OVERLAY);
  });

  it("is signed by the key before it, so that nobody ends a subnet that it is not in", () => {
    const stranger = successorOf(claim, "bert", membershipOf("bert"), "another subnet");
    expect(() => checkClaim(stranger, OVERLAY)).toThrow(/predecessor's signature/);
  });

  it("is void when its maker is removed later", () => {
    expect(() => checkClaim(successorOf(claim), OVERLAY, revokedBy("bert"))).toThrow(/removed/);
    checkClaim(successorOf(claim), OVERLAY, revokedBy("anna"));
  });
});

describe("compareClaims", () => {
  const claim = claimOf("a subnet");

  it("puts generation before stamp before id", () => {
    const rotated = { ...claim, generation: 2, stampMs: claim.stampMs + 9n };
    const older = { ...claim, stampMs: claim.stampMs - 1n, subnet: new Uint8Array(32).fill(255) };
    const smaller = { ...claim, subnet: new Uint8Array(32) };
    expect([claim, smaller, older, rotated].sort(compareClaims)).toEqual([
      rotated,
      older,
      smaller,
      claim,
    ]);
    expect(compareClaims(claim, { ...claim })).toBe(0);
  });

  it("is an order, so that of two sides exactly one yields", () => {
    const any = fc
      .record({ generation: fc.nat(2), stamp: fc.nat(3), id: fc.nat(3) })
      .map(({ generation, stamp, id }) => ({
        ...claim,
        generation,
        stampMs: BigInt(stamp),
        subnet: new Uint8Array(32).fill(id),
      }));
    fc.assert(
      fc.property(any, any, any, (a, b, c) => {
        const sign = (x: SubnetClaim, y: SubnetClaim): number => Math.sign(compareClaims(x, y));
        expect(sign(a, b) + sign(b, a)).toBe(0);
        if (sign(a, b) <= 0 && sign(b, c) <= 0) expect(sign(a, c)).toBeLessThanOrEqual(0);
        const isSame =
          a.generation === b.generation && a.stampMs === b.stampMs && a.subnet[0] === b.subnet[0];
        expect(sign(a, b) === 0).toBe(isSame);
      }),
    );
  });
});
