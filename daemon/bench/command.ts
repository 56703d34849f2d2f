/** `causeway bench`: the words of the command, and nothing that is dear to load. */
import { ConfigError } from "../../platform/errors.ts";
import { JSON_OPTION, defineCommand } from "../cli/define-command.ts";

export const benchCommand = defineCommand({
  name: "bench",
  summary: "Measure this program in a lab, against a baseline of the same run",
  operands: [{ name: "BENCH", doc: "what to measure", choices: ["overlay"] }],
  options: [
    { name: "only", value: "SECTIONS", doc: "these sections only, comma-separated" },
    { name: "quick", doc: "fewer samples" },
    { name: "seed", value: "N", doc: "of the events that churn makes up; 1 unless given" },
    { name: "events", value: "N", doc: "how many of them; 200 unless given" },
    { name: "flat", doc: "churn once more with every host a DHT node of its own" },
    { name: "svg", value: "FILE", doc: "draw the figures against their bars", isPath: true },
    JSON_OPTION,
  ],
  details: [
    "Needs root and Linux, as causeway lab does. Each section builds a lab of its own and takes it away",
    "again, also on ^C. Exits with 1 when a figure misses its bar. Progress goes to standard error.",
    "",
    "Sections of overlay: join, mass, lookup, watch, crash, churn, converge, policies, merge, roam, idle, cli.",
    "docs/benchmarks.md says what each figure means.",
  ].join("\n"),
  async action(args, io) {
    const { runOverlayBench } = await import("./overlay-bench.ts");
    return runOverlayBench(
      {
        only: args.value("only"),
        isQuick: args.has("quick"),
        seed: wholeNumber("--seed", args.value("seed")) ?? 1,
        events: wholeNumber("--events", args.value("events")),
        isFlat: args.has("flat"),
        isJson: args.has("json"),
        svgFile: args.value("svg"),
      },
      io,
    );
  },
});

/** @throws {ConfigError} unless it is one, or absent */
function wholeNumber(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new ConfigError(option, `"${text}" must be a whole number of at most 9 digits`);
}
