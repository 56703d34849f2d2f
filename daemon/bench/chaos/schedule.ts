/**
 * The faults of a run, drawn from a seed before it begins.
 *
 * Nothing of what happens in the run changes them: the same seed strikes the same hosts at the same
 * moments. Faults overlap, but never two that would undo each other's marks: each takes the
 * processes or the links that it strikes for as long as it lasts.
 */
import { createRandom, type Random } from "../../../platform/random.ts";
import { FAULTS, type FaultKind, type FaultType } from "./fault-types.ts";

export interface PlannedFault {
  readonly type: FaultType;
  readonly atMs: number;
  readonly durationMs: number;
  /** Empty for a fault that strikes everything. */
  readonly site: string;
  /** Struck hosts, in the order in which they come back. */
  readonly hosts: readonly string[];
  /** The second site of a fault between two; else empty. */
  readonly other: string;
}

type Target = Pick<PlannedFault, "site" | "hosts" | "other">;

export interface ScheduleOptions {
  readonly seed: number;
  readonly durationMs: number;
  readonly types: readonly FaultType[];
  /** Names of all hosts, by site; the first host of the first site lets the others in. */
  readonly sites: ReadonlyMap<string, readonly string[]>;
}

/** From one fault to the next. */
const GAP_MIN_MS = 1_500;
const GAP_MAX_MS = 6_000;
/** What is struck last is over before the run is. */
const TAIL_MS = 4_000;
const DRAWS = 12;

export function planFaults(options: ScheduleOptions): PlannedFault[] {
  const { seed, durationMs, types, sites, ...rest } = options;
  rest satisfies Record<string, never>;
  const random = createRandom(seed);
  const board = new Board(sites);
  const planned: PlannedFault[] = [];
  let atMs = GAP_MIN_MS;
  while (atMs < durationMs - TAIL_MS) {
    const fault = draw(random, types, atMs, durationMs - TAIL_MS, board);
    if (fault !== undefined) planned.push(fault);
    atMs += Math.round(random.between(GAP_MIN_MS, GAP_MAX_MS));
  }
  return planned;
}

/** A few tries at a fault that fits in beside those under way. */
function draw(
  random: Random,
  types: readonly FaultType[],
  atMs: number,
  endMs: number,
  board: Board,
): PlannedFault | undefined {
  for (let attempt = 0; attempt < DRAWS; attempt++) {
    const type = drawType(random, types);
    const { secondsMin, secondsMax } = FAULTS[type];
    const wantedMs = Math.round(random.between(secondsMin, secondsMax) * 1000);
    const durationMs = Math.min(wantedMs, endMs - atMs);
    const target = board.drawTarget(random, type);
    if (target === undefined || durationMs < secondsMin * 1000) continue;
    const fault = { type, atMs, durationMs, ...target };
    if (board.take(fault)) return fault;
  }
  return undefined;
}

function drawType(random: Random, types: readonly FaultType[]): FaultType {
  const total = types.reduce((sum, type) => sum + FAULTS[type].weight, 0);
  let left = random.between(0, total);
  for (const type of types) {
    left -= FAULTS[type].weight;
    if (left < 0) return type;
  }
  return types.at(-1)!;
}

/** Until when each host's process and each site's link are taken. */
class Board {
  readonly #sites: ReadonlyMap<string, readonly string[]>;
  readonly #takenUntilMs = new Map<string, number>();
  /** What faults under way need to be left alone. */
  readonly #neededUntilMs = new Map<string, number>();
  readonly #lastAtMs = new Map<FaultType, number>();
  /** It makes the tokens, so it keeps its disk. */
  readonly #first: string;

  constructor(sites: ReadonlyMap<string, readonly string[]>) {
    this.#sites = sites;
    this.#first = [...sites.values()][0]![0]!;
  }

  drawTarget(random: Random, type: FaultType): Target | undefined {
    const { scope }: FaultKind = FAULTS[type];
    const [site, all] = random.pick([...this.#sites])!;
    const hosts = random.shuffle(all);
    const other = random.pick([...this.#sites.keys()].filter((name) => name !== site)) ?? "";
    switch (scope) {
      case "all":
        return { site: "", hosts: random.shuffle([...this.#sites.values()].flat()), other: "" };
      case "host": {
        const [host] = hosts.filter((one) => this.#mayLose(type, one));
        const where = type === "move" ? other : "";
        return host === undefined ? undefined : { site, hosts: [host], other: where };
      }
      case "site":
        return hosts.every((host) => this.#mayLose(type, host))
          ? { site, hosts, other: "" }
          : undefined;
      case "way":
        return { site, hosts: [], other };
      case "link":
        if (type !== "split") return { site, hosts: [], other: "" };
        if (all.length < 2) return undefined;
        return { site, hosts: hosts.slice(0, 1 + random.below(all.length - 1)), other: "" };
    }
  }

  /** The host that makes the tokens keeps its disk. */
  #mayLose(type: FaultType, host: string): boolean {
    const isWiping = type === "replace" || type === "disk-loss" || type === "site-loss";
    return !isWiping || host !== this.#first;
  }

  /** Whether there is room for a fault; if so, what it strikes is its own until it is over. */
  take(fault: PlannedFault): boolean {
    const { calmMs, everyMs }: FaultKind = FAULTS[fault.type];
    const lastMs = this.#lastAtMs.get(fault.type) ?? -Infinity;
    if (fault.atMs - lastMs < everyMs) return false;
    const own = this.#struck(fault);
    const needed = calmMs > 0 ? this.#needed() : [];
    const fromMs = fault.atMs - calmMs;
    const untilMs = fault.atMs + fault.durationMs + calmMs;
    const isTaken = (mark: string): boolean => (this.#takenUntilMs.get(mark) ?? 0) > fromMs;
    const isNeeded = (mark: string): boolean => (this.#neededUntilMs.get(mark) ?? 0) > fromMs;
    if (own.some((mark) => isTaken(mark) || isNeeded(mark)) || needed.some(isTaken)) return false;
    for (const mark of own) this.#takenUntilMs.set(mark, untilMs);
    for (const mark of needed)
      this.#neededUntilMs.set(mark, Math.max(untilMs, this.#neededUntilMs.get(mark) ?? 0));
    this.#lastAtMs.set(fault.type, fault.atMs);
    return true;
  }

  #struck({ type, site, hosts, other }: PlannedFault): string[] {
    const { scope, calmMs }: FaultKind = FAULTS[type];
    if (scope === "link") return [`link ${site}`];
    if (scope === "way") return [`way ${[site, other].toSorted().join(" ")}`];
    if (type === "move") return [`host ${hosts[0]}`, `link ${site}`, `link ${other}`];
    const struck = calmMs > 0 ? this.#sites.get(site)! : hosts;
    const processes = struck.map((host) => `host ${host}`);
    return calmMs > 0 ? [...processes, `link ${site}`] : processes;
  }

  /** A new host needs a token of the first one: that one may not be struck meanwhile. */
  #needed(): string[] {
    const [firstSite] = [...this.#sites.keys()];
    return [`host ${this.#first}`, `link ${firstSite}`];
  }
}
