import { describe, expect, it } from "vitest";
import { Revoked } from "../../../overlay/identity/revoked.ts";
import {
  isKeyExposed,
  ROTATION_RANK_DELAY_MS,
  takeTurn,
} from "../../../overlay/subnet/rotation-rules.ts";
import { OVERLAY, pairOf, WALL_MS } from "../identity/members.ts";

const keyOf = (name: string): Uint8Array => pairOf(name).publicKey;

function revoked(host: string, kept: readonly string[] = []): Revoked {
  const removal = { issuer: OVERLAY, issuerHosts: [], revokedAtMs: WALL_MS };
  return new Revoked([{ ...removal, host: keyOf(host), kept: kept.map(keyOf) }]);
}

describe("isKeyExposed", () => {
  const chains = [[keyOf("anna")], [keyOf("bert"), keyOf("anna")]];

  it("holds once a host that was ever in the subnet, or made it, is removed", () => {
    expect(isKeyExposed(revoked("bert"), keyOf("maker"), chains)).toBe(true);
    expect(isKeyExposed(revoked("maker"), keyOf("maker"), chains)).toBe(true);
    expect(isKeyExposed(revoked("cora"), keyOf("maker"), chains)).toBe(false);
    expect(isKeyExposed(new Revoked([]), keyOf("maker"), chains)).toBe(false);
  });

  it("holds when only who admitted it is removed, unless it was kept", () => {
    const guests = [[keyOf("bert"), keyOf("anna")]];
    expect(isKeyExposed(revoked("anna"), keyOf("maker"), guests)).toBe(true);
    expect(isKeyExposed(revoked("anna", ["bert"]), keyOf("maker"), guests)).toBe(false);
  });
});

describe("takeTurn", () => {
  const live = [
    { id: "c", mayAdmit: true },
    { id: "a", mayAdmit: false },
    { id: "b", mayAdmit: true },
  ];

  it("gives the smallest admitting host the first turn, the next one a second later", () => {
    const [b, c] = [takeTurn("b", live), takeTurn("c", live)];
    expect(b).toMatchObject({ asksElsewhere: false });
    expect(c!.delayMs - b!.delayMs).toBe(ROTATION_RANK_DELAY_MS);
    expect(takeTurn("a", live)).toBeNull();
  });

  it("lets hosts that may not admit ask elsewhere when none here may", () => {
    const plain = live.map(({ id }) => ({ id, mayAdmit: false }));
    expect(takeTurn("a", plain)).toMatchObject({ asksElsewhere: true });
    expect(takeTurn("b", plain)!.delayMs).toBeGreaterThan(takeTurn("a", plain)!.delayMs);
    expect(takeTurn("gone", plain)).toBeNull();
  });
});
