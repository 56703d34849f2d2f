import { expect, it } from "vitest";
import { limitWarnings } from "../../platform/limited-log.ts";
import { SILENT } from "../../platform/logger.ts";

function listen(): { readonly lines: unknown[][]; readonly log: typeof SILENT } {
  const lines: unknown[][] = [];
  const log = { ...SILENT, warn: (...line: unknown[]) => lines.push(line) };
  return { lines, log };
}

it("writes 20 warnings of one kind a minute and then says how many it left out", () => {
  const { lines, log } = listen();
  let nowMs = 0;
  const limited = limitWarnings(log, { monotonicMs: () => nowMs, wallMs: () => 0 });
  for (let i = 0; i < 1_000; i++) limited.warn("host set refused", { i });
  limited.warn("something else");
  expect(lines).toHaveLength(21);
  expect(lines.at(-1)).toEqual(["something else", {}]);
  nowMs = 60_000;
  limited.warn("host set refused", { i: 1_000 });
  limited.warn("host set refused", { i: 1_001 });
  expect(lines.slice(21)).toEqual([
    ["host set refused", { i: 1_000, leftOut: 980 }],
    ["host set refused", { i: 1_001 }],
  ]);
});
