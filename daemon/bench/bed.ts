/**
 * A lab to measure in: built of a topology, asked over the daemons' own sockets, taken away
 * whatever happens.
 */
import { hash } from "node:crypto";
import { readFileSync, rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { text } from "node:stream/consumers";
import { errorCode } from "../../platform/errors.ts";
import type {
  ExplainAnswer,
  GetAnswer,
  LookupAnswer,
  PingAnswer,
  PingRequest,
  PutAnswer,
  RemoveAnswer,
  StatusAnswer,
  SubnetsAnswer,
  WatchLine,
} from "../api/api-types.ts";
import { callApi, callApiLines, callApiText, type ApiCall } from "../api/client.ts";
import { downLab, parseLabSpec, upLab, type Lab } from "../lab/lab.ts";
import { BenchError } from "./errors.ts";
import { openCapture, type Capture } from "./capture.ts";
import type { BenchRun } from "./figure.ts";

export interface BedOptions {
  /** Name of the lab; one left over from before is taken away first. */
  readonly name: string;
  /** Items of `sites` of a lab file, as YAML. */
  readonly sites: readonly string[];
  /** Ends waiting; the bed is closed by whoever opened it. */
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
  /** What its daemons run, with the options of `up` behind it. Default: `causeway`. */
  readonly program: readonly string[];
}

export interface PutSettings {
  /** `one`, `all`, `demand` or a number. Default 2. */
  readonly copies: string;
  /** Default 1 h. */
  readonly ttlMs: number;
}

/** An answer and how long it took as the asker sees it. */
export interface Timed<Answer> {
  readonly answer: Answer;
  readonly wallMs: number;
}

const POLL_MS = 20;
const NEVER = new AbortController().signal;

/** @throws {LabError} when it cannot be built; nothing is left of it then */
export async function openBed(
  given: Pick<BedOptions, "name" | "sites"> & Partial<BedOptions>,
): Promise<Bed> {
  const { name, sites, signal = NEVER, progress = () => {}, program, ...rest } = given;
  rest satisfies Record<string, never>;
  await downLab(name).catch((error: unknown) => {
    if (errorCode(error) !== "ERR_LAB_ABSENT") throw error;
  });
  signal.throwIfAborted();
  const file = ["sites:", ...sites.map((site) => `  - ${site}`)].join("\n");
  return new Bed(await upLab(parseLabSpec(file, name), name), signal, progress, program);
}

/** Opens a bed, works in it and closes it, also when the work fails or is aborted. */
export async function withBed<Result>(
  options: Pick<BedOptions, "name" | "sites"> & Partial<BedOptions>,
  work: (bed: Bed) => Promise<Result>,
): Promise<Result> {
  const bed = await openBed(options);
  try {
    return await bed.guard(work(bed));
  } finally {
    await bed.close();
  }
}

/** Options of a section's own bed. */
export function bedOf(
  { signal, progress }: BenchRun,
  section: string,
): Pick<BedOptions, "name" | "signal" | "progress"> {
  return { name: `bench${section.slice(0, 7)}`, signal, progress };
}

export class Bed {
  readonly lab: Lab;
  readonly #signal: AbortSignal;
  readonly #progress: (line: string) => void;
  readonly #program: Partial<Pick<BedOptions, "program">>;
  readonly #captures = new Set<Capture>();

  constructor(
    lab: Lab,
    signal: AbortSignal,
    progress: (line: string) => void,
    program?: readonly string[],
  ) {
    this.#program = program ? { program } : {};
    this.lab = lab;
    this.#signal = signal;
    this.#progress = progress;
  }

  /** Names of all hosts, or those of one site. */
  hosts(site?: string): string[] {
    return this.lab.hosts
      .filter((host) => site === undefined || host.site === site)
      .map((host) => host.name);
  }

  /** Hosts whose daemon runs. */
  running(): string[] {
    return this.hosts().filter((host) => this.lab.daemonState(host) === "running");
  }

  async close(): Promise<void> {
    await Promise.all([...this.#captures].map((capture) => capture.stop().catch(() => {})));
    await this.lab.down();
  }

  /** Starts daemons and waits until they have joined. */
  async start(hosts: readonly string[] = this.hosts(), waitMs = 60_000): Promise<void> {
    this.#progress(`starting ${hosts.length > 3 ? `${hosts.length} daemons` : hosts.join(", ")}`);
    await this.guard(this.lab.start(hosts, { waitMs, ...this.#program }));
  }

  /** Forgets a host's keys, certificates and records; its daemon must not run. */
  wipe(host: string): void {
    rmSync(this.lab.paths(host).state, { recursive: true, force: true });
  }

  /** Wall time since a host's daemon was started, by the kernel's clock (10 ms). */
  sinceExecMs(host: string): number {
    const mark = this.lab.daemonProcess(host);
    return mark === undefined ? 0 : upTimeMs() - Number(mark.startTime) * TICK_MS;
  }

  async status(host: string): Promise<StatusAnswer> {
    return this.#call(host, "GET", "/v1/status");
  }

  async subnets(host: string): Promise<SubnetsAnswer["subnets"]> {
    return (await this.#call<SubnetsAnswer>(host, "GET", "/v1/subnets")).subnets;
  }

  async explain(host: string): Promise<ExplainAnswer["findings"]> {
    return (await this.#call<ExplainAnswer>(host, "GET", "/v1/explain")).findings;
  }

  /** The daemon's metrics by name, with its labels as they stand behind it: `name{label="value"}`. */
  async metrics(host: string): Promise<ReadonlyMap<string, number>> {
    const call = { ...this.#at(host), method: "GET", path: "/metrics" } as const;
    const text = await this.guard(callApiText(call));
    const lines = text.matchAll(/^([a-z_]+(?:\{.*\})?) (\S+)$/gm);
    return new Map([...lines].map(([, name = "", value]) => [name, metricValue(value)]));
  }

  async put(
    host: string,
    key: string,
    value: string,
    given: Partial<PutSettings> = {},
  ): Promise<Timed<PutAnswer>> {
    const { copies = "2", ttlMs = 3_600_000, ...rest } = given;
    rest satisfies Record<string, never>;
    const path = `/v1/records/${keyOf(key)}?copies=${copies}&ttlMs=${ttlMs}`;
    return timed(this.#call(host, "PUT", path, new TextEncoder().encode(value)));
  }

  async get(host: string, key: string): Promise<Timed<GetAnswer>> {
    return timed(this.#call(host, "GET", `/v1/records/${keyOf(key)}`));
  }

  async lookup(host: string, key: string): Promise<Timed<LookupAnswer>> {
    return timed(this.#call(host, "GET", `/v1/lookup/${keyOf(key)}`));
  }

  async remove(host: string, key: string): Promise<RemoveAnswer> {
    return this.#call(host, "DELETE", `/v1/records/${keyOf(key)}`);
  }

  /** Whether a get finds exactly this value; an error counts as not. */
  async finds(host: string, key: string, value: string): Promise<boolean> {
    try {
      const { answer } = await this.get(host, key);
      return answer.records.some((record) => record.value === value);
    } catch (error) {
      this.#signal.throwIfAborted();
      this.#progress(`${host}: get ${key}: ${String(error)}`);
      return false;
    }
  }

  /** Opens a host stream from one host to another and sends so many bytes, which must come whole. */
  async stream(from: string, to: string, bytes: number): Promise<PingAnswer> {
    const request: PingRequest = { host: (await this.status(to)).host.id, bytes };
    const body = new TextEncoder().encode(JSON.stringify(request));
    return this.#call(from, "POST", "/v1/ping", body);
  }

  watch(host: string, key: string, signal: AbortSignal): AsyncGenerator<WatchLine> {
    const path = `/v1/watch/${keyOf(key)}`;
    return callApiLines({ ...this.#at(host), method: "GET", path, signal });
  }

  /** Records the frames of a site from when this resolves. */
  async capture(site: string): Promise<Capture> {
    const capture = await openCapture(this.lab, site);
    this.#captures.add(capture);
    return capture;
  }

  /** Round trips in ms. @throws {BenchError} ERR_BENCH_PROGRAM when none comes back */
  async ping(from: string, to: string, count = 20): Promise<number[]> {
    const argv = ["ping", "-n", "-c", String(count), "-i", "0.05", "-W", "2", this.lab.address(to)];
    const ping = this.lab.spawn(from, argv, { stdio: ["ignore", "pipe", "ignore"] });
    const said = await this.guard(text(ping.stdout!));
    const times = [...said.matchAll(/time=([\d.]+) ms/g)].map(([, ms]) => Number(ms));
    if (times.length > 0) return times;
    throw new BenchError("ERR_BENCH_PROGRAM", `no ping of ${from} reaches ${to}`);
  }

  /**
   * Polls until something holds.
   *
   * @returns ms it took; `Infinity` when it does not hold within `limitMs`
   */
  async until(probe: () => Promise<boolean>, limitMs: number, everyMs = POLL_MS): Promise<number> {
    const startedMs = performance.now();
    for (;;) {
      this.#signal.throwIfAborted();
      const holds = await this.guard(probe().catch(() => false)); // a daemon that is not there yet
      const tookMs = performance.now() - startedMs;
      if (holds) return tookMs;
      if (tookMs > limitMs) return Infinity;
      await this.pause(everyMs);
    }
  }

  /** As `until`, for what a measurement needs. @throws {BenchError} ERR_BENCH_TIMEOUT */
  async need(what: string, probe: () => Promise<boolean>, limitMs: number): Promise<number> {
    const tookMs = await this.until(probe, limitMs, 100);
    if (tookMs < Infinity) return tookMs;
    throw new BenchError("ERR_BENCH_TIMEOUT", `${what}: not within ${limitMs / 1000} s`);
  }

  /** Waits until every running host knows so many subnets, with so many hosts in all. */
  async settle(subnets: number, hosts: number, limitMs = 30_000): Promise<number> {
    const running = this.running();
    return this.need(
      `every host knows ${subnets} subnets with ${hosts} hosts`,
      async () => {
        const views = await Promise.all(running.map((host) => this.subnets(host)));
        return views.every((view) => {
          const total = view.reduce((sum, subnet) => sum + subnet.hosts.length, 0);
          return view.length === subnets && total === hosts;
        });
      },
      limitMs,
    );
  }

  async pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#signal });
  }

  /** Gives up waiting when the run is aborted; what was waited for goes on by itself. */
  async guard<Result>(work: Promise<Result>): Promise<Result> {
    if (this.#signal === NEVER) return work;
    const { promise, reject } = Promise.withResolvers<never>();
    const abort = (): void => reject(this.#signal.reason as Error);
    this.#signal.addEventListener("abort", abort);
    if (this.#signal.aborted) abort();
    try {
      return await Promise.race([work, promise]);
    } finally {
      this.#signal.removeEventListener("abort", abort);
      work.catch(() => {}); // ours no more
    }
  }

  async #call<Answer>(
    host: string,
    method: ApiCall["method"],
    path: string,
    body?: Uint8Array,
  ): Promise<Answer> {
    return this.guard(callApi<Answer>({ ...this.#at(host), method, path, body }));
  }

  #at(host: string): { readonly socket: string } {
    return { socket: this.lab.paths(host).socket };
  }
}

function metricValue(text = ""): number {
  return text === "+Inf" ? Infinity : Number(text);
}

async function timed<Answer>(work: Promise<Answer>): Promise<Timed<Answer>> {
  const startedMs = performance.now();
  const answer = await work;
  return { answer, wallMs: performance.now() - startedMs };
}

/** `/proc` counts in hundredths of a second, whatever the kernel's own tick is. */
const TICK_MS = 10;

function upTimeMs(): number {
  return Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]) * 1000;
}

function keyOf(text: string): string {
  return hash("sha256", text);
}
