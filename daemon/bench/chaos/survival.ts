/**
 * Which acknowledged writes must still be there: the promise of docs/records.md, spelled out.
 *
 * A put is on the disk of each holder before it is acknowledged, and a disk that comes back brings
 * its copies with it. So a write can only be lost with disks: those of all its copies in one subnet,
 * with no time between them to make new ones, and that in every subnet that confirmed it. Where the
 * docs promise nothing, this says "may be lost".
 */
import type { DiskLoss, FaultEntry, PutOperation, RunHistory, WriteOperation } from "./history.ts";

/** How long a subnet left in peace may take to copy what a lost disk held. */
const REPAIR_MS = 20_000;
/** A sibling that hangs or is gone stands in the host set for a while yet. */
const UNCERTAIN_MS = 15_000;
/** How long a daemon goes on with a call whose asker gave up. */
export const CALL_ENDS_MS = 20_000;

export class Survival {
  readonly #history: RunHistory;
  readonly #hostsPerSite: number;

  constructor(history: RunHistory, hostsPerSite: number) {
    this.#history = history;
    this.#hostsPerSite = hostsPerSite;
  }

  isPromised(write: WriteOperation): boolean {
    if (write.outcome !== "acknowledged") return false;
    const after = this.#history.diskLosses.filter(
      ({ atMs, isHandedOver }) => !isHandedOver && atMs >= write.invokedMs,
    );
    if (after.length === 0) return true;
    if (write.type === "put")
      return write.storedOn.some((subnet) => this.#isIntact(subnet, write, after));
    // Nobody says where a tombstone was stored; its publisher keeps one and sees to the others.
    return !after.some(
      ({ host, incarnation }) => host === write.host && incarnation === write.incarnation,
    );
  }

  /** Whether there was a copy in this subnet at every moment. */
  #isIntact(subnet: string, put: PutOperation, losses: readonly DiskLoss[]): boolean {
    const copies = this.#copiesIn(subnet, put);
    let missing = 0;
    let lastMs = -Infinity;
    for (const { subnet: where, atMs } of losses) {
      if (where !== subnet && where !== "") continue;
      if (this.#hadPeace(subnet, lastMs, atMs)) missing = 0;
      missing++;
      lastMs = atMs;
      if (missing >= copies) return false;
    }
    return true;
  }

  /** Copies that the acknowledgement stood for, at least. */
  #copiesIn(subnet: string, { copies, invokedMs, returnedMs }: PutOperation): number {
    if (copies === "one" || copies === "demand") return 1;
    // While a sibling is hard to reach, fewer copies are acknowledged.
    if (this.#isTroubled(subnet, invokedMs - UNCERTAIN_MS, returnedMs)) return 1;
    return copies === "all" ? this.#hostsPerSite : Math.min(Number(copies), this.#hostsPerSite);
  }

  /** Whether there was a long enough time without faults between two moments. */
  #hadPeace(subnet: string, fromMs: number, toMs: number): boolean {
    const faults = this.#faultsAt(subnet, fromMs, toMs).toSorted((a, b) => a.fromMs - b.fromMs);
    let quietFromMs = fromMs;
    for (const fault of faults) {
      if (fault.fromMs >= toMs) break;
      if (fault.fromMs - quietFromMs >= REPAIR_MS) return true;
      quietFromMs = Math.max(quietFromMs, fault.toMs);
    }
    return toMs - quietFromMs >= REPAIR_MS;
  }

  #isTroubled(subnet: string, fromMs: number, toMs: number): boolean {
    return this.#faultsAt(subnet, fromMs, toMs).length > 0;
  }

  #faultsAt(subnet: string, fromMs: number, toMs: number): readonly FaultEntry[] {
    const site = this.#history.siteOfSubnet.get(subnet);
    return this.#history.faults.filter(
      (fault) =>
        (site === undefined || [fault.site, fault.other].includes(site) || fault.site === "") &&
        fault.fromMs <= toMs &&
        fault.toMs >= fromMs,
    );
  }
}

/**
 * When a write had its place among those of its host at the latest: a later one of the same slot has
 * a greater version.
 */
export function settledMs(write: WriteOperation, faults: readonly FaultEntry[]): number {
  if (write.outcome === "acknowledged") return write.returnedMs;
  let endMs = write.returnedMs;
  for (const { type, hosts, fromMs, toMs } of faults)
    if (
      type === "pause" &&
      hosts.includes(write.host) &&
      fromMs <= endMs &&
      toMs >= write.invokedMs
    )
      endMs = Math.max(endMs, toMs); // what waits in the socket is done when it wakes
  return endMs + CALL_ENDS_MS;
}
