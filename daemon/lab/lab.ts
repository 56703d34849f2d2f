/**
 * Multi-site networks on one Linux machine, for people, tests and benchmarks.
 *
 * Sites are switches with hosts in network namespaces; their uplinks meet at one router. A `Lab` is
 * a view of what stands on disk and in the kernel: any number of processes may have one at a time.
 */
import type { ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { ConfigError, errorMessage } from "../../platform/errors.ts";
import type { ApiCall } from "../api/client.ts";
import { readClock, setClock } from "./clocks.ts";
import { diskUse, fillDisk, freeDisk, type DiskUse } from "./disks.ts";
import { isRouterDown, startRouter, stopRouter } from "./routers.ts";
import { captureSite } from "./capture.ts";
import { buildLab, removeLab } from "./construction.ts";
import {
  daemonMark,
  daemonState,
  signalDaemons,
  startDaemons,
  stopDaemons,
  type StartOptions,
} from "./daemons.ts";
import {
  attachToHost,
  execOnHost,
  hostPaths,
  spawnOnHost,
  type EnterOptions,
  type ExecOptions,
  type ExecResult,
} from "./enter.ts";
import { askHost } from "./host-api.ts";
import { HEAL, changeLink, type LinkChange } from "./link.ts";
import { moveHost, plugHost, readdressHost, unplugHost } from "./moving.ts";
import { hostNow, hostsNow, siteNow } from "./places.ts";
import type { ProcessMark, ProcessState } from "./processes.ts";
import {
  DEFAULT_LAB,
  findSite,
  readLink,
  readyRecord,
  type HostRecord,
  type LabRecord,
  type LinkState,
  type SiteRecord,
} from "./record.ts";
import { parseLabSpec, type LabSpec } from "./spec.ts";
import { changeWays, readWays, type Ways, type WaysChange } from "./ways.ts";
import { readCounters, type LinkCounters } from "./wire.ts";

export { DEFAULT_LAB, labNames, readRecord } from "./record.ts";
export { HEAL, parseLabSpec };
export type { ExecResult, HostRecord, LabRecord, LinkChange, LinkCounters, LinkState, SiteRecord };

/**
 * Makes a lab from a YAML file, or from what `parseLabSpec` gives.
 *
 * @throws {ConfigError} for a mistake in the file
 * @throws {LabError} when it cannot be made; nothing is left of it then
 */
export async function upLab(from: string | LabSpec, name: string = DEFAULT_LAB): Promise<Lab> {
  const spec = typeof from === "string" ? readSpec(from) : from;
  return new Lab(await buildLab(spec, name));
}

/** @throws {LabError} ERR_LAB_ABSENT */
export function openLab(name: string = DEFAULT_LAB): Lab {
  return new Lab(readyRecord(name));
}

/** Takes a lab away, also one that is half made. @throws {LabError} */
export async function downLab(name: string = DEFAULT_LAB): Promise<void> {
  await removeLab(name);
}

export function readSpec(file: string): LabSpec {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new ConfigError("FILE", `cannot read ${file}: ${errorMessage(error)}`, { cause: error });
  }
  return parseLabSpec(text, file);
}

export class Lab {
  readonly record: LabRecord;

  constructor(record: LabRecord) {
    this.record = record;
  }

  get name(): string {
    return this.record.name;
  }

  /** Each with the hosts that are plugged into it. */
  get sites(): readonly SiteRecord[] {
    return this.record.sites.map((site) => siteNow(this.record, site));
  }

  /** In the order of the file, as they are now. */
  get hosts(): readonly HostRecord[] {
    return hostsNow(this.record);
  }

  /** @throws {ConfigError} when there is none of that name */
  host(name: string): HostRecord {
    return hostNow(this.record, name);
  }

  /** First address of a host, without its prefix length. */
  address(host: string): string {
    return this.host(host).addresses[0]!.split("/")[0]!;
  }

  /** Where a host's socket, state and log are. */
  paths(host: string): ReturnType<typeof hostPaths> {
    return hostPaths(this.name, this.host(host).name);
  }

  /** Runs a program on a host to its end. */
  async exec(
    host: string,
    argv: readonly string[],
    options: Partial<ExecOptions> = {},
  ): Promise<ExecResult> {
    return execOnHost(this.record, this.host(host), argv, options);
  }

  /** Starts a program on a host; the process is the program itself. */
  spawn(host: string, argv: readonly string[], options: Partial<EnterOptions> = {}): ChildProcess {
    return spawnOnHost(this.record, this.host(host), argv, options);
  }

  /** Runs a program on a host with our own standard streams; gives its exit status. */
  async attach(host: string, argv: readonly string[]): Promise<number> {
    return attachToHost(this.record, this.host(host), argv);
  }

  /** Starts daemons, all unless named, and waits until they have joined. */
  async start(hosts?: readonly string[], options: Partial<StartOptions> = {}): Promise<void> {
    await startDaemons(this.record, this.#named(hosts), options);
  }

  /** Ends daemons in good order. */
  async stop(hosts?: readonly string[]): Promise<void> {
    await stopDaemons(this.record, this.#named(hosts));
  }

  async kill(hosts?: readonly string[]): Promise<void> {
    await signalDaemons(this.record, this.#named(hosts), "SIGKILL");
  }

  async pause(hosts?: readonly string[]): Promise<void> {
    await signalDaemons(this.record, this.#named(hosts), "SIGSTOP");
  }

  async resume(hosts?: readonly string[]): Promise<void> {
    await signalDaemons(this.record, this.#named(hosts), "SIGCONT");
  }

  daemonState(host: string): ProcessState {
    return daemonState(this.record, this.host(host).name);
  }

  /** The process of a host's daemon, for its memory and time; absent when none was started. */
  daemonProcess(host: string): ProcessMark | undefined {
    return daemonMark(this.record, this.host(host).name);
  }

  /** Asks the local API of a host's daemon. @throws {LabError} ERR_LAB_DAEMON */
  async api(
    host: string,
    method: ApiCall["method"],
    path: string,
    body?: unknown,
  ): Promise<unknown> {
    return askHost(this.name, this.host(host).name, method, path, body);
  }

  async link(site: string, change: LinkChange): Promise<LinkState> {
    return changeLink(this.record, this.#site(site), change);
  }

  /** Undoes a cut and a split. */
  async heal(site: string): Promise<LinkState> {
    return this.link(site, HEAL);
  }

  /** Changes what is lost between two sites, each way on its own. */
  async changeWays(site: string, other: string, change: WaysChange): Promise<Ways> {
    return changeWays(this.record, this.#site(site), this.#site(other), change);
  }

  ways(site: string, other: string): Ways {
    return readWays(this.record, this.#site(site), this.#site(other));
  }

  linkState(site: string): LinkState {
    return readLink(this.name, this.#site(site));
  }

  /** Frames that crossed a site's uplink since the lab is up. */
  async linkCounters(site: string): Promise<LinkCounters> {
    return readCounters(this.name, this.#site(site).name);
  }

  /** Carries a host to another site, or unplugs it; returns when it has its addresses there. */
  async move(host: string, site: string | null): Promise<HostRecord> {
    return moveHost(this.record, host, site === null ? null : this.#site(site));
  }

  /** Gives a host another address on its link. @throws {ConfigError} when it cannot have it */
  async readdress(host: string, address: string): Promise<HostRecord> {
    return readdressHost(this.record, host, address);
  }

  /** Takes the interface out of a host. */
  async unplug(host: string): Promise<HostRecord> {
    return unplugHost(this.record, host);
  }

  /** Puts it back. */
  async plug(host: string): Promise<HostRecord> {
    return plugHost(this.record, host);
  }

  /** Sets how far a host's wall clock is ahead; returns when its daemon has it. */
  async setClock(host: string, offsetMs: number): Promise<void> {
    await setClock(this.name, this.host(host).name, offsetMs);
  }

  /** How far a host's wall clock is ahead, in ms. */
  clock(host: string): number {
    return readClock(this.name, this.host(host).name);
  }

  /** @throws {ConfigError} when the host has no disk of its own */
  disk(host: string): DiskUse {
    return diskUse(this.name, this.host(host).name);
  }

  /** Leaves no room on a host's disk. @throws {ConfigError} as `disk` does */
  fillDisk(host: string): DiskUse {
    return fillDisk(this.name, this.host(host).name);
  }

  freeDisk(host: string): DiskUse {
    return freeDisk(this.name, this.host(host).name);
  }

  /** Switches a site's router off. */
  async stopRouter(site: string): Promise<void> {
    await stopRouter(this.record, this.#site(site));
  }

  async startRouter(site: string): Promise<void> {
    await startRouter(this.record, this.#site(site));
  }

  isRouterDown(site: string): boolean {
    return isRouterDown(this.record, this.#site(site));
  }

  /** Records a site's frames until `signal` aborts. */
  async capture(
    site: string,
    file: string,
    signal: AbortSignal,
    said: (line: string) => void = () => {},
  ): Promise<void> {
    await captureSite(this.record, this.#site(site), file, signal, said);
  }

  async down(): Promise<void> {
    await removeLab(this.name);
  }

  #site(name: string): SiteRecord {
    return findSite(this.record, name);
  }

  #named(hosts: readonly string[] | undefined): readonly HostRecord[] {
    return hosts === undefined ? this.hosts : hosts.map((name) => this.host(name));
  }
}
