/** Results of a benchmark as lines for people and as an object for programs. */
import { renderTable } from "../cli/text-table.ts";
import type { Figure, SectionResult } from "./figure.ts";

export function reportLines({ figures, tables }: SectionResult): string[] {
  const rows = figures.map((figure) => [
    figure.isPassed ? "pass" : "FAIL",
    figure.section,
    figure.name,
    formatMeasure(figure.measured, figure),
    `${figure.sense === "at-most" ? "<=" : ">="} ${formatMeasure(figure.bar, figure)}`,
    figure.ratio === null ? "-" : `${figure.ratio.toPrecision(3)} x`,
    String(figure.n),
    figure.note,
  ]);
  const head = ["", "section", "figure", "measured", "bar", "to baseline", "n", "note"];
  const baselines = new Set(
    figures.map(({ section, baseline }) =>
      baseline === null
        ? ""
        : `baseline of ${section}: ${baseline.what}: ${baseline.value.toPrecision(4)}`,
    ),
  );
  return [
    ...renderTable(head, rows),
    ...[...baselines].filter((line) => line !== ""),
    ...tables.flatMap(({ title, head, rows }) => ["", title, ...renderTable(head, rows)]),
  ];
}

/** What `--json` prints; what never came to pass is `null`. */
export function reportObject(
  name: string,
  about: Readonly<Record<string, unknown>>,
  { figures, tables }: SectionResult,
): Readonly<Record<string, unknown>> {
  return {
    bench: name,
    ...about,
    passed: figures.filter(({ isPassed }) => isPassed).length,
    failed: figures.filter(({ isPassed }) => !isPassed).length,
    figures: figures.map((figure) => ({
      ...figure,
      measured: finite(figure.measured),
      ratio: figure.ratio === null ? null : finite(figure.ratio),
    })),
    tables,
  };
}

export function formatMeasure(value: number, { unit }: Pick<Figure, "unit">): string {
  if (value === Infinity) return "never";
  if (Number.isNaN(value)) return "nothing";
  const digits = Number.isInteger(value) || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  const suffix = unit === "count" ? "" : ` ${unit}`;
  return `${value.toFixed(digits)}${suffix}`;
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? Number(value.toPrecision(6)) : null;
}
