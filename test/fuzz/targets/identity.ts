/**
 * What is judged by its signatures: certificates, hellos, tokens, claims, statements, host sets.
 *
 * No mutation hits a signature. So a signature of one byte stands for one that is made on the
 * spot, over the body as it is then, by the key with that number: the checks behind it are reached.
 */
import { OverlayError } from "../../../overlay/errors.ts";
import {
  CERTIFICATE_DOMAIN,
  checkChain,
  checkMembership,
  checkNotFuture,
} from "../../../overlay/identity/certificate.ts";
import { checkFrameVersion, checkHello } from "../../../overlay/identity/hello.ts";
import { checkRevocation, createRevocation } from "../../../overlay/identity/revocation.ts";
import { checkToken, createToken, parseToken } from "../../../overlay/identity/token.ts";
import {
  FrameCodec,
  HostSetBodyCodec,
  HostStatementCodec,
  MembershipCodec,
  RevocationBodyCodec,
  SignedCodec,
  SubnetClaimCodec,
  TokenBodyCodec,
  TokenCodec,
  type Membership,
  type Signed,
  type SubnetClaim,
} from "../../../overlay/schema/messages.ts";
import { checkClaim, checkDraft, createClaim, signAsMaker } from "../../../overlay/subnet/claim.ts";
import { checkHostSet, checkStatement } from "../../../overlay/subnet/host-set.ts";
import { compareBytes, utf8 } from "../../../platform/bytes.ts";
import { membershipOf, OVERLAY, pairOf, WALL_MS } from "../../overlay/identity/members.ts";
import { HELLO } from "../../overlay/schema/samples.ts";
import { statementOf, SUBNET } from "../../overlay/subnet/statements.ts";
import { Violation, type FuzzTarget } from "../engine/target.ts";
import { PROTOBUF_CODE } from "./messages.ts";

const SIGNERS = [pairOf("authority"), pairOf("a"), pairOf("b"), SUBNET] as const;
const [AUTHORITY_SIGNS, A_SIGNS, B_SIGNS, SUBNET_SIGNS] = [0, 1, 2, 3].map((i) => Uint8Array.of(i));

/** Their domains, as docs/protocol.md has them. */
const DOMAINS = {
  statement: "causeway-host-1",
  hostSet: "causeway-host-set-1",
  token: "causeway-token-1",
  revocation: "causeway-revocation-1",
} as const;

function signature(placeholder: Uint8Array, domain: string, body: Uint8Array): Uint8Array {
  if (placeholder.length !== 1) return placeholder;
  return SIGNERS[placeholder[0]! % SIGNERS.length]!.sign(domain, body);
}

function signedAnew(signed: Signed, domain: string): Signed {
  return { body: signed.body, signature: signature(signed.signature, domain, signed.body) };
}

function membershipAnew(membership: Membership | null): Membership | null {
  const chain = membership?.chain.map((one) => signedAnew(one, CERTIFICATE_DOMAIN));
  return chain === undefined ? null : { chain };
}

/** A statement's own membership, and then its signature over that. */
function statementAnew(signed: Signed): Signed {
  const statement = HostStatementCodec.decode(signed.body);
  const membership = membershipAnew(statement.membership);
  const body = HostStatementCodec.encode({ ...statement, membership });
  return signedAnew({ ...signed, body }, DOMAINS.statement);
}

function placeheld(membership: Membership, ...signers: readonly Uint8Array[]): Membership {
  return { chain: membership.chain.map(({ body }, i) => ({ body, signature: signers[i]! })) };
}

const DIRECT = placeheld(membershipOf("a"), AUTHORITY_SIGNS!);
const ADMITTED = membershipOf("b", { by: ["a", membershipOf("a")] });
const BY_HOST = placeheld(ADMITTED, A_SIGNS!, AUTHORITY_SIGNS!);
const ON_LINK = placeheld(membershipOf("a", { linkSubnet: SUBNET.publicKey }), AUTHORITY_SIGNS!);

const SHARED = {
  format: "protobuf",
  bytesMax: 16 * 1024,
  dictionary: [...SIGNERS.map((one) => one.publicKey), utf8("192.0.2.1:4711")],
  counts: PROTOBUF_CODE,
  refusals: [OverlayError],
} as const;

const certificateChain: FuzzTarget = {
  ...SHARED,
  name: "certificate-chain",
  covers: ["checkMembership", "checkChain", "checkNotFuture"].map(
    (one) => `overlay/identity/certificate.ts ${one}`,
  ),
  seeds: () => [DIRECT, BY_HOST, ON_LINK].map((one) => MembershipCodec.encode(one)),
  run(bytes) {
    const membership = membershipAnew(MembershipCodec.decode(bytes))!;
    checkChain(membership, OVERLAY);
    checkNotFuture(membership, WALL_MS);
    const checked = checkMembership(membership, OVERLAY, WALL_MS);
    const { chain } = membership;
    if (checked.depth !== chain.length) throw new Violation("a depth that is not the chain's");
    if (checked.notAfterMs <= WALL_MS) throw new Violation("an expired certificate passes");
  },
};

const hello: FuzzTarget = {
  ...SHARED,
  name: "hello",
  covers: ["checkHello", "checkFrameVersion"].map((one) => `overlay/identity/hello.ts ${one}`),
  seeds: () =>
    [DIRECT, BY_HOST, ON_LINK].map((membership) => {
      const host = pairOf(membership === BY_HOST ? "b" : "a").publicKey;
      const subnet = SUBNET.publicKey;
      return FrameCodec.encode({ hello: { ...HELLO, host, overlay: OVERLAY, membership, subnet } });
    }),
  run(bytes) {
    const frame = FrameCodec.decode(bytes);
    checkFrameVersion(frame, frame.wire ?? 0);
    if (!frame.hello) return;
    const given = { ...frame.hello, membership: membershipAnew(frame.hello.membership) };
    checkHello(given, undefined, WALL_MS);
    const greeting = checkHello(given, OVERLAY, WALL_MS);
    if (greeting.membership && compareBytes(greeting.membership.host, greeting.host) !== 0)
      throw new Violation("a member under another's certificate");
  },
};

const TOKEN_PREFIX = "causeway1.";

const token: FuzzTarget = {
  ...SHARED,
  name: "token",
  covers: ["overlay/identity/token.ts parseToken", "overlay/identity/token.ts checkToken"],
  dictionary: [...SHARED.dictionary, TOKEN_PREFIX],
  seeds() {
    const text = createToken(pairOf("a"), DIRECT, {
      seed: pairOf("token").seed,
      mayAdmit: true,
      notAfterMs: WALL_MS + 1000,
      contacts: ["192.0.2.1:4711"],
      overlayName: "harbour",
      overlay: OVERLAY,
      linkKey: pairOf("link").seed,
    });
    const bytes = Buffer.from(text.slice(TOKEN_PREFIX.length), "base64url");
    const { body, secret } = TokenCodec.decode(bytes);
    const held = { body: { body: body!.body, signature: A_SIGNS! }, secret };
    return [TokenCodec.encode(held), utf8(text)];
  },
  run(bytes) {
    const plain = new TextDecoder().decode(bytes);
    const text = plain.startsWith(TOKEN_PREFIX)
      ? plain
      : TOKEN_PREFIX + Buffer.from(bytes).toString("base64url");
    const held = parseToken(text, WALL_MS);
    const body = TokenBodyCodec.decode(held.signed.body);
    const issuerMembership = membershipAnew(body.issuerMembership);
    const signed = signedAnew(
      { ...held.signed, body: TokenBodyCodec.encode({ ...body, issuerMembership }) },
      DOMAINS.token,
    );
    const host = pairOf("newcomer").publicKey;
    checkToken(signed, held.redeemFor(host), host, OVERLAY, WALL_MS);
  },
};

/** What a claim's signatures stand over, told by the function that signs. */
function claimBody(given: SubnetClaim): { readonly domain: string; readonly body: Uint8Array } {
  let told = { domain: "", body: new Uint8Array() };
  const listener = (domain: string, body: Uint8Array): Uint8Array => {
    told = { domain, body: new Uint8Array(body) };
    return body;
  };
  signAsMaker(given, { ...pairOf("a"), sign: listener });
  return told;
}

function claimAnew(given: SubnetClaim): SubnetClaim {
  const proven = { ...given, makerMembership: membershipAnew(given.makerMembership) };
  const { domain, body } = claimBody(proven);
  return {
    ...proven,
    subnetSignature: signature(given.subnetSignature, domain, body),
    makerSignature: signature(given.makerSignature, domain, body),
    predecessorSignature: signature(given.predecessorSignature, domain, body),
  };
}

const claim: FuzzTarget = {
  ...SHARED,
  name: "claim",
  covers: ["overlay/subnet/claim.ts checkClaim", "overlay/subnet/claim.ts checkDraft"],
  seeds() {
    const maker = { maker: pairOf("a"), makerMembership: membershipOf("a") };
    const times = { makerAdmittedMs: WALL_MS, wallMs: WALL_MS };
    const made = createClaim({ subnet: SUBNET, ...maker, ...times });
    const bare = { ...made, makerMembership: DIRECT, makerSignature: A_SIGNS! };
    const first = { ...bare, subnetSignature: SUBNET_SIGNS! };
    // The next generation, under the key of b as if that were a subnet's.
    const later = { ...first, generation: 2, subnet: pairOf("b").publicKey };
    const predecessor = { predecessor: SUBNET.publicKey, predecessorSignature: SUBNET_SIGNS! };
    const second = { ...later, ...predecessor, subnetSignature: B_SIGNS! };
    return [made, first, second].map((one) => SubnetClaimCodec.encode(one));
  },
  run(bytes) {
    const given = claimAnew(SubnetClaimCodec.decode(bytes));
    checkClaim(given, OVERLAY);
    checkDraft(given);
  },
};

const revocation: FuzzTarget = {
  ...SHARED,
  name: "revocation",
  covers: ["overlay/identity/revocation.ts checkRevocation"],
  seeds() {
    const request = { overlay: OVERLAY, host: pairOf("b").publicKey, wallMs: WALL_MS };
    const byHost = createRevocation(pairOf("a"), DIRECT, { ...request, kept: [] });
    const kept = [pairOf("c").publicKey, pairOf("d").publicKey];
    const byAuthority = createRevocation(pairOf("authority"), null, { ...request, kept });
    return [
      SignedCodec.encode({ ...byHost, signature: A_SIGNS! }),
      SignedCodec.encode({ ...byAuthority, signature: AUTHORITY_SIGNS! }),
    ];
  },
  run(bytes) {
    const signed = SignedCodec.decode(bytes);
    const given = RevocationBodyCodec.decode(signed.body);
    const issuerMembership = membershipAnew(given.issuerMembership);
    const body = RevocationBodyCodec.encode({ ...given, issuerMembership });
    const checked = checkRevocation(signedAnew({ ...signed, body }, DOMAINS.revocation), OVERLAY);
    if (compareBytes(checked.host, OVERLAY) === 0) throw new Violation("the authority is revoked");
  },
};

function statementSeed(name: "a" | "b"): Signed {
  const membership = name === "a" ? DIRECT : BY_HOST;
  const body = HostStatementCodec.encode(statementOf(name, { membership }));
  return { body, signature: name === "a" ? A_SIGNS! : B_SIGNS! };
}

const statement: FuzzTarget = {
  ...SHARED,
  name: "statement",
  covers: ["overlay/subnet/host-set.ts checkStatement"],
  seeds: () => [SignedCodec.encode(statementSeed("a")), SignedCodec.encode(statementSeed("b"))],
  run(bytes) {
    checkStatement(statementAnew(SignedCodec.decode(bytes)), OVERLAY, WALL_MS);
  },
};

/** What does not decode is left as it is: the check is to refuse it, or leave that host out. */
function statementOrAsIs(signed: Signed): Signed {
  try {
    return statementAnew(signed);
  } catch {
    return signed;
  }
}

const hostSet: FuzzTarget = {
  ...SHARED,
  name: "host-set",
  covers: ["overlay/subnet/host-set.ts checkHostSet"],
  seeds() {
    const body = HostSetBodyCodec.encode({
      subnet: SUBNET.publicKey,
      generation: 1,
      version: 1n << 16n,
      statements: [statementSeed("a"), statementSeed("b")],
      peerRecord: utf8("envelope"),
    });
    return [SignedCodec.encode({ body, signature: SUBNET_SIGNS! })];
  },
  run(bytes) {
    const signed = SignedCodec.decode(bytes);
    const given = HostSetBodyCodec.decode(signed.body);
    const statements = given.statements.map(statementOrAsIs);
    const body = HostSetBodyCodec.encode({ ...given, statements });
    const { hosts } = checkHostSet(
      signedAnew({ ...signed, body }, DOMAINS.hostSet),
      OVERLAY,
      WALL_MS,
    );
    for (const [i, host] of hosts.entries())
      if (i > 0 && compareBytes(hosts[i - 1]!.key, host.key) >= 0)
        throw new Violation("hosts that do not ascend, or one of them twice");
  },
};

export const IDENTITY_TARGETS = [
  certificateChain,
  hello,
  token,
  claim,
  revocation,
  statement,
  hostSet,
];
