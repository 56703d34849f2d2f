/** The daemons on the hosts of a lab: started with a token each, stopped, killed and paused. */
import { once } from "node:events";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { errorMessage } from "../../platform/errors.ts";
import { stopDaemon } from "../cli/stop-daemon.ts";
import { LabError } from "./errors.ts";
import { BIN_DIRECTORY, hostPaths, spawnOnHost } from "./enter.ts";
import { askHost, hostStatus, type HostStatus } from "./host-api.ts";
import {
  hasEnded,
  markProcess,
  processState,
  signalGroup,
  type ProcessMark,
  type ProcessState,
} from "./processes.ts";
import {
  findSite,
  labHosts,
  readJson,
  writeJson,
  type HostRecord,
  type LabRecord,
} from "./record.ts";

export interface StartOptions {
  /** How long all of them together may take to join, in ms. Default 60 s. */
  readonly waitMs: number;
  /** Told of each step. Default: nobody. */
  readonly progress: (line: string) => void;
  /** The program to run with the options of `up` behind it. Default: `causeway`. */
  readonly program: readonly string[];
}

const START_DEFAULTS: StartOptions = {
  waitMs: 60_000,
  progress: () => {},
  program: [join(BIN_DIRECTORY, "causeway")],
};
const POLL_MS = 250;
const STOP_MS = 10_000;
const SIGNAL_MS = 1_000;
const SIGNAL_POLL_MS = 2;

/**
 * Starts the daemons of these hosts and waits until each has joined.
 *
 * The first host of the first site goes first and makes a token for each other one that never
 * joined. A host whose daemon runs already is only waited for.
 *
 * @throws {LabError} ERR_LAB_DAEMON naming the hosts that have not joined in time, and why
 */
export async function startDaemons(
  lab: LabRecord,
  hosts: readonly HostRecord[],
  given: Partial<StartOptions> = {},
): Promise<void> {
  const { waitMs, progress, program, ...rest } = { ...START_DEFAULTS, ...given };
  rest satisfies Record<string, never>;
  const until = performance.now() + waitMs;
  const first = labHosts(lab)[0]!;
  const others = hosts.filter((host) => host.name !== first.name);
  if (others.length < hosts.length) {
    await startDaemon(lab, first, program);
    progress(`${first.name} started`);
    await waitForAll(lab, [first], until, progress);
  }
  for (const host of others.filter((one) => needsToken(lab, one)))
    await fetchToken(lab, first, host);
  for (const host of others) await startDaemon(lab, host, program);
  if (others.length > 0) progress(`${others.length} more started`);
  await waitForAll(lab, others, until, progress);
}

/**
 * Asks the daemons to say goodbye and waits for their end; those not running are passed over.
 *
 * @throws {LabError} ERR_LAB_DAEMON naming those that still run after 10 s
 */
export async function stopDaemons(lab: LabRecord, hosts: readonly HostRecord[]): Promise<void> {
  const ends = hosts.map(async ({ name }) => {
    const { mark, socket } = places(lab, name);
    const running = readJson(mark) as ProcessMark | undefined;
    if (!running || processState(running) === "gone") return undefined;
    const asked = stopDaemon(socket, "/v1/down").then(
      () => "",
      (error: unknown) => `, ${errorMessage(error)}`,
    );
    const isGone = await hasEnded(running, STOP_MS);
    return isGone ? undefined : `${name}${await Promise.race([asked, sleep(0, "")])}`;
  });
  const left = (await Promise.all(ends)).filter((name) => name !== undefined);
  if (left.length > 0)
    throw new LabError(
      "ERR_LAB_DAEMON",
      `still running after ${STOP_MS / 1000} s: ${left.join("; ")}; use "causeway lab kill"`,
    );
}

/**
 * Sends a signal to the daemons of these hosts; after SIGKILL, waits for their end.
 *
 * @throws {LabError} ERR_LAB_DAEMON before any signal when one does not run
 */
export async function signalDaemons(
  lab: LabRecord,
  hosts: readonly HostRecord[],
  signal: "SIGKILL" | "SIGSTOP" | "SIGCONT",
): Promise<void> {
  const idle = hosts.filter(({ name }) => daemonState(lab, name) === "gone");
  if (idle.length > 0)
    throw new LabError(
      "ERR_LAB_DAEMON",
      `no daemon runs on ${idle.map(({ name }) => name).join(", ")}; use "causeway lab start"`,
    );
  const marks = hosts.map(({ name }) => daemonMark(lab, name)!);
  for (const mark of marks) signalGroup(mark, signal);
  if (signal === "SIGKILL") await Promise.all(marks.map((mark) => hasEnded(mark, STOP_MS)));
  else await Promise.all(marks.map((mark) => hasHeard(mark, signal)));
}

/** The kernel stops a busy process, and lets it go on, some time after the call. */
async function hasHeard(mark: ProcessMark, signal: "SIGSTOP" | "SIGCONT"): Promise<void> {
  const before = signal === "SIGSTOP" ? "running" : "paused";
  const untilMs = performance.now() + SIGNAL_MS;
  while (processState(mark) === before && performance.now() < untilMs) await sleep(SIGNAL_POLL_MS);
}

export function daemonState(lab: LabRecord, host: string): ProcessState {
  const mark = daemonMark(lab, host);
  return mark ? processState(mark) : "gone";
}

export function daemonMark(lab: LabRecord, host: string): ProcessMark | undefined {
  return readJson(places(lab, host).mark) as ProcessMark | undefined;
}

function places(lab: LabRecord, host: string) {
  const { directory, ...paths } = hostPaths(lab.name, host);
  return {
    ...paths,
    directory,
    mark: join(directory, "daemon.json"),
    token: join(directory, "token"),
    /** There once the host has joined: it needs no token any more. */
    joined: join(directory, "joined"),
  };
}

function needsToken(lab: LabRecord, { name }: HostRecord): boolean {
  const { joined, state } = places(lab, name);
  const hasState = existsSync(state) && readdirSync(state).length > 0;
  return daemonState(lab, name) === "gone" && !(existsSync(joined) && hasState);
}

/** From a file, since a token never stands in a command line. */
async function fetchToken(lab: LabRecord, first: HostRecord, host: HostRecord): Promise<void> {
  if (daemonState(lab, first.name) !== "running")
    throw new LabError(
      "ERR_LAB_DAEMON",
      `${host.name} needs a token from ${first.name}, which does not run; ` +
        `use "causeway lab start ${first.name}" first`,
    );
  const answer = (await askHost(lab.name, first.name, "POST", "/v1/token", {})) as {
    readonly token: string;
  };
  const { directory, token } = places(lab, host.name);
  mkdirSync(directory, { recursive: true });
  writeFileSync(token, `${answer.token}\n`, { mode: 0o600 });
}

async function startDaemon(
  lab: LabRecord,
  host: HostRecord,
  program: readonly string[],
): Promise<void> {
  if (daemonState(lab, host.name) !== "gone") return;
  const { directory, state, socket, log, mark, token } = places(lab, host.name);
  mkdirSync(directory, { recursive: true });
  const join = existsSync(token) ? ["--join", `@${token}`] : [];
  // A host with more interfaces has its daemon choose, as everywhere but in a lab.
  const hasExtras = findSite(lab, host.home).extras.length > 0;
  const link = hasExtras ? [] : ["--interface", "eth0"];
  const argv = [...program, "up", "--state", state, "--socket", socket, ...link];
  const output = openSync(log, "a");
  try {
    const child = spawnOnHost(lab, host, [...argv, ...join], {
      stdio: ["ignore", output, output],
      detached: true,
    });
    await once(child, "spawn");
    child.unref();
    const started = markProcess(child.pid!);
    if (started) writeJson(mark, started);
  } finally {
    closeSync(output);
  }
}

/** Polls until all have joined, or one's daemon is gone, or time is up. */
async function waitForAll(
  lab: LabRecord,
  hosts: readonly HostRecord[],
  untilMs: number,
  progress: (line: string) => void,
): Promise<void> {
  const waiting = new Map<string, HostStatus | undefined>();
  for (const { name } of hosts) waiting.set(name, undefined);
  for (;;) {
    await Promise.all(
      [...waiting.keys()].map(async (name) => {
        const status = await hostStatus(lab.name, name);
        if (!hasJoined(lab, name, status)) return void waiting.set(name, status);
        waiting.delete(name);
        const { joined, token } = places(lab, name);
        writeFileSync(joined, "");
        rmSync(token, { force: true });
        progress(`${name} joined`);
      }),
    );
    if (waiting.size === 0) return;
    const ended = [...waiting.keys()].some((name) => daemonState(lab, name) === "gone");
    if (ended || performance.now() > untilMs) throw notJoined(lab, waiting);
    await sleep(POLL_MS);
  }
}

/** The first host is alone as long as no other runs, and knows it. */
function hasJoined(lab: LabRecord, name: string, status: HostStatus | undefined): boolean {
  if (status?.health === "healthy") return true;
  return status?.health === "isolated" && name === labHosts(lab)[0]!.name;
}

function notJoined(lab: LabRecord, waiting: ReadonlyMap<string, HostStatus | undefined>): LabError {
  const reasons = [...waiting].map(([name, status]) => {
    if (daemonState(lab, name) === "gone") return `${name} (ended: ${lastLine(lab, name)})`;
    return `${name} (${status ? `${status.health}: ${status.reason}` : "does not answer"})`;
  });
  return new LabError("ERR_LAB_DAEMON", `not joined: ${reasons.join("; ")}`);
}

function lastLine(lab: LabRecord, host: string): string {
  const { log } = places(lab, host);
  const lines = existsSync(log) ? readFileSync(log, "utf8").trim().split("\n") : [];
  return lines.at(-1) ?? "no log";
}
