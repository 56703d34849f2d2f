/** Hosts on one link in virtual time: every multicast reaches every other host after 1 ms. */
import type { LinkAddressing } from "../../../platform/address.ts";
import type { HostAnnouncement } from "../../../overlay/link/announcement.ts";
import { type DnsMessage, decodeMessage } from "../../../platform/dns/message.ts";
import { LinkMachine } from "../../../overlay/link/link-machine.ts";
import type { LinkAction, LinkEvent } from "../../../overlay/link/types.ts";
import { createRandom } from "../../../platform/random.ts";
import { VirtualLink } from "../../platform/virtual-link.ts";

const BASE32 = "abcdefghijklmnopqrstuvwxyz234567";

export interface SentPacket {
  readonly atMs: number;
  readonly host: number;
  readonly message: DnsMessage;
  readonly bytes: Uint8Array;
  readonly to: { readonly address: string; readonly port: number } | null;
}

export interface FakeHost {
  readonly index: number;
  readonly machine: LinkMachine;
  readonly address: string;
  /** All but sends, with their times. */
  readonly actions: { readonly atMs: number; readonly action: LinkAction }[];
  /** Labels this host holds. */
  readonly holds: Set<string>;
  isCut: boolean;
}

export function tagOf(index: number): string {
  return BASE32[index % 32]! + BASE32[Math.floor(index / 32) % 32]! + "q".repeat(18);
}

export function labelOf(index: number): string {
  return BASE32[index % 32]! + BASE32[Math.floor(index / 32) % 32]! + "k".repeat(50);
}

export function announcementOf(
  index: number,
  changes: Partial<HostAnnouncement> = {},
): HostAnnouncement {
  return {
    hostTag: tagOf(index),
    wireMin: 1,
    wireMax: 1,
    subnetPort: 4000 + index,
    hostPort: 5000 + index,
    overlayTag: "overlay",
    subnetTag: "subnet",
    stampMs: 1_700_000_000_000,
    generation: 1,
    ...changes,
  };
}

export function linkOf(address: string): LinkAddressing {
  return { name: "eth0", addresses: [{ address, prefixBits: 16 }] };
}

export class FakeLink extends VirtualLink<FakeHost, LinkEvent> {
  readonly sent: SentPacket[] = [];
  /** Whether one delivery is lost. */
  isLost: (from: FakeHost, to: FakeHost) => boolean = () => false;

  constructor() {
    super(0);
  }

  /** A host that starts now; with `null` it only listens. */
  add(announcement?: HostAnnouncement | null): FakeHost {
    const index = this.hosts.length;
    const address = `10.0.${index >> 8}.${(index & 255) + 1}`;
    const host: FakeHost = {
      index,
      machine: new LinkMachine(createRandom(index + 1)),
      address,
      actions: [],
      holds: new Set(),
      isCut: false,
    };
    this.hosts.push(host);
    const own = announcement === undefined ? announcementOf(index) : announcement;
    this.feed(host, { type: "start", link: linkOf(address), announcement: own });
    return host;
  }

  feed(host: FakeHost, event: LinkEvent | { readonly type: "tick" }): void {
    for (const action of host.machine.step(event, this.nowMs)) this.#perform(host, action);
  }

  /** Packets from something that is no host of ours. */
  inject(bytes: Uint8Array, from: string, port = 5353): void {
    for (const host of this.hosts) this.feed(host, { type: "packet", bytes, from, port });
  }

  /** Times at which a host reported something. */
  timesOf(host: FakeHost, type: LinkAction["type"]): number[] {
    return host.actions.filter(({ action }) => action.type === type).map(({ atMs }) => atMs);
  }

  #perform(host: FakeHost, action: LinkAction): void {
    if (action.type !== "send") {
      host.actions.push({ atMs: this.nowMs, action });
      if (action.type === "question-heard" && host.holds.has(action.label))
        this.feed(host, { type: "hold", label: action.label });
      return;
    }
    if (host.isCut) return;
    const { bytes, to } = action;
    const message = decodeMessage(bytes);
    this.sent.push({ atMs: this.nowMs, host: host.index, message, bytes, to });
    if (to !== null) return;
    for (const other of this.hosts) {
      if (other === host || this.isLost(host, other)) continue;
      this.deliver(other, { type: "packet", bytes, from: host.address, port: 5353 });
    }
  }
}
