/** From a YAML file and the command line to a checked `Config`. */
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { ConfigError, errorCode, errorMessage } from "../../platform/errors.ts";
import { nearestNames } from "../../platform/nearest.ts";
import { isMapping, parseYamlMapping, showValue } from "../../platform/yaml.ts";
import { SOCKET_PATH_BYTES_MAX, createSettings } from "./settings.ts";
import type { Config, SettingName, Settings } from "./settings.ts";

const FILE_BYTES_MAX = 64 * 1024;

/** What flags say; they win over the file. */
export type Given = Readonly<Partial<Record<SettingName, unknown>>>;

export interface LoadOptions {
  /** File to read; `undefined` for none. */
  readonly file: string | undefined;
  /** A file that is not there is an error. Default true. */
  readonly isRequired: boolean;
  /** Values that win over the file's. Default none. */
  readonly flags: Given;
  /** Default the table of this user on this machine. */
  readonly settings: Settings;
}

/**
 * Reads and checks a configuration.
 *
 * @throws {ConfigError} with the file, the key, the value and what is allowed
 */
export function loadConfig(given: Partial<LoadOptions>): Config {
  const { file, isRequired = true, flags = {}, settings = createSettings(), ...rest } = given;
  rest satisfies Record<string, never>;
  const values = new Map<string, unknown>(
    Object.entries(settings).map(([name, { initial }]) => [name, initial]),
  );
  const fromFile = file === undefined ? new Map<string, unknown>() : readFile(file, isRequired);
  for (const [name, value] of fromFile) values.set(name, check(settings, name, value, file ?? ""));
  const join = fromFile.get("join");
  if (typeof join === "string" && file !== undefined)
    values.set("join", resolve(dirname(file), join));
  for (const [name, value] of Object.entries(flags))
    if (value !== undefined) values.set(name, check(settings, name, value, ""));
  return finish(Object.fromEntries(values) as unknown as Config);
}

/** Rules about more than one key, and paths made absolute. */
function finish(config: Config): Config {
  const socket = resolve(config.socket);
  const bytes = Buffer.byteLength(socket);
  if (bytes > SOCKET_PATH_BYTES_MAX)
    throw new ConfigError(
      "socket",
      `"${socket}" is ${bytes} bytes long; a socket's path may have ${SOCKET_PATH_BYTES_MAX}; choose a shorter one`,
    );
  return { ...config, socket, state: resolve(config.state) };
}

function check(settings: Settings, name: string, value: unknown, file: string): unknown {
  const where = file === "" ? name : `${file}: ${name}`;
  if (!Object.hasOwn(settings, name)) {
    const near = nearestNames(name, Object.keys(settings));
    throw new ConfigError(
      where,
      `unknown key; ${near.length > 0 ? `did you mean ${near.join(" or ")}?` : `known are ${Object.keys(settings).join(", ")}`}`,
    );
  }
  const { allowed, parse } = settings[name as SettingName];
  const parsed = parse(value);
  if (parsed !== undefined && "problem" in parsed) throw new ConfigError(where, parsed.problem);
  if (parsed === undefined)
    throw new ConfigError(where, `${showValue(value)} is not allowed; allowed: ${allowed}`);
  return parsed.value;
}

function readFile(file: string, isRequired: boolean): Map<string, unknown> {
  let content: Buffer;
  try {
    content = readFileSync(file);
  } catch (error) {
    if (errorCode(error) === "ENOENT" && !isRequired) return new Map();
    throw new ConfigError(file, `cannot be read: ${errorMessage(error)}`, { cause: error });
  }
  if (content.length > FILE_BYTES_MAX)
    throw new ConfigError(file, `has ${content.length} bytes; at most ${FILE_BYTES_MAX} are read`);
  return parseConfigText(content.toString("utf8"), file);
}

/**
 * The keys of a YAML text, dotted: `log: {level: debug}` gives `log.level`.
 *
 * @throws {ConfigError} with line and column when it is not YAML, or not a mapping
 */
export function parseConfigText(content: string, file: string): Map<string, unknown> {
  const found = new Map<string, unknown>();
  collect(parseYamlMapping(content, file), "", found);
  return found;
}

/** Groups of keys nest one level deep, which `SECTIONS` bounds. */
const SECTIONS: ReadonlySet<string> = new Set(
  Object.keys(createSettings()).flatMap((name) =>
    name.includes(".") ? [name.split(".")[0]!] : [],
  ),
);

function collect(mapping: object, prefix: string, found: Map<string, unknown>): void {
  for (const [key, value] of Object.entries(mapping)) {
    const name = prefix + key;
    if (SECTIONS.has(name) && isMapping(value)) collect(value, `${name}.`, found);
    else found.set(name, value);
  }
}
