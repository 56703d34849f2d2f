/**
 * The subnet's host set at this host: states this host, hears siblings, signs and serves the set.
 *
 * Decisions are the machine's (`subnet/host-set-machine.ts`); this signs, checks and carries. The
 * bytes that are served are the same from every host, to identify as to our own hello.
 */
import { isEqualBytes } from "../../platform/bytes.ts";
import type { Clock } from "../../platform/clock.ts";
import { errorMessage } from "../../platform/errors.ts";
import { driveMachine, type Driver } from "../../platform/driver.ts";
import type { Logger } from "../../platform/logger.ts";
import type { Timers } from "../../platform/timers.ts";
import { formatAddress, parseAddress, toMultiaddrText } from "../address.ts";
import { readLeaf } from "../identity/certificate.ts";
import { isSignedBy, KEY_BYTES, type KeyPair } from "../identity/keys.ts";
import { toBase32 } from "../../platform/base32.ts";
import type { Membership, Signed } from "../schema/messages.ts";
import {
  ADDRESSES_MAX,
  checkStatement,
  emptiedVersion,
  isLeap,
  LEAVE_DOMAIN,
  leaveBody,
  mayLeapTo,
  reachCode,
  RELAYS_MAX,
  signHostSet,
  signStatement,
  type HostSet,
  type RelayAt,
  type SetHost,
} from "./host-set.ts";
import type { Reach } from "./reachability-machine.ts";
import {
  HostSetMachine,
  STATEMENT_GOOD_FOR_MS,
  type HostSetAction,
  type HostSetEvent,
} from "./host-set-machine.ts";
import type { Revoked } from "../identity/revoked.ts";
import type { MappedPort, OuterAddresses } from "../mapping/outer-address.ts";

export interface KeeperParts {
  readonly subnetKey: KeyPair;
  readonly generation: number;
  readonly hostKey: KeyPair;
  readonly overlayId: Uint8Array;
  readonly trust: { revoked(): Revoked };
  membership(): Membership;
  readonly hostName: string;
  readonly ports: { readonly subnet: number; readonly host: number };
  /** Addresses of this host on the link, no zones. */
  addresses(): readonly string[];
  /** Whether other subnets can dial this host, and through whom they reach it if not. */
  reach(): Reach;
  relays(): readonly RelayAt[];
  /** Where the router maps this host's ports, as others have proven. */
  mapped(): OuterAddresses;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Logger;
  /** Greatest version of the set known before. */
  readonly version: bigint;
  /** The set as libp2p's identify carries it. */
  seal(subnet: KeyPair, version: bigint, hosts: readonly SetHost[]): Promise<Uint8Array>;
  /** A set of this subnet is new: serve its bytes and tell everyone. */
  onSet(set: HostSet): void;
  /** Hosts came, went or moved. */
  onLiveChanged(): void;
  /** A set has a later statement of this host than it knows itself: it is to state anew. */
  onOutdated(): void;
}

export class HostSetKeeper {
  readonly #parts: KeeperParts;
  readonly #machine: HostSetMachine;
  readonly #driver: Driver<HostSetEvent>;
  #sequence: number;
  #set: HostSet | undefined;
  /** A set was heard from others: until then the version is but what this host had on disk. */
  #isAgreed = false;

  constructor(parts: KeeperParts) {
    this.#parts = parts;
    const { clock, timers } = parts;
    // Above what this host stated in an earlier life of the subnet.
    this.#sequence = Math.floor(clock.wallMs() / 1000) % 2 ** 31;
    this.#machine = new HostSetMachine(this.ownHost(), parts.version);
    this.#driver = driveMachine(this.#machine, clock, timers, (action) => this.#perform(action));
  }

  /** Live hosts by key, this one included. */
  get hosts(): readonly SetHost[] {
    return this.#machine.hosts;
  }

  /** The present set; absent in the first moments of a new subnet. */
  get set(): HostSet | undefined {
    return this.#set;
  }

  get version(): bigint {
    return this.#machine.version;
  }

  /** Where neighbours reach the subnet, as multiaddr texts. */
  announcedAddresses(): string[] {
    const hosts = this.#set?.hosts ?? this.hosts;
    return hosts
      .flatMap((host) => host.subnetAddresses)
      .map((address) => toMultiaddrText(parseAddress(address)));
  }

  /** A verified set of this subnet; true when it is news. */
  hearSet(set: HostSet): boolean {
    const known = this.#machine.version;
    if (set.hosts.length === 0 || set.version <= known) return false;
    if (isLeap(known, set.version) && (this.#isAgreed || !mayLeapTo(set.version))) {
      const version = String(set.version);
      this.#parts.log.warn("host set refused", { reason: "its version leaps", version });
      return false;
    }
    this.#isAgreed = true;
    this.#set = set;
    this.#driver.feed({ type: "set-heard", version: set.version, hosts: set.hosts });
    this.#catchUp(set.hosts);
    return true;
  }

  /** Its clock was set back since an earlier life, whose statement would win over this one's. */
  #catchUp(hosts: readonly SetHost[]): void {
    const own = hosts.find(({ id }) => id === this.#parts.hostKey.id);
    if (own === undefined || own.sequence <= this.#sequence) return;
    this.#sequence = own.sequence;
    this.#parts.onOutdated();
  }

  hearStatement(signed: Signed, hostId: string): void {
    const { overlayId, clock, log, subnetKey, trust } = this.#parts;
    try {
      const host = checkStatement(signed, overlayId, clock.wallMs(), trust.revoked());
      if (host.id === hostId && isEqualBytes(host.subnet, subnetKey.publicKey))
        this.#driver.feed({ type: "host-up", host });
    } catch (error) {
      log.warn("host statement refused", { from: hostId, reason: errorMessage(error) });
    }
  }

  /** A sibling's own word that it leaves. */
  hearLeave(signed: Signed, from: Uint8Array): void {
    const { subnetKey, log } = this.#parts;
    const host = signed.body.subarray(0, KEY_BYTES);
    const subnet = signed.body.subarray(KEY_BYTES, 2 * KEY_BYTES);
    const isMeant = isEqualBytes(subnet, subnetKey.publicKey) && isEqualBytes(host, from);
    if (isMeant && isSignedBy(host, LEAVE_DOMAIN, signed.body, signed.signature))
      this.hostDown(toBase32(host));
    else log.warn("leave refused", { from: toBase32(from), reason: "not signed by whom it names" });
  }

  hostDown(id: string): void {
    this.#driver.feed({ type: "host-down", id });
  }

  /** States fresh addresses, or just a fresh date. */
  restate(): Signed {
    this.#sequence++;
    const host = this.ownHost();
    this.#driver.feed({ type: "host-up", host });
    return host.signed;
  }

  /** The signed word that this host leaves. */
  leave(): Signed {
    const { hostKey, subnetKey } = this.#parts;
    const body = leaveBody(hostKey.publicKey, subnetKey.publicKey, this.#sequence);
    return { body, signature: hostKey.sign(LEAVE_DOMAIN, body) };
  }

  /** The last host's goodbye: a set without hosts. */
  async resignSubnet(): Promise<void> {
    await this.#publish(emptiedVersion(this.#machine.version), []);
  }

  stop(): void {
    this.#driver.stop();
  }

  ownHost(): SetHost {
    const { ports, addresses, mapped } = this.#parts;
    const { subnet, host } = mapped();
    const at = (port: number): string[] =>
      addresses()
        .slice(0, ADDRESSES_MAX - 1)
        .map((address) => formatAddress(address, port));
    // Others dial the subnet from outside; siblings dial the host, too, and do so inside.
    return this.#state(
      [...listed(subnet), ...at(ports.subnet)],
      [...at(ports.host), ...listed(host)],
    );
  }

  /** A statement with an outer address alone, for others to try; nobody is to keep it. */
  candidate(port: MappedPort, outer: string): Signed {
    return port === "subnet" ? this.#state([outer], []).signed : this.#state([], [outer]).signed;
  }

  #state(subnetAddresses: string[], hostAddresses: string[]): SetHost {
    const { hostKey, subnetKey, hostName, membership, reach, relays } = this.#parts;
    const stated = {
      name: hostName,
      subnetAddresses,
      hostAddresses,
      sequence: this.#sequence,
      relays: relays().slice(0, RELAYS_MAX),
      goodForMs: STATEMENT_GOOD_FOR_MS,
    };
    const signed = signStatement(hostKey, {
      ...stated,
      relays: [...stated.relays],
      reach: reachCode(reach()),
      host: hostKey.publicKey,
      subnet: subnetKey.publicKey,
      membership: membership(),
    });
    const { mayAdmit, linkSubnet } = readLeaf(membership());
    const isAdmitting = mayAdmit && linkSubnet.length === 0;
    return {
      ...stated,
      id: hostKey.id,
      key: hostKey.publicKey,
      mayAdmit: isAdmitting,
      reach: reach(),
      signed,
    };
  }

  #perform(action: HostSetAction): void {
    const { log } = this.#parts;
    if (action.type === "publish")
      this.#publish(action.version, action.hosts).catch((error: unknown) => {
        log.error("host set not published", { reason: errorMessage(error) });
      });
    else if (action.type === "live-changed") this.#parts.onLiveChanged();
    // adopt: the bytes were kept when they were heard
  }

  async #publish(version: bigint, hosts: readonly SetHost[]): Promise<void> {
    const { subnetKey, generation, log, seal, onSet } = this.#parts;
    const peerRecord = await seal(subnetKey, version, hosts);
    if (this.#set !== undefined && this.#set.version >= version) return; // overtaken meanwhile
    this.#set = signHostSet({ subnet: subnetKey, generation, version, hosts, peerRecord });
    log.debug("host set published", { version: String(version), hosts: hosts.length });
    onSet(this.#set);
  }
}

function listed(outer: string | null): string[] {
  return outer === null ? [] : [outer];
}
