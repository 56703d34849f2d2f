/** The words behind `causeway lab`, checked. */
import { parseArgs, type ParseArgsConfig } from "node:util";
import { ConfigError, errorMessage } from "../../platform/errors.ts";
import type { LinkChange } from "./link.ts";
import type { WaysChange } from "./ways.ts";
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
  "loss-to": { type: "string" },
  "loss-from": { type: "string" },
  "one-way": { type: "boolean" },
} as const satisfies OptionSpec;

export const MOVE_OPTIONS = {
  ...COMMON_OPTIONS,
  out: { type: "boolean" },
} as const satisfies OptionSpec;

export const DISK_OPTIONS = {
  ...COMMON_OPTIONS,
  full: { type: "boolean" },
  free: { type: "boolean" },
} as const satisfies OptionSpec;

/** Those of two sites, and those of two sites only. */
const WAYS_OPTIONS: readonly string[] = ["cut", "heal", "loss", "loss-to", "loss-from", "one-way"];
const WAYS_ONLY: readonly string[] = ["loss-to", "loss-from", "one-way"];

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
  const stray = WAYS_ONLY.find((key) => values[key] !== undefined);
  if (stray !== undefined)
    throw new ConfigError(`--${stray}`, "is between two sites; use lab link SITE SITE");
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

/** What `lab link SITE SITE` shall change. @throws {ConfigError} as `linkChange` does */
export function waysChange(values: LabWords["values"]): WaysChange {
  const stray = Object.keys(values).find(
    (key) => !(key in COMMON_OPTIONS) && !WAYS_OPTIONS.includes(key),
  );
  if (stray !== undefined)
    throw new ConfigError(
      `--${stray}`,
      `is of one site; between two: ${WAYS_OPTIONS.map((one) => `--${one}`).join(", ")}`,
    );
  const { cut, heal, loss } = values;
  const [lossTo, lossFrom] = [values["loss-to"] ?? loss, values["loss-from"] ?? loss];
  const isOneWay = values["one-way"] === true;
  if (cut === true && heal === true)
    throw new ConfigError("--heal", "undoes --cut; give one or the other");
  if (isOneWay && cut !== true && heal !== true)
    throw new ConfigError("--one-way", "goes with --cut or --heal; for losses use --loss-to");
  const reset =
    heal === true ? { isCut: false, lossRatio: 0 } : cut === true ? { isCut: true } : {};
  const parsed = (key: string, text: string | boolean | undefined) =>
    text === undefined ? {} : { lossRatio: parseShare(key, text as string) };
  return {
    to: { ...reset, ...parsed("--loss-to", lossTo) },
    from: { ...(isOneWay ? {} : reset), ...parsed("--loss-from", lossFrom) },
  };
}
