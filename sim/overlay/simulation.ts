/**
 * One run: hosts on links, the daemon's own machines on them, faults, work, and in the end peace.
 *
 * First subnets form, then faults strike while clients put and get, then all is mended and, after
 * there was time to settle, everything that was promised is looked at. At last one host of each
 * subnet loses its power, and what has several copies must still be found.
 */
import { createHash } from "node:crypto";
import { utf8 } from "../../platform/bytes.ts";
import { errorMessage } from "../../platform/errors.ts";
import { createRandom, type Random } from "../../platform/random.ts";
import { certifyByAuthority, createKeyPair, type KeyPair } from "../../overlay/cores.ts";
import { checkCopies, checkDurable } from "./checkers/copy-rules.ts";
import { checkMembership, checkSurvivors, type SeenClaim } from "./checkers/membership-rules.ts";
import { LeaseRules } from "./checkers/lease-rules.ts";
import { RecordRules } from "./checkers/record-rules.ts";
import { RunningRules } from "./checkers/running-rules.ts";
import { FaultDriver } from "./fault-driver.ts";
import { History, type FinalRead, type PutOperation } from "./history.ts";
import { WALL_START_MS } from "./host-time.ts";
import { CALM, Network, type Place } from "./network.ts";
import { FORMED_AT_MS, type Scenario } from "./scenario.ts";
import { Scheduler } from "./scheduler.ts";
import { SimHost, type Surroundings } from "./sim-host.ts";
import { Trace } from "./trace.ts";
import { Transport } from "./transport.ts";
import type { Violation } from "./violation.ts";
import { keyBytes, textOf, Workload } from "./workload.ts";

/** After the last fault: the slowest retry, of repairs and of lost subnets, is a minute. */
const SETTLE_MS = 130_000;
const AUDIT_AFTER_MS = 20_000;
const EVICTED_AFTER_MS = 45_000;
const READ_TIMEOUT_MS = 12_000;
/** Of what is asked anew after 3^n s, what was missed at 121 s is heard at 364 s. */
const MERGES_AWAITED = 3;
const MERGE_AFTER_MS = 85_000;
const READ_ATTEMPTS = 4;
const READ_AGAIN_MS = 22_000;
const LOOK_EVERY_MS = 400;
const LEASE_LOOK_EVERY_MS = 200;
const TELL_EVERY_MS = 4_000;
const CUT_AT_START_MS = [2_000, 9_000] as const;
const VIOLATIONS_MAX = 40;
/** All hosts were let in an hour before they start. */
const ADMITTED_AT_MS = WALL_START_MS - 3_600_000;

export interface RunResult {
  readonly seed: number;
  readonly violations: readonly Violation[];
  /** 16 hex digits over all events. */
  readonly traceHash: string;
  readonly events: number;
  readonly simulatedMs: number;
  readonly hosts: number;
  readonly puts: number;
  /** Lines of the trace, when they were asked for. */
  readonly trace: readonly string[];
}

/** How a run is made, whatever it is of. */
export interface RunManner {
  /** Whether the lines of the trace are kept. */
  readonly isTraced: boolean;
  /** Lets all promises that are ready settle. */
  readonly settle: () => Promise<void>;
}

export async function runScenario(scenario: Scenario, manner: RunManner): Promise<RunResult> {
  return new Simulation(scenario, manner).run();
}

class Simulation {
  readonly #scenario: Scenario;
  readonly #scheduler: Scheduler;
  readonly #trace: Trace;
  readonly #random: Random;
  readonly #network: Network;
  readonly #transport: Transport;
  readonly #around: Surroundings;
  readonly #authority: KeyPair;
  readonly #history = new History();
  readonly #workload: Workload;
  readonly #hosts: SimHost[] = [];
  readonly #byIp = new Map<string, Place>();
  readonly #rules: RunningRules;
  readonly #leases: LeaseRules;
  readonly #violations: Violation[] = [];
  #keys = 0;

  constructor(scenario: Scenario, { isTraced, settle }: RunManner) {
    this.#scenario = scenario;
    this.#scheduler = new Scheduler(settle);
    this.#trace = new Trace(isTraced);
    this.#random = createRandom(scenario.seed ^ 0x5eed);
    this.#network = new Network(this.#scheduler, this.#trace, this.#randomOfItsOwn());
    this.#network.trouble = scenario.always;
    this.#transport = new Transport(this.#network);
    this.#authority = this.#keyPair();
    const watched = {
      network: this.#network,
      running: () => this.#running,
      tell: (violations: readonly Violation[]) => this.#tell(violations),
    };
    this.#rules = new RunningRules(watched);
    this.#leases = new LeaseRules(watched);
    this.#around = this.#surroundings();
    this.#workload = new Workload({
      scheduler: this.#scheduler,
      random: this.#randomOfItsOwn(),
      history: this.#history,
      joined: () =>
        this.#hosts.filter(({ session, isPaused }) => session !== undefined && !isPaused),
      onAcknowledged: (host, put, storedOn) =>
        this.#tell(
          checkDurable(put, host, storedOn, this.#hosts, this.#rules.lastIn, this.#scheduler.nowMs),
        ),
    });
  }

  async run(): Promise<RunResult> {
    const { calmAtMs } = this.#scenario;
    this.#begin();
    await this.#scheduler.runUntil(FORMED_AT_MS);
    this.#tell(checkSurvivors(this.#running, this.#rules.claims, FORMED_AT_MS));
    const faults = new FaultDriver({
      network: this.#network,
      scenario: this.#scenario,
      hosts: () => this.#hosts.filter(({ isRetired }) => !isRetired),
      addHost: (link) => this.#addHost(link).start(),
      note: (text) => this.#note(text),
    });
    faults.plan();
    this.#workload.runUntil(calmAtMs);
    await this.#scheduler.runUntil(calmAtMs + 3_000);
    this.#network.trouble = CALM;
    const mendedClaims = this.#rules.noteClaims();
    await this.#scheduler.runUntil(calmAtMs + SETTLE_MS);
    await this.#merged();
    await this.#judge(this.#rules.claims.slice(mendedClaims));
    await this.#audit();
    await this.#auditEviction();
    return this.#result();
  }

  #begin(): void {
    const { hosts, startMs, cutAtStart } = this.#scenario;
    for (const [link, count] of hosts.entries()) {
      const members = Array.from({ length: count }, () => this.#addHost(link));
      for (const [i, host] of members.entries())
        this.#scheduler.after(startMs[link]![i]!, () => host.start());
      if (!cutAtStart.includes(link)) continue;
      this.#network.cutLink(link, new Set([members[0]!.name]));
      this.#scheduler.after(this.#random.between(...CUT_AT_START_MS), () =>
        this.#network.mend(link),
      );
    }
    this.#repeat(LOOK_EVERY_MS, () => this.#rules.look());
    this.#repeat(LEASE_LOOK_EVERY_MS, () => this.#leases.look());
    this.#repeat(TELL_EVERY_MS, () => this.#tellOthers());
  }

  #surroundings(): Surroundings {
    return {
      transport: this.#transport,
      overlayId: this.#authority.publicKey,
      admittedAtMs: ADMITTED_AT_MS,
      replicas: this.#scenario.replicas,
      places: () => this.#hosts.map(({ place }) => place),
      placeOf: (ip) => this.#byIp.get(ip),
      freshSeed: () => this.#freshSeed(),
      note: (host, text) => this.#note(`${host.name}: ${text}`),
      onRoutingEvent: (host, event) => {
        this.#note(`${host.name}: ${event.subnetId.slice(0, 8)} ${event.type}`);
        this.#rules.onRouting(host, event);
      },
      onSession: (host, session) => {
        this.#rules.onSession(host, session);
        this.#leases.onChange(host);
      },
      onPause: (host) => {
        this.#rules.onPause(host);
        this.#leases.onChange(host);
      },
      leases: this.#leases,
    };
  }

  #addHost(link: number): SimHost {
    const at = this.#hosts.length;
    const place = { name: `h${at}`, link, ip: `10.${link + 1}.0.${at + 1}` };
    const key = this.#keyPair();
    const membership = certifyByAuthority(this.#authority, {
      host: key.publicKey,
      mayAdmit: true,
      linkSubnet: null,
      wallMs: ADMITTED_AT_MS,
    });
    const errors = this.#scenario.clockErrors;
    const error = errors[at % errors.length]!;
    const random = this.#randomOfItsOwn();
    const host = new SimHost(place, { key, membership }, this.#around, error, random);
    this.#byIp.set(place.ip, place);
    this.#hosts.push(host);
    return host;
  }

  /** In place of a token: who knows nobody is told of somebody of another link. */
  #tellOthers(): void {
    const joined = this.#hosts.filter(({ session }) => session !== undefined);
    for (const host of joined) {
      if (host.session!.neighbours.knowsOthers) continue;
      const others = joined.filter(({ place }) => place.link !== host.place.link);
      const set = this.#random.pick(others)?.session?.hostSet;
      if (set !== undefined) host.process!.tell(set);
    }
  }

  // ---- the end

  /** Subnets of a link hear of each other by multicast questions, which grow ever more rare. */
  async #merged(): Promise<void> {
    const isApart = (): boolean =>
      checkMembership(this.#running, 0).some(({ promise }) => promise === "one-subnet");
    for (let waited = 0; waited < MERGES_AWAITED && isApart(); waited++)
      await this.#pass(MERGE_AFTER_MS);
  }

  async #judge(claims: readonly SeenClaim[]): Promise<void> {
    const { nowMs } = this.#scheduler;
    const rules = new RecordRules(this.#history);
    this.#tell(rules.duringRun());
    this.#tell(checkMembership(this.#running, nowMs));
    this.#tell(checkSurvivors(this.#running, claims, nowMs));
    const must = rules.mustBeFound(nowMs).map(({ put }) => put);
    const publisherOf = (put: PutOperation): SimHost =>
      this.#hosts.find(({ name }) => name === put.host)!;
    this.#tell(checkCopies(must, publisherOf, this.#running, this.#scenario.replicas, nowMs));
    await this.#judgeReads(rules);
    const [host] = this.#random.shuffle(this.#running);
    const how = { slot: "last", ttlMs: 600_000 };
    const put = await this.#within(this.#workload.put(host!, this.#workload.keys[0]!, how));
    if (put?.outcome === "acknowledged") return;
    const what = `a put at ${host!.name} fails: ${put?.error ?? "no answer"}`;
    this.#tell([{ promise: "liveness", atMs: nowMs, what }]);
  }

  /** What is found wrong may come right by itself: some of it is repaired when it is read. */
  async #judgeReads(rules: RecordRules): Promise<void> {
    const readers = this.#random.shuffle(this.#running).slice(0, 3);
    for (let attempt = 1; ; attempt++) {
      const found = rules.atTheEnd(await this.#readAll(readers));
      if (found.length === 0) return;
      if (attempt === READ_ATTEMPTS) return this.#tell(found);
      await this.#pass(READ_AGAIN_MS);
    }
  }

  /** One host of each subnet loses its power: what several keep is found all the same. */
  async #audit(): Promise<void> {
    const byLink = Map.groupBy(this.#running, ({ place }) => place.link);
    for (const members of byLink.values())
      if (members.length > 1) this.#random.pick(members)!.crash(true);
    await this.#pass(AUDIT_AFTER_MS);
    const { nowMs } = this.#scheduler;
    const [reader] = this.#random.shuffle(this.#running);
    const reads = await this.#readAll([reader!]);
    for (const { put, values } of new RecordRules(this.#history).mustBeFound(nowMs)) {
      if (put.policy === "one" || put.policy === "demand") continue;
      const read = reads.find(({ key }) => key === put.key);
      if (read === undefined || values.some((value) => read.values.includes(value))) continue;
      const why = read.error === "" ? "" : ` (${read.error})`;
      const what = `${put.value} (${put.policy}) of ${put.host} under ${put.key} is gone${why}`;
      this.#tell([{ promise: "audit", atMs: nowMs, what }]);
    }
  }

  /** All of one link lose power: the others let its subnet go. */
  async #auditEviction(): Promise<void> {
    const byLink = [...Map.groupBy(this.#running, ({ place }) => place.link).values()];
    const [lost, ...others] = this.#random.shuffle(byLink);
    if (lost === undefined || others.length === 0) return;
    for (const host of lost) host.crash(true);
    await this.#pass(EVICTED_AFTER_MS);
    const { nowMs } = this.#scheduler;
    const found = checkMembership(this.#running, nowMs);
    this.#tell(found.filter(({ promise }) => promise === "table"));
  }

  async #readAll(readers: readonly SimHost[]): Promise<FinalRead[]> {
    const reads: FinalRead[] = [];
    for (const { name, session } of readers)
      for (const key of this.#workload.keys) {
        if (session === undefined) continue;
        const { nowMs: atMs } = this.#scheduler;
        const given = { key, reader: name, atMs };
        const answer = await this.#within(
          session.directory.get(keyBytes(key)).then(
            ({ records }) => ({ values: records.map(textOf), error: "" }),
            (error: unknown) => ({ values: [], error: errorMessage(error) }),
          ),
        );
        reads.push({ ...given, ...(answer ?? { values: [], error: "no answer" }) });
      }
    return reads;
  }

  /** Lets time pass until a promise is settled, or too long has passed. */
  async #within<T>(work: Promise<T>): Promise<T | undefined> {
    const answers: T[] = [];
    void work.then((answer) => answers.push(answer));
    const untilMs = this.#scheduler.nowMs + READ_TIMEOUT_MS;
    while (answers.length === 0 && this.#scheduler.nowMs < untilMs) await this.#pass(10);
    return answers[0];
  }

  #pass(ms: number): Promise<void> {
    return this.#scheduler.runUntil(this.#scheduler.nowMs + ms);
  }

  #result(): RunResult {
    return {
      seed: this.#scenario.seed,
      violations: this.#violations,
      traceHash: this.#trace.hash,
      events: this.#trace.count,
      simulatedMs: Math.round(this.#scheduler.nowMs),
      hosts: this.#hosts.length,
      puts: this.#history.writes.length,
      trace: this.#trace.lines,
    };
  }

  get #running(): readonly SimHost[] {
    return this.#hosts.filter(({ isUp }) => isUp);
  }

  #repeat(ms: number, run: () => void): void {
    this.#scheduler.after(ms, () => {
      run();
      this.#repeat(ms, run);
    });
  }

  #tell(violations: readonly Violation[]): void {
    for (const violation of violations) {
      this.#note(`!! ${violation.promise}: ${violation.what}`);
      if (this.#violations.length < VIOLATIONS_MAX) this.#violations.push(violation);
    }
  }

  #note(text: string): void {
    this.#trace.note(this.#scheduler.nowMs, text);
  }

  #randomOfItsOwn(): Random {
    return createRandom(this.#random.below(2 ** 32));
  }

  #keyPair(): KeyPair {
    return createKeyPair(this.#freshSeed());
  }

  /** Of the run's seed and a count: the same keys in each replay. */
  #freshSeed(): Uint8Array {
    const text = `key ${this.#keys++} of run ${this.#scenario.seed}`;
    return createHash("sha256").update(utf8(text)).digest();
  }
}
