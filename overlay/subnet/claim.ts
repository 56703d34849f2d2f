/**
 * A subnet's claim: its key, its immutable creation stamp, and who made it.
 *
 * Claims are what two subnets on one link compare when they merge. When a host is removed its
 * subnet gets a new key: the claim of the next generation keeps the stamp, names its predecessor,
 * whose key signs it too, and is made by a host that may admit. Design, "Merging" and "Trust".
 */
import { compareBytes, concatBytes, isEqualBytes, utf8 } from "../../platform/bytes.ts";
import { errorMessage } from "../../platform/errors.ts";
import { OverlayError } from "../errors.ts";
import { checkChain, type CheckedMembership } from "../identity/certificate.ts";
import { isSignedBy, KEY_BYTES, type KeyPair } from "../identity/keys.ts";
import { NOBODY_REVOKED, type Revoked } from "../identity/revoked.ts";
import type { Membership, SubnetClaim } from "../schema/messages.ts";

const CLAIM_DOMAIN = "causeway-subnet-1";

export interface ClaimRequest {
  readonly subnet: KeyPair;
  readonly maker: KeyPair;
  readonly makerMembership: Membership;
  readonly makerAdmittedMs: number;
  readonly wallMs: number;
}

/** The first generation of a new subnet; a clock behind the admission does not void its stamp. */
export function createClaim(request: ClaimRequest): SubnetClaim {
  const { subnet, maker, makerMembership, makerAdmittedMs, wallMs } = request;
  const draft: SubnetClaim = {
    ...UNSIGNED,
    subnet: subnet.publicKey,
    stampMs: BigInt(Math.max(wallMs, makerAdmittedMs)),
    generation: 1,
    maker: maker.publicKey,
    makerAdmittedMs: BigInt(makerAdmittedMs),
    makerMembership,
  };
  return signAsMaker({ ...draft, subnetSignature: signBy(subnet, draft) }, maker);
}

/** Who makes the next generation: an admitting host, which may be one of another subnet. */
export interface ClaimMaker {
  readonly host: Uint8Array;
  readonly membership: Membership;
  readonly admittedAtMs: number;
}

/** The next generation of a subnet under a new key, signed by both keys and not yet by its maker. */
export function draftSuccessor(
  former: SubnetClaim,
  formerKey: KeyPair,
  subnet: KeyPair,
  maker: ClaimMaker,
): SubnetClaim {
  const draft: SubnetClaim = {
    ...UNSIGNED,
    subnet: subnet.publicKey,
    stampMs: former.stampMs,
    generation: former.generation + 1,
    maker: maker.host,
    makerAdmittedMs: BigInt(maker.admittedAtMs),
    makerMembership: maker.membership,
    predecessor: former.subnet,
  };
  return {
    ...draft,
    subnetSignature: signBy(subnet, draft),
    predecessorSignature: signBy(formerKey, draft),
  };
}

export function signAsMaker(claim: SubnetClaim, maker: KeyPair): SubnetClaim {
  return { ...claim, makerSignature: signBy(maker, claim) };
}

/**
 * @param overlay the overlay that the maker must be a member of; its certificate may have ended
 * @param revoked who has been removed: such a host's claims are void
 * @throws {OverlayError} ERR_OVERLAY_REFUSED naming what is wrong with it
 */
export function checkClaim(
  claim: SubnetClaim,
  overlay: Uint8Array,
  revoked: Revoked = NOBODY_REVOKED,
): void {
  checkDraft(claim);
  const { maker, makerSignature } = claim;
  if (!isSignedBy(maker, CLAIM_DOMAIN, claimBody(claim), makerSignature))
    throw refused("its maker's signature does not verify");
  const membership = checkMaker(claim, overlay);
  if (revoked.refusalOf(membership.hosts) !== undefined)
    throw refused("its maker was removed from the overlay");
}

/** What is to hold before the maker signs. @throws {OverlayError} ERR_OVERLAY_REFUSED */
export function checkDraft(claim: SubnetClaim): void {
  const { subnet, maker, predecessor, generation } = claim;
  if (subnet.length !== KEY_BYTES || maker.length !== KEY_BYTES)
    throw refused("a key is not 32 bytes");
  const body = claimBody(claim);
  if (!isSignedBy(subnet, CLAIM_DOMAIN, body, claim.subnetSignature))
    throw refused("the subnet's signature does not verify");
  if (generation < 1 || generation > 1 !== predecessor.length > 0)
    throw refused("only a later generation has a predecessor");
  if (generation > 1 && !isSignedBy(predecessor, CLAIM_DOMAIN, body, claim.predecessorSignature))
    throw refused("its predecessor's signature does not verify");
  if (generation === 1 && claim.stampMs < claim.makerAdmittedMs)
    throw refused("it is older than its maker");
}

/** The maker is a member since when it says, and may make this generation. */
function checkMaker(claim: SubnetClaim, overlay: Uint8Array): CheckedMembership {
  let membership: CheckedMembership;
  try {
    membership = checkChain(claim.makerMembership ?? { chain: [] }, overlay);
  } catch (error) {
    throw refused(`its maker's ${errorMessage(error)}`);
  }
  if (!isEqualBytes(membership.host, claim.maker))
    throw refused("its maker's certificate is another's");
  if (membership.admittedAtMs !== Number(claim.makerAdmittedMs))
    throw refused("its maker was admitted at another time");
  if (claim.generation > 1 && (!membership.mayAdmit || membership.linkSubnet !== null))
    throw refused("the maker of a later generation must be a host that may admit");
  return membership;
}

const NONE = new Uint8Array();
const UNSIGNED = {
  makerSignature: NONE,
  subnetSignature: NONE,
  predecessor: NONE,
  predecessorSignature: NONE,
};

function signBy(key: KeyPair, claim: SubnetClaim): Uint8Array {
  return key.sign(CLAIM_DOMAIN, claimBody(claim));
}

/**
 * Orders two claims; the first of an ascending sort is the subnet that stays.
 *
 * The higher key generation, then the older stamp, then the smaller id.
 */
export function compareClaims(a: SubnetClaim, b: SubnetClaim): number {
  if (a.generation !== b.generation) return b.generation - a.generation;
  if (a.stampMs !== b.stampMs) return a.stampMs < b.stampMs ? -1 : 1;
  return compareBytes(a.subnet, b.subnet);
}

function claimBody(claim: SubnetClaim): Uint8Array {
  const { subnet, maker, stampMs, generation, makerAdmittedMs, predecessor } = claim;
  return concatBytes(
    subnet,
    maker,
    predecessor,
    utf8(`${stampMs}\0${generation}\0${makerAdmittedMs}`),
  );
}

function refused(problem: string): OverlayError {
  return new OverlayError("ERR_OVERLAY_REFUSED", `subnet claim refused: ${problem}`);
}
