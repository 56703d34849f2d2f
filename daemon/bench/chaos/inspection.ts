/** Asks every host, once all is mended, what it knows and holds. */
import { existsSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { errorMessage } from "../../../platform/errors.ts";
import type { GetAnswer, PutAnswer } from "../../api/api-types.ts";
import type { Bed } from "../bed.ts";
import { mapLimited } from "../limited.ts";
import type { BugLine, FinalState, HolderRead, HostReport, KeyRead, Probe } from "./history.ts";
import { callHost, seenRecords } from "./load.ts";
import type { RunClock } from "./run-clock.ts";

const PARALLEL = 10;
const STATUS_MS = 5_000;
const BUG = /this is a bug|api request failed/;
const BUG_LINES_MAX = 5;

export type Membership = Pick<FinalState, "hosts" | "silent">;

export async function readMembership(bed: Bed): Promise<Membership> {
  const silent: { host: string; reason: string }[] = [];
  const reports = await Promise.all(
    bed.hosts().map(async (host): Promise<HostReport | undefined> => {
      try {
        const report = await Promise.race([reportOf(bed, host), sleep(STATUS_MS)]);
        if (report === undefined) throw new Error(`no answer within ${STATUS_MS / 1000} s`);
        return report;
      } catch (error) {
        silent.push({ host, reason: errorMessage(error) });
        return undefined;
      }
    }),
  );
  return { hosts: reports.filter((report) => report !== undefined), silent };
}

async function reportOf(bed: Bed, host: string): Promise<HostReport> {
  const [status, subnets] = await Promise.all([bed.status(host), bed.subnets(host)]);
  if (status.health !== "healthy") throw new Error(`${status.health}: ${status.reason}`);
  return {
    host,
    site: bed.lab.host(host).site ?? "",
    hostId: status.host.id,
    subnet: status.subnet.id ?? "",
    subnets: subnets.map(({ id, hosts }) => ({ id, hosts: hosts.map((one) => one.id) })),
    table: status.routing.entries.map(({ subnet }) => subnet),
  };
}

/** Reads keys at hosts: each pair once. */
export async function readKeys(
  bed: Bed,
  pairs: readonly (readonly [key: string, host: string])[],
  clock: RunClock,
): Promise<KeyRead[]> {
  return bed.guard(
    mapLimited(pairs, PARALLEL, async ([key, host]) => {
      const { answer, error } = await callHost<GetAnswer>(bed, host, "GET", key);
      return { key, host, atMs: clock(), records: seenRecords(answer), error };
    }),
  );
}

/** Looks keys up, each at one host, and notes which of its holders have nothing. */
export async function readHolders(
  bed: Bed,
  pairs: readonly (readonly [key: string, host: string])[],
): Promise<HolderRead[]> {
  return bed.guard(
    mapLimited(pairs, PARALLEL, async ([key, host]) => {
      const answer = await bed.lookup(host, key).catch(() => undefined); // a get tells of that
      const path = answer?.answer.path ?? [];
      const lacking = path.filter(({ result }) => result === "absent").map(({ subnet }) => subnet);
      return { key, host, lacking };
    }),
  );
}

/** Puts something at each host and gets it at the next. */
export async function probeAll(bed: Bed): Promise<Probe[]> {
  const hosts = bed.hosts();
  return bed.guard(
    mapLimited(
      hosts.map((host, i) => [host, hosts[(i + 1) % hosts.length]!] as const),
      2,
      async ([from, at]) => probe(bed, from, at),
    ),
  );
}

async function probe(bed: Bed, from: string, at: string): Promise<Probe> {
  const startedMs = performance.now();
  const value = new TextEncoder().encode("probe");
  const put = await callHost<PutAnswer>(bed, from, "PUT", `probe ${from}`, "ttlMs=60000", value);
  if (put.error !== "") return { from, at, tookMs: Infinity, error: `put: ${put.error}` };
  const got = await callHost<GetAnswer>(bed, at, "GET", `probe ${from}`);
  const isThere = got.answer?.records.some((record) => record.value === "probe") === true;
  const tookMs = isThere ? performance.now() - startedMs : Infinity;
  return { from, at, tookMs, error: isThere ? "" : `get: ${got.error || "not found"}` };
}

/** What the daemons' logs say of bugs. */
export function readBugLines(bed: Bed): BugLine[] {
  return bed.hosts().flatMap((host) => {
    const { log } = bed.lab.paths(host);
    const lines = existsSync(log) ? readFileSync(log, "utf8").split("\n") : [];
    const bugs = lines.filter((line) => BUG.test(line));
    return bugs.slice(0, BUG_LINES_MAX).map((line) => ({ host, line: line.slice(0, 1_000) }));
  });
}
