/**
 * What this host answers to newcomers: admission, and the subnet's key for hosts of its link.
 */
import type { Logger } from "../../platform/logger.ts";
import type { Random } from "../../platform/random.ts";
import { OverlayError } from "../errors.ts";
import { fromBase32 } from "../../platform/base32.ts";
import {
  AdmitRequestCodec,
  AdmitResponseCodec,
  SubnetHandoverCodec,
  type Signed,
  type SubnetHandover,
} from "../schema/messages.ts";
import { fittingSets } from "../subnet/host-set.ts";
import type { MemberState, TokenUses } from "./member-state.ts";
import type { PeerChannel } from "./peer-channel.ts";
import type { SubnetSession } from "./session.ts";

const CONTACTS_SENT_MAX = 16;
const CONTACTS_BYTES_MAX = 96 * 1024;

export interface AdmissionParts {
  readonly members: MemberState;
  readonly random: Random;
  readonly log: Logger;
  session(): SubnetSession | undefined;
  isOnLink(channel: PeerChannel): boolean;
  readonly uses: TokenUses;
}

export class AdmissionDesk {
  readonly #parts: AdmissionParts;

  constructor(parts: AdmissionParts) {
    this.#parts = parts;
  }

  /** @throws {OverlayError} that tells the newcomer's administrator what to do */
  async admit(channel: PeerChannel, body: Uint8Array): Promise<Uint8Array> {
    const { members, log } = this.#parts;
    const request = AdmitRequestCodec.decode(body);
    const session = this.#parts.session();
    const isOnLink = this.#parts.isOnLink(channel);
    const membership = await members.admit(request, {
      host: channel.greeting.host,
      isOnLink,
      subnet: session === undefined ? undefined : fromBase32(session.subnetId),
      directory: session?.directory,
      uses: this.#parts.uses,
    });
    log.info("host admitted", { host: channel.hostId, byToken: request.token !== null });
    const wantsSubnet = request.wantsSubnet && isOnLink && session !== undefined;
    return AdmitResponseCodec.encode({
      membership,
      overlay: members.info,
      subnet: wantsSubnet ? this.#handover(channel) : null,
      contacts: this.#contacts(),
    });
  }

  /** @throws {OverlayError} unless a member on this link asks */
  adopt(channel: PeerChannel): Uint8Array {
    return SubnetHandoverCodec.encode(this.#handover(channel));
  }

  #handover(channel: PeerChannel): SubnetHandover {
    const { members, isOnLink } = this.#parts;
    const session = this.#parts.session();
    if (session === undefined)
      throw new OverlayError("ERR_OVERLAY_NOT_JOINED", "this host has no subnet to hand over");
    if (!isOnLink(channel))
      throw new OverlayError(
        "ERR_OVERLAY_REFUSED",
        "a subnet's key goes to hosts of its link only",
      );
    return {
      seed: session.key.seed,
      claim: session.claim,
      hostSet: session.hostSet?.signed ?? null,
      overlay: members.info,
      contacts: this.#contacts(),
      membership: members.renewForLink(channel.greeting, session.key.publicKey),
    };
  }

  /** Host sets to reach the overlay through: this subnet's and some that it knows. */
  #contacts(): Signed[] {
    const session = this.#parts.session();
    if (session === undefined) return [];
    const others = session.book.all().filter((set) => set.hosts.length > 0);
    const sets = this.#parts.random.shuffle(others).slice(0, CONTACTS_SENT_MAX);
    const own = session.hostSet === undefined ? [] : [session.hostSet];
    return fittingSets([...own, ...sets], CONTACTS_BYTES_MAX);
  }
}
