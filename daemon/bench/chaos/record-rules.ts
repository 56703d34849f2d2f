/** What must hold of records: during the run, at its end, and with one host of each subnet dead. */
import {
  putIdOf,
  type FinalState,
  type GetOperation,
  type KeyRead,
  type PutOperation,
  type RunHistory,
  type SeenRecord,
  type WriteOperation,
} from "./history.ts";
import { Register, registerOf } from "./register.ts";
import { Survival } from "./survival.ts";
import type { Violation } from "./violation.ts";

/** A record read by somebody, with the put that wrote it. */
interface Sighting {
  readonly key: string;
  readonly record: SeenRecord;
  /** When the read began, and when it was over. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly reader: string;
}

export class RecordRules {
  readonly #history: RunHistory;
  readonly #puts = new Map<number, PutOperation>();
  readonly #registers = new Map<string, Register>();
  /** Registers of each key. */
  readonly #byKey = new Map<string, Register[]>();

  constructor(history: RunHistory, hostsPerSite: number) {
    this.#history = history;
    const survival = new Survival(history, hostsPerSite);
    const writes = history.operations.filter((one) => one.type !== "get");
    for (const write of writes) if (write.type === "put") this.#puts.set(write.id, write);
    const byRegister = Map.groupBy(writes, (write: WriteOperation) => registerOf(write));
    for (const [name, ones] of byRegister) {
      const register = new Register(ones, survival, history.faults);
      this.#registers.set(name, register);
      const { key } = ones[0]!;
      this.#byKey.set(key, [...(this.#byKey.get(key) ?? []), register]);
    }
  }

  /** What was read while faults went on. Freshness is not promised then, honesty is. */
  duringRun(): Violation[] {
    const gets = this.#history.operations.filter((one): one is GetOperation => one.type === "get");
    const sightings = gets.flatMap(({ records, key, host, invokedMs, returnedMs }) =>
      records.map((record) => ({
        key,
        record,
        fromMs: invokedMs,
        toMs: returnedMs,
        reader: `a get at ${host}`,
      })),
    );
    const told = this.#history.watches.flatMap(({ key, host, lines }) =>
      lines
        .filter(({ type }) => type === "put")
        .map((line) => ({
          key,
          record: line,
          fromMs: line.atMs,
          toMs: line.atMs,
          reader: `a watch at ${host}`,
        })),
    );
    const found = [...sightings, ...told].flatMap((one) => this.#inventions(one));
    for (const sighting of sightings) {
      const put = this.#puts.get(putIdOf(sighting.record.value) ?? -1);
      if (put === undefined) continue;
      const overMs = sighting.fromMs - this.#registerOf(put).expiresMs(put, sighting.fromMs);
      if (overMs > 0)
        found.push({
          rule: "expired",
          subject: sighting.key,
          what: `put ${put.id} was read by ${sighting.reader} ${Math.round(overMs)} ms after its end`,
        });
    }
    return [...found, ...this.#publishers(sightings)];
  }

  /** What is read once all is mended. */
  atTheEnd({ reads, holders }: FinalState): Violation[] {
    const found = reads.flatMap((read) => this.#read(read));
    for (const [key, ones] of Map.groupBy(reads, (read) => read.key))
      found.push(...this.#divergence(key, ones));
    for (const { key, host, lacking } of holders) {
      const must = this.#mustBeFound(key, Infinity);
      if (must.length === 0 || lacking.length === 0) continue;
      const where = lacking.map((subnet) => this.#history.siteOfSubnet.get(subnet) ?? subnet);
      const what = `${lacking.length} of its closest subnets do not have it: ${where.join(", ")} (asked at ${host})`;
      found.push({ rule: "copies", subject: key, what });
    }
    return found;
  }

  /** Two copies or more outlive the crash of one host in every subnet. */
  afterCrashes({ auditReads }: FinalState): Violation[] {
    return auditReads.flatMap((read) => {
      const lost = this.#mustBeFound(read.key, read.atMs).filter(
        (put) => isCopied(put) && !this.#hasCandidate(read, put),
      );
      const why = read.error === "" ? "is gone" : `cannot be read (${read.error})`;
      return lost.map((put) => ({
        rule: "copies" as const,
        subject: read.key,
        what: `put ${put.id} ${why} at ${read.host} while one host of each subnet is dead`,
        by: put,
      }));
    });
  }

  #read(read: KeyRead): Violation[] {
    const { key, host, records, atMs, error } = read;
    if (error !== "")
      return [{ rule: "liveness", subject: key, what: `a get at ${host} fails: ${error}` }];
    const found: Violation[] = [];
    for (const record of records) {
      const sighting = { key, record, fromMs: atMs, toMs: atMs, reader: `a get at ${host}` };
      const inventions = this.#inventions(sighting);
      found.push(...inventions);
      const put = this.#puts.get(putIdOf(record.value) ?? -1);
      if (put === undefined || inventions.length > 0) continue;
      const refusal = this.#registerOf(put).refusal(put, atMs);
      if (refusal !== undefined)
        found.push({
          rule: refusal.rule,
          subject: key,
          what: `${refusal.what}, at ${host}`,
          by: put,
        });
    }
    for (const put of this.#mustBeFound(key, atMs))
      if (!this.#hasCandidate(read, put))
        found.push({
          rule: "lost",
          subject: key,
          what: `put ${put.id}, acknowledged and not removed, is not found at ${host}`,
          by: put,
        });
    return found;
  }

  #hasCandidate({ records }: KeyRead, must: PutOperation): boolean {
    const ids = this.#registerOf(must).candidates.map(({ id }) => id);
    return records.some(({ value }) => ids.includes(putIdOf(value) ?? -1));
  }

  /** @param atMs Infinity: those of a lifetime over the run's, wherever it stands */
  #mustBeFound(key: string, atMs: number): PutOperation[] {
    const nowMs = atMs < Infinity ? atMs : this.#endMs();
    return (this.#byKey.get(key) ?? []).flatMap((register) => register.mustBeFound(nowMs) ?? []);
  }

  #endMs(): number {
    return this.#history.operations.reduce((last, { returnedMs }) => Math.max(last, returnedMs), 0);
  }

  #registerOf(write: WriteOperation): Register {
    return this.#registers.get(registerOf(write))!;
  }

  /** Whether it is beyond doubt whether a value like this one's register has may be read. */
  isCertain(value: string, atMs: number): boolean {
    const put = this.#puts.get(putIdOf(value) ?? -1);
    return put !== undefined && this.#registerOf(put).isCertain(atMs);
  }

  /** Holders agree: whoever is asked, the same is found. */
  #divergence(key: string, reads: readonly KeyRead[]): Violation[] {
    const answered = reads.filter(({ error }) => error === "");
    const views = Map.groupBy(answered, ({ records, atMs }) =>
      records
        .filter(({ value }) => this.isCertain(value, atMs))
        .map(({ value, version }) => `${value} v${version}`)
        .toSorted()
        .join(", "),
    );
    if (views.size < 2) return [];
    const said = [...views].map(
      ([view, ones]) =>
        `${view === "" ? "nothing" : view} at ${ones.map((one) => one.host).join(" ")}`,
    );
    return [{ rule: "diverged", subject: key, what: said.join("; ") }];
  }

  /** A value that nobody had put there by then. */
  #inventions({ key, record, toMs, reader }: Sighting): Violation[] {
    const put = this.#puts.get(putIdOf(record.value) ?? -1);
    const what =
      put === undefined
        ? `nobody put "${record.value.slice(0, 40)}"`
        : put.key !== key
          ? `put ${put.id} belongs to ${put.key}`
          : put.outcome === "refused"
            ? `put ${put.id} was refused`
            : put.invokedMs > toMs
              ? `put ${put.id} had not begun`
              : put.version > 0 && put.version !== record.version
                ? `put ${put.id} has version ${put.version}, not ${record.version}`
                : "";
    return what === ""
      ? []
      : [{ rule: "invented", subject: key, what: `${what}; read by ${reader}` }];
  }

  /** All that one host put carries one key, and no other host's. */
  #publishers(sightings: readonly Sighting[]): Violation[] {
    const speakerOf = new Map<string, string>();
    return sightings.flatMap(({ key, record }) => {
      const put = this.#puts.get(putIdOf(record.value) ?? -1);
      if (put === undefined) return [];
      const speaker = `${put.host}#${put.incarnation}`;
      const known = speakerOf.get(record.publisher);
      speakerOf.set(record.publisher, speaker);
      if (known === undefined || known === speaker) return [];
      const what = `signed by the key of ${known}, but put by ${speaker}`;
      return [{ rule: "invented" as const, subject: key, what }];
    });
  }
}

function isCopied({ copies }: PutOperation): boolean {
  return copies === "all" || Number(copies) >= 2;
}
