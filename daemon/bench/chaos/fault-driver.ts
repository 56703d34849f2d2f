/** Does to a lab what the plan says, undoes it, and keeps the log of it. */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { errorMessage } from "../../../platform/errors.ts";
import type { Bed } from "../bed.ts";
import type { FaultType } from "./fault-types.ts";
import type { DaemonEnd, DiskLoss, FaultEntry } from "./history.ts";
import type { RunClock } from "./run-clock.ts";
import type { PlannedFault } from "./schedule.ts";

/** A host that comes back beside other faults may not reach anybody yet; it goes on trying. */
const START_WAIT_MS = 8_000;
const LOSS_RATIO = 0.3;
const HOUR_MS = 3_600_000;
const HALF_LOSS_RATIO = 0.5;
const CALM_WAIT_MS = 10_000;
/** What a daemon logs that could not hand all over. */
const LEFT_BEHIND = /stopped with a problem|no subnet took records over|hand-over failed/;
const STATUS_MS = 3_000;
const LOOK_EVERY_MS = 500;

interface Strike {
  begin(fault: PlannedFault): Promise<void>;
  end(fault: PlannedFault): Promise<void>;
}

export interface DriverParts {
  readonly bed: Bed;
  readonly clock: RunClock;
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
  /** Command that runs a daemon; `undefined`: `causeway`. */
  readonly program: readonly string[] | undefined;
}

export class FaultDriver {
  readonly entries: FaultEntry[] = [];
  readonly diskLosses: DiskLoss[] = [];
  readonly daemonEnds: DaemonEnd[] = [];
  readonly siteOfSubnet = new Map<string, string>();
  readonly #parts: DriverParts;
  readonly #incarnations = new Map<string, number>();
  /** Hosts whose daemon is meant to run. */
  readonly #running: Set<string>;
  readonly #paused = new Set<string>();
  readonly #subnets = new Map<string, string>();

  constructor(parts: DriverParts) {
    this.#parts = parts;
    this.#running = new Set(parts.bed.hosts());
  }

  incarnation(host: string): number {
    return this.#incarnations.get(host) ?? 0;
  }

  /** Hosts whose daemon runs, also those that hang. */
  running(): string[] {
    return [...this.#running];
  }

  isPaused(host: string): boolean {
    return this.#paused.has(host);
  }

  /** Strikes as planned; resolves when the last fault is undone. */
  async run(plan: readonly PlannedFault[]): Promise<void> {
    const { clock, signal } = this.#parts;
    const looking = new AbortController();
    const look = this.#lookAfter(AbortSignal.any([signal, looking.signal]));
    await Promise.all(
      plan.map(async (fault) => {
        await sleep(Math.max(0, fault.atMs - clock()), undefined, { signal });
        await this.#strike(fault);
      }),
    );
    looking.abort();
    await look;
  }

  /** Whatever is still undone is undone, and every daemon started. */
  async mend(): Promise<void> {
    const { bed } = this.#parts;
    for (const { name } of bed.lab.sites) await bed.lab.heal(name);
    for (const { name, home } of bed.lab.hosts)
      if (bed.lab.host(name).site !== home) await bed.lab.move(name, home);
    const stuck = bed.hosts().filter((host) => bed.lab.daemonState(host) === "paused");
    if (stuck.length > 0) await bed.lab.resume(stuck);
    await this.#start(bed.hosts());
  }

  /** Notes which subnet each running host is in. */
  async noteSubnets(): Promise<void> {
    await Promise.all(this.running().map((host) => this.#noteSubnet(host)));
  }

  async #strike(fault: PlannedFault): Promise<void> {
    const { clock, signal, progress } = this.#parts;
    const { type, site, hosts, other, durationMs } = fault;
    const notes: string[] = [];
    const attempt = async (work: Promise<void>): Promise<void> =>
      work.catch((error: unknown) => {
        signal.throwIfAborted();
        notes.push(errorMessage(error));
      });
    const entry = { type, site, hosts, other, fromMs: clock(), toMs: Infinity, note: "" };
    const index = this.entries.push(entry) - 1;
    progress(`${type} ${[...(hosts.length > 0 ? hosts : [site]), other].join(" ").trimEnd()}`);
    const strike = this.#strikes[type];
    await attempt(strike.begin(fault));
    await sleep(durationMs, undefined, { signal });
    await attempt(strike.end(fault));
    this.entries[index] = { ...entry, toMs: clock(), note: notes.join("; ") };
  }

  readonly #strikes: Readonly<Record<FaultType, Strike>> = {
    kill: {
      begin: ({ hosts }) => this.#kill(hosts),
      end: ({ hosts }) => this.#start(hosts),
    },
    stop: {
      begin: ({ hosts }) => this.#stop(hosts),
      end: ({ hosts }) => this.#start(hosts),
    },
    pause: {
      begin: ({ hosts }) => this.#pause(hosts),
      end: ({ hosts }) => this.#resume(hosts),
    },
    cut: {
      begin: async ({ site }) => void (await this.#lab.link(site, { isCut: true })),
      end: async ({ site }) => void (await this.#lab.link(site, { isCut: false })),
    },
    split: {
      begin: async ({ site, hosts }) => void (await this.#lab.link(site, { split: hosts })),
      end: async ({ site }) => void (await this.#lab.link(site, { split: [] })),
    },
    loss: {
      begin: async ({ site }) => void (await this.#lab.link(site, { lossRatio: LOSS_RATIO })),
      end: async ({ site }) => void (await this.#lab.link(site, { lossRatio: 0 })),
    },
    "one-way": {
      begin: async ({ site, other, durationMs }) => {
        const lossRatio = durationMs % 2 === 0 ? 1 : HALF_LOSS_RATIO;
        await this.#lab.changeWays(site, other, { to: { lossRatio } });
      },
      end: async ({ site, other }) =>
        void (await this.#lab.changeWays(site, other, { to: { lossRatio: 0 } })),
    },
    part: {
      begin: ({ site, other }) => this.#cutBetween(site, other, true),
      end: ({ site, other }) => this.#cutBetween(site, other, false),
    },
    move: {
      begin: async ({ hosts, other }) => void (await this.#lab.move(hosts[0]!, other)),
      end: async ({ hosts, site }) => void (await this.#lab.move(hosts[0]!, site)),
    },
    clock: {
      begin: ({ hosts, durationMs }) =>
        this.#lab.setClock(hosts[0]!, durationMs % 2 === 0 ? HOUR_MS : -HOUR_MS),
      end: ({ hosts }) => this.#lab.setClock(hosts[0]!, 0),
    },
    "disk-full": {
      begin: async ({ hosts }) => void this.#lab.fillDisk(hosts[0]!),
      end: async ({ hosts }) => void this.#lab.freeDisk(hosts[0]!),
    },
    router: {
      begin: ({ site }) => this.#lab.stopRouter(site),
      end: ({ site }) => this.#lab.startRouter(site),
    },
    replace: {
      begin: async ({ hosts }) => {
        await this.#untilCalm(hosts[0]!);
        const isHandedOver = await this.#leave(hosts);
        this.#wipe(hosts, isHandedOver);
      },
      end: ({ hosts }) => this.#start(hosts),
    },
    "disk-loss": {
      begin: ({ hosts }) => this.#lose(hosts),
      end: ({ hosts }) => this.#start(hosts),
    },
    "power-cut": {
      begin: ({ hosts }) => this.#kill(hosts),
      end: ({ hosts }) => this.#startSlowly(hosts),
    },
    "site-loss": {
      begin: ({ hosts }) => this.#lose(hosts),
      end: ({ hosts }) => this.#start(hosts),
    },
    blackout: {
      begin: ({ hosts }) => this.#kill(hosts),
      end: ({ hosts }) => this.#startSlowly(hosts),
    },
  };

  get #lab() {
    return this.#parts.bed.lab;
  }

  async #cutBetween(site: string, other: string, isCut: boolean): Promise<void> {
    await this.#lab.changeWays(site, other, { to: { isCut }, from: { isCut } });
  }

  async #kill(hosts: readonly string[]): Promise<void> {
    for (const host of hosts) this.#running.delete(host);
    await this.#lab.kill(hosts.filter((host) => this.#lab.daemonState(host) !== "gone"));
  }

  async #stop(hosts: readonly string[]): Promise<void> {
    for (const host of hosts) this.#running.delete(host);
    await this.#lab.stop(hosts);
  }

  /**
   * A machine is taken away only once its site is whole again: the administrator looks first.
   *
   * @throws {BenchError} ERR_BENCH_TIMEOUT when it is not; nothing has been struck then
   */
  async #untilCalm(host: string): Promise<void> {
    const { bed } = this.#parts;
    const { site = "" } = bed.lab.host(host);
    const hosts = bed.hosts(site);
    await bed.need(
      `${site} is whole`,
      async () => {
        const all = await Promise.all(hosts.map((one) => bed.status(one)));
        return all.every(
          ({ health, subnet }) =>
            health === "healthy" &&
            subnet.id === all[0]!.subnet.id &&
            subnet.hosts.length === hosts.length,
        );
      },
      CALM_WAIT_MS,
    );
    await this.noteSubnets();
  }

  /**
   * @returns whether they left in good order, and say so; who does not in time is killed
   */
  async #leave(hosts: readonly string[]): Promise<boolean> {
    const logs = hosts.map((host) => this.#lab.paths(host).log);
    const before = logs.map((log) => readFileSync(log, "utf8").length);
    try {
      await this.#stop(hosts);
      const said = logs.map((log, i) => readFileSync(log, "utf8").slice(before[i]));
      return !said.some((lines) => LEFT_BEHIND.test(lines));
    } catch (error) {
      this.#parts.progress(errorMessage(error));
      await this.#kill(hosts);
      return false;
    }
  }

  async #pause(hosts: readonly string[]): Promise<void> {
    for (const host of hosts) this.#paused.add(host);
    await this.#lab.pause(hosts);
  }

  async #resume(hosts: readonly string[]): Promise<void> {
    await this.#lab.resume(hosts);
    for (const host of hosts) this.#paused.delete(host);
  }

  async #start(hosts: readonly string[]): Promise<void> {
    const { program, bed } = this.#parts;
    const given = program === undefined ? {} : { program };
    try {
      await bed.guard(this.#lab.start(hosts, { waitMs: START_WAIT_MS, ...given }));
    } finally {
      for (const host of hosts) if (this.#lab.daemonState(host) !== "gone") this.#running.add(host);
    }
    await Promise.all(hosts.map((host) => this.#noteSubnet(host)));
  }

  /** One after the other, as machines boot after a power cut, in the order of the plan. */
  async #startSlowly(hosts: readonly string[]): Promise<void> {
    const errors: string[] = [];
    for (const host of hosts)
      await Promise.race([this.#start([host]), sleep(600)]).catch((error: unknown) =>
        errors.push(errorMessage(error)),
      );
    await this.#start(hosts);
  }

  async #lose(hosts: readonly string[]): Promise<void> {
    await this.#untilCalm(hosts[0]!);
    await this.#kill(hosts);
    this.#wipe(hosts, false);
  }

  #wipe(hosts: readonly string[], isHandedOver: boolean): void {
    const { bed, clock } = this.#parts;
    for (const host of hosts) {
      const incarnation = this.incarnation(host);
      const subnet = this.#subnets.get(host) ?? "";
      bed.wipe(host);
      this.diskLosses.push({ host, incarnation, atMs: clock(), subnet, isHandedOver });
      this.#incarnations.set(host, incarnation + 1);
    }
  }

  async #noteSubnet(host: string): Promise<void> {
    const { bed } = this.#parts;
    const site = bed.lab.host(host).site ?? "";
    const status = await Promise.race([
      bed.status(host).catch(() => undefined), // a daemon that is not up yet
      sleep(STATUS_MS, undefined),
    ]);
    const id = status?.subnet.id;
    if (id === undefined || id === null) return;
    this.#subnets.set(host, id);
    this.siteOfSubnet.set(id, site);
  }

  /** Notices daemons that end by themselves; the next fault at that host starts them again. */
  async #lookAfter(signal: AbortSignal): Promise<void> {
    const { clock, progress } = this.#parts;
    while (!signal.aborted) {
      for (const host of this.#running) {
        if (this.#lab.daemonState(host) !== "gone") continue;
        this.#running.delete(host);
        this.daemonEnds.push({ host, atMs: clock() });
        progress(`${host} ended by itself`);
      }
      await sleep(LOOK_EVERY_MS, undefined, { signal }).catch(() => {});
    }
  }
}
