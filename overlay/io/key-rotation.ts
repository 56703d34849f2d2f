/**
 * Gives this host's subnet another key when somebody who has held the present one was removed.
 *
 * The host whose turn it is enters the subnet's next generation by itself; its siblings meet that on
 * the link and, its generation being higher, come after it as in any merge. One that was away comes
 * when it is back.
 */
import { randomBytes } from "node:crypto";
import { fromBase32 } from "../../platform/base32.ts";
import { isEqualBytes } from "../../platform/bytes.ts";
import { errorMessage } from "../../platform/errors.ts";
import type { Logger } from "../../platform/logger.ts";
import type { Random } from "../../platform/random.ts";
import { OverlayError } from "../errors.ts";
import { hostsOf, readLeaf } from "../identity/certificate.ts";
import { createKeyPair, type KeyPair } from "../identity/keys.ts";
import { overlayTagOf } from "../identity/tags.ts";
import type { LinkPeer } from "../link/types.ts";
import {
  SubnetClaimCodec,
  SubnetHandoverCodec,
  type SubnetClaim,
  type SubnetHandover,
} from "../schema/messages.ts";
import { checkClaim, checkDraft, draftSuccessor, signAsMaker } from "../subnet/claim.ts";
import { membershipOf, type SetHost } from "../subnet/host-set.ts";
import { isKeyExposed, takeTurn } from "../subnet/rotation-rules.ts";
import { SubnetMemory } from "../subnet/subnet-memory.ts";
import type { NextSubnet } from "./formation.ts";
import type { LevelStore } from "./level-store.ts";
import type { MemberState } from "./member-state.ts";
import { acceptForSubnet, renewForLink } from "./membership-upkeep.ts";
import { CALL } from "../schema/methods.ts";
import type { PeerChannel } from "./peer-channel.ts";
import type { SubnetSession } from "./session.ts";

const MEMORY_META = "subnet-memory";
const RETRY_MS = 2_000;
/** A later generation announced on the link is waited for this long; anybody may announce one. */
const WAIT_FOR_OTHERS_MS = 6_000;
const SIGN_TIMEOUT_MS = 3_000;
const MAKERS_ASKED_MAX = 8;

export interface KeyRotationParts {
  readonly members: MemberState;
  readonly level: Pick<LevelStore, "getMeta" | "putMeta">;
  readonly random: Random;
  readonly log: Logger;
  session(): SubnetSession | undefined;
  peers(): readonly LinkPeer[];
  /** An open channel to that host, dialled if need be. */
  reach(host: SetHost): Promise<PeerChannel>;
  /** Enters the subnet that `next` gives, when no other change of subnet is under way. */
  change(next: () => Promise<NextSubnet>): void;
}

export class KeyRotation {
  readonly #parts: KeyRotationParts;
  #memory: SubnetMemory | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** How long this host has left it to a later generation that the link announces. */
  #waitedMs = 0;

  constructor(parts: KeyRotationParts) {
    this.#parts = parts;
    const kept = parts.level.getMeta(MEMORY_META);
    try {
      this.#memory = kept === undefined ? undefined : SubnetMemory.decode(kept);
    } catch (error) {
      parts.log.warn("memory of the subnet is damaged", { reason: errorMessage(error) });
    }
  }

  /** Keys that the present subnet had before. */
  get formers(): readonly Uint8Array[] {
    return this.#memory?.formers ?? [];
  }

  /** Hosts came, or the subnet is another one: they are remembered. */
  note(): void {
    const session = this.#parts.session();
    if (session === undefined) return;
    const memory = this.#memoryOf(session);
    const isNew = memory !== this.#memory;
    this.#memory = memory;
    const others = session.hosts.filter(({ id }) => id !== this.#parts.members.hostKey.id);
    const noted = others.filter((host) => memory.note(hostsOf(membershipOf(host))));
    if (!isNew && noted.length === 0) return;
    this.#parts.level.putMeta(MEMORY_META, memory.encode()).catch((error: unknown) => {
      this.#parts.log.warn("memory of the subnet not saved", { reason: errorMessage(error) });
    });
  }

  /** Looks whether the key has to go; to be called on news of revocations, hosts or subnet. */
  review(): void {
    const turn = this.#turn();
    if (turn === null) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      this.#waitedMs = 0;
    } else this.#timer ??= setTimeout(() => this.#act(), turn.delayMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {}, 0); // takes the place of any later one
  }

  /**
   * Signs a claim as its maker, for a subnet none of whose hosts may.
   *
   * @throws {OverlayError} ERR_OVERLAY_REFUSED unless the caller's own subnet is to have its next key
   */
  signFor(channel: PeerChannel, body: Uint8Array): Uint8Array {
    const { members } = this.#parts;
    const claim = SubnetClaimCodec.decode(body);
    const present = channel.peerHello.claim;
    checkDraft(claim);
    const isNext =
      present !== null &&
      isEqualBytes(claim.predecessor, channel.peerHello.subnet) &&
      isEqualBytes(present.subnet, claim.predecessor) &&
      claim.generation === present.generation + 1 &&
      claim.stampMs === present.stampMs;
    if (!isNext || members.revoked.isEmpty)
      throw new OverlayError(
        "ERR_OVERLAY_REFUSED",
        "no subnet of the caller is to get another key",
      );
    if (!isEqualBytes(claim.maker, members.hostKey.publicKey) || !members.mayAdmit)
      throw new OverlayError("ERR_OVERLAY_REFUSED", "this host does not make that claim");
    const made = { ...claim, makerMembership: members.membership };
    const signed = signAsMaker(made, members.hostKey);
    checkClaim(signed, members.info.overlay, members.revoked);
    const membership = renewForLink(members, channel.greeting, claim.subnet, [claim.predecessor]);
    const handover: SubnetHandover = {
      seed: new Uint8Array(),
      claim: signed,
      hostSet: null,
      overlay: null,
      contacts: [],
      membership,
    };
    return SubnetHandoverCodec.encode(handover);
  }

  #memoryOf(session: SubnetSession): SubnetMemory {
    const subnet = fromBase32(session.subnetId);
    const known = this.#memory;
    if (known === undefined) return new SubnetMemory(subnet);
    if (isEqualBytes(known.subnet, subnet)) return known;
    const isNext = isEqualBytes(session.claim.predecessor, known.subnet);
    return isNext ? known.succeed(subnet) : new SubnetMemory(subnet);
  }

  #turn(): ReturnType<typeof takeTurn> {
    const { members } = this.#parts;
    const session = this.#parts.session();
    if (session === undefined || members.removal !== undefined) return null;
    const { revoked } = members;
    const chains = this.#memoryOf(session).chains;
    if (!isKeyExposed(revoked, session.claim.maker, chains)) return null;
    const isIn = (host: SetHost): boolean =>
      revoked.refusalOf(hostsOf(membershipOf(host))) === undefined;
    return takeTurn(members.hostKey.id, session.hosts.filter(isIn));
  }

  #act(): void {
    this.#timer = undefined;
    const turn = this.#turn();
    if (turn === null) return;
    const session = this.#parts.session();
    const { random } = this.#parts;
    const again = (): void => {
      this.#timer ??= setTimeout(() => this.#act(), RETRY_MS * random.between(0.75, 1.25));
    };
    if (session === undefined) return;
    if (this.#isOvertaken(session.claim) && this.#waitedMs < WAIT_FOR_OTHERS_MS) {
      this.#waitedMs += RETRY_MS;
      return again();
    }
    this.#parts.change(() => this.#next(session, turn.asksElsewhere));
    again(); // if that fails; a review after it worked ends this
  }

  /** A host of this link announces a later generation: it will be met. */
  #isOvertaken({ generation }: SubnetClaim): boolean {
    const { members, peers } = this.#parts;
    const own = overlayTagOf(members.info.overlay);
    return peers().some(
      ({ announcement }) =>
        announcement.overlayTag === own && (announcement.generation ?? 0) > generation,
    );
  }

  async #next(session: SubnetSession, asksElsewhere: boolean): Promise<NextSubnet> {
    const { members, log } = this.#parts;
    if (this.#parts.session() !== session)
      throw new OverlayError("ERR_OVERLAY_NOT_JOINED", "the subnet has changed meanwhile");
    const key = createKeyPair(new Uint8Array(randomBytes(32)));
    const claim = asksElsewhere
      ? await this.#claimFromElsewhere(session, key)
      : signAsMaker(
          draftSuccessor(session.claim, session.key, key, {
            host: members.hostKey.publicKey,
            membership: members.membership,
            admittedAtMs: members.admittedAtMs,
          }),
          members.hostKey,
        );
    checkClaim(claim, members.info.overlay, members.revoked);
    log.info("the subnet gets another key", { subnet: session.subnetId, next: key.id });
    const contacts = session.book.all().filter((set) => set.hosts.length > 0);
    return { key, claim, via: "merged", hostSet: undefined, contacts, version: 0n };
  }

  /** Asks hosts elsewhere that may admit, one after the other, those nearest the authority first. */
  async #claimFromElsewhere(session: SubnetSession, key: KeyPair): Promise<SubnetClaim> {
    const { random, members, reach } = this.#parts;
    const { revoked } = members;
    const elsewhere = session.book.all().flatMap(({ hosts }) => hosts);
    const makers = random
      .shuffle(elsewhere.filter(({ mayAdmit }) => mayAdmit))
      .map((host) => ({ host, membership: membershipOf(host) }))
      .filter(({ membership }) => revoked.refusalOf(hostsOf(membership)) === undefined)
      .toSorted((a, b) => a.membership.chain.length - b.membership.chain.length);
    let last: unknown = new OverlayError(
      "ERR_OVERLAY_UNREACHABLE",
      "no host that may admit is known, here or elsewhere",
    );
    for (const { host, membership } of makers.slice(0, MAKERS_ASKED_MAX)) {
      const admittedAtMs = Number(readLeaf(membership).admittedAtMs);
      const maker = { host: host.key, membership, admittedAtMs };
      const draft = draftSuccessor(session.claim, session.key, key, maker);
      try {
        const channel = await reach(host);
        const body = SubnetClaimCodec.encode(draft);
        const answer = await channel.call(CALL.signClaim, body, SIGN_TIMEOUT_MS);
        const signed = SubnetHandoverCodec.decode(answer);
        if (signed.claim === null || !isEqualBytes(signed.claim.subnet, key.publicKey))
          throw new OverlayError("ERR_OVERLAY_REFUSED", "it signed another claim");
        checkClaim(signed.claim, members.info.overlay, revoked);
        if (signed.membership !== null)
          await acceptForSubnet(members, signed.membership, key.publicKey);
        return signed.claim;
      } catch (error) {
        last = error;
      }
    }
    throw last;
  }
}
