/** UDP exchanges with an imported service, at one address: one for each client address and port. */
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { ExchangeTable } from "../relay/exchange-table.ts";
import { DatagramLane } from "./datagram-lane.ts";
import type { BoundEntrance, EntranceParts } from "./entrance.ts";

/** A client whose exchange was not opened is let try again after this: it may send as fast as it likes. */
const REOPEN_MS = 1000;
/** Datagrams that wait for the stream of their exchange; what comes on top is dropped. */
const EARLY_MAX = 32;

/** One client, from its first datagram on. */
interface Exchange {
  readonly client: string;
  readonly ending: AbortController;
  /** Absent while it opens. */
  lane: DatagramLane | undefined;
  readonly early: Uint8Array[];
  /** It was not opened, and nothing is taken until another may be. */
  hasFailed: boolean;
}

export class DatagramEntrance implements BoundEntrance {
  readonly #parts: EntranceParts;
  readonly #socket: Socket;
  readonly #exchanges: ExchangeTable<Exchange>;
  #timer: NodeJS.Timeout | undefined;

  /** @throws as the system does */
  static async bind(
    address: string,
    port: number,
    parts: EntranceParts,
  ): Promise<DatagramEntrance> {
    const isIpv6 = address.includes(":");
    const socket = createSocket({ type: isIpv6 ? "udp6" : "udp4", ipv6Only: isIpv6 });
    try {
      socket.bind(port, address);
      await once(socket, "listening");
    } catch (error) {
      socket.close();
      throw error;
    }
    return new DatagramEntrance(socket, parts);
  }

  private constructor(socket: Socket, parts: EntranceParts) {
    this.#socket = socket;
    this.#parts = parts;
    this.#exchanges = new ExchangeTable(parts.rules);
    socket.on("message", (datagram, from) => this.#take(datagram, from));
    socket.on("error", ({ message }) => parts.warn("imported service disturbed", message));
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    for (const exchange of this.#exchanges.takeAll()) end(exchange);
    const closed = once(this.#socket, "close");
    this.#socket.close();
    await closed;
  }

  #take(datagram: Uint8Array, from: RemoteInfo): void {
    const name = `${from.address} ${from.port}`;
    const exchange = this.#exchanges.use(name, this.#nowMs()) ?? this.#begin(name, from);
    if (exchange === undefined || !this.#send(exchange, datagram))
      this.#parts.tally.datagramsDropped++;
  }

  #send({ lane, early, hasFailed }: Exchange, datagram: Uint8Array): boolean {
    if (hasFailed) return false;
    if (lane === undefined) return early.length < EARLY_MAX && early.push(datagram) > 0;
    if (!lane.send(datagram)) return false;
    this.#parts.tally.bytesToService += datagram.length;
    return true;
  }

  /** @returns nothing when there are too many */
  #begin(name: string, from: RemoteInfo): Exchange | undefined {
    const { tally } = this.#parts;
    const room = this.#exchanges.makeRoom(this.#nowMs());
    if (room === "full") {
      tally.fail(`${this.#parts.rules.exchangesMax} exchanges are open already`);
      return undefined;
    }
    if (room !== undefined) end(room);
    const ending = new AbortController();
    const { address: client } = from;
    const exchange: Exchange = { client, ending, lane: undefined, early: [], hasFailed: false };
    this.#exchanges.add(name, exchange, this.#nowMs());
    this.#schedule();
    void this.#carry(name, exchange, from);
    return exchange;
  }

  async #carry(name: string, exchange: Exchange, { address, port }: RemoteInfo): Promise<void> {
    const { open, release, tally } = this.#parts;
    const { client, ending, early } = exchange;
    try {
      const { stream, bytes } = await open(client, ending.signal);
      try {
        const lane = new DatagramLane({
          stream,
          bytes,
          deliver: (datagram) => {
            this.#exchanges.use(name, this.#nowMs());
            tally.bytesFromService += datagram.length;
            this.#socket.send(datagram, port, address, () => {}); // a client may be gone
          },
        });
        exchange.lane = lane;
        for (const datagram of early.splice(0)) this.#send(exchange, datagram);
        await lane.ended;
      } finally {
        release(client);
      }
    } catch {
      // Told where it failed; a later datagram of this client tries again.
      exchange.hasFailed = exchange.lane === undefined;
      if (exchange.hasFailed) await pause(ending.signal);
    } finally {
      this.#exchanges.remove(name, exchange);
    }
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    const { wakeAtMs } = this.#exchanges;
    if (wakeAtMs === Infinity) return;
    this.#timer = setTimeout(
      () => {
        for (const exchange of this.#exchanges.takeIdle(this.#nowMs())) end(exchange);
        this.#schedule();
      },
      Math.max(1, Math.ceil(wakeAtMs - this.#nowMs())),
    );
  }

  #nowMs(): number {
    return this.#parts.clock.monotonicMs();
  }
}

async function pause(signal: AbortSignal): Promise<void> {
  await sleep(REOPEN_MS, undefined, { signal }).catch(() => {}); // ended meanwhile
}

function end({ ending, lane }: Exchange): void {
  ending.abort();
  lane?.end();
}
