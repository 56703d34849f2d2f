/** What goes into the link machine and what comes out. */
import type { LinkAddressing } from "../../platform/address.ts";
import type { Announcement, HostAnnouncement } from "./announcement.ts";

/** Another host of the link, as its announcement has it. A hint: nothing of it is proven. */
export interface LinkPeer {
  readonly hostTag: string;
  readonly announcement: Announcement;
  /** On-link addresses to dial, zones included: those it sent from and those it announces. */
  readonly addresses: readonly string[];
}

/** `goodbye` may be forged, `expired` may be loss, `evicted` says nothing about the peer. */
export type GoneReason = "goodbye" | "expired" | "evicted" | "link-changed" | "malformed";

export type LinkEvent =
  /** Starts browsing; with `null` only listens and asks. */
  | {
      readonly type: "start";
      readonly link: LinkAddressing;
      readonly announcement: HostAnnouncement | null;
    }
  /** A datagram that is not our own echo. `from` has its zone. */
  | {
      readonly type: "packet";
      readonly bytes: Uint8Array;
      readonly from: string;
      readonly port: number;
    }
  | { readonly type: "announce"; readonly announcement: HostAnnouncement | null }
  | { readonly type: "link-changed"; readonly link: LinkAddressing }
  /** Announces nothing any more, without a goodbye: this may be another link. */
  | { readonly type: "hush" }
  /** It is another link: nobody heard before the hush is on it. */
  | { readonly type: "renew" }
  /** The overlay knows this peer alive, so it need not be asked. */
  | { readonly type: "confirm"; readonly hostTag: string }
  /** Who holds the record with this label? `id` is the caller's own. */
  | {
      readonly type: "ask";
      readonly id: number;
      readonly label: string;
      readonly timeoutMs: number;
    }
  /** This host holds a record that `question-heard` asked for. */
  | { readonly type: "hold"; readonly label: string }
  | { readonly type: "stop" };

export type LinkAction =
  /** To everyone on the link, or to one asker. */
  | {
      readonly type: "send";
      readonly bytes: Uint8Array;
      readonly to: { readonly address: string; readonly port: number } | null;
    }
  | { readonly type: "peer-found" | "peer-changed"; readonly peer: LinkPeer }
  | { readonly type: "peer-gone"; readonly peer: LinkPeer; readonly reason: GoneReason }
  | { readonly type: "question-heard"; readonly label: string }
  | { readonly type: "answer-heard"; readonly label: string; readonly hostTag: string }
  /** The end of an ask; no tags when nobody answered, or when it was not even sent. */
  | {
      readonly type: "asked";
      readonly id: number;
      readonly hostTags: readonly string[];
      readonly isLimited: boolean;
    };

export interface LinkCounters {
  /** Messages, each sent once per address family. */
  messagesSent: number;
  messagesReceived: number;
  malformed: number;
  /** Refused, because the source is no address of this link. */
  offLink: number;
  /** Peers dropped for room, or refused because one source announced too many. */
  evicted: number;
  /** Another host announces our own tag: a cloned key? */
  conflicts: number;
  /** Key questions of others that were not looked at. */
  questionsLimited: number;
  /** Own key questions that were not sent. */
  asksLimited: number;
}

export function createCounters(): LinkCounters {
  return {
    messagesSent: 0,
    messagesReceived: 0,
    malformed: 0,
    offLink: 0,
    evicted: 0,
    conflicts: 0,
    questionsLimited: 0,
    asksLimited: 0,
  };
}
