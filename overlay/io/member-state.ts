/**
 * This host's membership, and its power to give others theirs.
 *
 * Keeps what the state directory has, makes overlays and tokens, and answers `admit`. Design,
 * "Trust": who gets a certificate.
 */
import { createHash, randomBytes } from "node:crypto";
import { concatBytes, isEqualBytes, utf8 } from "../../platform/bytes.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Logger } from "../../platform/logger.ts";
import { OverlayError } from "../errors.ts";
import { toBase32 } from "../../platform/base32.ts";
import {
  certifyByAuthority,
  certifyByHost,
  checkMembership,
  readLeaf,
  type CertificateRequest,
} from "../identity/certificate.ts";
import type { Greeting } from "../identity/hello.ts";
import { createKeyPair, type KeyPair } from "../identity/keys.ts";
import { checkToken, createToken } from "../identity/token.ts";
import type { AdmitRequest, Membership, OverlayInfo } from "../schema/messages.ts";
import type { Directory } from "../types.ts";
import type { OverlayState, StateDirectory } from "./state.ts";

const TOKEN_USE_DOMAIN = "causeway-token-use\0";
const TOKEN_USE_TTL_MIN_MS = 1_000;
const TOKEN_USE_TTL_MAX_MS = 24 * 3_600_000;

/** What the answer to a newcomer hangs on beside its request. */
export interface AdmissionScene {
  readonly host: Uint8Array;
  /** The newcomer dialled from an address of our own link. */
  readonly isOnLink: boolean;
  /** The subnet that open-link membership is bound to. */
  readonly subnet: Uint8Array | undefined;
  readonly directory:
    (Directory & { peek(key: Uint8Array): ReturnType<Directory["get"]> }) | undefined;
  readonly uses: TokenUses;
}

/** Which host has used a token, by the token's name; kept on disk. */
export interface TokenUses {
  get(token: string): Uint8Array | undefined;
  put(token: string, host: Uint8Array): Promise<void>;
}

export class MemberState {
  readonly #state: StateDirectory;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #isOpen: boolean;
  /** Tokens whose use is being recorded, and by which host. */
  readonly #spending = new Map<string, Uint8Array>();

  /** @param isOpen admits on this link without a token, even once the overlay is locked */
  constructor(state: StateDirectory, isOpen: boolean, clock: Clock, log: Logger) {
    this.#state = state;
    this.#isOpen = isOpen;
    this.#clock = clock;
    this.#log = log;
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

  get notAfterMs(): number {
    return Number(readLeaf(this.membership).notAfterMs);
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
    };
    await this.#state.saveOverlay(overlay);
    this.#log.info("overlay made", { overlay: toBase32(overlay.id), name });
    return overlay;
  }

  /** Takes a membership in that another host gave. @throws {OverlayError} when it is not valid */
  async accept(info: OverlayInfo, membership: Membership): Promise<void> {
    const { overlay } = this;
    const isSame = overlay !== null && isEqualBytes(overlay.id, info.overlay);
    if (overlay !== null && !isSame && !overlay.isLone)
      throw new OverlayError("ERR_OVERLAY_REFUSED", "this host is in another overlay for good");
    const checked = checkMembership(membership, info.overlay, this.#clock.wallMs());
    if (!isEqualBytes(checked.host, this.hostKey.publicKey))
      throw new OverlayError("ERR_OVERLAY_CERTIFICATE", "the certificate is another host's");
    if (overlay !== null && !isSame) await this.#state.forgetSubnets();
    await this.#state.saveOverlay({
      id: info.overlay,
      name: info.name,
      secret: info.secret,
      membership,
      madeMs: Number(info.madeMs),
      isLone: info.lone && (!isSame || overlay.isLone),
      isLocked: info.locked,
      authoritySeed: isSame ? overlay.authoritySeed : null,
      homeSubnet: isSame ? overlay.homeSubnet : null,
    });
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
    const overlay = this.#required();
    const { homeSubnet } = overlay;
    const isMoved = homeSubnet !== null && merged !== undefined && isEqualBytes(homeSubnet, merged);
    if (overlay.isLocked || (homeSubnet !== null && !isMoved)) return;
    await this.#state.saveOverlay({ ...overlay, homeSubnet: subnet });
  }

  /**
   * This host is on another link than the one where its overlay was made: the overlay has lived,
   * and merges with no other any more.
   */
  async goAbroad(): Promise<void> {
    const { overlay } = this;
    if (overlay?.isLone === true) await this.#state.saveOverlay({ ...overlay, isLone: false });
  }

  /** The subnet that this host's membership is bound to; `null` when it holds everywhere. */
  get boundTo(): Uint8Array | null {
    const { linkSubnet } = readLeaf(this.membership);
    return linkSubnet.length === 0 || this.#required().authoritySeed !== null ? null : linkSubnet;
  }

  /**
   * A new membership for a host of the link whose own is bound to the subnet that it comes from.
   *
   * @throws {OverlayError} ERR_OVERLAY_LOCKED where the link is not open
   */
  renewForLink({ host, membership }: Greeting, subnet: Uint8Array): Membership | null {
    const bound = membership?.linkSubnet ?? null;
    if (bound === null || isEqualBytes(bound, subnet)) return null;
    if (!this.#isOpenAt(subnet))
      throw new OverlayError("ERR_OVERLAY_LOCKED", "that host was admitted on another link");
    return this.#certify({ host, mayAdmit: true, linkSubnet: subnet });
  }

  /** A sibling says that the overlay is locked; it never opens again. */
  async lock(): Promise<boolean> {
    const overlay = this.#required();
    if (overlay.isLocked && !overlay.isLone) return false;
    await this.#state.saveOverlay({ ...overlay, isLocked: true, isLone: false });
    return true;
  }

  /** A one-time token; from now on the overlay is locked. */
  async createToken(options: {
    readonly mayAdmit: boolean;
    readonly ttlMs: number;
    readonly contacts: readonly string[];
  }): Promise<string> {
    const { id, name } = this.#required();
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
    if (request.token !== null) return this.#admitByToken(request, scene);
    const { subnet } = scene;
    if (subnet === undefined || !this.#isOpenAt(subnet))
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
    return this.#certify({ host: scene.host, mayAdmit: true, linkSubnet: subnet });
  }

  /** While an overlay is one link, whoever is on the link where it was made. */
  #isOpenAt(subnet: Uint8Array): boolean {
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
    );
    await this.#spend(token.token, Number(token.notAfterMs) - wallMs, scene);
    if (overlay.isLone) await this.lock();
    return this.#certify({ host: scene.host, mayAdmit: token.mayAdmit, linkSubnet: null });
  }

  /** One use: the same host may retry, another is refused, whichever host redeems. */
  async #spend(token: Uint8Array, leftMs: number, scene: AdmissionScene): Promise<void> {
    const key = createHash("sha256")
      .update(concatBytes(utf8(TOKEN_USE_DOMAIN), token))
      .digest();
    const name = toBase32(token);
    const { host, uses } = scene;
    const isOther = (user: Uint8Array | undefined): boolean =>
      user !== undefined && !isEqualBytes(user, host);
    if (isOther(this.#spending.get(name)) || isOther(uses.get(name))) throw tokenIsUsed();
    this.#spending.set(name, host); // so that two at once do not both find it unused
    try {
      const known = await scene.directory?.peek(key).catch(() => undefined);
      if (known?.records.some((record) => isOther(record.value)) === true) throw tokenIsUsed();
      await uses.put(name, host);
    } finally {
      this.#spending.delete(name);
    }
    const ttlMs = Math.trunc(
      Math.min(TOKEN_USE_TTL_MAX_MS, Math.max(TOKEN_USE_TTL_MIN_MS, leftMs)),
    );
    scene.directory?.put(key, scene.host, { ttlMs, copies: { type: "all" } }).catch(() => {
      this.#log.warn("a token's use is recorded at this host only", { token: name });
    });
  }

  #certify(request: Omit<CertificateRequest, "wallMs">): Membership {
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

function tokenIsUsed(): OverlayError {
  return new OverlayError(
    "ERR_OVERLAY_TOKEN",
    'token refused: another host has used it; make a new one with "causeway token"',
  );
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
