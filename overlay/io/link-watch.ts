/**
 * Watches the interface: addresses, default route, the cable, and wake-ups from sleep.
 *
 * Node has no netlink socket, so the kernel's small files are read four times a second; one look
 * costs less than a tenth of a millisecond.
 */
import type { Clock } from "../../platform/clock.ts";
import type { LinkAddressing } from "../../platform/address.ts";

/** `plug`: carrier or device changed; `addresses`: only those; `gateway`: another one answers. */
export type LinkChange = "addresses" | "plug" | "gateway" | "wake";

export interface WatchParts {
  /** Called each time; `undefined` while there is no link. */
  readonly read: () => LinkAddressing | undefined;
  /** Text that changes with the cable. */
  readonly readPlug: (name: string) => string;
  /** The gateway's hardware address if the kernel knows it. */
  readonly readGateway: (name: string) => string | null;
  readonly clock: Clock;
  /** How often, in ms. */
  readonly everyMs: number;
  /** `wake` after a sleep: the wall clock ran and the monotonic one did not, or neither did we. */
  readonly onChange: (link: LinkAddressing | undefined, reason: LinkChange) => void;
}

/** A jump of the wall clock that is no drift; a clock that is set by hand costs a few packets. */
const SLEEP_MIN_MS = 2_000;

interface Seen {
  readonly link: string;
  readonly plug: string;
}

export class LinkWatch {
  readonly #parts: WatchParts;
  readonly #timer: NodeJS.Timeout;
  #seen: Seen;
  /** The last one known since other changes: one that is not known now has not changed. */
  #gateway: string | null;
  #offsetMs: number;
  #lookedAtMs: number;

  constructor(parts: WatchParts) {
    this.#parts = parts;
    const { clock, everyMs } = parts;
    const link = parts.read();
    this.#seen = this.#see(link);
    this.#gateway = link === undefined ? null : parts.readGateway(link.name);
    this.#offsetMs = clock.wallMs() - clock.monotonicMs();
    this.#lookedAtMs = clock.monotonicMs();
    this.#timer = setInterval(() => this.look(), everyMs);
    this.#timer.unref();
  }

  /** Looks now. @returns whether something changed; `onChange` has been told then */
  look(): boolean {
    const link = this.#parts.read();
    const reason = this.#compare(link);
    if (reason === undefined) return false;
    this.#parts.onChange(link, reason);
    return true;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #compare(link: LinkAddressing | undefined): LinkChange | undefined {
    const isAwake = this.#hasSlept();
    const before = this.#seen;
    const now = this.#see(link);
    this.#seen = now;
    const gateway = link === undefined ? null : this.#parts.readGateway(link.name);
    const isOther = gateway !== null && this.#gateway !== null && gateway !== this.#gateway;
    const isSame = now.plug === before.plug && now.link === before.link;
    this.#gateway = isSame ? (gateway ?? this.#gateway) : gateway;
    if (now.plug !== before.plug) return "plug";
    if (now.link !== before.link) return "addresses";
    if (isOther) return "gateway";
    return isAwake ? "wake" : undefined;
  }

  #see(link: LinkAddressing | undefined): Seen {
    const plug = link === undefined ? "" : this.#parts.readPlug(link.name);
    return { link: JSON.stringify(link) ?? "", plug };
  }

  #hasSlept(): boolean {
    const { clock, everyMs } = this.#parts;
    const offsetMs = clock.wallMs() - clock.monotonicMs();
    const lateMs = clock.monotonicMs() - this.#lookedAtMs - everyMs;
    const jumpMs = offsetMs - this.#offsetMs;
    this.#offsetMs = offsetMs;
    this.#lookedAtMs = clock.monotonicMs();
    return jumpMs > SLEEP_MIN_MS || lateMs > SLEEP_MIN_MS;
  }
}
