/**
 * A key that many services stand under is a tree that grows where it is full.
 *
 * Records stand at the key itself as long as there is room. A writer with more than `OWN_MAX` of its own
 * there, or whose record is refused for want of room, puts the rest into branches: the key's text, a
 * slash, and the first base32 characters of the origin id, one more at each level. It also leaves
 * a record in the slot `more` at the key. A reader looks into the branches of a key that has such a record, or
 * `READ_ON_AT` records: a full key has no room for the sign.
 */
import { MORE_SLOT } from "./keys.ts";

/** The overlay keeps 32 records of one publisher under a key; a few stay free for what is replaced. */
const OWN_MAX = 24;
/** Fewer than any holder's limit as it is delivered (`records.perKeyMax` is 1024, an eighth for one host). */
const READ_ON_AT = 96;
const DEPTH_MAX = 3;
/** Branches of a node: the base32 alphabet, by its upper two bits, so that a reader opens 8. */
const BRANCHES = "abcdefgh";

/** @param path the branches from the root, such as `"fc"`; empty for the key itself */
export function shardKey(key: string, path: string): string {
  return path === "" ? key : `${key}/${path}`;
}

/** The branch at some depth that an origin id belongs to. */
function branchOf(originId: string, depth: number): string {
  const value = "abcdefghijklmnopqrstuvwxyz234567".indexOf(originId[depth] ?? "a");
  return BRANCHES[value >> 2] ?? "a";
}

/** Where one host puts its own records under one key. */
export class ShardWriter {
  readonly #places = new Map<string, string>();
  readonly #counts = new Map<string, number>();
  readonly #full = new Set<string>();

  /** The path of a service's record; the same one until it is refused there or given up. */
  place(originId: string): string {
    const known = this.#places.get(originId);
    if (known !== undefined) return known;
    let path = "";
    while (path.length < DEPTH_MAX && this.#isFull(path)) path += branchOf(originId, path.length);
    this.#places.set(originId, path);
    this.#counts.set(path, (this.#counts.get(path) ?? 0) + 1);
    return path;
  }

  /** No room there. @returns whether there is another place to try */
  refused(originId: string): boolean {
    const path = this.#places.get(originId);
    if (path === undefined || path.length >= DEPTH_MAX) return false;
    this.release(originId);
    this.#full.add(path);
    return true;
  }

  release(originId: string): void {
    const path = this.#places.get(originId);
    if (path === undefined) return;
    this.#places.delete(originId);
    this.#counts.set(path, (this.#counts.get(path) ?? 1) - 1);
  }

  /** Paths at which to leave the sign that there is more. */
  signs(): readonly string[] {
    const paths = [...this.#counts].filter(([, count]) => count > 0).map(([path]) => path);
    const above = paths.flatMap((path) =>
      Array.from({ length: path.length }, (_, depth) => path.slice(0, depth)),
    );
    return [...new Set(above)];
  }

  #isFull(path: string): boolean {
    return this.#full.has(path) || (this.#counts.get(path) ?? 0) >= OWN_MAX;
  }
}

/** Which nodes of one key's tree to watch. */
export class ShardReader {
  readonly #nodes = new Map<string, Set<string>>([["", new Set()]]);

  /** All paths to watch by now, the key's own first. */
  get paths(): readonly string[] {
    return [...this.#nodes.keys()];
  }

  /**
   * A record came to a node.
   *
   * @param record tells records apart: publisher and slot
   * @returns paths to watch from now on
   */
  add(path: string, record: string, slot: string): readonly string[] {
    const records = this.#nodes.get(path);
    if (records === undefined) return [];
    if (records.size <= READ_ON_AT) records.add(record);
    if (slot !== MORE_SLOT && records.size < READ_ON_AT) return [];
    if (path.length >= DEPTH_MAX || this.#nodes.has(path + BRANCHES[0]!)) return [];
    // Branches stay open once they were opened: they cost a watch, and records come back.
    const branches = BRANCHES.split("").map((branch) => path + branch);
    for (const branch of branches) this.#nodes.set(branch, new Set());
    return branches;
  }

  remove(path: string, record: string): void {
    this.#nodes.get(path)?.delete(record);
  }
}
