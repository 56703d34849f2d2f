/** The words behind `causeway lab`, checked. */
import { parseArgs, type ParseArgsConfig } from "node:util";
import { ConfigError, errorMessage } from "../../platform/errors.ts";
import type { LinkChange } from "./link.ts";
import { parseRate, parseShare, parseTimeMs } from "./units.ts";

type OptionSpec = NonNullable<ParseArgsConfig["options"]>;

export const COMMON_OPTIONS = {
  name: { type: "string" },
  json: { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const satisfies OptionSpec;

export const PLUG_OPTIONS = {
  ...COMMON_OPTIONS,
  plug: { type: "boolean" },
  unplug: { type: "boolean" },
} as const satisfies OptionSpec;

export const LINK_OPTIONS = {
  ...PLUG_OPTIONS,
  delay: { type: "string" },
  jitter: { type: "string" },
  rate: { type: "string" },
  loss: { type: "string" },
  cut: { type: "boolean" },
  heal: { type: "boolean" },
  split: { type: "string" },
} as const satisfies OptionSpec;

export const MOVE_OPTIONS = {
  ...COMMON_OPTIONS,
  out: { type: "boolean" },
} as const satisfies OptionSpec;

export interface LabWords {
  readonly words: readonly string[];
  readonly values: Readonly<Record<string, string | boolean | undefined>>;
}

/**
 * @param path what to call the command in messages
 * @throws {ConfigError} for an unknown option, or one without its value
 */
export function readWords(path: string, args: readonly string[], options: OptionSpec): LabWords {
  try {
    const { positionals, values } = parseArgs({
      args: [...args],
      options,
      allowPositionals: true,
      strict: true,
    });
    return { words: positionals, values: values as LabWords["values"] };
  } catch (error) {
    const allowed = Object.keys(options).map((name) => `--${name}`);
    throw new ConfigError(path, `${errorMessage(error)}; options: ${allowed.join(", ")}`);
  }
}

/** @throws {ConfigError} unless as many words are there as `names` has */
export function exactly(path: string, words: readonly string[], names: readonly string[]): void {
  if (words.length === names.length) return;
  const wanted = names.length === 0 ? "takes no words" : `takes ${names.join(" ")}`;
  throw new ConfigError(path, `${wanted}, not "${words.join(" ")}"; see ${path} --help`);
}

/** @throws {ConfigError} for a bad value, or options that contradict each other */
export function linkChange(values: LabWords["values"]): LinkChange {
  const text = (key: string): string | undefined => values[key] as string | undefined;
  const [delay, jitter, rate, loss, split] = ["delay", "jitter", "rate", "loss", "split"].map(text);
  if (values["heal"] === true && (values["cut"] === true || split !== undefined))
    throw new ConfigError("--heal", "undoes --cut and --split; give one or the other");
  return {
    ...(delay === undefined ? {} : { delayMs: parseTimeMs("--delay", delay) }),
    ...(jitter === undefined ? {} : { jitterMs: parseTimeMs("--jitter", jitter) }),
    ...(rate === undefined ? {} : { rate: parseRate("--rate", rate) }),
    ...(loss === undefined ? {} : { lossRatio: parseShare("--loss", loss) }),
    ...(values["cut"] === true ? { isCut: true } : {}),
    ...(values["heal"] === true ? { isCut: false, split: [] } : {}),
    ...(split === undefined ? {} : { split: split.split(",").filter((host) => host !== "") }),
  };
}
