/** A chaos run as lines for people and as an object for programs. */
import { renderTable } from "../../../platform/cli/text-table.ts";
import { median, percentile } from "../statistics.ts";
import type { ChaosResult } from "./chaos-run.ts";
import { FAULT_TYPES } from "./fault-types.ts";
import type { Operation } from "./history.ts";
import { explainViolation, RULES } from "./violation.ts";

const EXPLAINED_MAX = 12;
const SAME_SHOWN = 4;

export function chaosLines(result: ChaosResult): string[] {
  const { history, violations, options, settledAfterMs } = result;
  const groups = [
    ...Map.groupBy(
      violations,
      ({ rule, subject, by }) => `${rule} ${subject} ${by?.host} ${by?.incarnation}`,
    ).values(),
  ];
  const explained = groups.slice(0, EXPLAINED_MAX).flatMap(([first, ...more]) => {
    const same = more.slice(0, SAME_SHOWN).map(({ what }) => `  also: ${what}`);
    const rest = more.length > SAME_SHOWN ? [`  and ${more.length - SAME_SHOWN} more`] : [];
    return ["", ...explainViolation(first!, history), ...same, ...rest];
  });
  const left = groups.length - EXPLAINED_MAX;
  const broken = RULES.map(
    (rule) => [rule, violations.filter((one) => one.rule === rule).length] as const,
  ).filter(([, count]) => count > 0);
  const settled =
    settledAfterMs < Infinity ? `${(settledAfterMs / 1000).toFixed(1)} s after mending` : "never";
  return [
    ...renderTable(
      ["operation", "acknowledged", "refused", "unknown", "p50", "p99"],
      (["put", "remove", "get"] as const).map((type) =>
        operationRow(
          type,
          history.operations.filter((one) => one.type === type),
        ),
      ),
    ),
    `faults: ${faultCounts(result)}`,
    `watches: ${history.watches.length} opened, ${history.watches.reduce((n, { lines }) => n + lines.length, 0)} events`,
    `disks lost: ${history.diskLosses.filter(({ isHandedOver }) => !isHandedOver).length}`,
    `all right: ${settled}`,
    ...(broken.length > 0 ? [`broken: ${broken.map((one) => one.join(" ")).join(", ")}`] : []),
    ...explained,
    ...(left > 0 ? ["", `… and ${left} more`] : []),
    "",
    violations.length === 0
      ? `no promise broken, seed ${options.seed}`
      : `${violations.length} promises broken, seed ${options.seed}; again with: ${again(result)}`,
  ];
}

/** The command that strikes in the same way. */
export function again({ options }: ChaosResult): string {
  const { durationMs, seed, sites, hosts, faults } = options;
  const some = faults.length < FAULT_TYPES.length ? ` --faults ${faults.join(",")}` : "";
  return `causeway bench chaos --minutes ${durationMs / 60_000} --seed ${seed} --sites ${sites} --hosts ${hosts}${some}`;
}

export function chaosObject(result: ChaosResult): Readonly<Record<string, unknown>> {
  const { history, violations, options, settledAfterMs } = result;
  const counted = (["put", "remove", "get"] as const).map((type) => {
    const ones = history.operations.filter((one) => one.type === type);
    const by = (outcome: Operation["outcome"]): number =>
      ones.filter((one) => one.outcome === outcome).length;
    const counts = { acknowledged: by("acknowledged"), refused: by("refused") };
    return [type, { ...counts, unknown: by("unknown") }] as const;
  });
  return {
    bench: "chaos",
    ...options,
    again: again(result),
    operations: Object.fromEntries(counted),
    faults: history.faults,
    diskLosses: history.diskLosses,
    watches: history.watches.length,
    settledAfterMs: settledAfterMs < Infinity ? Math.round(settledAfterMs) : null,
    violations: violations.map((one) => ({ ...one, story: explainViolation(one, history) })),
    broken: Object.fromEntries(
      RULES.map((rule) => [rule, violations.filter((one) => one.rule === rule).length] as const),
    ),
  };
}

function operationRow(name: string, ones: readonly Operation[]): string[] {
  const by = (outcome: Operation["outcome"]): string =>
    String(ones.filter((one) => one.outcome === outcome).length);
  const took = ones
    .filter(({ outcome }) => outcome === "acknowledged")
    .map(({ invokedMs, returnedMs }) => returnedMs - invokedMs);
  const shown = [median(took), percentile(took, 0.99)].map((ms) =>
    Number.isNaN(ms) ? "-" : `${Math.round(ms)} ms`,
  );
  return [name, by("acknowledged"), by("refused"), by("unknown"), ...shown];
}

function faultCounts({ history }: ChaosResult): string {
  const counts = FAULT_TYPES.map(
    (type) => [type, history.faults.filter((fault) => fault.type === type).length] as const,
  );
  const some = counts.filter(([, count]) => count > 0);
  return some.map(([type, count]) => `${type} ${count}`).join(", ") || "none";
}
