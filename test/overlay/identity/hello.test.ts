import { describe, expect, it } from "vitest";
import { concatBytes, utf8 } from "../../../platform/bytes.ts";
import {
  checkHello,
  isProven,
  proveHello,
  WIRE_VERSION,
  WIRE_VERSION_MIN,
  type ConnectionEnds,
} from "../../../overlay/identity/hello.ts";
import { isSignedBy } from "../../../overlay/identity/keys.ts";
import { Revoked } from "../../../overlay/identity/revoked.ts";
import type { Hello } from "../../../overlay/schema/messages.ts";
import { flipped, membershipOf, OVERLAY, pairOf, WALL_MS } from "./members.ts";

const SUBNET = pairOf("a subnet").publicKey;

function helloOf(name: string, change: Partial<Hello> = {}): Hello {
  return {
    wireMin: WIRE_VERSION_MIN,
    wireMax: WIRE_VERSION,
    nonce: new Uint8Array(32).fill(name.length),
    host: pairOf(name).publicKey,
    overlay: OVERLAY,
    membership: membershipOf(name),
    subnet: SUBNET,
    hostSet: null,
    wallMs: BigInt(WALL_MS),
    claim: null,
    statement: null,
    revocations: new Uint8Array(),
    ...change,
  };
}

describe("checkHello", () => {
  it("takes a member for a member", () => {
    const greeting = checkHello(helloOf("anna"), OVERLAY, WALL_MS);
    expect(greeting.wire).toBe(WIRE_VERSION);
    expect(greeting.membership).toMatchObject({ depth: 1, mayAdmit: true });
  });

  it("settles on the newest version that both speak", () => {
    const wire = (wireMin: number, wireMax: number): number =>
      checkHello(helloOf("anna", { wireMin, wireMax }), OVERLAY, WALL_MS).wire;
    expect(wire(WIRE_VERSION, WIRE_VERSION + 1)).toBe(WIRE_VERSION); // N with N + 1
    expect(wire(1, WIRE_VERSION + 7)).toBe(WIRE_VERSION);
    expect(wire(WIRE_VERSION_MIN, WIRE_VERSION)).toBe(WIRE_VERSION);
    if (WIRE_VERSION > 1) expect(wire(1, WIRE_VERSION - 1)).toBe(WIRE_VERSION - 1);
    expect(WIRE_VERSION - WIRE_VERSION_MIN).toBe(WIRE_VERSION > 1 ? 1 : 0); // N speaks with N-1
  });

  it("says who is to upgrade when there is no version in common", () => {
    for (const [wireMin, wireMax] of [
      [WIRE_VERSION + 1, WIRE_VERSION + 2],
      [0, WIRE_VERSION_MIN - 1],
      [WIRE_VERSION, 0],
    ] as const)
      expect(() => checkHello(helloOf("anna", { wireMin, wireMax }), OVERLAY, WALL_MS)).toThrow(
        /upgrade the older one/,
      );
  });

  it("takes hosts of no overlay, and of others, for strangers", () => {
    const stranger = helloOf("anna", { overlay: new Uint8Array(), membership: null });
    const foreign = helloOf("anna", { overlay: pairOf("another authority").publicKey });
    for (const hello of [stranger, foreign, helloOf("anna", { membership: null })])
      expect(checkHello(hello, OVERLAY, WALL_MS).membership).toBeUndefined();
    expect(checkHello(helloOf("anna"), undefined, WALL_MS).membership).toBeUndefined();
  });

  it("refuses another host's certificate", () => {
    const hello = helloOf("mallory", { membership: membershipOf("anna") });
    expect(() => checkHello(hello, OVERLAY, WALL_MS)).toThrow(/another host's/);
  });

  it("knows a host whose certificate has expired for a former member, to be renewed", () => {
    const membership = membershipOf("anna", { wallMs: WALL_MS - 400 * 24 * 3_600_000 });
    const hello = helloOf("anna", { membership });
    const greeting = checkHello(hello, OVERLAY, WALL_MS);
    expect(greeting).toMatchObject({ membership: undefined, former: { why: "expired" } });
    expect(() =>
      checkHello({ ...hello, host: pairOf("bert").publicKey }, OVERLAY, WALL_MS),
    ).toThrow(/another host's/);
  });

  it("knows a removed host for a former member, expired or not", () => {
    const removal = { issuer: OVERLAY, issuerHosts: [], revokedAtMs: WALL_MS, kept: [] };
    const revoked = new Revoked([{ ...removal, host: pairOf("anna").publicKey }]);
    const old = membershipOf("anna", { wallMs: WALL_MS - 400 * 24 * 3_600_000 });
    for (const membership of [membershipOf("anna"), old])
      expect(checkHello(helloOf("anna", { membership }), OVERLAY, WALL_MS, revoked)).toMatchObject({
        membership: undefined,
        former: { why: "revoked" },
      });
    expect(checkHello(helloOf("bert"), OVERLAY, WALL_MS, revoked).membership).toBeDefined();
  });

  it("refuses a certificate from the future, and says which clocks to look at", () => {
    const hello = helloOf("anna", { membership: membershipOf("anna", { wallMs: WALL_MS + 1e7 }) });
    expect(() => checkHello(hello, OVERLAY, WALL_MS)).toThrow(/in the future; check both clocks/);
  });

  it("lets link-bound membership hold in its own subnet only", () => {
    const membership = membershipOf("anna", { linkSubnet: SUBNET });
    expect(checkHello(helloOf("anna", { membership }), OVERLAY, WALL_MS).membership).toBeDefined();
    const subnet = pairOf("another subnet").publicKey;
    expect(() => checkHello(helloOf("anna", { membership, subnet }), OVERLAY, WALL_MS)).toThrow(
      /admitted on an open link/,
    );
  });

  it("refuses a hello without a whole key or nonce", () => {
    for (const change of [
      { host: new Uint8Array(31) },
      { host: new Uint8Array() },
      { nonce: new Uint8Array(31) },
      { nonce: new Uint8Array(33) },
    ])
      expect(() => checkHello(helloOf("anna", change), OVERLAY, WALL_MS)).toThrow(
        /without host key or nonce/,
      );
  });
});

describe("the proof", () => {
  const anna = pairOf("anna");
  const bert = pairOf("bert");
  const annaEnds: ConnectionEnds = {
    ownNonce: new Uint8Array(32).fill(1),
    peerNonce: new Uint8Array(32).fill(2),
    ownPeerId: "12D3KooWAnna",
    peerPeerId: "12D3KooWBert",
  };
  const bertEnds: ConnectionEnds = {
    ownNonce: annaEnds.peerNonce,
    peerNonce: annaEnds.ownNonce,
    ownPeerId: annaEnds.peerPeerId,
    peerPeerId: annaEnds.ownPeerId,
  };

  it("convinces the other end", () => {
    expect(isProven(anna.publicKey, bertEnds, proveHello(anna, annaEnds))).toBe(true);
    expect(isProven(bert.publicKey, annaEnds, proveHello(bert, bertEnds))).toBe(true);
  });

  it("signs nonces and peer ids in this very order, the prover's first", () => {
    const { ownNonce, peerNonce } = annaEnds;
    const body = concatBytes(ownNonce, peerNonce, utf8("12D3KooWAnna\u000012D3KooWBert"));
    const proof = proveHello(anna, annaEnds);
    expect(isSignedBy(anna.publicKey, "causeway-hello-1", body, proof)).toBe(true);
  });

  it("convinces nobody on another connection", () => {
    const proof = proveHello(anna, annaEnds);
    const others: Partial<ConnectionEnds>[] = [
      { ownNonce: new Uint8Array(32).fill(3) }, // an old proof, replayed
      { peerNonce: new Uint8Array(32).fill(3) },
      { ownPeerId: "12D3KooWMallory" }, // in the middle, with noise keys of its own
      { peerPeerId: "12D3KooWMallory" },
    ];
    for (const change of others)
      expect(isProven(anna.publicKey, { ...bertEnds, ...change }, proof)).toBe(false);
  });

  it("is worth nothing sent back to whom it came from", () => {
    const proof = proveHello(anna, annaEnds);
    // The attacker says hello with Anna's own key and sends her own proof back, or even her nonce.
    expect(isProven(anna.publicKey, annaEnds, proof)).toBe(false);
    const mirrored = { ...annaEnds, peerNonce: annaEnds.ownNonce };
    expect(isProven(anna.publicKey, mirrored, proveHello(anna, mirrored))).toBe(false);
  });

  it("is refused when damaged, or made by another key", () => {
    const proof = proveHello(anna, annaEnds);
    for (let at = 0; at < proof.length; at++)
      expect(isProven(anna.publicKey, bertEnds, flipped(proof, at))).toBe(false);
    expect(isProven(anna.publicKey, bertEnds, proveHello(bert, annaEnds))).toBe(false);
    expect(isProven(anna.publicKey, bertEnds, new Uint8Array())).toBe(false);
  });
});
