/** Writes the events of a run into a file while it goes on. */
import { closeSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import type { Trace } from "../engine/trace-hash.ts";
import { isInRanges } from "../results/event-filter.ts";
import type { EventFilter } from "../results/event-filter.ts";
import { ordinaryFile, partOf, writeFailure } from "./output-files.ts";

const BUFFER_CHARACTERS = 1 << 16;
const NS_PER_S = 1e9;

/**
 * CSV with a line for each event; it has its name once the run has ended well.
 *
 * What is no ordinary file is written to as it stands, and stays what it is.
 */
export class EventTrace {
  readonly #path: string;
  /** The file that it becomes; null when it is none. */
  readonly #target: string | null;
  readonly #part: string;
  readonly #file: number;
  #buffer = "timeS,type,to,from,a,b,c\n";

  /** @throws {ConfigError} when there can be no such file */
  constructor(path: string) {
    this.#path = path;
    this.#target = ordinaryFile(path);
    this.#part = this.#target === null ? path : partOf(this.#target);
    try {
      this.#file = openSync(this.#part, this.#target === null ? "a" : "w", 0o644);
    } catch (error) {
      throw writeFailure(path, error);
    }
  }

  /** @throws {SimulationError} from within the run, when the disk is full */
  writerFor({ nodes, types, times }: EventFilter, nameOf: (type: number) => string): Trace {
    const fromNs = times.from * NS_PER_S;
    const toNs = times.to * NS_PER_S;
    const names = new Map<number, string | null>();
    return (timeNs, to, from, type, a, b, c) => {
      if (timeNs < fromNs || timeNs > toNs) return;
      let name = names.get(type);
      if (name === undefined) {
        const known = nameOf(type);
        name = types === null || types.has(known) ? known : null;
        names.set(type, name);
      }
      if (name === null) return;
      if (nodes !== null && !isInRanges(nodes, to) && !isInRanges(nodes, from)) return;
      this.#buffer += `${timeNs / NS_PER_S},${name},${to},${from},${a},${b},${c}\n`;
      if (this.#buffer.length >= BUFFER_CHARACTERS) this.#flush();
    };
  }

  #flush(): void {
    try {
      const bytes = Buffer.from(this.#buffer);
      for (let at = 0; at < bytes.length;) at += writeSync(this.#file, bytes, at);
      this.#buffer = "";
    } catch (error) {
      throw writeFailure(this.#path, error);
    }
  }

  /**
   * Writes what is left, and gives the file its name.
   *
   * @throws as writing does, with nothing left behind
   */
  keep(): void {
    try {
      this.#flush();
    } catch (error) {
      this.drop();
      throw error;
    }
    closeSync(this.#file);
    if (this.#target !== null) renameSync(this.#part, this.#target);
  }

  /** Leaves nothing behind. */
  drop(): void {
    closeSync(this.#file);
    if (this.#target !== null) rmSync(this.#part, { force: true });
  }
}
