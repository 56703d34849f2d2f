/** Keeps the books of a churn run: every daemon's life, its table, its calls and what it moved. */
import { readFileSync } from "node:fs";
import type { Bed } from "../../bed.ts";
import { countTable, type TableReading } from "./tables.ts";

/** Running sums of the whole fleet. */
export interface ChurnSums {
  /** Changes of routing tables after their first filling. */
  readonly changes: number;
  /** Of these, what no whole subnet explains. */
  readonly unexplained: number;
  readonly failedCalls: number;
  readonly gets: number;
  readonly repairBytes: number;
}

interface Life {
  readonly host: string;
  readonly others: number;
  reading: TableReading;
  /** Changes before the books were opened, besides the entries there were then. */
  before: number;
  went: number;
  came: number;
  gets: number;
  failedCalls: number;
  repairBytes: number;
}

/** A call that failed, by when it was sent. */
export interface FailedCall {
  readonly host: string;
  /** On the clock of `performance.now()`. */
  readonly sentMs: number;
}

export class ChurnLedger {
  readonly #bed: Bed;
  readonly #inLab: (host: string) => string;
  readonly #subnetOf: (host: string) => string;
  readonly #lives = new Map<string, Life>();
  readonly #ended: Life[] = [];

  constructor(bed: Bed, inLab: (host: string) => string, subnetOf: (host: string) => string) {
    this.#bed = bed;
    this.#inLab = inLab;
    this.#subnetOf = subnetOf;
  }

  get hosts(): string[] {
    return [...this.#lives.keys()];
  }

  /** Daemons have started; a subnet without a host before comes by it. */
  begin(hosts: readonly string[]): void {
    const before = this.#subnets();
    const after = new Set([...before, ...hosts.map((host) => this.#subnetOf(host))]);
    for (const life of this.#lives.values()) life.came += after.size - before.size;
    for (const host of hosts)
      this.#lives.set(host, {
        host,
        others: after.size - 1,
        reading: { changes: 0, entries: 0 },
        before: 0,
        went: 0,
        came: 0,
        gets: 0,
        failedCalls: 0,
        repairBytes: 0,
      });
  }

  /** Daemons are about to end, or can be reached no more; a subnet without a host goes with them. */
  end(hosts: readonly string[]): void {
    const before = this.#subnets();
    for (const host of hosts) {
      this.#ended.push(this.#lives.get(host)!);
      this.#lives.delete(host);
    }
    const wentCount = before.size - this.#subnets().size;
    for (const life of this.#lives.values()) life.went += wentCount;
  }

  /** Opens the books: what tables went through while all started at once is left out. */
  async open(): Promise<void> {
    await this.read();
    for (const life of this.#lives.values())
      life.before = life.reading.changes - life.reading.entries;
    await this.read();
  }

  /** What a host that left in good order moved to the very end, as its log has it. */
  addParting(host: string): void {
    const log = readFileSync(this.#bed.lab.paths(this.#inLab(host)).log, "utf8");
    const moved = [...log.matchAll(/"movedBytes":(\d+)/g)].at(-1);
    const life = this.#ended.findLast((one) => one.host === host);
    if (moved && life) life.repairBytes = Number(moved[1]);
  }

  /** Reads every running daemon; gives the latest failed call of each that has new ones. */
  async read(): Promise<FailedCall[]> {
    const failed = await Promise.all([...this.#lives.values()].map((life) => this.#readOne(life)));
    return failed.filter((one) => one !== undefined);
  }

  sums(): ChurnSums {
    const lives = [...this.#ended, ...this.#lives.values()];
    const sum = (of: (life: Life) => number): number =>
      lives.reduce((total, life) => total + of(life), 0);
    return {
      changes: sum((life) => countTable(life).changes),
      unexplained: sum((life) => countTable(life).unexplained),
      failedCalls: sum((life) => life.failedCalls),
      gets: sum((life) => life.gets),
      repairBytes: sum((life) => life.repairBytes),
    };
  }

  /** Daemons whose tables changed for no whole subnet, in words. */
  unexplained(): string[] {
    return [...this.#ended, ...this.#lives.values()].flatMap((life) => {
      const { unexplained } = countTable(life);
      const { host, others, went, came, reading } = life;
      if (unexplained === 0) return [];
      const { changes, entries } = reading;
      return [
        `${host}: ${changes} changes and ${entries} entries; ${others} others at its start, ` +
          `${went} went, ${came} came`,
      ];
    });
  }

  /** Whole subnets that went or came while a daemon that still runs did, and its table has not. */
  missing(): number {
    return [...this.#lives.values()].reduce((sum, life) => sum + countTable(life).missing, 0);
  }

  /** Changes that tables were to have for whole subnets, of the daemons that still run. */
  expected(): number {
    return [...this.#lives.values()].reduce((sum, { went, came }) => sum + went + came, 0);
  }

  async #readOne(life: Life): Promise<FailedCall | undefined> {
    const host = this.#inLab(life.host);
    const [{ routing }, metrics] = await Promise.all([
      this.#bed.status(host),
      this.#bed.metrics(host),
    ]);
    const nowMs = performance.now();
    const value = (name: string): number => metrics.get(`overlay_${name}`) ?? 0;
    const failedBefore = life.failedCalls;
    life.reading = { changes: routing.changes - life.before, entries: routing.entries.length };
    life.gets = value("gets_total");
    life.failedCalls = value("calls_failed_total");
    life.repairBytes = value("repair_bytes_total");
    if (life.failedCalls <= failedBefore) return undefined;
    return { host: life.host, sentMs: nowMs - value("calls_failed_ago_seconds") * 1000 };
  }

  #subnets(): Set<string> {
    return new Set([...this.#lives.keys()].map((host) => this.#subnetOf(host)));
  }
}
