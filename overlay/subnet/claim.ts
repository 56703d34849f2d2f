/**
 * A subnet's claim: its key, its immutable creation stamp, and who made it.
 *
 * Claims are what two subnets on one link compare when they merge. Design, "Merging".
 */
import { compareBytes, concatBytes, utf8 } from "../../platform/bytes.ts";
import { OverlayError } from "../errors.ts";
import { isSignedBy, KEY_BYTES, type KeyPair } from "../identity/keys.ts";
import type { SubnetClaim } from "../schema/messages.ts";

const CLAIM_DOMAIN = "causeway-subnet-1";

export interface ClaimRequest {
  readonly subnet: KeyPair;
  readonly maker: KeyPair;
  readonly makerAdmittedMs: number;
  readonly wallMs: number;
}

/** The first generation of a new subnet; a clock behind the admission does not void its stamp. */
export function createClaim(request: ClaimRequest): SubnetClaim {
  const { subnet, maker, makerAdmittedMs, wallMs } = request;
  const claim = {
    subnet: subnet.publicKey,
    stampMs: BigInt(Math.max(wallMs, makerAdmittedMs)),
    generation: 1,
    maker: maker.publicKey,
    makerAdmittedMs: BigInt(makerAdmittedMs),
  };
  const body = claimBody(claim);
  return {
    ...claim,
    subnetSignature: subnet.sign(CLAIM_DOMAIN, body),
    makerSignature: maker.sign(CLAIM_DOMAIN, body),
  };
}

/** @throws {OverlayError} ERR_OVERLAY_REFUSED naming what is wrong with it */
export function checkClaim(claim: SubnetClaim): void {
  if (claim.subnet.length !== KEY_BYTES || claim.maker.length !== KEY_BYTES)
    throw refused("a key is not 32 bytes");
  const body = claimBody(claim);
  if (!isSignedBy(claim.subnet, CLAIM_DOMAIN, body, claim.subnetSignature))
    throw refused("the subnet's signature does not verify");
  if (!isSignedBy(claim.maker, CLAIM_DOMAIN, body, claim.makerSignature))
    throw refused("its maker's signature does not verify");
  if (claim.stampMs < claim.makerAdmittedMs) throw refused("it is older than its maker");
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

function claimBody(claim: Omit<SubnetClaim, "subnetSignature" | "makerSignature">): Uint8Array {
  const numbers = `${claim.stampMs}\0${claim.generation}\0${claim.makerAdmittedMs}`;
  return concatBytes(claim.subnet, claim.maker, utf8(numbers));
}

function refused(problem: string): OverlayError {
  return new OverlayError("ERR_OVERLAY_REFUSED", `subnet claim refused: ${problem}`);
}
