/** What goes wrong in the bridge while it operates. */
import { CodedError } from "../platform/errors.ts";

export type BridgeErrorCode =
  | "ERR_BRIDGE_NAME" // a service, type or key that DNS-SD does not allow
  | "ERR_BRIDGE_NAME_CONFLICT" // no free name was found on the link
  | "ERR_BRIDGE_BACKEND" // no multicast DNS: Avahi is gone, or the link has none
  | "ERR_BRIDGE_RECORD" // a record of the overlay that says nothing the bridge understands
  | "ERR_BRIDGE_RULE" // a rule that cannot be, or is not there
  | "ERR_BRIDGE_STORAGE" // the bridge's own files cannot be read or written
  | "ERR_BRIDGE_REFUSED" // no rule lets that host have this service
  | "ERR_BRIDGE_UNREACHABLE" // the exporter, or the service behind it, does not answer
  | "ERR_BRIDGE_LIMIT"; // a cap of this link or host

export class BridgeError extends CodedError<BridgeErrorCode> {}
