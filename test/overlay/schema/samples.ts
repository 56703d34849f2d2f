/** One full sample of each message, no field left at its default. */
import { utf8 } from "../../../platform/bytes.ts";
import type { Codec } from "../../../overlay/schema/codec.ts";
import * as messages from "../../../overlay/schema/messages.ts";

const key = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);
const signed = (fill: number): messages.Signed => ({
  body: utf8(`body ${fill}`),
  signature: new Uint8Array(64).fill(fill),
});
const membership: messages.Membership = { chain: [signed(1), signed(2)] };
const U64_MAX = 2n ** 64n - 1n;

const claim: messages.SubnetClaim = {
  subnet: key(1),
  stampMs: 1_790_000_000_000n,
  generation: 3,
  maker: key(2),
  makerAdmittedMs: 1_780_000_000_000n,
  subnetSignature: new Uint8Array(64).fill(3),
  makerSignature: new Uint8Array(64).fill(4),
  makerMembership: membership,
  predecessor: key(5),
  predecessorSignature: new Uint8Array(64).fill(6),
};

const overlay: messages.OverlayInfo = {
  overlay: key(1),
  name: "harbour",
  secret: key(2),
  locked: true,
  madeMs: 1_780_000_000_000n,
  lone: true,
};

const handover: messages.SubnetHandover = {
  seed: key(1),
  claim,
  hostSet: signed(1),
  overlay,
  contacts: [signed(3), signed(4)],
  membership: { chain: [signed(5)] },
};

const origin: messages.RecordOrigin = { subnet: key(1), host: key(2), isVouched: true };
const items: messages.RecordItem[] = [
  { record: utf8("one"), remainingMs: 1, origin },
  { record: utf8("two"), remainingMs: 0xffffffff, origin },
];

export const HELLO: messages.Hello = {
  wireMin: 1,
  wireMax: 2,
  nonce: key(7),
  host: key(8),
  overlay: key(9),
  membership,
  subnet: key(10),
  hostSet: signed(11),
  wallMs: 1_790_000_000_000n,
  claim,
  statement: signed(12),
  revocations: key(13),
};

/** A message's name in the schema, its codec, the codec's bound and a sample. */
export interface Sample {
  readonly name: string;
  readonly codec: Codec<object>;
  readonly bytesMax: number;
  readonly message: object;
}

function sample<T extends object>(
  name: string,
  codec: Codec<T>,
  bytesMax: number,
  message: T,
): Sample {
  return { name, codec, bytesMax, message };
}

const KIB = 1024;
const FRAME = 256 * KIB;

const FRAMES: readonly messages.Frame[] = [
  { hello: HELLO },
  {
    proof: {
      signature: new Uint8Array(64).fill(1),
      subnetSignature: new Uint8Array(64).fill(2),
    },
  },
  { request: { id: 7, method: "put", body: utf8("body") } },
  { response: { id: 7, body: utf8("body"), errorCode: "ERR_X", errorMessage: "no" } },
  { notice: { method: "leave", body: utf8("body") } },
  { ping: 1 },
  { pong: 1 },
  { goodbye: { code: "ERR_X", reason: "why" } },
];

export const SAMPLES: readonly Sample[] = [
  sample("CertificateBody", messages.CertificateBodyCodec, KIB, {
    overlay: key(1),
    host: key(2),
    issuer: key(3),
    mayAdmit: true,
    depth: 4,
    admittedAtMs: 1_790_000_000_000n,
    notAfterMs: U64_MAX,
    linkSubnet: key(4),
  }),
  sample("Membership", messages.MembershipCodec, 4 * KIB, membership),
  sample("TokenBody", messages.TokenBodyCodec, 8 * KIB, {
    overlay: key(1),
    token: key(2),
    issuer: key(3),
    mayAdmit: true,
    notAfterMs: 1n,
    contacts: ["192.0.2.7:4712", "[2001:db8::7]:4712"],
    overlayName: "häfen",
    issuerMembership: membership,
    linkKey: key(4),
  }),
  sample("Token", messages.TokenCodec, 12 * KIB, { body: signed(1), secret: key(2) }),
  ...FRAMES.map((frame) => sample("Frame", messages.FrameCodec, FRAME, { ...frame, wire: 2 })),
  sample("AdmitRequest", messages.AdmitRequestCodec, 16 * KIB, {
    token: signed(1),
    tokenSignature: new Uint8Array(64).fill(2),
    wantsSubnet: true,
    loneMadeMs: 5n,
    name: "host-b",
  }),
  sample("AdmitResponse", messages.AdmitResponseCodec, FRAME, {
    membership,
    overlay,
    subnet: handover,
    contacts: [signed(1)],
  }),
  sample("SubnetClaim", messages.SubnetClaimCodec, 6 * KIB, claim),
  sample("SubnetHandover", messages.SubnetHandoverCodec, FRAME, handover),
  sample("RevocationBody", messages.RevocationBodyCodec, 16 * KIB, {
    overlay: key(1),
    host: key(2),
    issuer: key(3),
    revokedAtMs: 1_790_000_000_000n,
    issuerMembership: membership,
    kept: [key(4), key(5)],
  }),
  sample("RevocationPull", messages.RevocationPullCodec, 72 * KIB, { known: key(1) }),
  sample("Revocations", messages.RevocationsCodec, FRAME, {
    items: [signed(1), signed(2)],
    isMore: true,
  }),
  sample("Approval", messages.ApprovalCodec, 8 * KIB, { host: key(1), membership }),
  sample("PendingHost", messages.PendingHostCodec, KIB, {
    host: key(1),
    name: "host-b",
    address: "192.0.2.7:4712",
    waitingMs: 7,
  }),
  sample("Renewal", messages.RenewalCodec, 6 * KIB, { membership }),
  sample("HostStatement", messages.HostStatementCodec, 8 * KIB, {
    host: key(1),
    subnet: key(2),
    name: "host-a",
    subnetAddresses: ["192.0.2.1:4711"],
    hostAddresses: ["192.0.2.1:4712", "[2001:db8::1]:4712"],
    relays: [{ host: key(3), address: "192.0.2.9:4712" }],
    reach: 2,
    sequence: 9,
    goodForMs: 600_000,
    membership,
  }),
  sample("HostSetBody", messages.HostSetBodyCodec, 64 * KIB, {
    subnet: key(1),
    generation: 1,
    version: U64_MAX,
    statements: [signed(1), signed(2)],
    peerRecord: utf8("envelope"),
  }),
  sample("DialBackRequest", messages.DialBackRequestCodec, 16 * KIB, { statement: signed(1) }),
  sample("DialBackResponse", messages.DialBackResponseCodec, KIB, { isReached: true }),
  sample("HostSets", messages.HostSetsCodec, FRAME, { sets: [signed(1), signed(2)] }),
  sample("OverlayInfo", messages.OverlayInfoCodec, KIB, overlay),
  sample("Signed", messages.SignedCodec, 64 * KIB, signed(1)),
  sample("HostSetPull", messages.HostSetPullCodec, KIB, { knownVersion: U64_MAX }),
  sample("PutRequest", messages.PutRequestCodec, FRAME, { items, isInside: true }),
  sample("PutResponse", messages.PutResponseCodec, FRAME, {
    outcomes: [{ result: 3, floor: U64_MAX, message: "a newer version is known", copies: 2 }],
  }),
  sample("GetRequest", messages.GetRequestCodec, KIB, {
    key: key(1),
    isInside: true,
    isQuick: true,
    after: "slot",
  }),
  sample("GetResponse", messages.GetResponseCodec, FRAME, {
    items,
    resolvedBy: 3,
    host: key(1),
    next: "slot",
  }),
  sample("WatchRequest", messages.WatchRequestCodec, KIB, { key: key(1), id: 2, isCancel: true }),
  sample("WatchNotice", messages.WatchNoticeCodec, FRAME, { id: 2, key: key(1), items }),
  sample("InterestNotice", messages.InterestNoticeCodec, KIB, { key: key(1), isCancel: true }),
  sample("FloorsRequest", messages.FloorsRequestCodec, FRAME, {
    slots: [key(1), key(2)],
    isInside: true,
  }),
  sample("FloorsResponse", messages.FloorsResponseCodec, FRAME, {
    floors: [{ version: U64_MAX, remainingMs: 0xffffffff, isRemoved: true }],
  }),
];
