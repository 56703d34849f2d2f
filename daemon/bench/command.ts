/** `causeway bench`: the words of the command, and nothing that is dear to load. */
import { ConfigError } from "../../platform/errors.ts";
import type { ParsedArguments } from "../../platform/cli/arguments.ts";
import type { CommandIo } from "../../platform/cli/command.ts";
import { JSON_OPTION, defineCommand } from "../../platform/cli/define-command.ts";

/** What each benchmark has of the options, `--json` aside. */
const OWN_OPTIONS: Readonly<Record<string, readonly string[]>> = {
  overlay: ["only", "quick", "seed", "events", "flat", "svg"],
  bridge: ["only", "quick", "svg"],
  soak: ["minutes", "seed", "svg"],
  chaos: ["minutes", "seed", "sites", "hosts", "faults", "svg"],
};

export const benchCommand = defineCommand({
  name: "bench",
  summary: "Measure this program in a lab, against a baseline of the same run",
  operands: [{ name: "BENCH", doc: "what to measure", choices: Object.keys(OWN_OPTIONS) }],
  options: [
    {
      name: "only",
      value: "SECTIONS",
      doc: "overlay, bridge: these sections only, comma-separated",
    },
    { name: "quick", doc: "overlay, bridge: fewer samples" },
    { name: "events", value: "N", doc: "overlay: how many of them churn makes; 200 unless given" },
    { name: "flat", doc: "overlay: churn once more with every host a DHT node of its own" },
    { name: "minutes", value: "N", doc: "chaos, soak: how long; 3 and 60 unless given" },
    { name: "sites", value: "N", doc: "chaos: 2 to 8 sites; 4 unless given" },
    { name: "hosts", value: "N", doc: "chaos: 1 to 8 hosts at each site; 3 unless given" },
    { name: "faults", value: "FAULTS", doc: "chaos: these faults only, comma-separated" },
    { name: "seed", value: "N", doc: "of what churn, chaos and soak make up; 1 unless given" },
    {
      name: "svg",
      value: "FILE",
      doc: "draw the figures against their bars, or the run",
      isPath: true,
    },
    JSON_OPTION,
  ],
  details: [
    "Needs root and Linux, as causeway lab does. Builds labs of its own and takes them away again, also",
    "on ^C. Exits with 1 when a figure misses its bar or a promise is broken. Progress goes to standard",
    "error.",
    "",
    "Sections of overlay: join, mass, lookup, watch, crash, churn, converge, policies, merge, roam, nat, idle, cli.",
    "Sections of bridge: visibility and traffic, which want Avahi and its avahi-utils; relay, which wants",
    "iperf3 and socat.",
    "docs/benchmarks.md says what each figure means.",
    "",
    "chaos strikes an overlay under load with faults drawn from a seed, mends it, and checks that no",
    "acknowledged write is lost and every table is true. soak puts and lets hosts come and go, and sees",
    "whether those that stay grow. docs/faults.md has the faults, the rules and the bars.",
    "",
    '"causeway bench sim" measures the simulator, and has options of its own: "causeway bench sim --help".',
  ].join("\n"),
  async action(args, io) {
    const bench = args.operands[0] ?? "";
    for (const name of new Set(Object.values(OWN_OPTIONS).flat()))
      if (isGiven(args, name) && OWN_OPTIONS[bench]?.includes(name) !== true)
        throw new ConfigError(`--${name}`, `"bench ${bench}" has no such option`);
    if (bench === "chaos") return chaos(args, io);
    return bench === "soak" ? soak(args, io) : suite(bench, args, io);
  },
});

function isGiven(args: ParsedArguments, option: string): boolean {
  return args.has(option) || args.value(option) !== undefined;
}

async function suite(name: string, args: ParsedArguments, io: CommandIo): Promise<number> {
  const { runSectionBench } = await import("./section-bench.ts");
  const sections =
    name === "bridge"
      ? (await import("./bridge/sections.ts")).BRIDGE_SECTIONS
      : (await import("./overlay/sections.ts")).OVERLAY_SECTIONS;
  return runSectionBench(
    { name, sections },
    {
      ...sharedOptions(args),
      only: args.value("only"),
      isQuick: args.has("quick"),
      events: wholeNumber("--events", args.value("events")),
      isFlat: args.has("flat"),
    },
    io,
  );
}

async function chaos(args: ParsedArguments, io: CommandIo): Promise<number> {
  const { runChaosBench } = await import("./chaos-bench.ts");
  return runChaosBench(
    {
      ...sharedOptions(args),
      minutes: args.value("minutes"),
      sites: args.value("sites"),
      hosts: args.value("hosts"),
      faults: args.value("faults"),
    },
    io,
  );
}

async function soak(args: ParsedArguments, io: CommandIo): Promise<number> {
  const { runSoakBench } = await import("./soak-bench.ts");
  return runSoakBench({ ...sharedOptions(args), minutes: args.value("minutes") }, io);
}

/** What every benchmark is given. */
function sharedOptions(args: ParsedArguments): {
  readonly seed: number;
  readonly isJson: boolean;
  readonly svgFile: string | undefined;
} {
  return {
    seed: wholeNumber("--seed", args.value("seed")) ?? 1,
    isJson: args.has("json"),
    svgFile: args.value("svg"),
  };
}

/** @throws {ConfigError} unless it is one, or absent */
function wholeNumber(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new ConfigError(option, `"${text}" must be a whole number of at most 9 digits`);
}
