import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createSystemClock } from "../../../platform/io/system-clock.ts";
import { SILENT } from "../../../platform/logger.ts";
import { parseToken } from "../../../overlay/identity/token.ts";
import { MemberState, type AdmissionScene } from "../../../overlay/io/member-state.ts";
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
