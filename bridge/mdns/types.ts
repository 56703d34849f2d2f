/** What goes into the machines of multicast DNS and what comes out. */
import type { LinkAddressing } from "../../platform/address.ts";
import type { DnsMessage, DnsRecord } from "../../platform/dns/message.ts";
import type { DnsName } from "../../platform/dns/name.ts";
import type { ServiceId, ZeroconfService } from "../zeroconf/service.ts";
import type { Endpoint } from "./answer-queue.ts";

/** A message from the link, decoded, its source found to be on the link, and not our own. */
export interface HeardMessage {
  readonly type: "message";
  readonly message: DnsMessage;
  readonly from: Endpoint;
}

/** To everyone on the link, or to one asker. */
export interface SendAction {
  readonly type: "send";
  readonly message: DnsMessage;
  readonly to: Endpoint | null;
}

/** What we answer for, with the flush bit as announced, and what no longer. */
export type OwnChange =
  | { readonly type: "own-added"; readonly records: readonly DnsRecord[] }
  | { readonly type: "own-removed"; readonly records: readonly DnsRecord[] };

export type ResponderEvent =
  | HeardMessage
  | {
      readonly type: "register";
      /** The caller's own, used once. */
      readonly id: number;
      readonly service: ZeroconfService;
      readonly isShared: boolean;
      readonly isTakeover: boolean;
      /** Names after the service's own. */
      readonly candidates: Iterable<string>;
    }
  | {
      readonly type: "register-host";
      readonly id: number;
      readonly host: DnsName;
      readonly addresses: readonly string[];
      readonly isTakeover: boolean;
    }
  | { readonly type: "update"; readonly id: number; readonly service: ZeroconfService }
  | { readonly type: "withdraw"; readonly id: number }
  /** Another link, or woken up from sleep: all is probed and announced anew. */
  | { readonly type: "link-changed" }
  | { readonly type: "stop" };

export type ResponderAction =
  | SendAction
  | { readonly type: "registered"; readonly id: number; readonly instance: string }
  /** All names are taken, or the host's is. */
  | { readonly type: "refused"; readonly id: number; readonly name: DnsName }
  | {
      readonly type: "renamed";
      readonly id: number;
      readonly from: ServiceId;
      readonly to: ServiceId;
    }
  | OwnChange;

export type BrowserEvent =
  | HeardMessage
  | OwnChange
  | { readonly type: "browse" | "unbrowse"; readonly serviceType: string }
  | { readonly type: "browse-types" | "unbrowse-types" }
  | { readonly type: "link-changed"; readonly link: LinkAddressing }
  | { readonly type: "stop" };

export type BrowserAction =
  | SendAction
  | { readonly type: "found"; readonly service: ZeroconfService; readonly isOwn: boolean }
  | { readonly type: "gone"; readonly id: ServiceId }
  | { readonly type: "type-found" | "type-gone"; readonly serviceType: string };

export function sendAll(messages: readonly DnsMessage[], to: Endpoint | null = null): SendAction[] {
  return messages.map((message) => ({ type: "send", message, to }));
}
