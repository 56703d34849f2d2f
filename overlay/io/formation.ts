/**
 * Performs what the formation machine decides: joins a host of the link, redeems a token, makes or
 * resumes a subnet, merges two.
 */
import { randomBytes } from "node:crypto";
import { isEqualBytes } from "../../platform/bytes.ts";
import { errorMessage } from "../../platform/errors.ts";
import { createDriver, type Driver } from "../../platform/io/driver.ts";
import { OverlayError } from "../errors.ts";
import { createKeyPair, type KeyPair } from "../identity/keys.ts";
import { overlayTagOf, subnetTagOf } from "../identity/tags.ts";
import type { HeldToken } from "../identity/token.ts";
import type { LinkAddressing } from "../../platform/address.ts";
import type { LinkFingerprint } from "../link/fingerprint.ts";
import type { LinkPeer } from "../link/types.ts";
import {
  SubnetHandoverCodec,
  type Signed,
  type SubnetClaim,
  type SubnetHandover,
} from "../schema/messages.ts";
import { checkClaim, compareClaims, createClaim } from "../subnet/claim.ts";
import {
  FormationMachine,
  type FormationAction,
  type FormationEvent,
} from "../subnet/formation-machine.ts";
import { checkHostSet, type HostSet } from "../subnet/host-set.ts";
import type { JoinedVia } from "../types.ts";
import { AdmissionAsking } from "./admission-asking.ts";
import type { ChannelPool } from "./channel-pool.ts";
import { Homecoming } from "./homecoming.ts";
import type { MemberState } from "./member-state.ts";
import { toJoinFailure } from "../subnet/join-failure.ts";
import { CALL } from "../schema/methods.ts";
import type { OverlayOptions, OverlayParts } from "./options.ts";
import type { PeerChannel } from "./peer-channel.ts";
import { dialTexts } from "./roaming.ts";
import type { SubnetSession } from "./session.ts";
import type { StateDirectory } from "./state.ts";
import { tryStaggered } from "./staggered.ts";

const JOIN_TIMEOUT_MS = 8_000;
const DIAL_TIMEOUT_MS = 3_000;
const STAGGER_MS = 500;

/** The subnet that this host is about to be in. */
export interface NextSubnet {
  readonly key: KeyPair;
  readonly claim: SubnetClaim;
  readonly via: JoinedVia;
  /** Handed over by a host that is in it. */
  readonly hostSet: HostSet | undefined;
  /** Host sets of other subnets to reach the overlay through. */
  readonly contacts: readonly HostSet[];
  /** Greatest version of its host set known. */
  readonly version: bigint;
  /** What its link looked like before; absent when this host was never in it. */
  readonly home?: LinkFingerprint;
}

export interface FormationParts {
  readonly options: OverlayOptions;
  readonly parts: OverlayParts;
  readonly state: StateDirectory;
  readonly members: MemberState;
  readonly pool: ChannelPool;
  readonly token: HeldToken | undefined;
  peers(): readonly LinkPeer[];
  link(): LinkAddressing | undefined;
  fingerprint(waitMs?: number): Promise<LinkFingerprint | null>;
  /** Whether the link is known to be the one that the present subnet is on. */
  isSure(): boolean;
  session(): SubnetSession | undefined;
  /** Asks for a newer membership, if that is due; resolves also when nobody gave one. */
  renew(): Promise<void>;
  /** Ends the present session, if any, and begins the next. */
  enter(next: NextSubnet): Promise<void>;
}

export class Formation {
  /** Why this host has not joined yet, in words for `explain`; empty when it has. */
  trouble = "";
  readonly #with: FormationParts;
  readonly #asking: AdmissionAsking;
  readonly #machine: FormationMachine;
  readonly #homecoming: Homecoming;
  readonly #driver: Driver<FormationEvent>;
  #steps: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(given: FormationParts) {
    this.#with = given;
    this.#asking = new AdmissionAsking(given);
    const { options, parts, state, token, pool, link, fingerprint } = given;
    const [{ allowsWan }, { random }] = [options, parts];
    const check = (signed: readonly Signed[]): HostSet[] => this.#checkAll(signed);
    this.#homecoming = new Homecoming({ state, pool, allowsWan, random, link, fingerprint, check });
    const own = state.overlay?.id ?? token?.overlay;
    this.#machine = new FormationMachine({
      overlayTag: own === undefined ? undefined : overlayTagOf(own),
      isMember: state.overlay !== null,
      hasToken: token !== undefined && options.allowsWan,
      stay: null,
      listenMs: this.#homecoming.listenMs(),
      jitter: () => parts.random.next(),
    });
    this.#driver = createDriver(this.#machine, parts.clock, (action) => this.#perform(action));
  }

  /** Token addresses dialled since start. */
  get bootstrapContacts(): number {
    return this.#asking.contactsDialled;
  }

  get isPending(): boolean {
    return this.#machine.isPending;
  }

  feed(event: FormationEvent): void {
    this.#driver.feed(event);
  }

  /**
   * Looks for a subnet on the link, once there is one.
   *
   * @param left key of the subnet just left, whose hosts are elsewhere for certain
   */
  async look(left: Uint8Array | null = null): Promise<void> {
    if (this.#with.link() === undefined) {
      this.trouble = "no usable network interface; this host joins as soon as there is one";
      return;
    }
    this.trouble = "";
    this.#homecoming.left = left;
    const stay = await this.#homecoming.stay();
    this.feed({ type: "moved", stay, listenMs: this.#homecoming.listenMs() });
  }

  /** Resolves when no step is under way any more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#driver.stop();
    await this.#steps;
  }

  /** Another subnet than the present one, when no other change is under way. */
  change(next: () => Promise<NextSubnet>): void {
    this.run(async () => this.#enter(await next()));
  }

  /** A channel to a host of the link. @throws {OverlayError} ERR_OVERLAY_UNREACHABLE */
  async dial(tag: string): Promise<PeerChannel> {
    const peer = this.#with.peers().find((one) => one.announcement.hostTag === tag);
    const addresses = dialTexts(peer?.addresses ?? [], peer?.announcement.hostPort ?? 0);
    const { pool } = this.#with;
    return tryStaggered(
      addresses,
      (address) => pool.dial(address, AbortSignal.timeout(DIAL_TIMEOUT_MS)),
      STAGGER_MS,
    );
  }

  #perform(action: FormationAction): void {
    const { log } = this.#with.parts;
    log.debug("formation", { ...action });
    switch (action.type) {
      case "join":
        return this.run(() => this.#join(action.tag));
      case "meet":
        return this.run(() => this.#meet(action.tag));
      case "probe-stored":
        return this.run(() => this.#probeStored());
      case "redeem-token":
        return this.run(() => this.#redeem());
      case "create-overlay":
        return this.run(async () => {
          await this.#with.members.create(this.#with.options.hostName);
          await this.#createSubnet();
        });
      case "create-subnet":
        return this.run(() => this.#createSubnet());
      case "resume":
        return this.run(() => this.#resume());
      case "pending":
        log.warn("waiting for admission", { reason: this.trouble });
    }
  }

  /** Steps that change the subnet go one after the other. */
  run(step: () => Promise<void>): void {
    this.#steps = this.#steps.then(async () => {
      if (this.#isStopped) return;
      try {
        await step();
      } catch (error) {
        this.trouble = errorMessage(error);
        this.#with.parts.log.error("formation step failed", { reason: errorMessage(error) });
        const hasSubnet = this.#with.session() !== undefined;
        this.feed({ type: "step-failed", hasSubnet });
      }
    });
  }

  // ---- hosts of the link

  async #join(tag: string): Promise<void> {
    try {
      await this.#joinVia(tag, "link", false);
    } catch (error) {
      const failure = toJoinFailure(error);
      const reason = errorMessage(error);
      if (failure !== "unreachable") this.trouble = reason;
      this.#with.parts.log.info("a host of the link does not take us in", { tag, reason });
      this.feed({ type: "join-failed", tag, failure });
    }
  }

  /** Takes the subnet over from a host of the link, asking for admission first if need be. */
  async #joinVia(tag: string, via: JoinedVia, yieldsOverlay: boolean): Promise<void> {
    if (this.#with.members.isExpired) await this.#with.renew();
    const channel = await this.dial(tag);
    if (channel.isMember) return this.#takeOver(channel, via);
    const { subnet } = await this.#asking.ask(channel, true, yieldsOverlay);
    await this.#adopt(subnet!, via);
  }

  async #takeOver(channel: PeerChannel, via: JoinedVia): Promise<void> {
    const body = await channel.call(CALL.adopt, new Uint8Array(), JOIN_TIMEOUT_MS);
    await this.#adopt(SubnetHandoverCodec.decode(body), via);
  }

  /** Another subnet on our link: whoever's claim yields joins the other's. */
  async #meet(tag: string): Promise<void> {
    const session = this.#with.session();
    const { members, parts, isSure } = this.#with;
    if (session === undefined || !isSure()) return;
    try {
      const channel = await this.dial(tag);
      const { claim } = channel.peerHello;
      if (channel.isMember) {
        if (claim === null) return;
        this.#checkClaim(claim);
        const isSame = isEqualBytes(claim.subnet, session.claim.subnet);
        if (isSame || compareClaims(session.claim, claim) < 0) return; // it comes to us
        if (!isSure()) return; // two sites, perhaps
        parts.log.info("merging into the subnet of a host of this link", { tag });
        await this.#joinVia(tag, "merged", false);
      } else if (members.overlay?.isLone === true) await this.#joinVia(tag, "merged", true);
    } catch (error) {
      const failure = toJoinFailure(error);
      const reason = errorMessage(error);
      if (failure === "refused") parts.log.warn("subnet of this link refused", { tag, reason });
      else parts.log.debug("met, and stayed apart", { tag, reason });
      if (failure !== "unreachable") this.feed({ type: "join-failed", tag, failure });
      this.#checkSubnet();
    }
  }

  /** A change of subnet that broke off half way leaves none: look for one anew. */
  #checkSubnet(): void {
    if (this.#with.session() === undefined) this.feed({ type: "step-failed", hasSubnet: false });
  }

  async #adopt(handover: SubnetHandover, via: JoinedVia): Promise<void> {
    const { claim, seed, overlay } = handover;
    if (claim === null || seed.length !== 32)
      throw new OverlayError("ERR_OVERLAY_REFUSED", "a hand-over without key or claim");
    const key = createKeyPair(seed);
    if (!isEqualBytes(key.publicKey, claim.subnet))
      throw new OverlayError("ERR_OVERLAY_REFUSED", "a hand-over whose key and claim differ");
    if (handover.membership !== null && overlay !== null)
      await this.#with.members.accept(overlay, handover.membership);
    this.#checkClaim(claim);
    if (overlay?.locked === true) await this.#with.members.lock();
    const wallMs = this.#with.parts.clock.wallMs();
    const hostSet = this.#check(handover.hostSet, wallMs);
    const contacts = this.#checkAll(handover.contacts, wallMs);
    await this.#enter({ key, claim, via, hostSet, contacts, version: hostSet?.version ?? 0n });
  }

  /** Redeems the token at one of its contacts; only when the link has no host of the overlay. */
  async #redeem(): Promise<void> {
    try {
      await this.#asking.redeem();
      this.feed({ type: "redeemed" });
    } catch (error) {
      const isFinal = toJoinFailure(error) !== "unreachable";
      this.trouble = errorMessage(error);
      this.#with.parts.log.warn("token not redeemed", { reason: this.trouble });
      this.feed({ type: "redeem-failed", isFinal });
    }
  }

  // ---- alone on the link

  async #createSubnet(): Promise<void> {
    const { state, members, parts } = this.#with;
    if (await this.#homecoming.isAbroad()) await members.goAbroad();
    if (members.boundTo !== null) {
      this.trouble = "this host was let in for the link of another subnet only";
      return this.feed({ type: "homebound" });
    }
    const key = createKeyPair(new Uint8Array(randomBytes(32)));
    const claim = createClaim({
      subnet: key,
      maker: state.hostKey,
      makerMembership: members.membership,
      makerAdmittedMs: members.admittedAtMs,
      wallMs: Math.trunc(parts.clock.wallMs()),
    });
    const contacts = this.#checkAll(state.contacts);
    await this.#enter({ key, claim, via: "created", hostSet: undefined, contacts, version: 0n });
  }

  async #resume(): Promise<void> {
    const next = await this.#homecoming.resume();
    if (next === undefined || !this.#isValid(next.claim)) return this.#createSubnet();
    await this.#enter(next);
  }

  async #probeStored(): Promise<void> {
    const found = await this.#homecoming.probe();
    try {
      if (found.type === "here") return await this.#takeOver(found.channel, "link");
    } catch (error) {
      this.#with.parts.log.info("a host of the stored subnet does not hand it over", {
        reason: errorMessage(error),
      });
      this.#checkSubnet();
    }
    this.feed({ type: "probed", livesElsewhere: found.type === "elsewhere" });
  }

  async #enter(next: NextSubnet): Promise<void> {
    await this.#with.enter(next);
    this.trouble = "";
    this.feed({
      type: "settled",
      subnetTag: subnetTagOf(next.key.publicKey),
      overlayTag: overlayTagOf(this.#with.members.overlay!.id),
    });
  }

  /** A stored claim may be of an earlier version. */
  #isValid(claim: SubnetClaim): boolean {
    const { members, parts } = this.#with;
    try {
      checkClaim(claim, members.info.overlay); // one of a removed maker is replaced later
      return true;
    } catch (error) {
      parts.log.warn("stored subnet not resumed", { reason: errorMessage(error) });
      return false;
    }
  }

  #checkClaim(claim: SubnetClaim): void {
    const { members } = this.#with;
    checkClaim(claim, members.info.overlay, members.revoked);
  }

  /** @param wallMs null for what was kept from before, however long ago */
  #checkAll(signed: readonly Signed[], wallMs: number | null = null): HostSet[] {
    return signed.map((one) => this.#check(one, wallMs)).filter((set) => set !== undefined);
  }

  #check(signed: Signed | null, wallMs: number | null): HostSet | undefined {
    const { members, parts } = this.#with;
    if (signed === null || members.overlay === null) return undefined;
    try {
      return checkHostSet(signed, members.overlay.id, wallMs, members.revoked);
    } catch (error) {
      parts.log.warn("host set refused", { reason: errorMessage(error) });
      return undefined;
    }
  }
}
