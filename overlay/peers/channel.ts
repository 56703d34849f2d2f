/** What is needed of the connections to other hosts, whatever carries them. */
import type { Hello } from "../schema/messages.ts";

/** An open connection to one host whose hello is proven. */
export interface Channel {
  /** Base32 of the proven host key. */
  readonly hostId: string;
  /** Base32 of the subnet that the peer acts for; empty when it has none. */
  readonly subnetId: string;
  readonly peerHello: Pick<Hello, "hostSet" | "statement">;
  readonly isOpen: boolean;
  readonly isMember: boolean;
  readonly connection: { readonly direction: "inbound" | "outbound" };
  /** When anything at all was last heard, on the monotonic clock. */
  readonly lastHeardMs: number;
  /** @throws {OverlayError} the peer's own refusal, ERR_OVERLAY_UNREACHABLE or ERR_OVERLAY_TIMEOUT */
  call(method: string, body: Uint8Array, timeoutMs?: number): Promise<Uint8Array>;
  notify(method: string, body: Uint8Array): void;
  /** Asks for a sign of life. */
  ping(): void;
}

/** All channels of one node. */
export interface Channels<C extends Channel> {
  readonly channels: ReadonlySet<C>;
  /** @param address `ADDRESS:PORT` */
  dial(address: string, signal: AbortSignal): Promise<C>;
  /** Ends all connections without a word. */
  abandon(reason: string): void;
}
