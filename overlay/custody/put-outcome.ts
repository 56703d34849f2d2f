/** What becomes of a record that is put, as it is answered. */
import type { AcceptResult } from "../records/record-store.ts";
import type { PutOutcome } from "../schema/messages.ts";
import { PUT_RESULT } from "../schema/methods.ts";

export function outcome(result: number, given: Partial<PutOutcome> = {}): PutOutcome {
  return { result, floor: 0n, message: "", copies: 0, ...given };
}

export function toOutcome(result: AcceptResult): PutOutcome {
  switch (result.type) {
    case "stored":
      return outcome(PUT_RESULT.stored, { copies: 1 });
    case "duplicate":
      return outcome(PUT_RESULT.duplicate, { copies: 1 });
    case "stale":
      return outcome(PUT_RESULT.stale, {
        floor: result.floor,
        message: "a newer version is known",
      });
    case "quota":
      return outcome(PUT_RESULT.quota, { message: `quota reached: ${result.quota}` });
    case "expired":
      return outcome(PUT_RESULT.expired, { message: "it has expired" });
    case "refused":
      return outcome(PUT_RESULT.refused, { message: "its publisher was removed from the overlay" });
  }
}

export function isKept({ result }: PutOutcome): boolean {
  return result === PUT_RESULT.stored || result === PUT_RESULT.duplicate;
}

/** The taker has it, or something newer. */
export function isSettled(one: PutOutcome): boolean {
  return isKept(one) || one.result === PUT_RESULT.stale;
}
