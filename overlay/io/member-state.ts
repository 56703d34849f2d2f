/**
 * This host's membership, and its power to give others theirs.
 *
 * Keeps what the state directory has, makes overlays and tokens, and answers `admit`. Design,
 * "Trust": who gets a certificate.
 */
import { randomBytes } from "node:crypto";
import { isEqualBytes } from "../../platform/bytes.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Logger } from "../../platform/logger.ts";
import { OverlayError } from "../errors.ts";
import { toBase32 } from "../../platform/base32.ts";
import {
  certifyByAuthority,
  certifyByHost,
  checkMembership,
  endOf,
  hostsOf,
  readLeaf,
  type CertificateRequest,
  type CheckedMembership,
} from "../identity/certificate.ts";
import { linkKeyOf } from "../identity/daily-tags.ts";
import { createKeyPair, KEY_BYTES, type KeyPair } from "../identity/keys.ts";
import { RevocationSet } from "../identity/revocation.ts";
import type { Revocation, Revoked } from "../identity/revoked.ts";
import { checkToken, createToken } from "../identity/token.ts";
import type { AdmitRequest, Membership, OverlayInfo } from "../schema/messages.ts";
import type { OverlayState, StateDirectory } from "./state.ts";
import { TokenLedger, type PeekingDirectory, type TokenUses } from "./token-ledger.ts";

/** What the answer to a newcomer hangs on beside its request. */
export interface AdmissionScene {
  readonly host: Uint8Array;
  /** The newcomer dialled from an address of our own link. */
  readonly isOnLink: boolean;
  /** The subnet that open-link membership is bound to. */
  readonly subnet: Uint8Array | undefined;
  readonly directory: PeekingDirectory | undefined;
  readonly uses: TokenUses;
}

export class MemberState {
  /** Every revocation that this host has heard of. */
  readonly revocations = new RevocationSet();
  readonly #state: StateDirectory;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #isOpen: boolean;
  readonly #tokens: TokenLedger;
  /** Changes of the membership go one after the other, each seeing what the last one left. */
  #turn: Promise<unknown> = Promise.resolve();

  /** @param isOpen admits on this link without a token, even once the overlay is locked */
  constructor(state: StateDirectory, isOpen: boolean, clock: Clock, log: Logger) {
    this.#state = state;
    this.#isOpen = isOpen;
    this.#clock = clock;
    this.#log = log;
    this.#tokens = new TokenLedger(log);
  }

  get hostKey(): KeyPair {
    return this.#state.hostKey;
  }

  get overlay(): OverlayState | null {
    return this.#state.overlay;
  }

  get membership(): Membership {
    return this.#required().membership;
  }

  /** Wall clock at which this host was admitted; a subnet's stamp is no older. */
  get admittedAtMs(): number {
    return Number(readLeaf(this.membership).admittedAtMs);
  }

  /** When the first certificate of this host's chain ends. */
  get notAfterMs(): number {
    return endOf(this.membership);
  }

  /** Whether this host has the authority's key. */
  get holdsAuthority(): boolean {
    return this.overlay !== null && this.overlay.authoritySeed !== null;
  }

  get isExpired(): boolean {
    return this.overlay !== null && this.notAfterMs <= this.#clock.wallMs();
  }

  get revoked(): Revoked {
    return this.revocations.view;
  }

  /** The revocation that took this host out of its overlay; `undefined` while it is in. */
  get removal(): Revocation | undefined {
    if (this.overlay === null) return undefined;
    return (
      this.revoked.of(this.hostKey.publicKey) ?? this.revoked.refusalOf(hostsOf(this.membership))
    );
  }

  /** What a newcomer or a sibling is told of the overlay. */
  get info(): OverlayInfo {
    const { id, name, secret, isLocked, isLone, madeMs } = this.#required();
    const made = BigInt(madeMs);
    return { overlay: id, name, secret, locked: isLocked, madeMs: made, lone: isLone };
  }

  /** Makes an overlay of which this host is the first member. */
  async create(name: string): Promise<OverlayState> {
    const authoritySeed = new Uint8Array(randomBytes(32));
    const authority = createKeyPair(authoritySeed);
    const wallMs = this.#wallMs();
    const request = { host: this.hostKey.publicKey, mayAdmit: true, linkSubnet: null, wallMs };
    const overlay: OverlayState = {
      id: authority.publicKey,
      name,
      secret: new Uint8Array(randomBytes(32)),
      membership: certifyByAuthority(authority, request),
      madeMs: wallMs,
      isLone: true,
      isLocked: false,
      authoritySeed,
      homeSubnet: null,
      backedUpAtMs: null,
    };
    await this.#state.saveOverlay(overlay);
    this.#log.info("overlay made", { overlay: toBase32(overlay.id), name });
    return overlay;
  }

  /** The overlay's keys are in a file elsewhere, too. */
  noteBackup(atMs: number): Promise<void> {
    return this.#inTurn(async () => {
      const { overlay } = this;
      if (overlay !== null) await this.#state.saveOverlay({ ...overlay, backedUpAtMs: atMs });
    });
  }

  /** Takes a membership in that another host gave. @throws {OverlayError} when it is not valid */
  accept(info: OverlayInfo, membership: Membership): Promise<void> {
    return this.#inTurn(async () => {
      const { overlay } = this;
      const isSame = overlay !== null && isEqualBytes(overlay.id, info.overlay);
      if (overlay !== null && !isSame && !overlay.isLone)
        throw new OverlayError("ERR_OVERLAY_REFUSED", "this host is in another overlay for good");
      if (info.secret.length !== KEY_BYTES || !Number.isSafeInteger(Number(info.madeMs)))
        throw new OverlayError("ERR_OVERLAY_REFUSED", "an overlay without its secret or its age");
      this.checkOwn(membership, info.overlay);
      if (overlay !== null && !isSame) await this.#state.forgetSubnets();
      await this.#state.saveOverlay({
        id: info.overlay,
        name: info.name,
        secret: info.secret,
        membership,
        madeMs: Number(info.madeMs),
        isLone: info.lone && (!isSame || overlay.isLone),
        isLocked: info.locked || (isSame && overlay.isLocked), // it never opens again
        authoritySeed: isSame ? overlay.authoritySeed : null,
        homeSubnet: isSame ? overlay.homeSubnet : null,
        backedUpAtMs: isSame ? overlay.backedUpAtMs : null,
      });
    });
  }

  /** @throws {OverlayError} unless it is this host's, of that overlay, and holds now */
  checkOwn(membership: Membership, overlay: Uint8Array): CheckedMembership {
    const checked = checkMembership(membership, overlay, this.#clock.wallMs(), this.revoked);
    if (!isEqualBytes(checked.host, this.hostKey.publicKey))
      throw new OverlayError("ERR_OVERLAY_CERTIFICATE", "the certificate is another host's");
    return checked;
  }

  /**
   * Whether this host's overlay, being lone, gives way to another lone one: it does to an older.
   * The other's word for its age is all there is; on an open link that is how far trust goes.
   */
  yieldsTo(info: OverlayInfo): boolean {
    const { overlay } = this;
    return overlay !== null && overlay.isLone && info.lone && Number(info.madeMs) <= overlay.madeMs;
  }

  /**
   * The link on which an open overlay admits: where it was made, or what that merged into.
   *
   * @param merged key of the subnet that this host was in until it merged; absent when in none
   */
  async settleHome(subnet: Uint8Array, merged: Uint8Array | undefined): Promise<void> {
    await this.update((overlay) => {
      const { homeSubnet, isLocked } = overlay;
      const isMoved =
        homeSubnet !== null && merged !== undefined && isEqualBytes(homeSubnet, merged);
      const isSettled = isLocked || (homeSubnet !== null && !isMoved);
      return isSettled ? null : { ...overlay, homeSubnet: subnet };
    });
  }

  /**
   * This host is on another link than the one where its overlay was made: the overlay has lived,
   * and merges with no other any more.
   */
  async goAbroad(): Promise<void> {
    if (this.overlay === null) return;
    await this.update((overlay) => (overlay.isLone ? { ...overlay, isLone: false } : null));
  }

  /** The subnet that this host's membership is bound to; `null` when it holds everywhere. */
  get boundTo(): Uint8Array | null {
    const { linkSubnet } = readLeaf(this.membership);
    return linkSubnet.length === 0 || this.#required().authoritySeed !== null ? null : linkSubnet;
  }

  /** The overlay is locked, by this host or on a sibling's word; it never opens again. */
  lock(): Promise<boolean> {
    return this.update((overlay) =>
      overlay.isLocked && !overlay.isLone ? null : { ...overlay, isLocked: true, isLone: false },
    );
  }

  /**
   * Changes what this host keeps of its overlay; no other change comes in between.
   *
   * @param change gives what is to be kept; null: as it is
   * @returns whether there was a change
   */
  update(change: (overlay: OverlayState) => OverlayState | null): Promise<boolean> {
    return this.#inTurn(async () => {
      const next = change(this.#required());
      if (next !== null) await this.#state.saveOverlay(next);
      return next !== null;
    });
  }

  /** A one-time token; from now on the overlay is locked. */
  async createToken(options: {
    readonly mayAdmit: boolean;
    readonly ttlMs: number;
    readonly contacts: readonly string[];
  }): Promise<string> {
    const { id, name, secret } = this.#required();
    if (!this.mayAdmit)
      throw new OverlayError(
        "ERR_OVERLAY_CERTIFICATE",
        "this host may not admit others; make the token on the host that made the overlay, or on " +
          "one that joined with a token",
      );
    await this.lock();
    return createToken(this.hostKey, this.membership, {
      seed: new Uint8Array(randomBytes(32)),
      mayAdmit: options.mayAdmit,
      notAfterMs: this.#wallMs() + options.ttlMs,
      contacts: options.contacts,
      overlayName: name,
      overlay: id,
      linkKey: linkKeyOf(secret),
    });
  }

  /**
   * Judges a newcomer.
   *
   * @throws {OverlayError} ERR_OVERLAY_LOCKED, ERR_OVERLAY_TOKEN or ERR_OVERLAY_REFUSED, each with
   *   words that the newcomer's administrator can act on
   */
  async admit(request: AdmitRequest, scene: AdmissionScene): Promise<Membership> {
    const overlay = this.#required();
    this.checkNotRemoved(scene.host);
    if (request.token !== null) return this.#admitByToken(request, scene);
    const { subnet } = scene;
    if (subnet === undefined || !this.isOpenAt(subnet))
      throw new OverlayError(
        "ERR_OVERLAY_LOCKED",
        `the overlay "${overlay.name}" is locked here; run "causeway token" on a member and start this ` +
          `host with --join @FILE`,
      );
    if (!scene.isOnLink)
      throw new OverlayError(
        "ERR_OVERLAY_LOCKED",
        "only hosts of its own link join without a token",
      );
    const { loneMadeMs } = request;
    const winsOverUs =
      overlay.isLone &&
      loneMadeMs > 0n &&
      isOlder(Number(loneMadeMs), scene.host, overlay, this.hostKey);
    if (winsOverUs)
      throw new OverlayError(
        "ERR_OVERLAY_REFUSED",
        "that host's overlay is older; this one yields",
      );
    return this.certify({ host: scene.host, mayAdmit: true, linkSubnet: subnet });
  }

  /** While an overlay is one link, whoever is on the link where it was made. */
  isOpenAt(subnet: Uint8Array): boolean {
    const { isLocked, homeSubnet } = this.#required();
    if (this.#isOpen) return true;
    return !isLocked && homeSubnet !== null && isEqualBytes(homeSubnet, subnet);
  }

  async #admitByToken(request: AdmitRequest, scene: AdmissionScene): Promise<Membership> {
    const overlay = this.#required();
    const wallMs = this.#clock.wallMs();
    const token = checkToken(
      request.token!,
      request.tokenSignature,
      scene.host,
      overlay.id,
      wallMs,
      this.revoked,
    );
    await this.#tokens.spend(token.token, Number(token.notAfterMs) - wallMs, scene);
    if (overlay.isLone) await this.lock();
    return this.certify({ host: scene.host, mayAdmit: token.mayAdmit, linkSubnet: null });
  }

  /** A certificate of the authority where this host has its key, else its own. */
  certify(request: Omit<CertificateRequest, "wallMs">): Membership {
    const { authoritySeed } = this.#required();
    const full = { ...request, wallMs: this.#wallMs() };
    if (authoritySeed !== null) return certifyByAuthority(createKeyPair(authoritySeed), full);
    return certifyByHost(this.hostKey, this.membership, full);
  }

  /** Whether this host may admit to the overlay, and not only to its open link. */
  get mayAdmit(): boolean {
    if (this.#required().authoritySeed !== null) return true;
    const { mayAdmit, linkSubnet } = readLeaf(this.membership);
    return mayAdmit && linkSubnet.length === 0;
  }

  /** @throws {OverlayError} ERR_OVERLAY_REVOKED */
  checkNotRemoved(host: Uint8Array): void {
    if (this.revoked.of(host) === undefined) return;
    throw new OverlayError(
      "ERR_OVERLAY_REVOKED",
      'this host was removed from the overlay for good; "causeway leave --forget" there gives it a ' +
        "new key, with which it may join like any other",
    );
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => {}); // the caller has the error
    return turn;
  }

  #wallMs(): number {
    return Math.trunc(this.#clock.wallMs());
  }

  #required(): OverlayState {
    const { overlay } = this.#state;
    if (overlay === null)
      throw new OverlayError("ERR_OVERLAY_NOT_JOINED", "this host is in no overlay yet");
    return overlay;
  }
}

/** Of two lone overlays the older stays, then that of the smaller host key. */
function isOlder(
  theirMadeMs: number,
  theirHost: Uint8Array,
  ours: OverlayState,
  ourKey: KeyPair,
): boolean {
  if (theirMadeMs !== ours.madeMs) return theirMadeMs < ours.madeMs;
  return Buffer.compare(theirHost, ourKey.publicKey) < 0;
}
