/** What must hold of watches: a watch tells each change in order, and in the end the truth. */
import type { FinalState, KeyRead, RunHistory, WatchLineSeen, WatchSession } from "./history.ts";
import type { Violation } from "./violation.ts";

/** Every watch: the versions that it tells of one publisher's record never go back. */
export function checkWatchOrder({ watches }: RunHistory): Violation[] {
  return watches.flatMap(({ key, host, lines }) => {
    const newest = new Map<string, WatchLineSeen>();
    return lines.flatMap((line) => {
      const before = newest.get(line.publisher);
      newest.set(line.publisher, line);
      if (before === undefined || line.version >= before.version) return [];
      const what = `the watch at ${host} told version ${line.version} at ${line.atMs} ms, after ${before.version} at ${before.atMs} ms`;
      return [{ rule: "watch" as const, subject: key, what }];
    });
  });
}

/** Watches that lived to the end: what they told last agrees with what their host reads. */
export function checkWatchEnds(
  { watches }: RunHistory,
  { reads }: FinalState,
  isCertain: (value: string, atMs: number) => boolean,
): Violation[] {
  return watches
    .filter(({ endedMs }) => endedMs === Infinity)
    .flatMap((watch) => {
      const read = reads.find((one) => one.key === watch.key && one.host === watch.host);
      return read === undefined || read.error !== "" ? [] : compareEnd(watch, read, isCertain);
    });
}

function compareEnd(
  { key, host, lines }: WatchSession,
  { records, atMs }: KeyRead,
  isCertain: (value: string, atMs: number) => boolean,
): Violation[] {
  const last = new Map(lines.map((line) => [line.publisher, line]));
  const found: string[] = [];
  for (const { publisher, version, value } of records) {
    const told = last.get(publisher);
    last.delete(publisher);
    if (!isCertain(value, atMs)) continue;
    if (told === undefined) found.push(`was never told of "${value}"`);
    else if (told.type !== "put" || told.version !== version)
      found.push(`was told ${lineText(told)} last, and "${value}" v${version} is there`);
  }
  for (const told of last.values())
    if (told.type === "put" && isCertain(told.value, atMs))
      found.push(`was told ${lineText(told)} last, and nothing is there`);
  return found.map((what) => ({
    rule: "watch",
    subject: key,
    what: `the watch at ${host} ${what}`,
  }));
}

function lineText({ type, value, version }: WatchLineSeen): string {
  return type === "put" ? `"${value}" v${version}` : `${type} v${version}`;
}
