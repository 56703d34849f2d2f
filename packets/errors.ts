/** Why frames could not be received or sent. */
import { CodedError } from "../platform/errors.ts";

export type PacketsErrorCode =
  | "ERR_PACKETS_INTERFACE" // no such network interface here
  | "ERR_PACKETS_SYSTEM" // the kernel refused a call
  | "ERR_PACKETS_LINE" // no such delay line, or its thread is gone
  | "ERR_PACKETS_PLATFORM"; // not Linux

export class PacketsError extends CodedError<PacketsErrorCode> {}
