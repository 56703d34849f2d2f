import { expect, it } from "vitest";
import { createTextLog } from "../../daemon/text-log.ts";

function capture(level: "debug" | "info" | "silent") {
  const lines: string[] = [];
  const now = () => new Date("2026-01-02T03:04:05.678Z");
  return { lines, log: createTextLog(level, (line) => void lines.push(line), now) };
}

it("writes time, severity, event and fields", () => {
  const { lines, log } = capture("info");
  log.info("host joined", { host: "abc", name: "two words", ms: 5, id: 7n });
  expect(lines).toEqual(['03:04:05.678 info  host joined host=abc name="two words" ms=5 id=7\n']);
});

it("follows the level, also when it changes", () => {
  const { lines, log } = capture("info");
  log.debug("hidden");
  log.setLevel("debug");
  log.debug("shown");
  log.setLevel("silent");
  log.error("hidden");
  expect(lines).toHaveLength(1);
});

it("keeps a peer's text on its line", () => {
  const { lines, log } = capture("info");
  log.warn("refused", { reason: "a\u001b[31m\nb" });
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain("a\\u001b[31m\\nb");
});
