import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkMembership, hostsOf } from "../../../overlay/identity/certificate.ts";
import {
  checkRevocation,
  createRevocation,
  KEPT_MAX,
  RevocationSet,
  REVOCATIONS_PER_ISSUER_MAX,
  type SignedRevocation,
} from "../../../overlay/identity/revocation.ts";
import { Revoked, type Revocation } from "../../../overlay/identity/revoked.ts";
import { checkToken, createToken, parseToken } from "../../../overlay/identity/token.ts";
import {
  RevocationBodyCodec,
  type Membership,
  type Signed,
} from "../../../overlay/schema/messages.ts";
import { AUTHORITY, flipped, membershipOf, OVERLAY, pairOf, WALL_MS } from "./members.ts";

const ANNA = membershipOf("anna");
const BERT = membershipOf("bert", { by: ["anna", ANNA] });
const CORA = membershipOf("cora", { by: ["bert", BERT] });

function keysOf(...names: string[]): Uint8Array[] {
  return names.map((name) => pairOf(name).publicKey);
}

/** A revocation by a host under its membership; by the authority without one. */
function revoke(
  host: string,
  by: readonly [string, Membership] | null = null,
  kept: readonly string[] = [],
  wallMs = WALL_MS,
): Signed {
  const request = { overlay: OVERLAY, host: pairOf(host).publicKey, wallMs, kept: keysOf(...kept) };
  if (by === null) return createRevocation(AUTHORITY, null, request);
  return createRevocation(pairOf(by[0]), by[1], request);
}

function viewOf(...signed: Signed[]): Revoked {
  return new Revoked(signed.map((one) => checkRevocation(one, OVERLAY)));
}

function isOut(view: Revoked, membership: Membership): boolean {
  return view.refusalOf(hostsOf(membership)) !== undefined;
}

describe("checkRevocation", () => {
  it("takes one of the authority and one of an admitting host, whatever the date", () => {
    expect(checkRevocation(revoke("bert"), OVERLAY).issuerHosts).toEqual([]);
    const byAnna = checkRevocation(revoke("bert", ["anna", ANNA]), OVERLAY);
    expect(byAnna.issuerHosts.map((key) => [...key])).toEqual([[...pairOf("anna").publicKey]]);
    const old = membershipOf("anna", { wallMs: WALL_MS - 900 * 24 * 3_600_000 });
    expect(checkRevocation(revoke("bert", ["anna", old]), OVERLAY).host).toBeDefined();
  });

  it("refuses what an issuer without the power to admit signs", () => {
    const plain = membershipOf("dora", { mayAdmit: false });
    const bound = membershipOf("dora", { linkSubnet: pairOf("a subnet").publicKey });
    for (const membership of [plain, bound]) {
      expect(() => revoke("bert", ["dora", membership])).toThrow(/may not admit/);
      // Its own program signs all the same.
      const honest = revoke("bert", ["dora", membershipOf("dora")]);
      const body = RevocationBodyCodec.encode({
        ...RevocationBodyCodec.decode(honest.body),
        issuerMembership: membership,
      });
      const signed = { body, signature: pairOf("dora").sign("causeway-revocation-1", body) };
      expect(() => checkRevocation(signed, OVERLAY)).toThrow(/may not admit/);
    }
  });

  it("refuses each flipped byte, another overlay's, and an issuer's borrowed certificate", () => {
    const honest = revoke("bert", ["anna", ANNA], ["cora"]);
    for (let at = 0; at < honest.body.length; at++)
      expect(() =>
        checkRevocation({ ...honest, body: flipped(honest.body, at) }, OVERLAY),
      ).toThrow();
    expect(() => checkRevocation(honest, pairOf("another authority").publicKey)).toThrow(
      /another overlay/,
    );
    expect(() => checkRevocation(revoke("bert", ["mallory", ANNA]), OVERLAY)).toThrow(/another's/);
  });

  it("refuses the authority's own key, oneself, and a list of kept hosts without end", () => {
    expect(() => checkRevocation(revoke("authority", ["anna", ANNA]), OVERLAY)).toThrow(
      /authority's own key/,
    );
    expect(() => checkRevocation(revoke("anna", ["anna", ANNA]), OVERLAY)).toThrow(/itself/);
    const many = Array.from({ length: KEPT_MAX + 1 }, (_, i) => `host ${i}`);
    expect(() => revoke("bert", null, many)).toThrow(/--with-admitted/);
    expect(checkRevocation(revoke("bert", null, many.slice(1)), OVERLAY).kept).toHaveLength(
      KEPT_MAX,
    );
  });
});

describe("a chain through a removed host", () => {
  it("is void, whatever date the removed host writes into it", () => {
    const view = viewOf(revoke("anna"));
    const minted = membershipOf("mole", { by: ["anna", ANNA], wallMs: WALL_MS - 9 * 3_600_000 });
    expect(() => checkMembership(minted, OVERLAY, WALL_MS, view)).toThrow(
      /who admitted its host was removed/,
    );
    expect(() => checkMembership(ANNA, OVERLAY, WALL_MS, view)).toThrow(/its host was removed/);
    expect(() => checkMembership(CORA, OVERLAY, WALL_MS, view)).toThrow(/removed/);
    checkMembership(membershipOf("dora"), OVERLAY, WALL_MS, view);
  });

  it("goes on where the revocation keeps whom that host admitted, and whom those admit", () => {
    const view = viewOf(revoke("anna", null, ["bert"]));
    checkMembership(BERT, OVERLAY, WALL_MS, view);
    checkMembership(CORA, OVERLAY, WALL_MS, view);
    const minted = membershipOf("mole", { by: ["anna", ANNA] });
    expect(isOut(view, minted)).toBe(true);
    expect(isOut(view, ANNA)).toBe(true);
    expect(view.isShaken(hostsOf(BERT))).toBe(true);
    expect(view.isShaken(hostsOf(membershipOf("dora")))).toBe(false);
  });

  it("keeps only whom every revocation of that host keeps", () => {
    const view = viewOf(
      revoke("anna", null, ["bert", "dora"]),
      revoke("anna", ["emil", membershipOf("emil")], ["dora"]),
    );
    expect(isOut(view, BERT)).toBe(true);
    expect(isOut(view, membershipOf("dora", { by: ["anna", ANNA] }))).toBe(false);
  });

  it("carries no token any more", () => {
    const request = {
      mayAdmit: true,
      notAfterMs: WALL_MS + 1e6,
      contacts: [],
      linkKey: new Uint8Array(32),
      overlayName: "x",
    };
    const seed = new Uint8Array(32).fill(9);
    const text = createToken(pairOf("bert"), BERT, { ...request, seed, overlay: OVERLAY });
    const token = parseToken(text, WALL_MS);
    const host = pairOf("newcomer").publicKey;
    const check = (view?: Revoked): unknown =>
      checkToken(token.signed, token.redeemFor(host), host, OVERLAY, WALL_MS, view);
    check();
    expect(() => check(viewOf(revoke("bert")))).toThrow(/removed/);
    expect(() => check(viewOf(revoke("anna")))).toThrow(/removed/);
    check(viewOf(revoke("anna", null, ["bert"])));
  });
});

describe("of hosts that revoke each other", () => {
  it("the one nearer to the authority stays", () => {
    const view = viewOf(revoke("anna", ["bert", BERT], ["bert"]), revoke("bert", ["anna", ANNA]));
    expect(isOut(view, ANNA)).toBe(false);
    expect(isOut(view, BERT)).toBe(true);
  });

  it("both are out at equal depth", () => {
    const dora = membershipOf("dora");
    const view = viewOf(revoke("anna", ["dora", dora]), revoke("dora", ["anna", ANNA]));
    expect([ANNA, dora].map((membership) => isOut(view, membership))).toEqual([true, true]);
  });

  it("a deeper host may remove one that does not answer, and stays itself", () => {
    const view = viewOf(revoke("anna", ["bert", BERT], ["bert"]));
    expect([ANNA, BERT, CORA].map((membership) => isOut(view, membership))).toEqual([
      true,
      false,
      false,
    ]);
  });

  it("an ex-member's revenge on the authority's friends is void, though signed before", () => {
    const view = viewOf(revoke("bert"), revoke("dora", ["bert", BERT], [], WALL_MS - 1e9));
    expect(isOut(view, membershipOf("dora"))).toBe(false);
  });

  it("the order of arrival changes nothing", () => {
    const names = ["anna", "bert", "cora", "dora"] as const;
    const of = { anna: ANNA, bert: BERT, cora: CORA, dora: membershipOf("dora") };
    const any = fc.uniqueArray(
      fc.tuple(fc.constantFrom(...names), fc.constantFrom(...names, null), fc.boolean()),
      { maxLength: 8, selector: ([host, by]) => `${host} ${by}` },
    );
    fc.assert(
      fc.property(any, fc.integer(), (given, seed) => {
        const all: Revocation[] = given
          .filter(([host, by]) => host !== by)
          .map(([host, by, keeps]) =>
            checkRevocation(
              revoke(host, by && [by, of[by]], keeps ? ["bert", "cora"] : []),
              OVERLAY,
            ),
          );
        const shuffled = all.toSorted(
          (a, b) => ((a.host[0]! * seed) % 97) - ((b.host[1]! * seed) % 97),
        );
        const out = (list: readonly Revocation[]): boolean[] =>
          names.map((name) => isOut(new Revoked(list), of[name]));
        expect(out(shuffled)).toEqual(out(all));
        expect(out(all.toReversed())).toEqual(out(all));
      }),
      { numRuns: 100 },
    );
  });
});

describe("RevocationSet", () => {
  const checked = (...signed: Signed[]): SignedRevocation[] =>
    signed.map((one) => checkRevocation(one, OVERLAY));

  it("tells news once, and has the same digest as whoever heard the same", () => {
    const [one, other] = [new RevocationSet(), new RevocationSet()];
    const list = checked(revoke("anna"), revoke("bert"), revoke("cora", ["anna", ANNA]));
    expect(one.digest).toHaveLength(0);
    expect(one.add(list)).toHaveLength(3);
    expect(one.add(list)).toEqual([]);
    expect(other.add(list.toReversed())).toHaveLength(3);
    expect(one.digest).toEqual(other.digest);
  });

  it("keeps the newest of each issuer and host, in whatever order they come", () => {
    const older = revoke("anna", null, ["bert"]);
    const newer = revoke("anna", null, [], WALL_MS + 5);
    for (const order of [
      [older, newer],
      [newer, older],
    ]) {
      const set = new RevocationSet();
      for (const one of order) set.add(checked(one));
      expect(set.all).toHaveLength(1);
      expect(isOut(set.view, BERT)).toBe(true);
    }
  });

  it("gives what the other end lacks, in pieces, until both have the same", () => {
    const [full, empty] = [new RevocationSet(), new RevocationSet()];
    full.add(checked(...Array.from({ length: 20 }, (_, i) => revoke(`host ${i}`))));
    let rounds = 0;
    for (let isMore = true; isMore; rounds++) {
      const answer = full.missing(empty.names(), 1024);
      empty.add(checked(...answer.items));
      ({ isMore } = answer);
    }
    expect(rounds).toBeGreaterThan(2);
    expect(empty.digest).toEqual(full.digest);
  });

  it("lets no issuer fill it alone, and says so", () => {
    const set = new RevocationSet();
    const [some] = checked(revoke("anna", ["emil", membershipOf("emil")]));
    const minted = Array.from({ length: REVOCATIONS_PER_ISSUER_MAX + 1 }, (_, i) => ({
      ...some!,
      host: new Uint8Array(32).fill(i % 256, 0, 16).fill(i >> 8, 16),
    }));
    expect(() => set.add(minted)).toThrow(/1024 of 1024 from its issuer/);
    expect(set.all).toHaveLength(REVOCATIONS_PER_ISSUER_MAX);
    expect(set.add(checked(revoke("bert")))).toHaveLength(1);
    expect(set.view.of(pairOf("bert").publicKey)).toBeDefined();
  });
});
