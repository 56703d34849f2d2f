/** Reads a command's arguments against its table of options. */
import { ConfigError } from "../errors.ts";
import { nearestNames } from "../nearest.ts";
import type { OperandSpec, OptionSpec } from "./command.ts";

export interface ParsedArguments {
  /** The option's value; the last one when it was given more than once. */
  value(name: string): string | undefined;
  /** All values of an option that may be repeated, in their order. */
  values(name: string): readonly string[];
  /** Whether a switch was given. */
  has(name: string): boolean;
  readonly operands: readonly string[];
}

/**
 * Parses `--name value`, `--name=value` and operands in any order; `--` ends the options.
 *
 * @throws {ConfigError} on an unknown option, a missing value, or a wrong number of operands
 */
export function parseArguments(
  args: readonly string[],
  options: readonly OptionSpec[],
  operandSpecs: readonly OperandSpec[],
): ParsedArguments {
  const values = new Map<string, readonly string[]>();
  const operands: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === "--") {
      operands.push(...args.slice(i + 1));
      break;
    }
    if (!arg.startsWith("-") || arg === "-") {
      operands.push(arg);
      continue;
    }
    const { option, inline } = findOption(arg, options);
    if (option.value === undefined) {
      if (inline !== undefined) throw new ConfigError(`--${option.name}`, "takes no value");
      values.set(option.name, [""]);
      continue;
    }
    const value = inline ?? args[++i];
    if (value === undefined || (inline === undefined && value.startsWith("--")))
      throw new ConfigError(`--${option.name}`, `needs a value: --${option.name} ${option.value}`);
    if (option.choices !== undefined && !option.choices.includes(value))
      throw new ConfigError(
        `--${option.name}`,
        `"${value}" is not allowed; allowed: ${option.choices.join(", ")}`,
      );
    values.set(option.name, [...(values.get(option.name) ?? []), value]);
  }
  checkOperands(operands, operandSpecs);
  return {
    value: (name) => values.get(name)?.at(-1),
    values: (name) => values.get(name) ?? [],
    has: (name) => values.has(name),
    operands,
  };
}

function findOption(
  arg: string,
  options: readonly OptionSpec[],
): { readonly option: OptionSpec; readonly inline: string | undefined } {
  const equals = arg.indexOf("=");
  const name = (equals < 0 ? arg : arg.slice(0, equals)).replace(/^--?/, "");
  const option = options.find((one) => one.name === name);
  if (option === undefined || !arg.startsWith("--")) {
    const known = options.map((one) => one.name);
    const near = nearestNames(name, known);
    const hint = (near.length > 0 ? near : known).map((one) => `--${one}`);
    throw new ConfigError(
      equals < 0 ? arg : arg.slice(0, equals),
      near.length > 0
        ? `unknown option; did you mean ${hint.join(" or ")}?`
        : `unknown option; known are ${hint.join(", ")}`,
    );
  }
  return { option, inline: equals < 0 ? undefined : arg.slice(equals + 1) };
}

function checkOperands(operands: readonly string[], specs: readonly OperandSpec[]): void {
  const missing = specs.slice(operands.length).find((one) => one.isOptional !== true);
  if (missing !== undefined) throw new ConfigError(missing.name, `is missing: ${missing.doc}`);
  const surplus = operands[specs.length];
  if (surplus !== undefined)
    throw new ConfigError(
      `"${surplus}"`,
      specs.length === 0
        ? "this command takes no operands"
        : `one argument too many; quote what holds spaces`,
    );
  for (const [i, { name, choices }] of specs.entries()) {
    const given = operands[i];
    if (given !== undefined && choices !== undefined && !choices.includes(given))
      throw new ConfigError(name, `"${given}" is not allowed; allowed: ${choices.join(", ")}`);
  }
}
