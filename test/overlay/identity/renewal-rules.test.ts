import { describe, expect, it } from "vitest";
import { CERTIFICATE_LIFETIME_MS } from "../../../overlay/identity/certificate.ts";
import { isRenewalDue, orderRenewers } from "../../../overlay/identity/renewal-rules.ts";
import { NOBODY_REVOKED, Revoked } from "../../../overlay/identity/revoked.ts";
import { DAY_MS, membershipOf, OVERLAY, pairOf, WALL_MS } from "./members.ts";

const THIRD_MS = CERTIFICATE_LIFETIME_MS / 3;
const ENDS_MS = WALL_MS + CERTIFICATE_LIFETIME_MS;

describe("isRenewalDue", () => {
  const anna = membershipOf("anna");

  it("holds when less than a third of the lifetime is left, a little earlier by chance", () => {
    const isDue = (wallMs: number, chance = 0): boolean =>
      isRenewalDue(anna, NOBODY_REVOKED, wallMs, chance);
    expect(isDue(WALL_MS)).toBe(false);
    expect(isDue(ENDS_MS - THIRD_MS - 1)).toBe(false);
    expect(isDue(ENDS_MS - THIRD_MS + 1)).toBe(true);
    expect(isDue(ENDS_MS - THIRD_MS - 10 * DAY_MS, 1)).toBe(true);
    expect(isDue(ENDS_MS - THIRD_MS - 20 * DAY_MS, 1)).toBe(false);
    expect(isDue(ENDS_MS + DAY_MS)).toBe(true);
  });

  it("goes by the certificate of the chain that ends first", () => {
    const old = membershipOf("anna", { wallMs: WALL_MS - 250 * DAY_MS });
    const bert = membershipOf("bert", { by: ["anna", old] });
    expect(isRenewalDue(bert, NOBODY_REVOKED, WALL_MS, 0)).toBe(true);
  });

  it("holds when the chain leads through a host that was removed", () => {
    const removal = { issuer: OVERLAY, issuerHosts: [], revokedAtMs: WALL_MS };
    const [anna2, bert2] = ["anna", "bert"].map((name) => pairOf(name).publicKey);
    const revoked = new Revoked([{ ...removal, host: anna2!, kept: [bert2!] }]);
    const bert = membershipOf("bert", { by: ["anna", anna] });
    expect(isRenewalDue(bert, revoked, WALL_MS, 0)).toBe(true);
    expect(isRenewalDue(membershipOf("bert"), revoked, WALL_MS, 0)).toBe(false);
  });
});

describe("orderRenewers", () => {
  it("puts siblings first, then whoever is nearest to the authority", () => {
    const hosts = [
      { id: "far and deep", isSibling: false, depth: 3 },
      { id: "far and near", isSibling: false, depth: 1 },
      { id: "sibling", isSibling: true, depth: 3 },
      { id: "near sibling", isSibling: true, depth: 2 },
    ];
    expect(orderRenewers(hosts).map(({ id }) => id)).toEqual([
      "near sibling",
      "sibling",
      "far and near",
      "far and deep",
    ]);
  });
});
