/** Errors as HTTP answers. */
import type { BridgeErrorCode } from "../../bridge/index.ts";
import type { OverlayErrorCode } from "../../overlay/index.ts";
import { CodedError, ConfigError, errorCode } from "../../platform/errors.ts";
import { DaemonError, RequestError } from "../errors.ts";
import type { ErrorAnswer } from "./api-types.ts";

/** HTTP status of each way in which the overlay says no. */
const OVERLAY_STATUS: Readonly<Record<OverlayErrorCode, number>> = {
  ERR_OVERLAY_NO_HOSTS: 503,
  ERR_OVERLAY_NOT_JOINED: 503,
  ERR_OVERLAY_UNREACHABLE: 502,
  ERR_OVERLAY_WRONG_PEER: 502,
  ERR_OVERLAY_REFUSED: 502,
  ERR_OVERLAY_CERTIFICATE: 403,
  ERR_OVERLAY_REVOKED: 403,
  ERR_OVERLAY_TOKEN: 403,
  ERR_OVERLAY_LOCKED: 403,
  ERR_OVERLAY_VERSION: 502,
  ERR_OVERLAY_RECORD: 400,
  ERR_OVERLAY_STALE: 409,
  ERR_OVERLAY_QUOTA: 429,
  ERR_OVERLAY_STORAGE: 507,
  ERR_OVERLAY_PORT: 503,
  ERR_OVERLAY_BACKUP: 400,
  ERR_OVERLAY_LINK: 503,
  ERR_OVERLAY_GATEWAY: 502,
  ERR_OVERLAY_TIMEOUT: 504,
};

/** And the bridge. */
const BRIDGE_STATUS: Readonly<Record<BridgeErrorCode, number>> = {
  ERR_BRIDGE_NAME: 400,
  ERR_BRIDGE_RECORD: 400,
  ERR_BRIDGE_RULE: 400,
  ERR_BRIDGE_REFUSED: 403,
  ERR_BRIDGE_NAME_CONFLICT: 409,
  ERR_BRIDGE_LIMIT: 429,
  ERR_BRIDGE_UNREACHABLE: 502,
  ERR_BRIDGE_BACKEND: 503,
  ERR_BRIDGE_STORAGE: 507,
};

const STATUS: Readonly<Record<string, number>> = { ...OVERLAY_STATUS, ...BRIDGE_STATUS };

export interface Problem {
  readonly status: number;
  readonly body: ErrorAnswer;
  /** Nothing that we foresaw, so it is a bug and belongs in the log. */
  readonly isUnforeseen: boolean;
}

/** Never shows the message of an error we did not make: it may name internals. */
export function problemOf(error: unknown): Problem {
  if (!(error instanceof CodedError))
    return {
      status: 500,
      body: { error: { code: "ERR_INTERNAL", message: "internal error; the daemon's log has it" } },
      isUnforeseen: true,
    };
  const { code, message } = error;
  return { status: statusOf(error), body: { error: { code, message } }, isUnforeseen: false };
}

function statusOf(error: CodedError): number {
  if (error instanceof RequestError) return error.status;
  if (error instanceof ConfigError) return 400;
  if (error instanceof DaemonError) return 503;
  const code = errorCode(error) ?? "";
  return Object.hasOwn(STATUS, code) ? STATUS[code]! : 500;
}
