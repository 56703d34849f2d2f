/** What a host says of itself in a hello, with or without a subnet. */
import type { Clock } from "../../platform/clock.ts";
import { WIRE_VERSION, WIRE_VERSION_MIN } from "../identity/hello.ts";
import type { KeyPair } from "../identity/keys.ts";
import type { Hello, Membership, SubnetClaim } from "../schema/messages.ts";

export interface Introduction {
  readonly hostKey: KeyPair;
  readonly clock: Clock;
  /** Id of the own overlay; absent before admission. */
  readonly overlay: Uint8Array | undefined;
  readonly membership: Membership | null;
  readonly claim: SubnetClaim | null;
}

/** A hello but for what the channel adds to each. */
export type Introduced = Omit<Hello, "nonce" | "revocations">;

/** All but what the channel adds itself, and the host set and statement of a session. */
export function introduce(given: Introduction): Introduced {
  const { hostKey, clock, overlay, membership, claim } = given;
  return {
    wireMin: WIRE_VERSION_MIN,
    wireMax: WIRE_VERSION,
    host: hostKey.publicKey,
    overlay: overlay ?? new Uint8Array(),
    membership,
    subnet: claim?.subnet ?? new Uint8Array(),
    hostSet: null,
    wallMs: BigInt(Math.trunc(clock.wallMs())),
    claim,
    statement: null,
  };
}

/** What a host of a subnet says before it has a host set. */
export function introduceMember(
  parts: Pick<Introduction, "hostKey" | "clock" | "claim"> & {
    readonly overlay: { readonly id: Uint8Array };
    membership(): Membership;
  },
): Introduced {
  return introduce({ ...parts, overlay: parts.overlay.id, membership: parts.membership() });
}
