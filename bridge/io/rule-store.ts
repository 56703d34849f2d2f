/**
 * `bridge/rules.json` in the state directory: this host's own rules, and those of every subnet that
 * it was in, so that each is there again when the host comes back.
 *
 * A file that does not read is put aside and the bridge starts without rules: it denies then, and
 * siblings bring the subnet's back.
 */
import { mkdir, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { errorCode, errorMessage, WireError } from "../../platform/errors.ts";
import { writeWhole } from "../../platform/io/whole-file.ts";
import { BridgeError } from "../errors.ts";
import { entriesFromJson, entriesToJson, jsonOf, objectOf } from "../rules/rule-text.ts";
import type { RuleEntry } from "../rules/rule-book.ts";

const FILE = "rules.json";
const VERSION = 1;
/** Subnets remembered; the one left longest ago goes first. */
const SUBNETS_MAX = 16;
const FILE_BYTES_MAX = 64 * 2 ** 20;

export interface StoredRules {
  readonly here: readonly RuleEntry[];
  /** The one entered last first. */
  readonly subnets: readonly SubnetRules[];
}

export interface SubnetRules {
  /** Base32. */
  readonly id: string;
  readonly entries: readonly RuleEntry[];
}

const NOTHING: StoredRules = { here: [], subnets: [] };

export class RuleStore {
  readonly #directory: string;
  /** What was wrong with the file, and where it is now; empty when nothing was. */
  readonly problem: string;
  #rules: StoredRules;
  /** Writes go one after the other, or two would share a temporary file. */
  #writing: Promise<unknown> = Promise.resolve();

  private constructor(directory: string, rules: StoredRules, problem: string) {
    this.#directory = directory;
    this.#rules = rules;
    this.problem = problem;
  }

  /**
   * @param directory is made when it is not there
   * @throws {BridgeError} ERR_BRIDGE_STORAGE when directory or file cannot be read at all
   */
  static async open(directory: string): Promise<RuleStore> {
    const path = join(directory, FILE);
    try {
      await mkdir(directory, { recursive: true, mode: 0o750 });
      const bytes = await readIfThere(path);
      if (bytes === undefined) return new RuleStore(directory, NOTHING, "");
      try {
        return new RuleStore(directory, parseStoredRules(bytes), "");
      } catch (error) {
        if (!(error instanceof WireError)) throw error;
        const aside = `${path}.damaged`;
        await rename(path, aside);
        const problem = `${path} is damaged (${error.message}) and was put aside as ${aside}; rules of this host must be set again`;
        return new RuleStore(directory, NOTHING, problem);
      }
    } catch (cause) {
      throw storageError(path, cause);
    }
  }

  get rules(): StoredRules {
    return this.#rules;
  }

  entriesOf(subnet: string): readonly RuleEntry[] {
    return this.#rules.subnets.find(({ id }) => id === subnet)?.entries ?? [];
  }

  /** @throws {BridgeError} ERR_BRIDGE_STORAGE */
  saveHere(here: readonly RuleEntry[]): Promise<void> {
    this.#rules = { ...this.#rules, here };
    return this.#save();
  }

  /** @throws {BridgeError} ERR_BRIDGE_STORAGE */
  saveSubnet(subnet: SubnetRules): Promise<void> {
    const others = this.#rules.subnets.filter(({ id }) => id !== subnet.id);
    this.#rules = { ...this.#rules, subnets: [subnet, ...others].slice(0, SUBNETS_MAX) };
    return this.#save();
  }

  /** Resolves when what was saved so far is on disk, or could not be. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  #save(): Promise<void> {
    const path = join(this.#directory, FILE);
    const text = formatStoredRules(this.#rules);
    const write = this.#writing
      .then(() => writeWhole(path, text))
      .catch((cause: unknown) => {
        throw storageError(path, cause);
      });
    this.#writing = write.catch(() => {}); // the caller has the error
    return write;
  }
}

export function formatStoredRules({ here, subnets }: StoredRules): string {
  const text = {
    version: VERSION,
    here: entriesToJson(here),
    subnets: subnets.map(({ id, entries }) => ({ id, entries: entriesToJson(entries) })),
  };
  return `${JSON.stringify(text)}\n`;
}

/** @throws {WireError} */
export function parseStoredRules(bytes: Uint8Array): StoredRules {
  if (bytes.length > FILE_BYTES_MAX) throw new WireError(`it has ${bytes.length} bytes`);
  const { version, here, subnets } = objectOf(jsonOf(textOf(bytes)), [
    "version",
    "here",
    "subnets",
  ]);
  if (version !== VERSION) throw new WireError(`it is of another version than ${VERSION}`);
  if (!Array.isArray(subnets) || subnets.length > SUBNETS_MAX) throw new WireError("no subnets");
  return {
    here: entriesFromJson(here, "here"),
    subnets: subnets.map((one: unknown) => {
      const { id, entries } = objectOf(one, ["id", "entries"]);
      if (typeof id !== "string" || !/^[a-z2-7]{52}$/.test(id)) throw new WireError("no subnet");
      return { id, entries: entriesFromJson(entries, "subnet") };
    }),
  };
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new WireError("it is not text", -1, { cause });
  }
}

async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

function storageError(path: string, cause: unknown): BridgeError {
  const advice = errorCode(cause) === "ENOSPC" ? "free some space" : "check it";
  return new BridgeError("ERR_BRIDGE_STORAGE", `${path}: ${errorMessage(cause)}; ${advice}`, {
    cause,
  });
}
