/** `causeway bench`: the words of the command, and nothing that is dear to load. */
import { JSON_OPTION, defineCommand } from "../cli/define-command.ts";

export const benchCommand = defineCommand({
  name: "bench",
  summary: "Measure this program in a lab, against a baseline of the same run",
  operands: [{ name: "BENCH", doc: "what to measure", choices: ["overlay"] }],
  options: [
    { name: "only", value: "SECTIONS", doc: "these sections only, comma-separated" },
    { name: "quick", doc: "fewer samples" },
    { name: "svg", value: "FILE", doc: "draw the figures against their bars", isPath: true },
    JSON_OPTION,
  ],
  details: [
    "Needs root and Linux, as causeway lab does. Each section builds a lab of its own and takes it away",
    "again, also on ^C. Exits with 1 when a figure misses its bar. Progress goes to standard error.",
    "",
    "Sections of overlay: join, mass, lookup, watch, crash, policies, merge, roam, idle, cli.",
    "docs/benchmarks.md says what each figure means.",
  ].join("\n"),
  async action(args, io) {
    const { runOverlayBench } = await import("./overlay-bench.ts");
    return runOverlayBench(
      {
        only: args.value("only"),
        isQuick: args.has("quick"),
        isJson: args.has("json"),
        svgFile: args.value("svg"),
      },
      io,
    );
  },
});
