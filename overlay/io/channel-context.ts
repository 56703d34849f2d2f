/** What a channel asks of the host that it is part of, and tells it. */
import type { Connection } from "@libp2p/interface";
import type { Clock } from "../../platform/clock.ts";
import type { KeyPair } from "../identity/keys.ts";
import type { Revoked } from "../identity/revoked.ts";
import type { Hello } from "../schema/messages.ts";
import type { PeerChannel } from "./peer-channel.ts";

/** What a channel needs of the node that it runs on. */
export interface ChannelContext {
  readonly clock: Clock;
  readonly hostKey: KeyPair;
  /** Peer id of our own end. */
  readonly ownPeerId: string;
  /** Own overlay; `undefined` before admission. */
  overlay(): Uint8Array | undefined;
  /** Who has been removed from it. */
  revoked(): Revoked;
  /** A fresh hello, nonce included. */
  hello(): Hello;
  /** Key of the subnet that hellos name at present. */
  subnetKey(): KeyPair | undefined;
  /** Beyond certificates: a last word on whom to talk to. Throws to refuse. */
  approve(peer: PeerChannel): void;
  /** Answers a call; a thrown error's code and message go back to the caller. */
  onCall(peer: PeerChannel, method: string, body: Uint8Array): Promise<Uint8Array>;
  onNotice(peer: PeerChannel, method: string, body: Uint8Array): void;
  onOpen(peer: PeerChannel): void;
  onClose(peer: PeerChannel, reason: string): void;
  /** A peer broke a rule: its hello was not believed, or it asked for what is not its own to ask. */
  onRefused(peer: PeerChannel, code: string, reason: string): void;
  /** The peer and this host have no wire version in common. */
  onForeignVersion(connection: Connection, hello: Hello): void;
  /** Milliseconds between heartbeats, and of silence until the connection counts as dead. */
  readonly heartbeatMs: number;
  readonly silenceMaxMs: number;
}
