/** What calls to other subnets came to, and what was moved to keep records in their places. */
import type { Clock } from "../../platform/clock.ts";
import type { Metrics } from "../../platform/io/metrics.ts";

export class CallTally {
  readonly #clock: Clock;
  readonly #failed = new Map<string, number>();
  #lastFailedStartMs = -Infinity;
  /** Gets of this host's clients. */
  gets = 0;
  /** Bytes of records sent because hosts or subnets came or went. */
  repairBytes = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * A call that brought no answer: the host was gone, or silent until the end of its time.
   *
   * @param startedMs monotonic, when it was sent
   */
  fail(method: string, startedMs: number): void {
    this.#failed.set(method, (this.#failed.get(method) ?? 0) + 1);
    this.#lastFailedStartMs = Math.max(this.#lastFailedStartMs, startedMs);
  }

  failed(method: string): number {
    return this.#failed.get(method) ?? 0;
  }

  /** How long ago the latest call that failed was sent, ms; `Infinity` when none ever did. */
  get sinceFailedMs(): number {
    return this.#clock.monotonicMs() - this.#lastFailedStartMs;
  }
}

/** @param read the present tally; a host between two subnets has none */
export function declareCallMetrics(metrics: Metrics, read: () => CallTally | undefined): void {
  const gauge = (name: string, help: string, of: (tally: CallTally) => number): void =>
    metrics.gauge(`overlay_${name}`, help, () => {
      const tally = read();
      return tally === undefined ? 0 : of(tally);
    });
  gauge("gets_total", "Gets asked of this host since it is in its subnet", ({ gets }) => gets);
  gauge("calls_failed_total", "Calls of gets that no host of the asked subnet answered", (tally) =>
    tally.failed("get"),
  );
  gauge(
    "puts_failed_total",
    "Calls of puts that a host of another subnet did not answer",
    (tally) => tally.failed("put"),
  );
  gauge(
    "calls_failed_ago_seconds",
    "Since the latest call that failed was sent",
    (tally) => tally.sinceFailedMs / 1000,
  );
  gauge(
    "repair_bytes_total",
    "Bytes of records sent to keep them in their places",
    (tally) => tally.repairBytes,
  );
}
