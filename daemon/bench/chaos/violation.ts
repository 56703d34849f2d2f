/** A promise that was broken in a chaos run. */
import type { FaultEntry, Operation, RunHistory, Speaker } from "./history.ts";

/** The rules of the checker; docs/faults.md says what each promises. */
export const RULES = [
  "lost",
  "resurrected",
  "expired",
  "invented",
  "diverged",
  "copies",
  "one-subnet",
  "host-set",
  "table",
  "watch",
  "daemon",
  "liveness",
] as const;

export type Rule = (typeof RULES)[number];

export interface Violation {
  readonly rule: Rule;
  /** Key or host that it is about. */
  readonly subject: string;
  readonly what: string;
  /** Host whose record it is about; absent: the key as a whole. */
  readonly by?: Speaker;
}

const EVENTS_SHOWN = 24;
const AROUND_MS = 15_000;

/** A violation with the operations on its key and the faults around them, in order. */
export function explainViolation(violation: Violation, history: RunHistory): string[] {
  const { rule, subject, what, by } = violation;
  const isOurs = ({ host, incarnation }: Speaker): boolean =>
    by === undefined || (host === by.host && incarnation === by.incarnation);
  const operations = history.operations.filter(
    (one) => one.key === subject && one.type !== "get" && isOurs(one),
  );
  const firstMs = operations[0]?.invokedMs ?? -Infinity;
  const faults = operations.length === 0 ? [] : history.faults;
  const events = [
    ...operations.map((one) => ({ atMs: one.invokedMs, line: operationLine(one) })),
    ...faults
      .filter(({ fromMs, toMs }) => isNear(operations, fromMs, toMs) && toMs > firstMs - AROUND_MS)
      .map((fault) => ({ atMs: fault.fromMs, line: faultLine(fault) })),
  ].toSorted((a, b) => a.atMs - b.atMs);
  const left = events.length - EVENTS_SHOWN;
  return [
    `${rule}: ${subject}: ${what}`,
    ...(left > 0 ? [`  … ${left} earlier`] : []),
    ...events
      .slice(-EVENTS_SHOWN)
      .map(({ atMs, line }) => `  ${seconds(atMs).padStart(8)} ${line}`),
  ];
}

function isNear(operations: readonly Operation[], fromMs: number, toMs: number): boolean {
  return operations.some(
    ({ invokedMs, returnedMs }) =>
      fromMs <= returnedMs + AROUND_MS && toMs >= invokedMs - AROUND_MS,
  );
}

function operationLine(one: Operation): string {
  const speaker = `${one.host}${one.incarnation > 0 ? `#${one.incarnation}` : ""}`;
  const took = `${Math.round(one.returnedMs - one.invokedMs)} ms`;
  const end = `${one.outcome}${one.error === "" ? "" : ` (${one.error})`} after ${took}`;
  if (one.type === "get") return `get at ${speaker}: ${one.records.length} records, ${end}`;
  if (one.type === "remove")
    return `remove at ${speaker}: ${end}${one.hasRemoved ? "" : ", there was none"}`;
  const stored = one.storedOn.map((subnet) => subnet.slice(0, 6)).join(" ");
  const version = one.version > 0 ? `, version ${one.version} on ${stored}` : "";
  return `put ${one.id} at ${speaker}, copies ${one.copies}, ttl ${one.ttlMs / 1000} s: ${end}${version}`;
}

export function faultLine({ type, site, hosts, other, fromMs, toMs, note }: FaultEntry): string {
  const struck = hosts.length > 0 ? hosts.join(" ") : site;
  const where = other === "" ? struck : `${struck} to ${other}`;
  const until = toMs < Infinity ? `${((toMs - fromMs) / 1000).toFixed(1)} s` : "to the end";
  return `-- ${type} ${where === "" ? "everywhere" : where} for ${until}${note === "" ? "" : ` (${note})`}`;
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}
