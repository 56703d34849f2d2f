/**
 * Has the router of the link map this host's two ports, where it cannot be dialled otherwise.
 *
 * The machines decide; this finds the router, asks it, has other subnets dial back, and says what
 * may be announced: outer addresses at which another subnet has reached this very host. Nothing is
 * asked where others dial this host anyway. Design, "Reachability".
 */
import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "../../platform/clock.ts";
import { errorMessage } from "../../platform/errors.ts";
import { createDriver, type Driver } from "../../platform/io/driver.ts";
import type { Metrics } from "../../platform/io/metrics.ts";
import type { Logger } from "../../platform/logger.ts";
import { parseAddress } from "../address.ts";
import {
  MappingMachine,
  MAPPING_LIFETIME_MS,
  type MappingAction,
  type MappingEvent,
} from "../mapping/mapping-machine.ts";
import { isPrivateIpv4, type MappedPort, type OuterAddresses } from "../mapping/outer-address.ts";
import type { Reach } from "../subnet/reachability-machine.ts";
import type { MappingView } from "../types.ts";
import type { GatewayPlace, GatewayProtocol } from "./gateway.ts";
import { NatPmpGateway } from "./nat-pmp-gateway.ts";
import { UpnpGateway } from "./upnp-gateway.ts";

/** A host of a private address whom nobody has tried to dial asks its router after that. */
const UNTRIED_MS = 5_000;
/** The router is another one when it looks so for so many ticks; while a link is down it does. */
const MOVED_TICKS = 3;
/** One host is dialled back every 2 s at most. */
const PROOF_GAP_MS = 2_200;
const ASK_TIMEOUT_MS = 15_000;
const END_TIMEOUT_MS = 1_500;
/** Outer ports, away from those that people forward by hand and from the ephemeral ones. */
const OUTER_PORTS = { from: 20_000, count: 12_000 } as const;
const OUTER_PORTS_TRIED = 4;
const PROTOCOL_NAMES = { "nat-pmp": "NAT-PMP", upnp: "UPnP" } as const;

export interface PortMapperParts {
  readonly clock: Clock;
  readonly log: Logger;
  /** Base32 host id: hosts of one link choose outer ports of their own by it. */
  readonly hostId: string;
  ports(): { readonly [Port in MappedPort]: number };
  /** Where the router is; absent without a router, or where this host is in no subnet. */
  place(): GatewayPlace | undefined;
  reach(): Reach;
  /** Whether another subnet dials this host there; null: nobody could try. */
  prove(port: MappedPort, outer: string): Promise<boolean | null>;
  /** What may be announced changed. @param isReached this port was just proven */
  onChange(port: MappedPort, isReached: boolean): void;
}

interface Slot {
  readonly machine: MappingMachine;
  readonly driver: Driver<MappingEvent>;
}

export class PortMapper {
  /** Questions to routers, and those refused or not answered. */
  readonly counts = { asked: 0, refused: 0 };
  readonly #parts: PortMapperParts;
  readonly #slots: { readonly [Port in MappedPort]: Slot };
  readonly #ending = new AbortController();
  #place: GatewayPlace | undefined;
  #protocols: readonly GatewayProtocol[] = [];
  #movedTicks = 0;
  #untriedSinceMs: number | undefined;
  /** Proofs go one after the other. */
  #proofs: Promise<unknown> = Promise.resolve();
  #provedAtMs = -Infinity;

  constructor(parts: PortMapperParts) {
    this.#parts = parts;
    const slot = (port: MappedPort): Slot => {
      const machine = new MappingMachine();
      const perform = (action: MappingAction): void => this.#perform(port, action);
      return { machine, driver: createDriver(machine, parts.clock, perform) };
    };
    this.#slots = { subnet: slot("subnet"), host: slot("host") };
  }

  /** What may be announced. */
  get proven(): OuterAddresses {
    const { subnet, host } = this.#slots;
    return { subnet: subnet.machine.proven, host: host.machine.proven };
  }

  /** For a token, which may be made before there is another subnet to prove anything. */
  get hostAddress(): string | null {
    return this.#slots.host.machine.grant?.outer ?? null;
  }

  /** Why the router maps nothing; empty when it does, or was not asked. */
  get trouble(): string {
    return this.#slots.subnet.machine.trouble;
  }

  /** Address of the router asked. */
  get router(): string | null {
    return this.#place?.address ?? null;
  }

  view(): MappingView | null {
    const { subnet, host } = this.#slots;
    const { grant, expiresAtMs, proven } = subnet.machine;
    if (grant === undefined) return null;
    return {
      protocol: grant.protocol,
      outer: grant.outer,
      outerHost: host.machine.grant?.outer ?? null,
      isProven: proven !== null,
      expiresInMs: Math.round(expiresAtMs - this.#parts.clock.monotonicMs()),
    };
  }

  /** To be called about once a second. */
  tick(): void {
    this.#look();
    const { subnet } = this.#slots;
    if (this.#parts.reach() === "unreachable" && subnet.machine.proven !== null)
      this.#feed({ type: "doubted" });
    this.#feed({ type: this.#isWanted() ? "wanted" : "unwanted" });
  }

  /** Gives back what is mapped, as far as the router answers at once. */
  async stop(): Promise<void> {
    const held = Object.keys(this.#slots) as MappedPort[];
    const unmapping = held.map((port) => this.#unmap(port));
    for (const { driver } of Object.values(this.#slots)) driver.stop();
    this.#ending.abort();
    await Promise.all(unmapping);
  }

  #feed(event: MappingEvent): void {
    for (const { driver } of Object.values(this.#slots)) driver.feed(event);
  }

  /** Notices another router, or another address of this host. */
  #look(): void {
    const { clock, place } = this.#parts;
    const now = place();
    const isSame = now?.address === this.#place?.address && now?.local === this.#place?.local;
    this.#movedTicks = isSame ? 0 : this.#movedTicks + 1;
    if (isSame || (this.#place !== undefined && this.#movedTicks < MOVED_TICKS)) return;
    this.#place = now;
    this.#protocols =
      now === undefined ? [] : [new NatPmpGateway(now, clock), new UpnpGateway(now)];
    this.#feed({ type: "moved" });
  }

  #isWanted(): boolean {
    if (this.#place === undefined) return false;
    const reach = this.#parts.reach();
    const nowMs = this.#parts.clock.monotonicMs();
    this.#untriedSinceMs = reach === "unknown" ? (this.#untriedSinceMs ?? nowMs) : undefined;
    const { subnet, host } = this.proven;
    if (reach === "unreachable" || subnet !== null || host !== null) return true;
    const isUntried = nowMs - (this.#untriedSinceMs ?? nowMs) >= UNTRIED_MS;
    return isUntried && isPrivateIpv4(this.#place.local);
  }

  #perform(port: MappedPort, action: MappingAction): void {
    switch (action.type) {
      case "ask":
        return void this.#ask(port, action);
      case "prove":
        return void this.#prove(port, action);
      case "check":
        return void this.#check(port, action);
      case "unmap":
        return void this.#unmap(port, action.grant);
      case "changed": {
        const outer = this.#slots[port].machine.proven;
        this.#parts.log.info("outer address", { port, outer: outer ?? "none" });
        return this.#parts.onChange(port, outer !== null);
      }
    }
  }

  async #ask(port: MappedPort, action: Extract<MappingAction, { type: "ask" }>): Promise<void> {
    const { log } = this.#parts;
    const { turn, outer, attempt } = action;
    const { driver, machine } = this.#slots[port];
    const innerPort = this.#parts.ports()[port];
    // What is held is renewed where it is; else whoever speaks, whoever spoke last first.
    const held = machine.grant?.protocol;
    const asked = this.#protocols.filter(({ name }) => held === undefined || name === held);
    const kept = outer === null ? [] : [parseAddress(outer).port];
    const outerPorts = [...kept, ...outerPortsOf(this.#parts.hostId, innerPort, attempt)];
    const reasons: string[] = [];
    for (const protocol of asked)
      try {
        this.counts.asked++;
        const signal = this.#signal(ASK_TIMEOUT_MS);
        const grant = await protocol.map(innerPort, outerPorts, MAPPING_LIFETIME_MS, signal);
        this.#protocols = this.#protocols.toSorted(
          (a, b) => Number(b === protocol) - Number(a === protocol),
        );
        log.debug("port mapped", { port, ...grant });
        return driver.feed({ type: "granted", turn, grant });
      } catch (error) {
        this.counts.refused++;
        reasons.push(`${PROTOCOL_NAMES[protocol.name]}: ${errorMessage(error)}`);
      }
    const reason = reasons.join("; ");
    if (reason !== machine.trouble) log.info("the router maps no port", { port, reason });
    driver.feed({ type: "refused", turn, reason });
  }

  async #check(
    port: MappedPort,
    { turn, grant }: Extract<MappingAction, { type: "check" }>,
  ): Promise<void> {
    const innerPort = this.#parts.ports()[port];
    const protocol = this.#protocols.find(({ name }) => name === grant.protocol);
    const isThere = await protocol
      ?.check(innerPort, grant, this.#signal(ASK_TIMEOUT_MS))
      .catch(() => null); // a silent router says nothing; the lease will end
    this.#slots[port].driver.feed({ type: "checked", turn, isThere: isThere ?? null });
    if (isThere === false) this.#feed({ type: "lost" });
  }

  async #unmap(port: MappedPort, grant = this.#slots[port].machine.grant): Promise<void> {
    if (grant === undefined) return;
    const protocol = this.#protocols.find(({ name }) => name === grant.protocol);
    await protocol
      ?.unmap(this.#parts.ports()[port], grant, AbortSignal.timeout(END_TIMEOUT_MS))
      .catch((error: unknown) => {
        this.#parts.log.debug("port not unmapped", { port, reason: errorMessage(error) });
      });
  }

  async #prove(
    port: MappedPort,
    { turn, outer }: Extract<MappingAction, { type: "prove" }>,
  ): Promise<void> {
    const proof = this.#proofs.then(() => this.#proveNext(port, outer));
    this.#proofs = proof;
    this.#slots[port].driver.feed({ type: "proof", turn, isReached: await proof });
  }

  async #proveNext(port: MappedPort, outer: string): Promise<boolean | null> {
    const { clock, prove, log } = this.#parts;
    const { signal } = this.#ending;
    try {
      const waitMs = this.#provedAtMs + PROOF_GAP_MS - clock.monotonicMs();
      if (waitMs > 0) await sleep(waitMs, undefined, { signal, ref: false });
      if (signal.aborted) return null;
      const isReached = await prove(port, outer);
      log.debug("outer address tried", { port, outer, isReached });
      return isReached;
    } catch {
      return null;
    } finally {
      this.#provedAtMs = clock.monotonicMs();
    }
  }

  #signal(timeoutMs: number): AbortSignal {
    return AbortSignal.any([this.#ending.signal, AbortSignal.timeout(timeoutMs)]);
  }
}

export function declareMappingMetrics(metrics: Metrics, mapper: PortMapper): void {
  const gauge = (name: string, help: string, read: () => number): void =>
    metrics.gauge(`overlay_${name}`, help, read);
  gauge(
    "mapped_ports",
    "Ports of this host that its router maps, as other subnets have proven",
    () => Object.values(mapper.proven).filter((outer) => outer !== null).length,
  );
  gauge("mapping_asked_total", "Questions to the router to map a port", () => mapper.counts.asked);
  gauge(
    "mapping_refused_total",
    "Those that the router refused or did not answer",
    () => mapper.counts.refused,
  );
}

/** Ports to ask for: the same ones after each start, and others than the other hosts' of the link. */
export function outerPortsOf(
  hostId: string,
  innerPort: number,
  attempt: number,
): readonly number[] {
  return Array.from({ length: OUTER_PORTS_TRIED }, (_, i) => {
    const text = `${hostId} ${innerPort} ${attempt + i}`;
    const word = createHash("sha256").update(text).digest().readUInt32BE();
    return OUTER_PORTS.from + (word % OUTER_PORTS.count);
  });
}
