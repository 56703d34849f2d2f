/**
 * How this host is found and reached from other subnets, and reaches theirs: its relays, its place
 * in the directory, and whom a token names that was made behind NAT.
 */
import { errorMessage } from "../../platform/errors.ts";
import { OverlayError } from "../errors.ts";
import { formatAddress, parseAddress } from "../address.ts";
import { checkStatement } from "../subnet/host-set.ts";
import { HostLocator, PLACE_TTL_MS } from "./host-locator.ts";
import type { GatewayPlace } from "./gateway.ts";
import { ipv4Gateway } from "./interfaces.ts";
import { isAddressOnLink } from "./link-reach.ts";
import { NAT_PMP_PORT } from "../mapping/nat-pmp.ts";
import { SSDP_GROUP, SSDP_PORT } from "../mapping/upnp.ts";
import type { OverlayHost } from "./overlay-host.ts";
import type { PeerChannel } from "./peer-channel.ts";
import { PortMapper } from "./port-mapper.ts";
import { Relays } from "./relays.ts";
import { tryStaggered } from "./staggered.ts";

const CONTACTS_ELSEWHERE_MAX = 8;
const TICK_MS = 1_000;
/** Between two tries to publish this host's place: the first time, and at most. */
const PLACE_RETRY_MS = 2_000;
const PLACE_RETRY_MAX_MS = 60_000;
const STAGGER_MS = 300;
const REVERSE_DIAL_TIMEOUT_MS = 1_000;
/** A host is dialled back at its wish for so often at most. */
const REVERSE_EVERY_MS = 2_000;
const REVERSED_HOSTS_MAX = 1_024;

export class Outreach {
  readonly relays: Relays;
  readonly locator: HostLocator;
  readonly mapper: PortMapper;
  readonly #host: OverlayHost;
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #reversed = new Map<string, number>();
  #placeRetryMs = PLACE_RETRY_MS;
  #placeDueMs = Infinity;
  #isPublishing = false;

  /** To be made once the host's node and pool are there. */
  constructor(host: OverlayHost) {
    this.#host = host;
    const { clock, log } = host.parts;
    this.relays = new Relays({
      node: host.hostNode,
      pool: host.hostPool,
      clock,
      log,
      reach: () => host.session?.reachability.reach ?? "unknown",
      sets: () => host.session?.book.all() ?? [],
      isOnLink: (address) => isAddressOnLink(address, host.link.current()),
      onChange: () => {
        host.session?.restate();
        this.#moved();
      },
    });
    this.locator = new HostLocator({
      clock,
      log,
      overlayId: () => host.members.overlay?.id,
      revoked: () => host.members.revoked,
      directory: () => host.session?.directory,
      subnetId: () => host.session?.subnetId,
      siblings: () => host.session?.hosts ?? [],
      others: () => host.session?.book.all().flatMap((set) => set.hosts) ?? [],
      isOnLink: (address) => isAddressOnLink(address, host.link.current()),
    });
    this.mapper = this.#createMapper();
    this.#timers.push(setInterval(() => void this.#tick(), TICK_MS));
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer);
  }

  /**
   * Host-node addresses that a token names: this host's first, then its siblings', and hosts of
   * other subnets that may redeem it where these cannot be dialled.
   */
  contactAddresses(): string[] {
    const { session, addresses, ports } = this.#host;
    const outer = this.mapper.hostAddress;
    const inner = addresses.map((address) => formatAddress(address, ports.host));
    const own = outer === null ? inner : [...inner, outer];
    const isDialled = session?.reachability.reach !== "unreachable";
    const elsewhere = (session?.book.all() ?? [])
      .flatMap((set) => set.hosts)
      .filter(({ reach, mayAdmit }) => !isDialled && mayAdmit && reach === "reachable");
    const hosts = [...(session?.hosts ?? []), ...elsewhere.slice(0, CONTACTS_ELSEWHERE_MAX)];
    return [...new Set([...own, ...hosts.flatMap((host) => host.hostAddresses)])];
  }

  /** A member's channel under its host key is open. */
  onOpen(channel: PeerChannel): void {
    this.#host.session?.reachability.onMet(channel);
  }

  /**
   * Dials whoever has reached this host through a relay, where its own statement says.
   *
   * @throws {OverlayError} always the same one when it is not reached, so that nobody learns from it
   *   what there is around this host
   */
  async answerReverse(channel: PeerChannel): Promise<Uint8Array> {
    const { hostPool, parts, members, link } = this.#host;
    const { statement } = channel.peerHello;
    const nowMs = parts.clock.monotonicMs();
    const isOften = nowMs - (this.#reversed.get(channel.hostId) ?? -Infinity) < REVERSE_EVERY_MS;
    if (!channel.isRelayed || statement === null || members.overlay === null || isOften)
      throw new OverlayError("ERR_OVERLAY_REFUSED", "nothing to reverse here, or too soon again");
    this.#reversed.delete(channel.hostId);
    this.#reversed.set(channel.hostId, nowMs);
    if (this.#reversed.size > REVERSED_HOSTS_MAX)
      this.#reversed.delete(this.#reversed.keys().next().value ?? "");
    const { id } = members.overlay;
    const asker = checkStatement(statement, id, parts.clock.wallMs(), members.revoked);
    const addresses = asker.hostAddresses.filter(
      (address) => !isAddressOnLink(parseAddress(address).host, link.current()),
    );
    try {
      await tryStaggered(
        asker.id === channel.hostId ? addresses : [],
        async (address) => {
          const back = await hostPool.dial(address, AbortSignal.timeout(REVERSE_DIAL_TIMEOUT_MS));
          if (back.hostId !== asker.id)
            throw new OverlayError("ERR_OVERLAY_WRONG_PEER", "another host answers there");
        },
        STAGGER_MS,
      );
    } catch (cause) {
      throw new OverlayError("ERR_OVERLAY_UNREACHABLE", "not dialled back", { cause });
    }
    return new Uint8Array();
  }

  #createMapper(): PortMapper {
    const host = this.#host;
    const { clock, log } = host.parts;
    return new PortMapper({
      clock,
      log,
      hostId: host.hostKey.id,
      ports: () => host.ports,
      place: () => this.#gateway(),
      reach: () => host.session?.reachability.reach ?? "unknown",
      prove: async (port, outer) => host.session?.reachability.prove(port, outer) ?? null,
      onChange: (port, isReached) => {
        const { session } = host;
        if (port === "subnet" && isReached) session?.reachability.onProof();
        session?.restate();
        if (port === "subnet" && !isReached) session?.reachability.onAddressChange();
      },
    });
  }

  #gateway(): GatewayPlace | undefined {
    const { options, session, addresses, link } = this.#host;
    if (!options.mapsPorts || !options.allowsWan || session === undefined) return undefined;
    const address = ipv4Gateway(link.current()?.name ?? "");
    const local = addresses.find((one) => !one.includes(":"));
    if (address === null || local === undefined) return undefined;
    const search = { address: SSDP_GROUP, port: SSDP_PORT };
    return { address, local, natPmpPort: NAT_PMP_PORT, search };
  }

  async #tick(): Promise<void> {
    this.mapper.tick();
    void this.#publishPlace();
    try {
      await this.relays.tick();
    } catch (error) {
      this.#host.parts.log.warn("relays not looked after", { reason: errorMessage(error) });
    }
  }

  #moved(): void {
    this.#placeRetryMs = PLACE_RETRY_MS;
    this.#placeDueMs = -Infinity;
    void this.#publishPlace();
  }

  /** Says where this host is reached, until another subnet holds it; and again well before it expires. */
  async #publishPlace(): Promise<void> {
    const { session, hostKey, parts } = this.#host;
    const nowMs = parts.clock.monotonicMs();
    if (this.#isPublishing || nowMs < this.#placeDueMs) return;
    if (session === undefined || this.relays.list().length === 0) return;
    this.#isPublishing = true;
    this.#placeDueMs = nowMs + PLACE_TTL_MS / 3;
    const isFound = await this.locator.publish(hostKey.publicKey, session.statement);
    this.#isPublishing = false;
    if (isFound) return;
    this.#placeDueMs = Math.min(this.#placeDueMs, nowMs + this.#placeRetryMs);
    this.#placeRetryMs = Math.min(this.#placeRetryMs * 2, PLACE_RETRY_MAX_MS);
  }
}
