import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createSystemClock } from "../../../platform/io/system-clock.ts";
import { SILENT } from "../../../platform/logger.ts";
import { certifyByAuthority, checkMembership } from "../../../overlay/identity/certificate.ts";
import { createKeyPair } from "../../../overlay/identity/keys.ts";
import { checkRevocation } from "../../../overlay/identity/revocation.ts";
import { parseToken } from "../../../overlay/identity/token.ts";
import { MemberState, type AdmissionScene } from "../../../overlay/io/member-state.ts";
import {
  acceptForSubnet,
  acceptRenewal,
  admitWaiting,
  renewByOwnAuthority,
  renewForLink,
  renewMember,
  signRemoval,
} from "../../../overlay/io/membership-upkeep.ts";
import { StateDirectory } from "../../../overlay/io/state.ts";
import type { AdmitRequest } from "../../../overlay/schema/messages.ts";
import { pairOf } from "../identity/members.ts";

const CLOCK = createSystemClock();
const HOME = pairOf("home").publicKey;
const OPEN: AdmitRequest = {
  token: null,
  tokenSignature: new Uint8Array(),
  wantsSubnet: true,
  loneMadeMs: 0n,
  name: "",
};
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "causeway-members-"));
});
afterEach(() => rm(directory, { recursive: true }));

async function openMembers(name: string): Promise<MemberState> {
  const state = await StateDirectory.open(join(directory, name));
  return new MemberState(state, false, CLOCK, SILENT);
}

/** An overlay at home on its link. */
async function makeOverlay(name: string): Promise<MemberState> {
  const members = await openMembers(name);
  await members.create(name);
  await members.settleHome(HOME, undefined);
  return members;
}

function sceneOf(host: string, change: Partial<AdmissionScene> = {}): AdmissionScene {
  const uses = new Map<string, Uint8Array>();
  return {
    host: pairOf(host).publicKey,
    isOnLink: true,
    subnet: HOME,
    directory: undefined,
    uses: { get: (token) => uses.get(token), put: async (token, by) => void uses.set(token, by) },
    ...change,
  };
}

describe("an open overlay", () => {
  it("admits whoever is on its link, bound to that link", async () => {
    const members = await makeOverlay("anna");
    const guest = await members.admit(OPEN, sceneOf("bert"));
    expect(guest.chain).toHaveLength(1);
    await expect(members.admit(OPEN, sceneOf("bert", { isOnLink: false }))).rejects.toThrow(/link/);
  });

  it("admits nobody on another link that its maker came to", async () => {
    const members = await makeOverlay("anna");
    const cafe = sceneOf("bert", { subnet: pairOf("cafe").publicKey });
    await expect(members.admit(OPEN, cafe)).rejects.toThrow(/locked here/);
  });

  it("is locked by its first token", async () => {
    const members = await makeOverlay("anna");
    await members.createToken({ mayAdmit: true, ttlMs: 60_000, contacts: [] });
    await expect(members.admit(OPEN, sceneOf("bert"))).rejects.toMatchObject({
      code: "ERR_OVERLAY_LOCKED",
    });
  });
});

describe("a token", () => {
  it("serves one host, however often, and no other, even at the same moment", async () => {
    const members = await makeOverlay("anna");
    const text = await members.createToken({ mayAdmit: true, ttlMs: 60_000, contacts: [] });
    const token = parseToken(text, CLOCK.wallMs());
    const uses = sceneOf("x").uses;
    const redeem = (host: string): Promise<unknown> =>
      members.admit(
        {
          ...OPEN,
          token: token.signed,
          tokenSignature: token.redeemFor(pairOf(host).publicKey),
        },
        sceneOf(host, { uses, isOnLink: false }),
      );
    const both = await Promise.allSettled([redeem("bert"), redeem("carl")]);
    expect(both.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
    await redeem("bert");
    await expect(redeem("carl")).rejects.toThrow(/another host has used it/);
  });
});

describe("changes of the membership", () => {
  it("see each other: a lock is not undone by a membership that was under way", async () => {
    const anna = await makeOverlay("anna");
    const bert = await openMembers("bert");
    const scene = sceneOf("x", { host: bert.hostKey.publicKey });
    const membership = await anna.admit(OPEN, scene);
    await bert.accept(anna.info, membership);
    const open = { ...anna.info, locked: false };
    await Promise.all([
      bert.lock(),
      bert.accept(open, membership),
      bert.settleHome(HOME, undefined),
    ]);
    expect(bert.overlay?.isLocked).toBe(true);
    const reopened = await StateDirectory.open(join(directory, "bert"));
    expect(reopened.overlay?.isLocked).toBe(true);
  });
});

describe("a host that was removed", () => {
  it("is admitted by no open link, no token and no hand, and is told what to do", async () => {
    const members = await makeOverlay("anna");
    const text = await members.createToken({ mayAdmit: true, ttlMs: 60_000, contacts: [] });
    const token = parseToken(text, CLOCK.wallMs());
    const bert = pairOf("bert").publicKey;
    const signed = signRemoval(members, bert, [], CLOCK.wallMs());
    members.revocations.add([checkRevocation(signed, members.info.overlay)]);
    const withToken = { ...OPEN, token: token.signed, tokenSignature: token.redeemFor(bert) };
    for (const request of [OPEN, withToken])
      await expect(members.admit(request, sceneOf("bert"))).rejects.toMatchObject({
        code: "ERR_OVERLAY_REVOKED",
        message: expect.stringContaining("leave --forget"),
      });
    await expect(admitWaiting(members, bert, true)).rejects.toThrow(/removed/);
    expect(members.removal).toBeUndefined();
  });

  it("knows it, also when it was its issuer that was removed", async () => {
    const anna = await makeOverlay("anna");
    await anna.lock();
    const [bert, cora] = [await openMembers("bert"), await openMembers("cora")];
    await bert.accept(anna.info, await admitWaiting(anna, bert.hostKey.publicKey, true));
    await cora.accept(bert.info, await admitWaiting(bert, cora.hostKey.publicKey, true));
    const removal = signRemoval(anna, bert.hostKey.publicKey, [], CLOCK.wallMs());
    for (const members of [bert, cora])
      members.revocations.add([checkRevocation(removal, anna.info.overlay)]);
    expect([bert, cora].map((members) => members.removal?.host)).toEqual(
      [bert, bert].map((members) => Buffer.from(members.hostKey.publicKey)),
    );
    expect(() => signRemoval(cora, new Uint8Array(32), [], 0)).not.toThrow();
  });
});

describe("renewal", () => {
  it("keeps flags, binding and first admission, and lasts longer", async () => {
    const anna = await makeOverlay("anna");
    const bert = await openMembers("bert");
    const host = bert.hostKey.publicKey;
    for (const [mayAdmit, linkSubnet] of [
      [true, null],
      [false, null],
      [true, HOME],
    ] as const) {
      const admittedAtMs = Math.trunc(CLOCK.wallMs()) - 200 * 24 * 3_600_000;
      const old = certifyByAuthority(createKeyPair(anna.overlay!.authoritySeed!), {
        host,
        mayAdmit,
        linkSubnet,
        wallMs: admittedAtMs,
      });
      const held = checkMembership(old, anna.info.overlay, CLOCK.wallMs());
      const renewed = renewMember(anna, held);
      const checked = checkMembership(renewed, anna.info.overlay, CLOCK.wallMs());
      expect(checked).toMatchObject({ mayAdmit, admittedAtMs, depth: 1 });
      expect(checked.linkSubnet === null).toBe(linkSubnet === null);
      expect(checked.notAfterMs).toBeGreaterThan(held.notAfterMs);
      await bert.accept(anna.info, old);
      await acceptRenewal(bert, renewed);
      expect(bert.notAfterMs).toBe(checked.notAfterMs);
    }
    const other = renewMember(
      anna,
      checkMembership(anna.membership, anna.info.overlay, CLOCK.wallMs()),
    );
    await expect(acceptRenewal(bert, other)).rejects.toThrow(/another host's/);
  });

  it("never takes power away: who stands too deep refuses, and says whom to ask", async () => {
    let issuer = await makeOverlay("anna");
    await issuer.lock();
    const root = issuer;
    for (const name of ["bert", "cora", "dora"]) {
      const next = await openMembers(name);
      await next.accept(issuer.info, await admitWaiting(issuer, next.hostKey.publicKey, true));
      issuer = next;
    }
    expect(issuer.membership.chain).toHaveLength(3);
    const cora = checkMembership(issuer.membership, root.info.overlay, CLOCK.wallMs());
    expect(() => renewMember(issuer, cora)).toThrow(/ask one that is nearer/);
    expect(renewMember(root, cora).chain).toHaveLength(1);
    expect(renewMember(issuer, { ...cora, mayAdmit: false }).chain).toHaveLength(4);
  });

  it("is the authority's host's own affair", async () => {
    const anna = await makeOverlay("anna");
    const before = anna.admittedAtMs;
    expect(await renewByOwnAuthority(anna)).toBe(true);
    expect(anna.admittedAtMs).toBe(before);
    expect(anna.overlay?.authoritySeed).not.toBeNull();
  });

  it("binds a host of an open link to its subnet's next key, and no other link's host", async () => {
    const anna = await makeOverlay("anna");
    const bert = await openMembers("bert");
    const membership = await anna.admit(OPEN, sceneOf("x", { host: bert.hostKey.publicKey }));
    await anna.lock();
    const checked = checkMembership(membership, anna.info.overlay, CLOCK.wallMs());
    const greeting = { host: checked.host, membership: checked, former: undefined, wire: 1 };
    const next = pairOf("the next key").publicKey;
    expect(() => renewForLink(anna, greeting, next, [])).toThrow(/another link/);
    const bound = renewForLink(anna, greeting, next, [pairOf("older").publicKey, HOME]);
    expect(checkMembership(bound!, anna.info.overlay, CLOCK.wallMs()).linkSubnet).toEqual(
      Buffer.from(next),
    );
    await bert.accept(anna.info, membership);
    await expect(acceptForSubnet(bert, bound!, HOME)).rejects.toThrow(/another link/);
    await acceptForSubnet(bert, bound!, next);
  });
});

describe("a member", () => {
  it("is not moved to another overlay by whoever answers, and keeps its authority's key", async () => {
    const members = await makeOverlay("anna");
    await members.lock();
    const evil = await makeOverlay("mallory");
    const membership = await evil.admit(OPEN, sceneOf("x", { host: members.hostKey.publicKey }));
    await expect(members.accept(evil.info, membership)).rejects.toThrow(/another overlay/);
    expect(members.overlay?.name).toBe("anna");
    expect(members.overlay?.authoritySeed).not.toBeNull();
  });

  it("takes no membership without the overlay's secret and age, which would not load again", async () => {
    const anna = await makeOverlay("anna");
    const bert = await openMembers("bert");
    const scene = sceneOf("bert", { host: bert.hostKey.publicKey });
    const membership = await anna.admit(OPEN, scene);
    const { info } = anna;
    for (const change of [{ secret: new Uint8Array(31) }, { madeMs: 2n ** 63n }])
      await expect(bert.accept({ ...info, ...change }, membership)).rejects.toThrow(
        /its secret or its age/,
      );
    expect(bert.overlay).toBeNull();
    await bert.accept(info, membership);
    expect(bert.overlay?.name).toBe("anna");
  });

  it("yields a lone overlay to an older lone one only", async () => {
    const members = await makeOverlay("anna");
    const { madeMs } = members.info;
    const other = (await makeOverlay("bert")).info;
    expect(members.yieldsTo({ ...other, madeMs: madeMs - 1n, lone: true })).toBe(true);
    expect(members.yieldsTo({ ...other, madeMs: madeMs + 1n, lone: true })).toBe(false);
    expect(members.yieldsTo({ ...other, madeMs: madeMs - 1n, lone: false })).toBe(false);
    await members.lock();
    expect(members.yieldsTo({ ...other, madeMs: madeMs - 1n, lone: true })).toBe(false);
  });

  it("of an open link gets no power to admit beyond it", async () => {
    const members = await makeOverlay("anna");
    const bert = await openMembers("bert");
    const membership = await members.admit(OPEN, sceneOf("x", { host: bert.hostKey.publicKey }));
    await bert.accept(members.info, membership);
    const token = bert.createToken({ mayAdmit: true, ttlMs: 60_000, contacts: [] });
    await expect(token).rejects.toMatchObject({ code: "ERR_OVERLAY_CERTIFICATE" });
  });
});
