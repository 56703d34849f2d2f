/** Why the daemon's shell refused or could not do a thing. */
import { CodedError } from "../platform/errors.ts";

export type DaemonErrorCode =
  | "ERR_DAEMON_ABSENT" // nothing listens at the socket
  | "ERR_DAEMON_RUNNING" // another daemon holds the state or the socket
  | "ERR_DAEMON_STARTING" // listening, but the overlay is not up yet
  | "ERR_DAEMON_BUSY" // as much of it runs as may
  | "ERR_DAEMON_STATE" // the state directory is foreign, unreadable or of another version
  | "ERR_DAEMON_SOCKET" // the socket cannot be made or reached
  | "ERR_DAEMON_ANSWER"; // what answers at the socket does not speak our protocol

export class DaemonError extends CodedError<DaemonErrorCode> {}

export type PingErrorCode =
  | "ERR_PING_REFUSED" // the other host answers too many, or was sent too much
  | "ERR_PING_DAMAGED"; // other bytes came in than were sent

export class PingError extends CodedError<PingErrorCode> {}

export type RequestErrorCode =
  | "ERR_REQUEST_PATH" // no such route
  | "ERR_REQUEST_METHOD" // the route exists, the method does not
  | "ERR_REQUEST_KEY" // not 64 hexadecimal digits
  | "ERR_REQUEST_QUERY" // an unknown or bad query parameter
  | "ERR_REQUEST_BODY" // a body that is not what the route reads
  | "ERR_REQUEST_TOO_LARGE"; // a body over the route's bound

/** A local API request that cannot be served as it stands; the client's mistake. */
export class RequestError extends CodedError<RequestErrorCode> {
  /** HTTP status that goes with it. */
  readonly status: number;

  constructor(code: RequestErrorCode, status: number, message: string) {
    super(code, message);
    this.status = status;
  }
}

/** An error that the daemon reported to its client: code and message are the daemon's. */
export class RemoteError extends CodedError {
  readonly status: number;

  constructor(code: string, status: number, message: string) {
    super(code, message);
    this.status = status;
  }
}
