/** Why a simulation, or what becomes of its results, did not work. */
import { CodedError } from "../platform/errors.ts";

export type SimulationErrorCode =
  | "ERR_SIM_INTERRUPTED" // the user ended it
  | "ERR_SIM_DISK_FULL" // a result could not be written
  | "ERR_SIM_FILE" // a file that belongs to a sweep cannot be read or written
  | "ERR_SIM_TOO_LARGE" // to be drawn
  | "ERR_SIM_POINT" // points of a sweep failed
  | "ERR_SIM_ENGINE"; // Slurm or GNU parallel is not there, or refused

export class SimulationError extends CodedError<SimulationErrorCode> {}
