/** Why a lab could not be made, found or changed. */
import { CodedError } from "../../platform/errors.ts";

export type LabErrorCode =
  | "ERR_LAB_PLATFORM" // not Linux, or not root
  | "ERR_LAB_TOOL" // a program that the lab needs is missing
  | "ERR_LAB_EXISTS" // a lab of this name is there
  | "ERR_LAB_ABSENT" // no lab of this name, or one that is half made
  | "ERR_LAB_TAKEN" // a namespace of a wanted name belongs to somebody else
  | "ERR_LAB_BUSY" // another process is making or removing this lab
  | "ERR_LAB_COMMAND" // a program that makes up the lab failed
  | "ERR_LAB_WIRE" // the process that carries the uplinks does not answer
  | "ERR_LAB_PLACE" // a host cannot be where it shall be
  | "ERR_LAB_DAEMON" // a host's daemon is not there, or not in time
  | "ERR_LAB_LEFT"; // something could not be removed

export class LabError extends CodedError<LabErrorCode> {}
