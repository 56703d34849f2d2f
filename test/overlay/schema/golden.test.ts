/** Wire bytes written by hand from the protobuf encoding, so that no field number moves unnoticed. */
/* oxlint-disable no-useless-concat -- one literal for each field */
import { describe, expect, it } from "vitest";
import { fromHex, toHex, utf8 } from "../../../platform/bytes.ts";
import * as messages from "../../../overlay/schema/messages.ts";

/** A length-delimited field: tag, length, bytes; all lengths here are below 128. */
function field(number: number, content: string | Uint8Array): string {
  const bytes = typeof content === "string" ? fromHex(content) : content;
  expect(bytes.length).toBeLessThan(128);
  return varintField((number << 3) | 2) + varintField(bytes.length) + toHex(bytes);
}

/** A varint field, its value already in wire form. */
function number(at: number, wire: string): string {
  return varintField(at << 3) + wire;
}

function varintField(value: number): string {
  return value < 128
    ? toHex(Uint8Array.of(value))
    : toHex(Uint8Array.of((value & 127) | 128, value >> 7));
}

const SIGNED = field(1, utf8("b")) + field(2, utf8("s"));
const signed: messages.Signed = { body: utf8("b"), signature: utf8("s") };
const MEMBERSHIP = field(1, SIGNED);
const membership: messages.Membership = { chain: [signed] };
const three = Uint8Array.of(3);

const hello: messages.Hello = {
  wireMin: 1,
  wireMax: 2,
  nonce: three,
  host: Uint8Array.of(4),
  overlay: Uint8Array.of(5),
  membership,
  subnet: Uint8Array.of(7),
  hostSet: signed,
  wallMs: 300n,
  claim: {
    subnet: Uint8Array.of(1),
    stampMs: 2n,
    generation: 3,
    maker: Uint8Array.of(4),
    makerAdmittedMs: 5n,
    subnetSignature: Uint8Array.of(6),
    makerSignature: Uint8Array.of(7),
    makerMembership: membership,
    predecessor: Uint8Array.of(9),
    predecessorSignature: Uint8Array.of(10),
  },
  statement: signed,
  revocations: Uint8Array.of(12),
};

// Tag = number << 3 | type; type 0 a varint, 2 length and bytes.
const CLAIM =
  "0a0101" +
  "1002" +
  "1803" +
  "220104" +
  "2805" +
  "320106" +
  "3a0107" +
  "4208" +
  "0a06" +
  "0a0162" +
  "120173" + // maker_membership
  "4a0109" + // predecessor
  "52010a"; // predecessor_signature
const HELLO =
  "0801" + // wire_min
  "1002" + // wire_max
  "1a0103" + // nonce
  "220104" + // host
  "2a0105" + // overlay
  "3208" +
  "0a06" +
  "0a0162" +
  "120173" + // membership: chain: body "b", signature "s"
  "3a0107" + // subnet
  "4206" +
  "0a0162" +
  "120173" + // host_set
  "48ac02" + // wall_ms = 300
  "5222" +
  CLAIM + // claim, 34 bytes
  "5a06" +
  "0a0162" +
  "120173" + // statement
  "62010c"; // revocations

function both<T>(codec: { encode(m: T): Uint8Array; decode(b: Uint8Array): T }, m: T, hex: string) {
  expect(toHex(codec.encode(m))).toBe(hex);
  expect(toHex(codec.encode(codec.decode(fromHex(hex))))).toBe(hex);
}

describe("the wire form", () => {
  it("of a hello", () => {
    both(messages.FrameCodec, { hello, wire: 1 }, "0a54" + HELLO + "7801");
  });

  it("of each other frame", () => {
    const { FrameCodec } = messages;
    both(
      FrameCodec,
      { proof: { signature: three, subnetSignature: three }, wire: 1 },
      "1206" + "0a0103" + "120103" + "7801",
    );
    both(
      FrameCodec,
      { request: { id: 7, method: "get", body: three }, wire: 1 },
      "1a0a" + "0807" + "1203676574" + "1a0103" + "7801",
    );
    both(
      FrameCodec,
      { response: { id: 7, body: three, errorCode: "E", errorMessage: "m" }, wire: 1 },
      "220b" + "0807" + "120103" + "1a0145" + "22016d" + "7801",
    );
    both(
      FrameCodec,
      { notice: { method: "x", body: three }, wire: 1 },
      "2a06" + "0a0178" + "120103" + "7801",
    );
    both(FrameCodec, { ping: 1, wire: 1 }, "3001" + "7801");
    both(FrameCodec, { pong: 1, wire: 300 }, "3801" + "78ac02");
    both(
      FrameCodec,
      { goodbye: { code: "E", reason: "r" }, wire: 1 },
      "4206" + "0a0145" + "120172" + "7801",
    );
  });

  it("of a host set and its statements", () => {
    both(
      messages.HostSetBodyCodec,
      {
        subnet: three,
        generation: 1,
        version: (2n << 16n) | 0xabcdn,
        statements: [signed, signed],
        peerRecord: Uint8Array.of(9),
      },
      "0a0103" + "1001" + "18cdd70a" + field(4, SIGNED) + field(4, SIGNED) + "2a0109",
    );
    both(
      messages.HostStatementCodec,
      {
        host: Uint8Array.of(1),
        subnet: Uint8Array.of(2),
        name: "n",
        subnetAddresses: ["a", "b"],
        hostAddresses: ["c"],
        sequence: 6,
        goodForMs: 7,
        membership,
        relays: [{ host: Uint8Array.of(5), address: "d" }],
        reach: 2,
      },
      "0a0101" +
        "120102" +
        "1a016e" +
        "220161" +
        "220162" +
        "2a0163" +
        "3006" +
        "3807" +
        field(8, MEMBERSHIP) +
        "4a06" +
        "0a0105" +
        "120164" +
        "5002",
    );
    both(messages.DialBackRequestCodec, { statement: signed }, field(1, SIGNED));
    both(messages.DialBackResponseCodec, { isReached: true }, "0801");
    both(messages.HostSetsCodec, { sets: [signed] }, field(1, SIGNED));
    both(messages.HostSetPullCodec, { knownVersion: 1n }, "0801");
  });

  it("of certificates and tokens", () => {
    both(
      messages.CertificateBodyCodec,
      {
        overlay: Uint8Array.of(1),
        host: Uint8Array.of(2),
        issuer: Uint8Array.of(3),
        mayAdmit: true,
        depth: 5,
        admittedAtMs: 6n,
        notAfterMs: 7n,
        linkSubnet: Uint8Array.of(8),
      },
      "0a0101" + "120102" + "1a0103" + "2001" + "2805" + "3006" + "3807" + "420108",
    );
    both(messages.MembershipCodec, membership, MEMBERSHIP);
    both(
      messages.TokenBodyCodec,
      {
        overlay: Uint8Array.of(1),
        token: Uint8Array.of(2),
        issuer: Uint8Array.of(3),
        mayAdmit: true,
        notAfterMs: 5n,
        contacts: ["c"],
        overlayName: "o",
        issuerMembership: membership,
        linkKey: Uint8Array.of(9),
      },
      ["0a0101", "120102", "1a0103", "2001", "2805", "320163", "3a016f"].join("") +
        field(8, MEMBERSHIP) +
        "4a0109",
    );
    both(messages.TokenCodec, { body: signed, secret: three }, field(1, SIGNED) + "120103");
  });

  it("of admission and hand-over", () => {
    const INFO = "0a0101" + "12016e" + "1a0103" + "2001" + "2805" + "3001";
    const info = {
      overlay: Uint8Array.of(1),
      name: "n",
      secret: three,
      locked: true,
      madeMs: 5n,
      lone: true,
    };
    both(messages.OverlayInfoCodec, info, INFO);
    both(
      messages.AdmitRequestCodec,
      { token: signed, tokenSignature: three, wantsSubnet: true, loneMadeMs: 4n, name: "n" },
      field(1, SIGNED) + "120103" + "1801" + "2004" + "2a016e",
    );
    const handover: messages.SubnetHandover = {
      seed: Uint8Array.of(1),
      claim: hello.claim,
      hostSet: signed,
      overlay: info,
      contacts: [signed],
      membership: { chain: [signed] },
    };
    const HANDOVER =
      "0a0101" +
      field(2, CLAIM) +
      field(3, SIGNED) +
      field(5, INFO) +
      field(6, SIGNED) +
      field(7, field(1, SIGNED));
    both(messages.SubnetClaimCodec, hello.claim!, CLAIM);
    both(messages.SubnetHandoverCodec, handover, HANDOVER);
    both(
      messages.AdmitResponseCodec,
      { membership, overlay: info, subnet: handover, contacts: [signed] },
      field(1, MEMBERSHIP) + field(2, INFO) + field(3, HANDOVER) + field(4, SIGNED),
    );
  });

  it("of what comes after admission", () => {
    both(
      messages.RevocationBodyCodec,
      {
        overlay: Uint8Array.of(1),
        host: Uint8Array.of(2),
        issuer: Uint8Array.of(3),
        revokedAtMs: 4n,
        issuerMembership: membership,
        kept: [Uint8Array.of(6), Uint8Array.of(7)],
      },
      "0a0101" + "120102" + "1a0103" + "2004" + field(5, MEMBERSHIP) + "320106" + "320107",
    );
    both(messages.RevocationPullCodec, { known: three }, "0a0103");
    both(messages.RevocationsCodec, { items: [signed], isMore: true }, field(1, SIGNED) + "1001");
    both(messages.ApprovalCodec, { host: three, membership }, "0a0103" + field(2, MEMBERSHIP));
    both(
      messages.PendingHostCodec,
      { host: three, name: "n", address: "a", waitingMs: 4 },
      "0a0103" + "12016e" + "1a0161" + "2004",
    );
    both(messages.RenewalCodec, { membership }, field(1, MEMBERSHIP));
  });

  it("of calls about records", () => {
    const ITEM = "0a0103" + "1007" + field(3, "0a0103" + "120103" + "1801");
    const origin = { subnet: three, host: three, isVouched: true };
    const items = [{ record: three, remainingMs: 7, origin }];
    both(messages.PutRequestCodec, { items, isInside: true }, field(1, ITEM) + "1001");
    both(
      messages.PutResponseCodec,
      { outcomes: [{ result: 3, floor: 300n, message: "m", copies: 2 }] },
      field(1, "0803" + "10ac02" + "1a016d" + "2002"),
    );
    both(
      messages.GetRequestCodec,
      { key: three, isInside: true, isQuick: true, after: "m" },
      "0a0103" + "1001" + "1801" + "22016d",
    );
    both(
      messages.GetResponseCodec,
      { items, resolvedBy: 2, host: three, next: "m" },
      field(1, ITEM) + number(2, "02") + "1a0103" + "22016d",
    );
    both(
      messages.WatchRequestCodec,
      { key: three, id: 2, isCancel: true },
      "0a0103" + "1002" + "1801",
    );
    both(
      messages.WatchNoticeCodec,
      { id: 1, key: three, items },
      "0801" + "120103" + field(3, ITEM),
    );
    both(messages.InterestNoticeCodec, { key: three, isCancel: true }, "0a0103" + "1001");
    both(messages.SignedCodec, signed, SIGNED);
  });
});
