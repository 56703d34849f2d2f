/** What an error means to a host that wants to join: try again, elsewhere, or not at all. */
import { OverlayError } from "../errors.ts";
import type { JoinFailure } from "./formation-machine.ts";

export function toJoinFailure(error: unknown): JoinFailure {
  if (!(error instanceof OverlayError)) return "unreachable";
  if (error.code === "ERR_OVERLAY_LOCKED") return "locked";
  if (error.code === "ERR_OVERLAY_VERSION") return "version";
  const isTransient = [
    "ERR_OVERLAY_UNREACHABLE",
    "ERR_OVERLAY_TIMEOUT",
    "ERR_OVERLAY_NOT_JOINED",
    "ERR_OVERLAY_WRONG_PEER",
    "ERR_OVERLAY_STORAGE",
    "ERR_OVERLAY_PORT",
  ].includes(error.code);
  return isTransient ? "unreachable" : "refused";
}
