/**
 * The rules that the hosts of a subnet share: a map whose copies converge, whatever order they are
 * merged in.
 *
 * Last writer wins per rule, by a counter that passes every one seen and then by host id. A rule
 * taken away stays as a tombstone, or a host that was away would bring it back. Siblings hold the
 * subnet's key and are trusted as it is; what they send is bounded all the same.
 */
import { hash } from "node:crypto";
import { BridgeError } from "../errors.ts";
import type { Rule } from "./rule.ts";

export const RULES_MAX = 256;
/** Rules and tombstones. */
export const ENTRIES_MAX = 2048;

/** When an entry was written, as far as order matters. */
export interface Stamp {
  readonly counter: number;
  /** Base32 id of the host that wrote it. */
  readonly host: string;
}

export interface RuleEntry {
  readonly id: string;
  readonly stamp: Stamp;
  /** Null: taken away. */
  readonly rule: Rule | null;
}

/** What a copy holds, without the rules: enough to tell who lacks what. */
export type StampOf = Pick<RuleEntry, "id" | "stamp">;

export class RuleBook {
  #entries: ReadonlyMap<string, RuleEntry>;

  constructor(entries: readonly RuleEntry[] = []) {
    this.#entries = new Map();
    this.merge(entries);
  }

  /** By id. */
  get entries(): readonly RuleEntry[] {
    return [...this.#entries.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1));
  }

  get rules(): readonly Rule[] {
    return this.entries.flatMap(({ rule }) => (rule === null ? [] : [rule]));
  }

  get(id: string): RuleEntry | undefined {
    return this.#entries.get(id);
  }

  /** The same for the same entries: 64 hexadecimal digits. */
  get digest(): string {
    const stamps = this.entries.map(({ id, stamp }) => [id, stamp.counter, stamp.host]);
    return hash("sha256", JSON.stringify(stamps), "hex");
  }

  /** @throws {BridgeError} ERR_BRIDGE_RULE when the book is full */
  set(rule: Rule, host: string): RuleEntry {
    const old = this.#entries.get(rule.id);
    if ((old?.rule ?? null) === null && this.rules.length >= RULES_MAX)
      throw new BridgeError(
        "ERR_BRIDGE_RULE",
        `there are ${RULES_MAX} rules already; take one away first, or use a wider one`,
      );
    if (old === undefined && this.#entries.size >= ENTRIES_MAX)
      throw new BridgeError(
        "ERR_BRIDGE_RULE",
        `${ENTRIES_MAX} different rules have been set and taken away here, and all are remembered; set one of those again, or use a wider one`,
      );
    return this.#write({ id: rule.id, stamp: this.#nextStamp(host), rule });
  }

  /** @returns what was taken away; `undefined` when there was no such rule */
  remove(id: string, host: string): Rule | undefined {
    const rule = this.#entries.get(id)?.rule ?? undefined;
    if (rule !== undefined) this.#write({ id, stamp: this.#nextStamp(host), rule: null });
    return rule;
  }

  /** Takes over what is newer. @returns whether anything was */
  merge(entries: readonly RuleEntry[]): boolean {
    const merged = new Map(this.#entries);
    for (const entry of entries) {
      const old = merged.get(entry.id);
      if (old === undefined || compareEntries(entry, old) > 0) merged.set(entry.id, entry);
    }
    // The newest are kept: of all ways to choose, one that does not depend on the order of merges.
    const kept =
      merged.size <= ENTRIES_MAX
        ? merged
        : new Map(
            [...merged.values()]
              .toSorted((a, b) => compareEntries(b, a))
              .slice(0, ENTRIES_MAX)
              .map((entry) => [entry.id, entry]),
          );
    const isChanged = [...kept.values()].some((entry) => this.#entries.get(entry.id) !== entry);
    this.#entries = kept;
    return isChanged;
  }

  /** What a copy with these stamps lacks. */
  newerThan(stamps: readonly StampOf[]): readonly RuleEntry[] {
    const theirs = new Map(stamps.map(({ id, stamp }) => [id, stamp]));
    return this.entries.filter(({ id, stamp }) => {
      const other = theirs.get(id);
      return other === undefined || compareStamps(stamp, other) > 0;
    });
  }

  /** Ids of what a copy with these stamps has and this one lacks. */
  missingFrom(stamps: readonly StampOf[]): readonly string[] {
    const isMissing = ({ id, stamp }: StampOf): boolean => {
      const own = this.#entries.get(id);
      return own === undefined || compareStamps(stamp, own.stamp) > 0;
    };
    return stamps.filter(isMissing).map(({ id }) => id);
  }

  #nextStamp(host: string): Stamp {
    const last = Math.max(0, ...[...this.#entries.values()].map(({ stamp }) => stamp.counter));
    return { counter: last + 1, host };
  }

  #write(entry: RuleEntry): RuleEntry {
    this.#entries = new Map(this.#entries).set(entry.id, entry);
    return entry;
  }
}

function compareStamps(a: Stamp, b: Stamp): number {
  if (a.counter !== b.counter) return a.counter - b.counter;
  return a.host < b.host ? -1 : a.host > b.host ? 1 : 0;
}

/** A total order: one host never writes two entries with one stamp, but a restored one might. */
function compareEntries(a: RuleEntry, b: RuleEntry): number {
  const byStamp = compareStamps(a.stamp, b.stamp);
  if (byStamp !== 0) return byStamp;
  const [textA, textB] = [JSON.stringify([a.id, a.rule]), JSON.stringify([b.id, b.rule])];
  return textA < textB ? -1 : textA > textB ? 1 : 0;
}
