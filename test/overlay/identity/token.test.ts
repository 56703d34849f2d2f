import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { errorCode } from "../../../platform/errors.ts";
import { OverlayError } from "../../../overlay/errors.ts";
import {
  checkToken,
  createToken,
  parseToken,
  type TokenRequest,
} from "../../../overlay/identity/token.ts";
import { linkKeyOf } from "../../../overlay/identity/daily-tags.ts";
import { TokenCodec } from "../../../overlay/schema/messages.ts";
import { DAY_MS, flipped, membershipOf, OVERLAY, pairOf, WALL_MS } from "./members.ts";

const REQUEST: TokenRequest = {
  seed: pairOf("a token").seed,
  mayAdmit: false,
  notAfterMs: WALL_MS + DAY_MS,
  contacts: ["192.0.2.7:4712", "[2001:db8::7]:4712"],
  overlayName: "harbour",
  overlay: OVERLAY,
  linkKey: linkKeyOf(pairOf("a secret").seed),
};

function tokenOf(change: Partial<TokenRequest> = {}): string {
  return createToken(pairOf("anna"), membershipOf("anna"), { ...REQUEST, ...change });
}

const newcomer = pairOf("newcomer").publicKey;

function redeem(text: string, wallMs = WALL_MS) {
  const held = parseToken(text, WALL_MS);
  return checkToken(held.signed, held.redeemFor(newcomer), newcomer, OVERLAY, wallMs);
}

describe("a token", () => {
  it("tells its bearer where to go, and is redeemed by its proof", () => {
    const text = tokenOf();
    expect(text).toMatch(/^causeway1\.[A-Za-z0-9_-]+$/);
    const held = parseToken(`  ${text}\n`, WALL_MS);
    expect(held).toMatchObject({
      contacts: REQUEST.contacts,
      overlayName: "harbour",
      notAfterMs: WALL_MS + DAY_MS,
    });
    expect(held.overlay).toEqual(Buffer.from(OVERLAY));
    expect(held.linkKey).toEqual(Buffer.from(REQUEST.linkKey));
    const former = parseToken(tokenOf({ linkKey: new Uint8Array() }), WALL_MS);
    expect(former.linkKey).toBeUndefined();
    expect(redeem(text)).toMatchObject({ mayAdmit: false });
    expect(redeem(tokenOf({ mayAdmit: true }))).toMatchObject({ mayAdmit: true });
  });

  it("does not show its secret to the redeemer", () => {
    const held = parseToken(tokenOf(), WALL_MS);
    const shown = Buffer.concat([held.signed.body, held.signed.signature]);
    expect(shown.includes(Buffer.from(REQUEST.seed))).toBe(false);
  });

  it("expires, for its bearer and for the redeemer", () => {
    const text = tokenOf();
    expect(() => parseToken(text, WALL_MS + DAY_MS)).toThrow(/expired on 2026.*causeway token/);
    expect(() => redeem(text, WALL_MS + DAY_MS)).toThrow(/expired/);
    expect(redeem(text, WALL_MS + DAY_MS - 1)).toBeDefined();
  });

  it("is refused by another overlay, by name", () => {
    const held = parseToken(tokenOf(), WALL_MS);
    const other = pairOf("another authority").publicKey;
    expect(() =>
      checkToken(held.signed, held.redeemFor(newcomer), newcomer, other, WALL_MS),
    ).toThrow(/"harbour", which is not this one/);
  });

  it("is worth nothing to whoever saw it redeemed", () => {
    const held = parseToken(tokenOf(), WALL_MS);
    const proof = held.redeemFor(newcomer);
    const thief = pairOf("thief").publicKey;
    expect(() => checkToken(held.signed, proof, thief, OVERLAY, WALL_MS)).toThrow(/cannot prove/);
    const own = pairOf("thief").sign("causeway-redeem-1", thief);
    expect(() => checkToken(held.signed, own, thief, OVERLAY, WALL_MS)).toThrow(/cannot prove/);
  });

  it("is refused when its issuer may not admit, is no member any more or another host", () => {
    const noAdmit = membershipOf("anna", { mayAdmit: false });
    const foreign = createToken(pairOf("anna"), noAdmit, REQUEST);
    expect(() => redeem(foreign)).toThrow(/issuer may not admit/);
    const borrowed = createToken(pairOf("mallory"), membershipOf("anna"), REQUEST);
    expect(() => redeem(borrowed)).toThrow(/issuer may not admit/);
    const old = membershipOf("anna", { wallMs: WALL_MS - 365 * DAY_MS });
    expect(() => redeem(createToken(pairOf("anna"), old, REQUEST))).toThrow(OverlayError);
  });

  it("is refused with any flipped byte of what its issuer signed", () => {
    const { signed, redeemFor } = parseToken(tokenOf(), WALL_MS);
    const proof = redeemFor(newcomer);
    for (let at = 0; at < signed.body.length; at++) {
      const wrong = { ...signed, body: flipped(signed.body, at) };
      expect(() => checkToken(wrong, proof, newcomer, OVERLAY, WALL_MS)).toThrow();
    }
    const wrong = { ...signed, signature: flipped(signed.signature, 0) };
    expect(() => checkToken(wrong, proof, newcomer, OVERLAY, WALL_MS)).toThrow(/does not verify/);
  });

  it("of another version is not called damaged", () => {
    expect(() => parseToken("causeway2.AAAA", WALL_MS)).toThrow(/another version made it/);
  });

  it("says that damaged text is damaged, whatever the damage", () => {
    const text = tokenOf();
    for (const wrong of ["", "causeway1.", "causeway.AAAA", text.slice(1), text.slice(0, -20)])
      expect(() => parseToken(wrong, WALL_MS)).toThrow(/copy the whole line/);
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), (rubbish) => {
        expect(() => parseToken(`causeway1.${rubbish}`, WALL_MS)).toThrow(OverlayError);
      }),
    );
    fc.assert(
      fc.property(fc.nat(text.length - 11), fc.constantFrom("A", "z", "_", "*"), (at, letter) => {
        const damaged = `${text.slice(0, 10 + at)}${letter}${text.slice(11 + at)}`;
        try {
          redeem(damaged); // the same bits, or a letter that carries none
          expect(Buffer.from(damaged.slice(10), "base64url")).toEqual(
            Buffer.from(text.slice(10), "base64url"),
          );
        } catch (error) {
          expect(["ERR_OVERLAY_TOKEN", "ERR_OVERLAY_CERTIFICATE", "ERR_WIRE"]).toContain(
            errorCode(error),
          );
        }
      }),
      { numRuns: 60 },
    );
    expect(() => parseToken(`causeway1.${"A".repeat(20_000)}`, WALL_MS)).toThrow(OverlayError);
  });

  it("is refused when its secret is another token's", () => {
    const bytes = Buffer.from(tokenOf().slice(10), "base64url");
    const token = TokenCodec.decode(bytes);
    const mixed = TokenCodec.encode({ ...token, secret: pairOf("another token").seed });
    const text = `causeway1.${Buffer.from(mixed).toString("base64url")}`;
    expect(() => parseToken(text, WALL_MS)).toThrow(/secret does not fit/);
  });

  it("names at most 32 contacts", () => {
    const contacts = Array.from({ length: 40 }, (_, i) => `192.0.2.${i}:4712`);
    expect(parseToken(tokenOf({ contacts }), WALL_MS).contacts).toEqual(contacts.slice(0, 32));
  });
});
