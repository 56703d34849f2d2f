/** A set of records that is put once and looked for again and again. */
import type { Bed } from "../bed.ts";
import { mapLimited } from "../limited.ts";

export interface PlacedRecord {
  readonly key: string;
  readonly value: string;
}

const PARALLEL = 6;

/** Puts records from these hosts in turn. */
export async function putRecords(
  bed: Bed,
  name: string,
  copies: string,
  count: number,
  from: readonly string[] = bed.running(),
): Promise<PlacedRecord[]> {
  const records = Array.from({ length: count }, (_, i) => ({
    key: `${name} ${copies} ${i}`,
    value: `value ${name} ${copies} ${i}`,
    host: from[i % from.length]!,
  }));
  await mapLimited(records, PARALLEL, ({ key, value, host }) =>
    bed.put(host, key, value, { copies }),
  );
  return records.map(({ key, value }) => ({ key, value }));
}

export interface Findings {
  readonly asked: number;
  /** `HOST KEY` of each get that did not find its value. */
  readonly lost: readonly string[];
}

/** Gets every record at every one of these hosts. */
export async function findAll(
  bed: Bed,
  records: readonly PlacedRecord[],
  at: readonly string[] = bed.running(),
): Promise<Findings> {
  const gets = at.flatMap((host) => records.map((record) => ({ host, ...record })));
  const found = await mapLimited(gets, PARALLEL, ({ host, key, value }) =>
    bed.finds(host, key, value),
  );
  const lost = gets.filter((_, i) => !found[i]).map(({ host, key }) => `${host} ${key}`);
  return { asked: gets.length, lost };
}

/**
 * Gets all records over and over for a while.
 *
 * @returns when the last round that missed one ended, in ms from `startedMs`; 0 when none did
 */
export async function lastMissMs(
  bed: Bed,
  records: readonly PlacedRecord[],
  startedMs: number,
  forMs: number,
): Promise<{
  readonly lastMissMs: number;
  readonly rounds: number;
  readonly lost: readonly string[];
}> {
  let lastMissMs = 0;
  let rounds = 0;
  let lost: readonly string[] = [];
  while (performance.now() - startedMs < forMs) {
    const round = await findAll(bed, records);
    rounds++;
    lost = round.lost;
    if (lost.length > 0) lastMissMs = performance.now() - startedMs;
  }
  return { lastMissMs: lost.length > 0 ? Infinity : lastMissMs, rounds, lost };
}
