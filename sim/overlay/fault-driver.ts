/** Makes a scenario's faults happen, to what is there when each is due, and mends them. */
import { createRandom, type Random } from "../../platform/random.ts";
import type { Network, Trouble } from "./network.ts";
import type { FaultPlan, Scenario } from "./scenario.ts";
import type { SimHost } from "./sim-host.ts";

export interface FaultParts {
  readonly network: Network;
  readonly scenario: Scenario;
  /** All that are not gone for good. */
  hosts(): readonly SimHost[];
  /** A new host on a link, which starts at once. */
  addHost(link: number): void;
  note(text: string): void;
}

/** A host that leaves needs others to hand over to. */
const LEAVE_OTHERS_MIN = 2;
/**
 * A host that leaves for good waits until what it owes to other subnets is paid: it cannot hand its
 * debts over. Retries double from 2 s, and faults last 25 s at most.
 */
const RETIRE_QUIET_MS = 40_000;

export class FaultDriver {
  readonly #parts: FaultParts;
  /** Hosts that a fault has at the moment. */
  readonly #struck = new Set<SimHost>();
  #storms = 0;
  /** When a host or the network was last in trouble. */
  #troubledMs = -Infinity;

  constructor(parts: FaultParts) {
    this.#parts = parts;
  }

  plan(): void {
    const { scenario, network } = this.#parts;
    const { nowMs } = network.scheduler;
    for (const fault of scenario.faults)
      network.scheduler.after(fault.atMs - nowMs, () => this.#strike(fault));
  }

  #strike(fault: FaultPlan): void {
    const random = createRandom(fault.seed);
    const up = this.#parts.hosts().filter((host) => host.isUp && !this.#struck.has(host));
    const host = random.pick(up);
    if (host === undefined) return;
    switch (fault.type) {
      case "kill":
        return this.#crash([host], false, fault.durationMs, random);
      case "power":
        return this.#crash([host], true, fault.durationMs, random);
      case "blackout": {
        const hit = up.filter(({ place }) => place.link === host.place.link);
        return this.#crash(hit, true, fault.durationMs, random);
      }
      case "leave":
        return this.#leave(host, fault.durationMs, false);
      case "retire":
        return this.#leave(host, fault.durationMs, true);
      case "cut":
        return this.#cut(host.place.link, fault.durationMs, random);
      case "part":
        return this.#part(random, fault.durationMs);
      case "storm":
        return this.#storm(fault.durationMs);
      case "pause":
        return this.#pause(host, fault.durationMs);
    }
  }

  #crash(hosts: readonly SimHost[], isSilent: boolean, durationMs: number, random: Random): void {
    const { scheduler } = this.#parts.network;
    for (const host of hosts) {
      this.#struck.add(host);
      host.crash(isSilent);
      scheduler.after(durationMs + random.between(0, 2_000), () => this.#restart(host));
    }
  }

  #restart(host: SimHost): void {
    this.#troubledMs = this.#parts.network.scheduler.nowMs;
    this.#struck.delete(host);
    host.start();
  }

  #pause(host: SimHost, durationMs: number): void {
    this.#struck.add(host);
    host.pause();
    this.#parts.network.scheduler.after(durationMs, () => {
      this.#troubledMs = this.#parts.network.scheduler.nowMs;
      this.#struck.delete(host);
      host.resume();
    });
  }

  /** In good order needs somebody to hand over to, who can be reached. */
  #leave(host: SimHost, durationMs: number, isForGood: boolean): void {
    const { network, hosts, addHost } = this.#parts;
    const { scheduler } = network;
    const others = hosts().filter((one) => one !== host && one.session !== undefined);
    const quietMs = scheduler.nowMs - Math.max(network.quietSinceMs, this.#troubledMs);
    if (isForGood && quietMs < RETIRE_QUIET_MS) return;
    const isOrderly = others.length >= LEAVE_OTHERS_MIN && network.isWhole && this.#storms === 0;
    if (host.session === undefined || !isOrderly || this.#struck.size > 0) return;
    this.#struck.add(host);
    void host.leave().then(() => {
      if (!isForGood) return void scheduler.after(durationMs, () => this.#restart(host));
      host.retire();
      this.#struck.delete(host);
      return void scheduler.after(durationMs, () => addHost(host.place.link));
    });
  }

  #cut(link: number, durationMs: number, random: Random): void {
    const { network, hosts } = this.#parts;
    const members = random.shuffle(hosts().filter(({ place }) => place.link === link));
    if (members.length < 2 || network.isCut(link) || this.#isLeaving) return;
    const far = new Set(members.slice(0, 1 + random.below(members.length - 1)).map((h) => h.name));
    this.#parts.note(`link ${link} is cut: ${[...far].join(" ")} apart`);
    network.cutLink(link, far);
    network.scheduler.after(durationMs, () => {
      this.#parts.note(`link ${link} is mended`);
      network.mend(link);
    });
  }

  #part(random: Random, durationMs: number): void {
    const { network, scenario } = this.#parts;
    const [a, b] = random.shuffle(scenario.hosts.map((_, link) => link));
    if (a === undefined || b === undefined || this.#isLeaving) return;
    this.#parts.note(`links ${a} and ${b} are parted`);
    network.part(a, b);
    network.scheduler.after(durationMs, () => {
      this.#parts.note(`links ${a} and ${b} are mended`);
      network.mend(a, b);
    });
  }

  #storm(durationMs: number): void {
    const { network, scenario } = this.#parts;
    this.#storms++;
    network.trouble = worse(scenario.always, scenario.storm);
    this.#parts.note("a storm begins");
    network.scheduler.after(durationMs, () => {
      if (--this.#storms > 0) return;
      network.trouble = scenario.always;
      this.#troubledMs = network.scheduler.nowMs;
      this.#parts.note("the storm is over");
    });
  }

  /** Somebody hands over at the moment. */
  get #isLeaving(): boolean {
    return [...this.#struck].some((host) => host.isUp && !host.isPaused);
  }
}

function worse(a: Trouble, b: Trouble): Trouble {
  return {
    multicastLoss: Math.max(a.multicastLoss, b.multicastLoss),
    duplicates: Math.max(a.duplicates, b.duplicates),
    frameLoss: Math.max(a.frameLoss, b.frameLoss),
    linkDelayMaxMs: Math.max(a.linkDelayMaxMs, b.linkDelayMaxMs),
    wideDelayMaxMs: Math.max(a.wideDelayMaxMs, b.wideDelayMaxMs),
  };
}
