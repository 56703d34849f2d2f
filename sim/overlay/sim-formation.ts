/**
 * How a simulated host comes to its subnet: the real formation machine, its actions performed as
 * `overlay/io/formation.ts` and `homecoming.ts` do.
 *
 * All hosts are members from the start and stay on their link, so tokens, admission and roaming are
 * not asked for.
 */
import { isEqualBytes } from "../../platform/bytes.ts";
import { driveMachine, type Driver } from "../../platform/driver.ts";
import { errorMessage } from "../../platform/errors.ts";
import type { Random } from "../../platform/random.ts";
import {
  CALL,
  checkClaim,
  checkHostSet,
  compareClaims,
  createClaim,
  createKeyPair,
  FormationMachine,
  OverlayError,
  overlayTagOf,
  SubnetHandoverCodec,
  subnetTagOf,
  toJoinFailure,
  tryEach,
  type FormationAction,
  type FormationEvent,
  type HostSet,
  type JoinedVia,
  type KeyPair,
  type LinkPeer,
  type Membership,
  type Signed,
  type SubnetClaim,
} from "../../overlay/cores.ts";
import type { HostTime } from "./host-time.ts";
import type { SimChannel } from "./sim-channel.ts";
import type { SimDisk, StoredSubnet } from "./sim-disk.ts";
import type { SimPool } from "./sim-pool.ts";
import type { SimSession } from "./sim-session.ts";

const LISTEN_MS = 500;
const LISTEN_JITTER_MS = 300;
const JOIN_TIMEOUT_MS = 8_000;
const DIAL_TIMEOUT_MS = 3_000;
const STAGGER_MS = 500;
const PROBE_TIMEOUT_MS = 1_000;

/** The subnet that a host is about to be in. */
export interface NextSubnet {
  readonly key: KeyPair;
  readonly claim: SubnetClaim;
  readonly via: JoinedVia;
  readonly hostSet: HostSet | undefined;
  readonly contacts: readonly HostSet[];
  readonly version: bigint;
}

export interface SimFormationParts {
  readonly time: HostTime;
  readonly random: Random;
  readonly disk: SimDisk;
  readonly hostKey: KeyPair;
  readonly membership: Membership;
  readonly admittedAtMs: number;
  readonly overlayId: Uint8Array;
  readonly pool: SimPool;
  /** 32 bytes for the key of a new subnet. */
  freshSeed(): Uint8Array;
  peer(hostTag: string): LinkPeer | undefined;
  session(): SimSession | undefined;
  enter(next: NextSubnet): Promise<void>;
  note(text: string): void;
}

export class SimFormation {
  readonly #parts: SimFormationParts;
  readonly #driver: Driver<FormationEvent>;
  #steps: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(parts: SimFormationParts) {
    this.#parts = parts;
    const { time, random, overlayId, disk } = parts;
    const machine = new FormationMachine({
      overlayTag: overlayTagOf(overlayId),
      isMember: true,
      hasToken: false,
      stay: stayOf(disk.subnet),
      listenMs: LISTEN_MS + random.between(0, LISTEN_JITTER_MS),
      jitter: () => random.next(),
    });
    this.#driver = driveMachine(machine, time, time, (action) => this.#perform(action));
  }

  feed(event: FormationEvent): void {
    this.#driver.feed(event);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#driver.stop();
    await this.#steps;
  }

  /** A channel to a host of the link. */
  async dial(tag: string): Promise<SimChannel> {
    const { pool, time, peer } = this.#parts;
    const found = peer(tag);
    const port = found?.announcement.hostPort ?? 0;
    const addresses = [...new Set(found?.addresses ?? [])].map((ip) => `${ip}:${port}`);
    const dial = (address: string): Promise<SimChannel> =>
      pool.dial(address, time.signalAfter(DIAL_TIMEOUT_MS));
    return tryEach(time, addresses, dial, STAGGER_MS);
  }

  #perform(action: FormationAction): void {
    this.#parts.note(`formation ${action.type}`);
    switch (action.type) {
      case "join":
        return this.#run(() => this.#join(action.tag));
      case "meet":
        return this.#run(() => this.#meet(action.tag));
      case "probe-stored":
        return this.#run(() => this.#probeStored());
      case "create-subnet":
        return this.#run(() => this.#createSubnet());
      case "resume":
        return this.#run(() => this.#resume());
      case "pending":
      case "create-overlay":
      case "redeem-token":
        this.#parts.note(`formation asks for ${action.type}, which no member should`);
    }
  }

  #run(step: () => Promise<void>): void {
    this.#steps = this.#steps.then(async () => {
      if (this.#isStopped) return;
      try {
        await step();
      } catch (error) {
        this.#parts.note(`formation step failed: ${errorMessage(error)}`);
        this.feed({ type: "step-failed", hasSubnet: this.#parts.session() !== undefined });
      }
    });
  }

  async #join(tag: string): Promise<void> {
    try {
      await this.#takeOver(await this.dial(tag), "link");
    } catch (error) {
      this.feed({ type: "join-failed", tag, failure: toJoinFailure(error) });
    }
  }

  async #takeOver(channel: SimChannel, via: JoinedVia): Promise<void> {
    const { overlayId, time } = this.#parts;
    const body = await channel.call(CALL.adopt, new Uint8Array(), JOIN_TIMEOUT_MS);
    const { claim, seed, ...handover } = SubnetHandoverCodec.decode(body);
    const key = createKeyPair(seed);
    if (claim === null || !isEqualBytes(key.publicKey, claim.subnet))
      throw new OverlayError("ERR_OVERLAY_REFUSED", "a hand-over whose key and claim differ");
    checkClaim(claim, overlayId);
    const wallMs = time.wallMs();
    const [hostSet] = this.#check(handover.hostSet === null ? [] : [handover.hostSet], wallMs);
    const contacts = this.#check(handover.contacts, wallMs);
    await this.#enter({ key, claim, via, hostSet, contacts, version: hostSet?.version ?? 0n });
  }

  /** Another subnet on our link: whoever's claim yields joins the other's. */
  async #meet(tag: string): Promise<void> {
    const session = this.#parts.session();
    if (session === undefined) return;
    try {
      const channel = await this.dial(tag);
      const { claim } = channel.peerHello;
      if (claim === null) return;
      checkClaim(claim, this.#parts.overlayId);
      const isSame = isEqualBytes(claim.subnet, session.claim.subnet);
      if (isSame || compareClaims(session.claim, claim) < 0) return; // it comes to us
      await this.#takeOver(channel, "merged");
    } catch (error) {
      const failure = toJoinFailure(error);
      if (failure !== "unreachable") this.feed({ type: "join-failed", tag, failure });
      this.#checkSubnet();
    }
  }

  #checkSubnet(): void {
    if (this.#parts.session() === undefined) this.feed({ type: "step-failed", hasSubnet: false });
  }

  async #createSubnet(): Promise<void> {
    const { hostKey, membership, admittedAtMs, time, disk, freshSeed } = this.#parts;
    const key = createKeyPair(freshSeed());
    const claim = createClaim({
      subnet: key,
      maker: hostKey,
      makerMembership: membership,
      makerAdmittedMs: admittedAtMs,
      wallMs: time.wallMs(),
    });
    const contacts = this.#check(disk.contacts, null);
    await this.#enter({ key, claim, via: "created", hostSet: undefined, contacts, version: 0n });
  }

  async #resume(): Promise<void> {
    const { disk } = this.#parts;
    if (disk.subnet === undefined) return this.#createSubnet();
    const { seed, claim } = disk.subnet;
    const key = createKeyPair(seed);
    const contacts = this.#check(disk.contacts, null);
    const versions = contacts.filter((set) => set.subnetId === key.id).map((set) => set.version);
    const version = [disk.subnet.version, ...versions].reduce((a, b) => (a > b ? a : b));
    await this.#enter({ key, claim, via: "resumed", hostSet: undefined, contacts, version });
  }

  async #probeStored(): Promise<void> {
    const channel = await this.#probe();
    try {
      if (channel !== undefined) return await this.#takeOver(channel, "link");
    } catch {
      this.#checkSubnet();
    }
    this.feed({ type: "probed", livesElsewhere: false });
  }

  /** A host of the stored subnet that answers, unheard by multicast. */
  async #probe(): Promise<SimChannel | undefined> {
    const { disk, pool, time, hostKey } = this.#parts;
    const id = disk.subnet === undefined ? "" : createKeyPair(disk.subnet.seed).id;
    const sets = this.#check(disk.contacts, null);
    const hosts = sets.find((set) => set.subnetId === id)?.hosts ?? [];
    const addresses = hosts
      .filter((host) => host.id !== hostKey.id)
      .flatMap((host) => host.hostAddresses);
    const probes = addresses.map(async (address) => {
      const channel = await pool.dial(address, time.signalAfter(PROBE_TIMEOUT_MS));
      if (channel.subnetId !== id) throw new Error("it is in another subnet");
      return channel;
    });
    return Promise.any(probes).catch(() => undefined);
  }

  async #enter(next: NextSubnet): Promise<void> {
    await this.#parts.enter(next);
    this.feed({
      type: "settled",
      subnetTag: subnetTagOf(next.key.publicKey),
      overlayTag: overlayTagOf(this.#parts.overlayId),
    });
  }

  /** @param wallMs null for what was kept from before, however long ago */
  #check(signed: readonly Signed[], wallMs: number | null): HostSet[] {
    return signed.flatMap((one) => {
      try {
        return [checkHostSet(one, this.#parts.overlayId, wallMs)];
      } catch (error) {
        this.#parts.note(`host set refused: ${errorMessage(error)}`);
        return [];
      }
    });
  }
}

function stayOf(stored: StoredSubnet | undefined): { subnetTag: string; stampMs: number } | null {
  if (stored === undefined) return null;
  const { subnet, stampMs } = stored.claim;
  return { subnetTag: subnetTagOf(subnet), stampMs: Number(stampMs) };
}
