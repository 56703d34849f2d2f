/**
 * Where relayed connections enter the overlay: an imported service as clients of this link see it.
 *
 * It listens at this host's own addresses, at the same port on all of them, and carries each
 * connection to one of the hosts that export the service.
 */
import type { HostStream, HostStreams } from "../../overlay/index.ts";
import type { Clock } from "../../platform/clock.ts";
import { toHex } from "../../platform/bytes.ts";
import { errorMessage } from "../../platform/errors.ts";
import type { Logger } from "../../platform/logger.ts";
import { BridgeError } from "../errors.ts";
import { ConnectionLimits, type ConnectionMaxima } from "../relay/connection-limits.ts";
import type { ExchangeRules } from "../relay/exchange-table.ts";
import {
  decodeOpenAnswer,
  encodeOpenRequest,
  RELAY_PROTOCOL,
  withLength,
  type RelayedProtocol,
} from "../relay/opening.ts";
import { choosePorts } from "../relay/port-choice.ts";
import { Tally, type RelayStatistics } from "../relay/tally.ts";
import { ByteFeed } from "./byte-feed.ts";
import { DatagramEntrance } from "./datagram-entrance.ts";
import {
  openEntrance,
  type BindEntrance,
  type Entrance,
  type EntranceParts,
  type OpenedStream,
} from "./entrance.ts";
import { tryStaggered } from "../../platform/io/staggered.ts";
import { SpareStreams } from "./spare-streams.ts";
import { StreamEntrance } from "./stream-entrance.ts";

export interface RelayEntryOptions extends ConnectionMaxima, ExchangeRules {
  /** An exporter that has not answered after this long: the next one is asked beside it. */
  readonly staggerMs: number;
  /** Until an exporter must have opened a connection. */
  readonly openMs: number;
}

export interface RelayEntryParts {
  readonly streams: HostStreams;
  readonly clock: Clock;
  readonly log: Logger;
}

/** One imported service. */
export interface EnteredService {
  /** 32 bytes. */
  readonly origin: Uint8Array;
  /** For messages: `Tom's Music v1.2 (_daap._tcp)`. */
  readonly label: string;
  readonly protocol: RelayedProtocol;
  /** Ports to try in this order; absent: the origin's number and those that follow from its id. */
  readonly ports?: readonly number[] | undefined;
  /** The origin's number. */
  readonly port: number;
  /** Host ids of those that export it, the acting one first. Asked for each connection. */
  exporters(): readonly string[];
}

/** An imported service that is open to clients. */
export interface EnteredPort {
  readonly port: number;
  statistics(): RelayStatistics;
  /** Stops listening and cuts every connection. */
  close(): Promise<void>;
}

const DEFAULTS: RelayEntryOptions = {
  totalMax: 2_000,
  perServiceMax: 500,
  perPeerMax: 200,
  staggerMs: 700,
  openMs: 10_000,
  idleMs: 120_000,
  exchangesMax: 256,
  busyMs: 5_000,
};

export class RelayEntry {
  readonly #parts: RelayEntryParts;
  readonly #rules: ExchangeRules;
  readonly #staggerMs: number;
  readonly #openMs: number;
  readonly #limits: ConnectionLimits;
  readonly #spares: SpareStreams;
  readonly #entrances = new Set<Entrance>();
  #addresses: readonly string[];

  /** @param addresses this host's own, where clients are to find it; link-local ones with a zone */
  constructor(
    parts: RelayEntryParts,
    addresses: readonly string[],
    given: Partial<RelayEntryOptions> = {},
  ) {
    const options = { ...DEFAULTS, ...given };
    const { totalMax, perServiceMax, perPeerMax, staggerMs, openMs, ...others } = options;
    const { idleMs, exchangesMax, busyMs, ...rest } = others;
    rest satisfies Record<string, never>;
    this.#parts = parts;
    this.#spares = new SpareStreams(parts.streams);
    this.#addresses = addresses;
    this.#rules = { idleMs, exchangesMax, busyMs };
    this.#staggerMs = staggerMs;
    this.#openMs = openMs;
    this.#limits = new ConnectionLimits({ totalMax, perServiceMax, perPeerMax });
  }

  /**
   * Opens a port for a service.
   *
   * @param addresses where, if not at all of this host: loopback for what is shown here alone
   * @throws {BridgeError} ERR_BRIDGE_LIMIT when none of the ports is free
   */
  async enter(service: EnteredService, addresses?: readonly string[]): Promise<EnteredPort> {
    const tally = new Tally();
    const parts = this.#entranceParts(service, tally);
    const bind: BindEntrance =
      service.protocol === "tcp"
        ? (address, port) => StreamEntrance.bind(address, port, parts)
        : (address, port) => DatagramEntrance.bind(address, port, parts);
    const ports = service.ports ?? choosePorts(service.origin, service.port);
    const present = this.#addresses;
    const entrance = await openEntrance(addresses ?? present, ports, bind, {
      label: service.label,
      isFixed: addresses !== undefined,
      warn: parts.warn,
    });
    this.#entrances.add(entrance);
    if (present !== this.#addresses) await entrance.setAddresses(this.#addresses);
    return {
      port: entrance.port,
      statistics: () => tally.statistics(),
      close: async () => {
        this.#entrances.delete(entrance);
        await entrance.close();
      },
    };
  }

  /** This host's addresses changed. Connections stay as long as their address does. */
  async setAddresses(addresses: readonly string[]): Promise<void> {
    this.#addresses = addresses;
    await Promise.all([...this.#entrances].map((entrance) => entrance.setAddresses(addresses)));
  }

  async close(): Promise<void> {
    this.#spares.close();
    await Promise.all([...this.#entrances].map((entrance) => entrance.close()));
    this.#entrances.clear();
  }

  #entranceParts(service: EnteredService, tally: Tally): EntranceParts {
    const { clock, log } = this.#parts;
    const id = toHex(service.origin);
    const warn = (event: string, reason: string): void =>
      log.warn(event, { service: service.label, reason });
    return {
      clock,
      tally,
      warn,
      rules: this.#rules,
      release: (client) => {
        tally.open--;
        this.#limits.release(id, client);
      },
      open: async (client, signal) => {
        const reason = this.#limits.take(id, client);
        try {
          if (reason !== undefined) throw new BridgeError("ERR_BRIDGE_LIMIT", reason);
          const opened = await this.#openAny(service, signal);
          tally.open++;
          tally.opened++;
          return opened;
        } catch (error) {
          if (reason === undefined) this.#limits.release(id, client);
          tally.fail(errorMessage(error));
          if (!signal.aborted) warn("relayed connection not opened", errorMessage(error));
          throw error;
        }
      },
    };
  }

  async #openAny(service: EnteredService, signal: AbortSignal): Promise<OpenedStream> {
    const ways = service.exporters();
    const { label } = service;
    if (ways.length === 0)
      throw new BridgeError("ERR_BRIDGE_UNREACHABLE", `no host that exports "${label}" is known`);
    const deadline = AbortSignal.timeout(this.#openMs);
    try {
      return await tryStaggered({
        ways,
        staggerMs: this.#staggerMs,
        signal: AbortSignal.any([signal, deadline]),
        attempt: (host, unwanted) => this.#open(host, service, unwanted),
        // A stand-by that was just started may not know the service yet, and says that it refuses.
        isFinal: () => false,
        discard: ({ stream }) => stream.abort(new Error("another host was faster")),
      });
    } catch (cause) {
      if (cause instanceof BridgeError) throw cause;
      const why = deadline.aborted ? `no answer in ${this.#openMs / 1000} s` : errorMessage(cause);
      throw new BridgeError("ERR_BRIDGE_UNREACHABLE", `the exporter is not reached: ${why}`, {
        cause,
      });
    }
  }

  async #open(host: string, service: EnteredService, signal: AbortSignal): Promise<OpenedStream> {
    const spare = this.#spares.take(host);
    if (spare !== undefined)
      try {
        return await this.#ask(spare, host, service, signal);
      } catch (error) {
        // It broke while it waited; nothing of the client's has been sent yet.
        if (signal.aborted || error instanceof Refused) throw error;
      }
    const stream = await this.#parts.streams.dial(host, RELAY_PROTOCOL, signal);
    return this.#ask(stream, host, service, signal);
  }

  async #ask(
    stream: HostStream,
    host: string,
    service: EnteredService,
    signal: AbortSignal,
  ): Promise<OpenedStream> {
    const giveUp = (): void => stream.abort(new Error("no longer wanted"));
    signal.addEventListener("abort", giveUp, { once: true });
    try {
      signal.throwIfAborted();
      await stream.write(withLength(encodeOpenRequest(service)));
      const bytes = new ByteFeed(stream.bytes);
      const answer = decodeOpenAnswer(await bytes.takeOpening());
      if (answer.type !== "opened")
        throw new Refused(CODES[answer.type], `exporter ${host.slice(0, 8)}: ${answer.reason}`);
      this.#spares.refill(host);
      return { stream, bytes };
    } catch (error) {
      stream.abort(error as Error);
      throw error;
    } finally {
      signal.removeEventListener("abort", giveUp);
    }
  }
}

/** The exporter's own word. */
class Refused extends BridgeError {}

const CODES = {
  unknown: "ERR_BRIDGE_UNREACHABLE",
  refused: "ERR_BRIDGE_REFUSED",
  unreachable: "ERR_BRIDGE_UNREACHABLE",
  limit: "ERR_BRIDGE_LIMIT",
} as const;
