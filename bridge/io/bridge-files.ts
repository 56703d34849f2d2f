/** What the bridge remembers in `bridge/` of the state directory: names given on links, and a secret. */
import { randomBytes } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fromHex, toHex } from "../../platform/bytes.ts";
import { errorCode, errorMessage, WireError } from "../../platform/errors.ts";
import { writeWhole } from "../../platform/io/whole-file.ts";
import type { Logger } from "../../platform/logger.ts";
import { BridgeError } from "../errors.ts";
import { decodeNames, encodeNames, type LinkNames } from "../importer/remembered-names.ts";

const DIRECTORY = "bridge";
const NAMES_FILE = "names.json";
const SECRET_FILE = "inbox-secret";
const SECRET_BYTES = 32;
const SAVE_DELAY_MS = 500;

export class BridgeFiles {
  /** Which names services were given, on each link by its subnet. */
  readonly names: LinkNames;
  /** Makes slots of sealed records unpredictable to others. */
  readonly secret: Uint8Array;
  readonly #directory: string;
  readonly #log: Logger;
  #timer: NodeJS.Timeout | undefined;
  #saving: Promise<void> = Promise.resolve();

  private constructor(directory: string, log: Logger, names: LinkNames, secret: Uint8Array) {
    this.#directory = directory;
    this.#log = log;
    this.names = names;
    this.secret = secret;
  }

  /** @throws {BridgeError} ERR_BRIDGE_STORAGE when the directory cannot be used */
  static async open(stateDir: string, log: Logger): Promise<BridgeFiles> {
    const directory = join(stateDir, DIRECTORY);
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const names = await readNames(join(directory, NAMES_FILE), log);
      return new BridgeFiles(directory, log, names, await openSecret(join(directory, SECRET_FILE)));
    } catch (cause) {
      throw new BridgeError("ERR_BRIDGE_STORAGE", `${directory}: ${errorMessage(cause)}`, {
        cause,
      });
    }
  }

  /** Notes the name that a service has on a link, and writes it down soon. */
  remember(subnetId: string, originId: string, instance: string): void {
    if (!this.names.set(subnetId, originId, instance)) return;
    this.#timer ??= setTimeout(() => void this.save(), SAVE_DELAY_MS);
  }

  async save(): Promise<void> {
    if (this.#timer === undefined) return this.#saving;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const path = join(this.#directory, NAMES_FILE);
    this.#saving = this.#saving
      .then(() => writeWhole(path, encodeNames(this.names)))
      .catch((error: unknown) => {
        this.#log.warn("names not kept", { path, reason: errorMessage(error) });
      });
    return this.#saving;
  }
}

/** Lost names cost a renaming at most, so a file that does not read is begun anew. */
async function readNames(path: string, log: Logger): Promise<LinkNames> {
  try {
    return decodeNames(await readFile(path));
  } catch (error) {
    if (errorCode(error) !== "ENOENT" && !(error instanceof WireError)) throw error;
    if (error instanceof WireError)
      log.warn("names of services forgotten", { path, reason: errorMessage(error) });
    return decodeNames(Buffer.from("{}"));
  }
}

async function openSecret(path: string): Promise<Uint8Array> {
  try {
    const secret = fromHex((await readFile(path, "utf8")).trim());
    if (secret.length === SECRET_BYTES) return secret;
  } catch (error) {
    if (errorCode(error) !== "ENOENT" && !(error instanceof WireError)) throw error;
  }
  const secret = new Uint8Array(randomBytes(SECRET_BYTES));
  await writeWhole(path, `${toHex(secret)}\n`);
  return secret;
}
