/** What went through the relay for one service, as `causeway services` shows it. */

export interface RelayStatistics {
  /** Connections and UDP exchanges open now. */
  readonly open: number;
  readonly opened: number;
  /** Ended before they began: by a cap, a rule, or nobody there. */
  readonly failed: number;
  /** From clients to the service. */
  readonly bytesToService: number;
  readonly bytesFromService: number;
  /** Datagrams left out because the stream was full. */
  readonly datagramsDropped: number;
  /** Why the last one failed; empty when none did. */
  readonly lastProblem: string;
}

/** Counts; what reads it takes a copy. */
export class Tally {
  open = 0;
  opened = 0;
  failed = 0;
  bytesToService = 0;
  bytesFromService = 0;
  datagramsDropped = 0;
  lastProblem = "";

  fail(problem: string): void {
    this.failed++;
    this.lastProblem = problem;
  }

  statistics(): RelayStatistics {
    const { open, opened, failed, bytesToService, bytesFromService } = this;
    const { datagramsDropped, lastProblem } = this;
    return {
      open,
      opened,
      failed,
      bytesToService,
      bytesFromService,
      datagramsDropped,
      lastProblem,
    };
  }
}
