/**
 * How a host comes to its subnet: join the one on the link, resume its own, or make one.
 *
 * A host adopts the link that it is on. Only one that finds nobody resumes its stored subnet, and
 * only where that was made; without membership it needs an open link or a token. Two subnets that
 * meet on one link merge. Design, "A host adopts the link it is on" and "Merging"; mDHT §3.3.4.
 */
import type { Machine, Tick } from "../../platform/machine.ts";

/** Another host of the link, as multicast told; a hint until it says hello. */
export interface FormationPeer {
  readonly tag: string;
  readonly overlayTag: string;
  /** Empty while that host has no subnet. */
  readonly subnetTag: string;
  /** When its subnet was made, if that was within the last minutes; else `null`. */
  readonly freshStampMs: number | null;
}

/** What a host has of an earlier stay on this link, or on one that may be this one. */
export interface StoredStay {
  readonly subnetTag: string;
  /** When the stored subnet was made. */
  readonly stampMs: number;
}

export type JoinFailure =
  /** It asks for a token. */
  | "locked"
  /** It refused for another reason; trying again soon is pointless. */
  | "refused"
  /** No wire version in common; to act alone on its link would set up a second one beside it. */
  | "version"
  | "unreachable";

export type FormationEvent =
  | { readonly type: "start" }
  | { readonly type: "peer"; readonly peer: FormationPeer }
  | { readonly type: "peer-gone"; readonly tag: string }
  | { readonly type: "join-failed"; readonly tag: string; readonly failure: JoinFailure }
  | { readonly type: "probed"; readonly livesElsewhere: boolean }
  /** The token was redeemed somewhere; this host is a member now. */
  | { readonly type: "redeemed" }
  | { readonly type: "redeem-failed"; readonly isFinal: boolean }
  /** A host of the link says that this one was let in: ask again. */
  | { readonly type: "approved" }
  /** A subnet was joined, made or resumed. */
  | { readonly type: "settled"; readonly subnetTag: string; readonly overlayTag: string }
  /** A step could not be done on this host, such as a full disk; it is tried again. */
  | { readonly type: "step-failed"; readonly hasSubnet: boolean }
  /** The link changed under us, or a wake-up: look around again. */
  | { readonly type: "link-changed" }
  /** This may be another link by now: nobody is met until that is known. */
  | { readonly type: "link-doubted" }
  /** It is the link that it was. */
  | { readonly type: "link-kept" }
  /** It is another link, and this host has left its subnet: form one here. */
  | { readonly type: "moved"; readonly stay: StoredStay | null; readonly listenMs: number }
  /** A membership that holds on another link only: nothing to be made here. */
  | { readonly type: "homebound" };

export type FormationAction =
  | { readonly type: "join"; readonly tag: string }
  /** Ask the last known hosts of the stored subnet whether it lives on elsewhere. */
  | { readonly type: "probe-stored" }
  | { readonly type: "resume" }
  | { readonly type: "create-subnet" }
  | { readonly type: "create-overlay" }
  | { readonly type: "redeem-token" }
  /** Compare claims with that host; join it when ours yields. */
  | { readonly type: "meet"; readonly tag: string }
  | { readonly type: "pending" };

export interface FormationOptions {
  /** Tag of the overlay that this host belongs to or has a token for; `undefined`: none. */
  readonly overlayTag: string | undefined;
  readonly isMember: boolean;
  readonly hasToken: boolean;
  /** A stored subnet that may be this link's. */
  readonly stay: StoredStay | null;
  /** How long to listen for others before acting alone, ms. */
  readonly listenMs: number;
  /** Uniform in [0, 1): shortens waits that hosts started together would share. */
  readonly jitter: () => number;
}

const REDEEM_RETRY_MS = 1_000;
const REDEEM_RETRY_MAX_MS = 30_000;
const PENDING_RETRY_MS = 15_000;
/** A refused token is tried again this often: what refused it may have been mended. */
const REFUSED_RETRY_MS = 5 * 60_000;
const STEP_RETRY_MS = 5_000;
/** A neighbour that stays another subnet, as one of a foreign overlay does, is met ever more rarely. */
const MEET_RETRY_MS = 3_000;
const MEET_RETRY_MAX_MS = 120_000;
const UNREACHABLE_RETRIES_MAX = 2;

type State =
  | "idle"
  | "listening"
  | "joining"
  | "probing"
  | "redeeming"
  | "waiting"
  | "pending"
  /** A subnet is being made or resumed; whoever appears now is met afterwards. */
  | "settling"
  | "member";

/** What is under way answers by an event of its own, on whatever link. */
const RESTLESS: readonly State[] = ["idle", "listening", "waiting", "pending"];

export class FormationMachine implements Machine<FormationEvent, FormationAction> {
  #overlayTag: string | undefined;
  #isMember: boolean;
  readonly #hasToken: boolean;
  #listenMs: number;
  readonly #jitter: () => number;
  #state: State = "idle";
  #wakeAtMs = Infinity;
  readonly #peers = new Map<string, FormationPeer>();
  readonly #failures = new Map<string, { failure: JoinFailure; count: number }>();
  readonly #met = new Map<string, { readonly nextAtMs: number; readonly delayMs: number }>();
  #redeemRetryMs = REDEEM_RETRY_MS;
  #refusedAtMs = -Infinity;
  #subnetTag = "";
  #awaitsUpgrade = false; // pending, since this link's hosts speak other wire versions
  /** What may be resumed; `null` once it is known to live elsewhere. */
  #stay: StoredStay | null;
  #isDoubtful = false;

  constructor(options: FormationOptions) {
    const { overlayTag, isMember, hasToken, stay, listenMs, jitter, ...rest } = options;
    rest satisfies Record<string, never>;
    this.#overlayTag = overlayTag;
    this.#isMember = isMember;
    this.#hasToken = hasToken;
    this.#stay = stay;
    this.#listenMs = listenMs;
    this.#jitter = jitter;
  }

  get wakeAtMs(): number {
    return this.#wakeAtMs;
  }

  get isPending(): boolean {
    return this.#state === "pending";
  }

  step(event: FormationEvent | Tick, nowMs: number): readonly FormationAction[] {
    switch (event.type) {
      case "link-changed":
        this.#failures.clear(); // of another link, or of before
        return this.#becomeListening(nowMs);
      case "start":
        return this.#becomeListening(nowMs);
      case "approved":
        return this.#state === "pending" ? this.#retryPending(nowMs) : [];
      case "peer":
        if (this.#peers.get(event.peer.tag)?.subnetTag !== event.peer.subnetTag)
          this.#met.delete(event.peer.tag);
        this.#peers.set(event.peer.tag, event.peer);
        this.#failures.delete(event.peer.tag);
        return this.#onPeer(event.peer, nowMs);
      case "peer-gone":
        this.#peers.delete(event.tag);
        this.#met.delete(event.tag);
        return [];
      case "settled":
        return this.#becomeMember(event.overlayTag, event.subnetTag, nowMs);
      case "join-failed":
        return this.#onJoinFailed(event.tag, event.failure, nowMs);
      case "probed":
        if (this.#state !== "probing") return [];
        if (event.livesElsewhere) this.#stay = null;
        return this.#settleAlone(nowMs);
      case "redeemed":
        this.#isMember = true;
        this.#failures.clear(); // who may not admit a stranger takes a member in
        return this.#state === "redeeming" ? this.#settleAlone(nowMs) : [];
      case "redeem-failed":
        return this.#onRedeemFailed(event.isFinal, nowMs);
      case "step-failed":
        return this.#onStepFailed(event.hasSubnet, nowMs);
      case "link-doubted":
        this.#isDoubtful = true;
        return [];
      case "link-kept":
        this.#isDoubtful = false;
        if (this.#state !== "member") return this.#becomeListening(nowMs);
        this.#met.clear();
        return this.#meetAll(nowMs);
      case "moved":
        return this.#onMoved(event.stay, event.listenMs, nowMs);
      case "homebound":
        return this.#becomePending(nowMs);
      case "tick":
        return this.#onTick(nowMs);
    }
  }

  /** Whom it knew was on the link that it left. */
  #onMoved(stay: StoredStay | null, listenMs: number, nowMs: number): readonly FormationAction[] {
    this.#isDoubtful = false;
    this.#stay = stay;
    this.#listenMs = listenMs;
    this.#subnetTag = "";
    this.#peers.clear();
    this.#failures.clear();
    this.#met.clear();
    this.#state = "idle";
    return this.#becomeListening(nowMs);
  }

  #onStepFailed(hasSubnet: boolean, nowMs: number): readonly FormationAction[] {
    if (hasSubnet) return [];
    this.#state = "listening";
    this.#wakeAtMs = nowMs + STEP_RETRY_MS;
    return [];
  }

  #becomeListening(nowMs: number): readonly FormationAction[] {
    if (!RESTLESS.includes(this.#state)) return [];
    this.#state = "listening";
    this.#wakeAtMs = nowMs + this.#listenMs;
    return this.#joinNext(nowMs);
  }

  #becomeMember(overlayTag: string, subnetTag: string, nowMs: number): readonly FormationAction[] {
    this.#state = "member";
    this.#wakeAtMs = Infinity;
    this.#subnetTag = subnetTag;
    this.#overlayTag = overlayTag;
    this.#isMember = true;
    return this.#meetAll(nowMs);
  }

  #meetAll(nowMs: number): readonly FormationAction[] {
    return [...this.#peers.values()].flatMap((peer) => this.#meet(peer, nowMs));
  }

  #onPeer(peer: FormationPeer, nowMs: number): readonly FormationAction[] {
    switch (this.#state) {
      case "listening":
      case "waiting":
      case "pending":
        return this.#joinNext(nowMs);
      case "member":
        return this.#meet(peer, nowMs);
      default:
        return []; // looked at when the present step has its answer
    }
  }

  /** Another subnet or overlay on our own link: see which of the two yields. */
  #meet(peer: FormationPeer, nowMs: number): readonly FormationAction[] {
    if (peer.subnetTag === "" || peer.subnetTag === this.#subnetTag) return [];
    if (this.#isDoubtful) return []; // met once the link is known
    const failure = this.#failures.get(peer.tag)?.failure;
    if (failure === "refused" || failure === "version") return [];
    const met = this.#met.get(peer.tag);
    if (met !== undefined && nowMs < met.nextAtMs) {
      this.#wakeAtMs = Math.min(this.#wakeAtMs, met.nextAtMs);
      return [];
    }
    const delayMs = Math.min(
      MEET_RETRY_MAX_MS,
      met === undefined ? MEET_RETRY_MS : 2 * met.delayMs,
    );
    this.#met.set(peer.tag, { nextAtMs: nowMs + delayMs, delayMs });
    this.#wakeAtMs = Math.min(this.#wakeAtMs, nowMs + delayMs);
    return [{ type: "meet", tag: peer.tag }];
  }

  /** Tries one host of the link that may take us in. */
  #joinNext(nowMs: number): readonly FormationAction[] {
    for (const peer of this.#peers.values()) {
      if (peer.subnetTag === "" || !this.#isCandidate(peer)) continue;
      this.#state = "joining";
      this.#wakeAtMs = Infinity;
      return [{ type: "join", tag: peer.tag }];
    }
    if (this.#state === "joining") {
      this.#state = "listening";
      this.#wakeAtMs = nowMs;
    }
    return [];
  }

  #isCandidate(peer: FormationPeer): boolean {
    const own = this.#overlayTag;
    if (own !== undefined && own !== peer.overlayTag) return false;
    if (this.#isToYield(peer)) return false;
    const failed = this.#failures.get(peer.tag);
    if (failed === undefined) return true;
    return failed.failure === "unreachable" && failed.count < UNREACHABLE_RETRIES_MAX;
  }

  /** Whether its subnet, made after a power cut, is to yield to the older one that this host has. */
  #isToYield({ subnetTag, freshStampMs }: FormationPeer): boolean {
    const stay = this.#stay;
    if (!this.#isMember || stay === null || freshStampMs === null) return false;
    return subnetTag !== stay.subnetTag && freshStampMs > stay.stampMs;
  }

  #onJoinFailed(tag: string, failure: JoinFailure, nowMs: number): readonly FormationAction[] {
    const count = (this.#failures.get(tag)?.count ?? 0) + 1;
    this.#failures.set(tag, { failure, count });
    return this.#state === "joining" ? this.#joinNext(nowMs) : [];
  }

  #onTick(nowMs: number): readonly FormationAction[] {
    if (nowMs < this.#wakeAtMs) return [];
    this.#wakeAtMs = Infinity;
    switch (this.#state) {
      case "listening":
        return this.#actAlone(nowMs);
      case "waiting":
        return this.#becomeRedeeming();
      case "pending":
        return this.#retryPending(nowMs);
      case "member":
        return this.#meetAll(nowMs);
      default:
        return [];
    }
  }

  #retryPending(nowMs: number): readonly FormationAction[] {
    this.#failures.clear();
    this.#wakeAtMs = nowMs + PENDING_RETRY_MS;
    const join = this.#joinNext(nowMs);
    if (join.length > 0) return join;
    const isTokenDue = this.#hasToken && nowMs >= this.#refusedAtMs + REFUSED_RETRY_MS;
    if (isTokenDue) return this.#becomeRedeeming();
    return this.#isMember && this.#awaitsUpgrade ? this.#actAlone(nowMs) : []; // they are gone
  }

  /** Nobody on the link takes us in. */
  #actAlone(nowMs: number): readonly FormationAction[] {
    this.#awaitsUpgrade = this.#isForeignVersion();
    if (this.#awaitsUpgrade) return this.#becomePending(nowMs);
    if (this.#isMember && this.#stay !== null) {
      this.#state = "probing";
      return [{ type: "probe-stored" }];
    }
    if (this.#isMember) return this.#settleAlone(nowMs);
    if (this.#hasToken) return this.#becomeRedeeming();
    const isLocked = [...this.#failures.values()].some(({ failure }) => failure !== "unreachable");
    if (!isLocked) {
      this.#state = "settling";
      return [{ type: "create-overlay" }];
    }
    return this.#becomePending(nowMs);
  }

  /** Hosts of our overlay are here, and only their wire version keeps us from them. */
  #isForeignVersion(): boolean {
    return [...this.#peers.values()].some(
      ({ tag, overlayTag }) =>
        this.#failures.get(tag)?.failure === "version" &&
        overlayTag === (this.#overlayTag ?? overlayTag),
    );
  }

  #becomePending(nowMs: number): readonly FormationAction[] {
    this.#state = "pending";
    this.#wakeAtMs = nowMs + PENDING_RETRY_MS;
    return [{ type: "pending" }];
  }

  #settleAlone(nowMs: number): readonly FormationAction[] {
    // Somebody may have appeared while the answer from afar was on its way.
    this.#state = "listening";
    const join = this.#joinNext(nowMs);
    if (join.length > 0) return join;
    this.#state = "settling";
    return [{ type: this.#stay === null ? "create-subnet" : "resume" }];
  }

  #becomeRedeeming(): readonly FormationAction[] {
    this.#state = "redeeming";
    return [{ type: "redeem-token" }];
  }

  #onRedeemFailed(isFinal: boolean, nowMs: number): readonly FormationAction[] {
    if (this.#state !== "redeeming") return [];
    if (isFinal) {
      this.#refusedAtMs = nowMs;
      return this.#becomePending(nowMs);
    }
    this.#state = "waiting";
    this.#wakeAtMs = nowMs + this.#redeemRetryMs * (1 - this.#jitter() / 2);
    this.#redeemRetryMs = Math.min(REDEEM_RETRY_MAX_MS, this.#redeemRetryMs * 2);
    return this.#joinNext(nowMs);
  }
}
