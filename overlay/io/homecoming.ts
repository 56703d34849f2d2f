/**
 * What a host has from earlier stays: which stored subnet belongs to the link that it is on, whether
 * that subnet lives, and how to resume it.
 *
 * Design, "A host adopts the link it is on": only on its own link, and only if no live host of it
 * answers elsewhere; no answer counts as none.
 */
import type { Random } from "../../platform/random.ts";
import { createKeyPair } from "../identity/keys.ts";
import { subnetTagOf } from "../identity/tags.ts";
import type { LinkAddressing } from "../../platform/address.ts";
import type { LinkFingerprint } from "../link/fingerprint.ts";
import type { Signed } from "../schema/messages.ts";
import type { StoredStay } from "../subnet/formation-machine.ts";
import type { HostSet } from "../subnet/host-set.ts";
import { pickStored } from "../subnet/stored-subnets.ts";
import { parseAddress } from "../address.ts";
import type { ChannelPool } from "./channel-pool.ts";
import type { NextSubnet } from "./formation.ts";
import { dialableAddresses, isAddressOnLink } from "./link-reach.ts";
import type { PeerChannel } from "./peer-channel.ts";
import type { StateDirectory, SubnetState } from "./state.ts";

const LISTEN_MS = 500;
const LISTEN_JITTER_MS = 300;
/** With link-local addresses alone: a real one, and with it a familiar link, may come. */
const LISTEN_UNADDRESSED_MS = 3_000;
const PROBE_TIMEOUT_MS = 3_000;
/** A neighbour answers soon or is off. */
const PROBE_ON_LINK_TIMEOUT_MS = 1_000;

export interface HomecomingParts {
  readonly state: StateDirectory;
  readonly pool: ChannelPool;
  readonly allowsWan: boolean;
  readonly random: Random;
  link(): LinkAddressing | undefined;
  /** @param waitMs how long an unknown gateway may take to answer */
  fingerprint(waitMs?: number): Promise<LinkFingerprint | null>;
  /** The sets among those that hold in this overlay. */
  check(signed: readonly Signed[]): HostSet[];
}

export type ProbeResult =
  /** Nothing is stored for this link, or it lives on another one. */
  | { readonly type: "elsewhere" }
  /** A host of it answers on this link, unheard by multicast. */
  | { readonly type: "here"; readonly channel: PeerChannel }
  | { readonly type: "silent" };

export class Homecoming {
  /** Key of the subnet just left because its hosts are not on this link; `null` for none. */
  left: Uint8Array | null = null;
  readonly #parts: HomecomingParts;

  constructor(parts: HomecomingParts) {
    this.#parts = parts;
  }

  /** How long to listen before acting alone, ms. */
  listenMs(): number {
    const { link, random } = this.#parts;
    const isAddressed = link() === undefined || dialableAddresses(link()).length > 0;
    return (isAddressed ? LISTEN_MS : LISTEN_UNADDRESSED_MS) + random.between(0, LISTEN_JITTER_MS);
  }

  /** The stored subnet that may be this link's, as far as is known without waiting. */
  async stay(): Promise<StoredStay | null> {
    const candidate = await this.#candidate(0);
    if (candidate === undefined) return null;
    const { subnet, stampMs } = candidate.claim;
    return { subnetTag: subnetTagOf(subnet), stampMs: Number(stampMs) };
  }

  /** Whether all that is stored belongs to other links than this. */
  async isAbroad(): Promise<boolean> {
    const { state } = this.#parts;
    return state.subnets.length > 0 && (await this.#candidate()) === undefined;
  }

  /** Asks the last known hosts of this link's stored subnet. */
  async probe(): Promise<ProbeResult> {
    const { state, pool, link } = this.#parts;
    const candidate = await this.#candidate();
    if (candidate === undefined) return { type: "elsewhere" };
    const id = createKeyPair(candidate.seed).id;
    const hosts = this.#setsOf(candidate).find((set) => set.subnetId === id)?.hosts ?? [];
    const addresses = hosts
      .filter((host) => host.id !== state.hostKey.id)
      .flatMap((host) => host.hostAddresses);
    const probes = addresses.map(async (address) => {
      const isHere = isAddressOnLink(parseAddress(address).host, link());
      if (!isHere && !this.#parts.allowsWan) throw new Error("not asked");
      const timeoutMs = isHere ? PROBE_ON_LINK_TIMEOUT_MS : PROBE_TIMEOUT_MS;
      const channel = await pool.dial(address, AbortSignal.timeout(timeoutMs));
      if (channel.subnetId !== id) throw new Error("it is in another subnet");
      return isHere ? { type: "here" as const, channel } : { type: "elsewhere" as const };
    });
    return Promise.any(probes).catch(() => ({ type: "silent" as const }));
  }

  /** The stored subnet of this link, ready to be entered; absent when there is none. */
  async resume(): Promise<NextSubnet | undefined> {
    const subnet = await this.#candidate();
    if (subnet === undefined) return undefined;
    const key = createKeyPair(subnet.seed);
    const contacts = this.#setsOf(subnet);
    const versions = contacts.filter((set) => set.subnetId === key.id).map((set) => set.version);
    const version = [subnet.version, ...versions].reduce((a, b) => (a > b ? a : b));
    const { claim, prefixes, gatewayMac } = subnet;
    const home = { prefixes, gatewayMac };
    return { key, claim, via: "resumed", hostSet: undefined, contacts, version, home };
  }

  async #candidate(waitMs?: number): Promise<SubnetState | undefined> {
    const { state, fingerprint } = this.#parts;
    const now = await fingerprint(waitMs);
    return now === null ? undefined : pickStored(state.subnets, now, this.left);
  }

  #setsOf({ lastSet }: SubnetState): HostSet[] {
    const { state, check } = this.#parts;
    return check(lastSet === null ? state.contacts : [...state.contacts, lastSet]);
  }
}
