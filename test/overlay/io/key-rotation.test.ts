import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { SILENT } from "../../../platform/logger.ts";
import { createRandom } from "../../../platform/random.ts";
import { certifyByAuthority, checkMembership } from "../../../overlay/identity/certificate.ts";
import { checkRevocation, createRevocation } from "../../../overlay/identity/revocation.ts";
import { KeyRotation } from "../../../overlay/io/key-rotation.ts";
import { MemberState } from "../../../overlay/io/member-state.ts";
import type { PeerChannel } from "../../../overlay/io/peer-channel.ts";
import { StateDirectory } from "../../../overlay/io/state.ts";
import {
  SubnetClaimCodec,
  SubnetHandoverCodec,
  type Membership,
  type SubnetClaim,
} from "../../../overlay/schema/messages.ts";
import { checkClaim, createClaim, draftSuccessor } from "../../../overlay/subnet/claim.ts";
import { AUTHORITY, membershipOf, OVERLAY, pairOf, WALL_MS } from "../identity/members.ts";
import { CLOCK } from "./loopback.ts";
import { overlayStateOf } from "./overlay-states.ts";

const QUAY = pairOf("quay");
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "causeway-rotation-"));
});
afterEach(() => rm(directory, { recursive: true }));

/** A host elsewhere that is asked to make the next generation of the subnet "quay". */
async function startMaker(
  mayAdmit = true,
): Promise<{ rotation: KeyRotation; members: MemberState }> {
  const state = await StateDirectory.open(join(directory, "maker"));
  const request = { host: state.hostKey.publicKey, mayAdmit, linkSubnet: null, wallMs: WALL_MS };
  const membership = certifyByAuthority(AUTHORITY, request);
  await state.saveOverlay(overlayStateOf("maker", { membership }));
  const members = new MemberState(state, false, CLOCK, SILENT);
  const rotation = new KeyRotation({
    members,
    level: { getMeta: () => undefined, putMeta: async () => {} },
    random: createRandom(1),
    log: SILENT,
    session: () => undefined,
    peers: () => [],
    reach: () => Promise.reject(new Error("nobody")),
    change: () => {},
  });
  return { rotation, members };
}

function removeMallory(members: MemberState): void {
  const host = pairOf("mallory").publicKey;
  const signed = createRevocation(AUTHORITY, null, { overlay: OVERLAY, host, wallMs: 0, kept: [] });
  members.revocations.add([checkRevocation(signed, OVERLAY)]);
}

const PRESENT = createClaim({
  subnet: QUAY,
  maker: pairOf("mallory"),
  makerMembership: membershipOf("mallory"),
  makerAdmittedMs: WALL_MS,
  wallMs: WALL_MS,
});

/** What a channel has of a caller: all that is looked at. */
function callerOf(membership: Membership, claim: SubnetClaim | null = PRESENT): PeerChannel {
  const checked = checkMembership(membership, OVERLAY, WALL_MS);
  const greeting = { host: checked.host, membership: checked, former: undefined, wire: 1 };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the rest is sockets
  return { greeting, peerHello: { subnet: QUAY.publicKey, claim } } as unknown as PeerChannel;
}

function draftFor(members: MemberState, former = PRESENT): SubnetClaim {
  const { hostKey, membership, admittedAtMs } = members;
  const maker = { host: hostKey.publicKey, membership, admittedAtMs };
  return draftSuccessor(former, QUAY, pairOf("new quay"), maker);
}

describe("a maker elsewhere", () => {
  it("signs the next generation of the caller's subnet, and binds a bound caller to it", async () => {
    const { rotation, members } = await startMaker();
    removeMallory(members);
    const bound = membershipOf("bert", { linkSubnet: QUAY.publicKey });
    const body = SubnetClaimCodec.encode(draftFor(members));
    const answer = SubnetHandoverCodec.decode(rotation.signFor(callerOf(bound), body));
    checkClaim(answer.claim!, OVERLAY, members.revoked);
    const next = checkMembership(answer.membership!, OVERLAY, WALL_MS);
    expect(next.linkSubnet).toEqual(Buffer.from(pairOf("new quay").publicKey));
    expect(answer.seed).toHaveLength(0);
    const free = SubnetHandoverCodec.decode(rotation.signFor(callerOf(membershipOf("bert")), body));
    expect(free.membership).toBeNull();
  });

  it("signs nothing while nobody was removed, nor for another subnet, generation or stamp", async () => {
    const { rotation, members } = await startMaker();
    const caller = callerOf(membershipOf("bert"));
    const draft = draftFor(members);
    const sign = (claim: SubnetClaim, by = caller): unknown =>
      rotation.signFor(by, SubnetClaimCodec.encode(claim));
    expect(() => sign(draft)).toThrow(/no subnet of the caller/);
    removeMallory(members);
    expect(() => sign(draftFor(members, { ...PRESENT, generation: 7 }))).toThrow(/no subnet of/);
    expect(() => sign(draftFor(members, { ...PRESENT, stampMs: 5n }))).toThrow(/no subnet of/);
    expect(() => sign(draft, callerOf(membershipOf("bert"), null))).toThrow(/no subnet of/);
    const other = createClaim({
      subnet: pairOf("other"),
      maker: pairOf("bert"),
      makerMembership: membershipOf("bert"),
      makerAdmittedMs: WALL_MS,
      wallMs: WALL_MS,
    });
    expect(() => sign(draft, callerOf(membershipOf("bert"), other))).toThrow(/no subnet of/);
    const forged = { ...draft, predecessorSignature: draft.subnetSignature };
    expect(() => sign(forged)).toThrow(/predecessor's signature/);
    sign(draft);
  });

  it("that may not admit signs nothing", async () => {
    const { rotation, members } = await startMaker(false);
    removeMallory(members);
    const body = SubnetClaimCodec.encode(draftFor(members));
    expect(() => rotation.signFor(callerOf(membershipOf("bert")), body)).toThrow(/does not make/);
  });
});
