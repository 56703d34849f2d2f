/**
 * Where relayed connections leave the overlay: at a host that exports the service.
 *
 * A peer says an origin id and nothing else. What that is, where it is on the link and whether the
 * peer may have it says `resolve`, for every stream anew.
 */
import type { HostStream, HostStreams } from "../../overlay/index.ts";
import type { LinkAddressing } from "../../platform/address.ts";
import { toHex } from "../../platform/bytes.ts";
import { errorMessage } from "../../platform/errors.ts";
import type { Logger } from "../../platform/logger.ts";
import { BridgeError } from "../errors.ts";
import { ConnectionLimits, type ConnectionMaxima } from "../relay/connection-limits.ts";
import {
  decodeOpenRequest,
  encodeOpenAnswer,
  RELAY_PROTOCOL,
  withLength,
  type OpenAnswer,
  type OpenRequest,
  type Refusal,
} from "../relay/opening.ts";
import { Tally, type RelayStatistics } from "../relay/tally.ts";
import { ByteFeed } from "./byte-feed.ts";
import { DatagramLane } from "./datagram-lane.ts";
import { connectService, openDatagrams, type ServiceAddress } from "./service-socket.ts";
import { splice } from "./splice.ts";

/** Where the service is, or why this opener does not get it. */
export type Resolution =
  | ({ readonly type: "target" } & ServiceAddress)
  | { readonly type: "unknown" | "refused"; readonly reason: string };

export interface RelayExitOptions extends ConnectionMaxima {
  /** How long an opener may take to say what it wants. */
  readonly openingMs: number;
  /** A UDP exchange in which nothing went either way for so long is ended. */
  readonly exchangeIdleMs: number;
}

export interface RelayExitParts {
  readonly streams: HostStreams;
  readonly log: Logger;
  /** The link whose services are exported; only its addresses are dialled. */
  link(): LinkAddressing;
  /**
   * Looks a service up in what this host exports, and the opener in the rule.
   *
   * @param opener host id, proven by the stream
   */
  resolve(request: OpenRequest, opener: string): Resolution;
}

/** perPeerMax stays under what one connection between two hosts carries. */
const DEFAULTS: RelayExitOptions = {
  totalMax: 2_000,
  perServiceMax: 1_000,
  perPeerMax: 800,
  openingMs: 30_000,
  exchangeIdleMs: 150_000,
};
/** Services whose statistics are kept; those asked for longest ago, and not now, go first. */
const TALLIES_MAX = 1024;
/** A refused opener reads why before the stream goes. */
const REFUSED_MS = 5_000;

interface Carried {
  readonly request: OpenRequest;
  readonly opener: string;
  cut(reason: Error): void;
}

export class RelayExit {
  readonly #parts: RelayExitParts;
  readonly #openingMs: number;
  readonly #exchangeIdleMs: number;
  readonly #limits: ConnectionLimits;
  readonly #carried = new Set<Carried>();
  readonly #tallies = new Map<string, Tally>();
  readonly #unhandle: () => void;

  constructor(parts: RelayExitParts, given: Partial<RelayExitOptions> = {}) {
    const options = { ...DEFAULTS, ...given };
    const { openingMs, exchangeIdleMs, totalMax, perServiceMax, perPeerMax, ...rest } = options;
    rest satisfies Record<string, never>;
    this.#parts = parts;
    this.#openingMs = openingMs;
    this.#exchangeIdleMs = exchangeIdleMs;
    this.#limits = new ConnectionLimits({ totalMax, perServiceMax, perPeerMax });
    this.#unhandle = parts.streams.handle(RELAY_PROTOCOL, (stream) => this.#serve(stream));
  }

  /** What went to a service since it was first asked for; `undefined` when nobody ever did. */
  statistics(origin: Uint8Array): RelayStatistics | undefined {
    return this.#tallies.get(toHex(origin))?.statistics();
  }

  /** Cuts what a rule that changed, or a service that went, no longer allows. */
  recheck(): void {
    for (const carried of this.#carried) {
      const resolution = this.#parts.resolve(carried.request, carried.opener);
      if (resolution.type !== "target")
        carried.cut(new BridgeError("ERR_BRIDGE_REFUSED", resolution.reason));
    }
  }

  /** The service is exported no more: cuts what goes to it and forgets its statistics. */
  withdraw(origin: Uint8Array): void {
    const service = toHex(origin);
    const reason = new BridgeError("ERR_BRIDGE_REFUSED", "the service is exported no more");
    for (const carried of this.#carried)
      if (toHex(carried.request.origin) === service) carried.cut(reason);
    this.#tallies.delete(service);
  }

  close(): void {
    this.#unhandle();
    const reason = new BridgeError("ERR_BRIDGE_UNREACHABLE", "the exporter stopped");
    for (const carried of this.#carried) carried.cut(reason);
  }

  async #serve(stream: HostStream): Promise<void> {
    const feed = new ByteFeed(stream.bytes);
    const request = await this.#readRequest(stream, feed);
    const refusal = await this.#carry(stream, feed, request);
    if (refusal === undefined) return;
    const { log } = this.#parts;
    const service = toHex(request.origin);
    log.debug("relayed connection refused", { service, opener: stream.peer, ...refusal });
    await answer(stream, refusal);
    await stream.closeWrite();
    const timer = setTimeout(() => stream.abort(new Error(refusal.reason)), REFUSED_MS);
    for await (const _ of feed); // until the opener hangs up
    clearTimeout(timer);
  }

  async #readRequest(stream: HostStream, feed: ByteFeed): Promise<OpenRequest> {
    const late = (): void =>
      stream.abort(new BridgeError("ERR_BRIDGE_UNREACHABLE", "the opener asked for nothing"));
    const timer = setTimeout(late, this.#openingMs);
    try {
      return decodeOpenRequest(await feed.takeOpening());
    } finally {
      clearTimeout(timer);
    }
  }

  /** @returns why nothing was opened */
  async #carry(
    stream: HostStream,
    feed: ByteFeed,
    request: OpenRequest,
  ): Promise<{ readonly type: Refusal; readonly reason: string } | undefined> {
    const opener = stream.peer;
    const resolution = this.#parts.resolve(request, opener);
    if (resolution.type !== "target") return resolution;
    const service = toHex(request.origin);
    const tally = this.#tallyOf(service);
    const reason = this.#limits.take(service, opener);
    if (reason !== undefined) {
      tally.fail(reason);
      return { type: "limit", reason };
    }
    const ending = new AbortController();
    const cut = (error: Error): void => {
      ending.abort(error);
      stream.abort(error);
    };
    const carried = { request, opener, cut };
    this.#carried.add(carried);
    tally.open++;
    try {
      const way = request.protocol === "tcp" ? this.#connection : this.#exchange;
      await way.call(this, { stream, feed, target: resolution, tally, signal: ending.signal });
    } catch (error) {
      if (!(error instanceof NotOpened)) throw error;
      tally.fail(error.message);
      return { type: "unreachable", reason: error.message };
    } finally {
      tally.open--;
      this.#carried.delete(carried);
      this.#limits.release(service, opener);
    }
    return undefined;
  }

  async #connection({ stream, feed, target, tally, signal }: Leaving): Promise<void> {
    const socket = await opening(connectService(target, this.#parts.link(), signal));
    tally.opened++;
    await answer(stream, { type: "opened" });
    await splice({
      socket,
      stream,
      bytes: feed,
      onSent: (bytes) => (tally.bytesFromService += bytes),
      onReceived: (bytes) => (tally.bytesToService += bytes),
    });
  }

  async #exchange({ stream, feed, target, tally }: Leaving): Promise<void> {
    const socket = await opening(openDatagrams(target, this.#parts.link()));
    tally.opened++;
    try {
      await answer(stream, { type: "opened" });
      const lane = new DatagramLane({
        stream,
        bytes: feed,
        deliver(datagram) {
          idle.refresh();
          tally.bytesToService += datagram.length;
          socket.send(datagram, () => {}); // whether anybody hears it is not known anyway
        },
      });
      const idle = setTimeout(() => lane.end(), this.#exchangeIdleMs);
      socket.on("message", (datagram) => {
        idle.refresh();
        tally.bytesFromService += datagram.length;
        if (!lane.send(datagram)) tally.datagramsDropped++;
      });
      socket.on("error", () => {}); // nobody listens there at this moment, says ICMP
      await lane.ended.finally(() => clearTimeout(idle));
    } finally {
      socket.close();
    }
  }

  #tallyOf(service: string): Tally {
    const tally = this.#tallies.get(service) ?? new Tally();
    this.#tallies.delete(service);
    this.#tallies.set(service, tally);
    if (this.#tallies.size > TALLIES_MAX)
      for (const [name, { open }] of this.#tallies) {
        if (open > 0 || name === service) continue;
        this.#tallies.delete(name);
        break;
      }
    return tally;
  }
}

interface Leaving {
  readonly stream: HostStream;
  readonly feed: ByteFeed;
  readonly target: ServiceAddress;
  readonly tally: Tally;
  readonly signal: AbortSignal;
}

/** The service was not reached: the opener can be told, nothing having been carried. */
class NotOpened extends BridgeError {
  constructor(cause: unknown) {
    super("ERR_BRIDGE_UNREACHABLE", errorMessage(cause), { cause });
  }
}

async function opening<Opened>(work: Promise<Opened>): Promise<Opened> {
  try {
    return await work;
  } catch (error) {
    throw new NotOpened(error);
  }
}

function answer(stream: HostStream, what: OpenAnswer): Promise<void> {
  return stream.write(withLength(encodeOpenAnswer(what)));
}
