import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { concatBytes, utf8 } from "../../../platform/bytes.ts";
import { checkClaim, compareClaims, createClaim } from "../../../overlay/subnet/claim.ts";
import { SubnetClaimCodec, type SubnetClaim } from "../../../overlay/schema/messages.ts";
import { flipped, pairOf, WALL_MS } from "../identity/members.ts";

function claimOf(subnet: string, change: { wallMs?: number; makerAdmittedMs?: number } = {}) {
  return createClaim({
    subnet: pairOf(subnet),
    maker: pairOf("anna"),
    makerAdmittedMs: WALL_MS,
    wallMs: WALL_MS,
    ...change,
  });
}

describe("createClaim", () => {
  it("makes a claim that holds, on the wire too", () => {
    const claim = claimOf("a subnet");
    expect(claim).toMatchObject({ generation: 1, stampMs: BigInt(WALL_MS) });
    checkClaim(claim);
    checkClaim(SubnetClaimCodec.decode(SubnetClaimCodec.encode(claim)));
  });

  it("stamps no earlier than its maker's admission when the clock lags", () => {
    const claim = claimOf("a subnet", { wallMs: WALL_MS - 60_000 });
    expect(claim.stampMs).toBe(BigInt(WALL_MS));
    checkClaim(claim);
  });
});

describe("checkClaim", () => {
  const claim = claimOf("a subnet");

  it("refuses each part changed: an older stamp would win every merge", () => {
    const forgeries: Partial<SubnetClaim>[] = [
      { stampMs: claim.stampMs - 1n },
      { generation: 2 },
      { makerAdmittedMs: claim.makerAdmittedMs - 1n },
      { maker: pairOf("mallory").publicKey },
      { subnet: pairOf("another subnet").publicKey },
      { subnetSignature: flipped(claim.subnetSignature, 5) },
      { makerSignature: flipped(claim.makerSignature, 5) },
      { makerSignature: claim.subnetSignature },
      { subnet: claim.subnet.subarray(1) },
      { maker: new Uint8Array() },
    ];
    for (const change of forgeries)
      expect(() => checkClaim({ ...claim, ...change })).toThrow(/claim refused/);
  });

  it("voids a stamp before its maker's admission, though both keys sign it", () => {
    const signAll = (stampMs: bigint): SubnetClaim => {
      const { subnet, maker, makerAdmittedMs } = claim;
      const numbers = utf8(`${stampMs}\u00001\u0000${makerAdmittedMs}`);
      const body = concatBytes(subnet, maker, numbers);
      return {
        ...claim,
        stampMs,
        subnetSignature: pairOf("a subnet").sign("causeway-subnet-1", body),
        makerSignature: pairOf("anna").sign("causeway-subnet-1", body),
      };
    };
    checkClaim(signAll(claim.stampMs));
    checkClaim(signAll(claim.makerAdmittedMs));
    expect(() => checkClaim(signAll(claim.makerAdmittedMs - 1n))).toThrow(/older than its maker/);
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
