/** Why the overlay refused or could not do a thing. */
import { CodedError } from "../platform/errors.ts";

export type OverlayErrorCode =
  | "ERR_OVERLAY_NO_HOSTS" // a host set without a host
  | "ERR_OVERLAY_NOT_JOINED" // no subnet yet: joining, pending or stopped
  | "ERR_OVERLAY_UNREACHABLE" // no host of the asked subnet answered
  | "ERR_OVERLAY_WRONG_PEER" // somebody else answers at that address
  | "ERR_OVERLAY_REFUSED" // the peer said no; its reason is the message
  | "ERR_OVERLAY_CERTIFICATE" // not a valid membership certificate
  | "ERR_OVERLAY_REVOKED" // a host that was removed from the overlay
  | "ERR_OVERLAY_TOKEN" // a token that is malformed, expired, foreign or used
  | "ERR_OVERLAY_LOCKED" // the overlay on this link asks for a token
  | "ERR_OVERLAY_VERSION" // no wire version in common
  | "ERR_OVERLAY_RECORD" // a record that breaks a rule
  | "ERR_OVERLAY_STALE" // an older version than the one known
  | "ERR_OVERLAY_QUOTA" // too many records under one key or from one subnet
  | "ERR_OVERLAY_STORAGE" // the disk is full, or the store is damaged or in use
  | "ERR_OVERLAY_BACKUP" // no backup, a damaged or newer one, or another passphrase
  | "ERR_OVERLAY_PORT" // the port is taken
  | "ERR_OVERLAY_LINK" // no usable interface, or no multicast on it
  | "ERR_OVERLAY_GATEWAY" // the router maps no port; its reason is the message
  | "ERR_OVERLAY_TIMEOUT";

export class OverlayError extends CodedError<OverlayErrorCode> {}
