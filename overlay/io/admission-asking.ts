/** The newcomer's side of admission: asks a host to be let in, on the link or with a token. */
import { isEqualBytes } from "../../platform/bytes.ts";
import { errorMessage } from "../../platform/errors.ts";
import { OverlayError } from "../errors.ts";
import { AdmitRequestCodec, AdmitResponseCodec, type AdmitResponse } from "../schema/messages.ts";
import type { FormationParts } from "./formation.ts";
import { toJoinFailure } from "../subnet/join-failure.ts";
import { CALL } from "../schema/methods.ts";
import type { PeerChannel } from "./peer-channel.ts";
import { tryStaggered } from "./staggered.ts";

const ASK_TIMEOUT_MS = 8_000;
const BOOTSTRAP_TIMEOUT_MS = 8_000;
const STAGGER_MS = 500;

type AskingParts = Pick<
  FormationParts,
  "options" | "parts" | "state" | "members" | "pool" | "token"
>;

export class AdmissionAsking {
  /** Token addresses dialled so far. */
  contactsDialled = 0;
  readonly #with: AskingParts;

  constructor(given: AskingParts) {
    this.#with = given;
  }

  /**
   * Asks that host, and takes the membership that it gives.
   *
   * @throws {OverlayError} its refusal, or what is wrong with its answer
   */
  async ask(
    channel: PeerChannel,
    wantsSubnet: boolean,
    yieldsOverlay: boolean,
  ): Promise<AdmitResponse> {
    const { members, state, token, parts, options } = this.#with;
    const theirs = channel.peerHello.overlay;
    const own = members.overlay;
    // Tags on the link are anybody's to send: a member asks for admission to no other overlay.
    if (theirs.length === 0 || (own !== null && !(yieldsOverlay && own.isLone)))
      throw new OverlayError("ERR_OVERLAY_NOT_JOINED", "that host is not in this overlay");
    const isMeant = token !== undefined && isEqualBytes(token.overlay, channel.peerHello.overlay);
    if (own === null && token !== undefined && !isMeant)
      throw new OverlayError("ERR_OVERLAY_REFUSED", "that host is not in the token's overlay");
    const request = AdmitRequestCodec.encode({
      token: isMeant ? token.signed : null,
      tokenSignature: isMeant ? token.redeemFor(state.hostKey.publicKey) : new Uint8Array(),
      wantsSubnet,
      loneMadeMs: yieldsOverlay ? BigInt(members.overlay?.madeMs ?? 0) : 0n,
      name: options.hostName,
    });
    const body = await channel.call(CALL.admit, request, ASK_TIMEOUT_MS);
    const response = AdmitResponseCodec.decode(body);
    const { overlay, membership, subnet } = response;
    if (overlay === null || membership === null || (wantsSubnet && subnet === null))
      throw new OverlayError("ERR_OVERLAY_REFUSED", "admitted without membership or subnet");
    if (!isEqualBytes(overlay.overlay, theirs) || (yieldsOverlay && !members.yieldsTo(overlay)))
      throw new OverlayError("ERR_OVERLAY_REFUSED", "admitted to another overlay than asked for");
    await members.accept(overlay, membership);
    await state.saveContacts(response.contacts).catch((error: unknown) => {
      parts.log.warn("contacts not saved", { reason: errorMessage(error) });
    });
    return response;
  }

  /**
   * Redeems the token at one of its contacts.
   *
   * @throws {OverlayError} why none did; the words are for the administrator
   */
  async redeem(): Promise<void> {
    const { token, parts } = this.#with;
    const contacts = parts.random.shuffle(token?.contacts ?? []);
    try {
      await tryStaggered(
        contacts,
        (address) => this.#redeemAt(address),
        STAGGER_MS,
        // Another contact may redeem what this one may not.
        (error) => error instanceof OverlayError && error.code === "ERR_OVERLAY_TOKEN",
      );
    } catch (cause) {
      if (toJoinFailure(cause) !== "unreachable") throw cause;
      throw new OverlayError(
        "ERR_OVERLAY_UNREACHABLE",
        `no contact of the token answers (${errorMessage(cause)}); check that ` +
          `${contacts.join(" or ")} can be reached`,
        { cause },
      );
    }
  }

  async #redeemAt(address: string): Promise<void> {
    this.contactsDialled++;
    const signal = AbortSignal.timeout(BOOTSTRAP_TIMEOUT_MS);
    const channel = await this.#with.pool.dial(address, signal);
    await this.ask(channel, false, false);
  }
}
