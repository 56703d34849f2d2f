import { createPublicKey, generateKeyPairSync, sign, verify } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { concatBytes, fromHex, toHex, utf8 } from "../../../platform/bytes.ts";
import { toBase32 } from "../../../platform/base32.ts";
import { createKeyPair, isSignedBy } from "../../../overlay/identity/keys.ts";
import { flipped, pairOf } from "./members.ts";

/** RFC 8032 §7.1, tests 1 to 3: seed and public key. */
const RFC_8032 = [
  [
    "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
  ],
  [
    "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
    "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
  ],
  [
    "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
    "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
  ],
] as const;

function nodeKey(publicKey: Uint8Array) {
  const jwk = { kty: "OKP", crv: "Ed25519", x: Buffer.from(publicKey).toString("base64url") };
  return createPublicKey({ key: jwk, format: "jwk" });
}

describe("createKeyPair", () => {
  it.each(RFC_8032)("derives the public key of seed %s as RFC 8032 does", (seed, publicKey) => {
    const pair = createKeyPair(fromHex(seed));
    expect(toHex(pair.publicKey)).toBe(publicKey);
    expect(pair.id).toBe(toBase32(fromHex(publicKey)));
    expect(pair.id).toHaveLength(52);
  });

  it("signs domain, zero byte and body, as any other Ed25519 verifies", () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.stringMatching(/^[a-z0-9-]{1,20}$/), (body, domain) => {
        const pair = pairOf("anna");
        const signature = pair.sign(domain, body);
        const message = concatBytes(utf8(domain), Uint8Array.of(0), body);
        expect(signature).toHaveLength(64);
        expect(verify(null, message, nodeKey(pair.publicKey), signature)).toBe(true);
        expect(isSignedBy(pair.publicKey, domain, body, signature)).toBe(true);
      }),
      { numRuns: 30 },
    );
  });
});

describe("isSignedBy", () => {
  const anna = pairOf("anna");
  const body = utf8("the bridge holds");
  const signature = anna.sign("bridge-1", body);

  it("accepts what another implementation signed", () => {
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    const raw = Buffer.from(publicKey.export({ format: "jwk" }).x!, "base64url");
    const foreign = sign(null, concatBytes(utf8("bridge-1\0"), body), privateKey);
    expect(isSignedBy(raw, "bridge-1", body, foreign)).toBe(true);
  });

  it("refuses another domain, body or key", () => {
    expect(isSignedBy(anna.publicKey, "bridge-1", body, signature)).toBe(true);
    expect(isSignedBy(anna.publicKey, "bridge-2", body, signature)).toBe(false);
    expect(isSignedBy(anna.publicKey, "bridge-1", utf8("the bridge fell"), signature)).toBe(false);
    expect(isSignedBy(pairOf("bert").publicKey, "bridge-1", body, signature)).toBe(false);
  });

  it("does not let bytes move from the domain into the body", () => {
    const moved = anna.sign("bridge", utf8("-1\0x"));
    expect(isSignedBy(anna.publicKey, "bridge-1", utf8("x"), moved)).toBe(false);
  });

  it("refuses each flipped byte of the signature", () => {
    for (let at = 0; at < signature.length; at++)
      expect(isSignedBy(anna.publicKey, "bridge-1", body, flipped(signature, at))).toBe(false);
  });

  it("is false, and does not throw, for malformed keys and signatures", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 80 }),
        fc.uint8Array({ maxLength: 80 }),
        (key, sig) => {
          expect(isSignedBy(key, "bridge-1", body, sig)).toBe(false);
        },
      ),
    );
    expect(isSignedBy(new Uint8Array(32).fill(0xff), "bridge-1", body, signature)).toBe(false);
    expect(isSignedBy(anna.publicKey, "bridge-1", body, signature.subarray(1))).toBe(false);
  });

  it("goes on after more keys than it keeps at hand", () => {
    const seedOf = (i: number): Uint8Array => new Uint8Array(32).fill(i & 0xff).fill(i >> 8, 16);
    for (let i = 0; i < 600; i++) {
      const pair = createKeyPair(seedOf(i));
      if (i % 50 === 0) {
        const own = pair.sign("bridge-1", body);
        expect(isSignedBy(pair.publicKey, "bridge-1", body, own)).toBe(true);
      } else isSignedBy(pair.publicKey, "bridge-1", body, signature);
    }
    expect(isSignedBy(anna.publicKey, "bridge-1", body, signature)).toBe(true);
  });
});
