/** Why a benchmark could not be run. */
import { CodedError } from "../../platform/errors.ts";

export type BenchErrorCode =
  | "ERR_BENCH_STOPPED" // ^C, or a signal
  | "ERR_BENCH_TIMEOUT" // what has to be there before measuring is not there
  | "ERR_BENCH_PROGRAM"; // a program that a measurement needs failed

export class BenchError extends CodedError<BenchErrorCode> {}
