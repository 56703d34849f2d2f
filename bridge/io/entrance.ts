/** One port of an imported service at several addresses of this host. */
import type { HostStream } from "../../overlay/index.ts";
import type { Clock } from "../../platform/clock.ts";
import { errorCode, errorMessage } from "../../platform/errors.ts";
import { BridgeError } from "../errors.ts";
import type { ExchangeRules } from "../relay/exchange-table.ts";
import type { Tally } from "../relay/tally.ts";
import type { ByteFeed } from "./byte-feed.ts";

/** A stream at whose other end the service is. */
export interface OpenedStream {
  readonly stream: HostStream;
  readonly bytes: ByteFeed;
}

/** What a listener of either protocol needs of its service. */
export interface EntranceParts {
  readonly clock: Clock;
  readonly tally: Tally;
  readonly rules: ExchangeRules;
  /** @throws {BridgeError} with the cause; it has been counted and logged */
  open(client: string, signal: AbortSignal): Promise<OpenedStream>;
  /** What `open` gave was let go. */
  release(client: string): void;
  warn(event: string, reason: string): void;
}

/** What listens at one address and port. */
export interface BoundEntrance {
  /** Stops listening and cuts what came in here. */
  close(): Promise<void>;
}

/** @throws as the system does: EADDRINUSE, EACCES, EADDRNOTAVAIL */
export type BindEntrance = (address: string, port: number) => Promise<BoundEntrance>;

export interface EntranceNotes {
  readonly label: string;
  /** It stays where it is, whatever the addresses of this host are. */
  readonly isFixed: boolean;
  warn(event: string, reason: string): void;
}

/** Somebody else has the port, or this process may not have it. */
const TAKEN = new Set(["EADDRINUSE", "EACCES", "EPERM"]);

/** A new address of IPv6 cannot be bound for a second or two (RFC 4862 §5.4). */
const RETRY_MS = 500;
const RETRY_MAX_MS = 30_000;

export interface Entrance {
  readonly port: number;
  setAddresses(addresses: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

/**
 * Binds the first of the ports that is free at every address; an address that is not there, or not
 * yet, is left out.
 *
 * @throws {BridgeError} ERR_BRIDGE_LIMIT when none is
 */
export async function openEntrance(
  addresses: readonly string[],
  ports: readonly number[],
  bind: BindEntrance,
  notes: EntranceNotes,
): Promise<Entrance> {
  let cause: unknown;
  for (const port of ports) {
    const entrance = new OpenEntrance(port, bind, notes);
    try {
      await entrance.bindAll(addresses);
      return entrance;
    } catch (error) {
      await entrance.close();
      cause = error;
      if (!TAKEN.has(errorCode(error) ?? "")) break;
    }
  }
  const { label } = notes;
  throw new BridgeError(
    "ERR_BRIDGE_LIMIT",
    `no port for "${label}" at ${addresses.join(", ") || "no address"}: ${errorMessage(cause)}`,
    { cause },
  );
}

class OpenEntrance implements Entrance {
  readonly port: number;
  readonly #bind: BindEntrance;
  readonly #notes: EntranceNotes;
  readonly #bound = new Map<string, BoundEntrance>();
  /** Those that could not be bound, which has been told. */
  readonly #missing = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #retryMs = RETRY_MS;
  /** Changes of address, one after the other. */
  #changing: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(port: number, bind: BindEntrance, notes: EntranceNotes) {
    this.port = port;
    this.#bind = bind;
    this.#notes = notes;
  }

  /** @throws when the port is taken at one of them, or none is there */
  async bindAll(addresses: readonly string[]): Promise<void> {
    let absent: unknown = new Error("this host has no address on the link");
    for (const address of addresses)
      try {
        this.#bound.set(address, await this.#bind(address, this.port));
      } catch (error) {
        if (TAKEN.has(errorCode(error) ?? "")) throw error;
        this.#missing.add(address);
        absent = error;
      }
    if (this.#bound.size === 0) throw absent;
    this.#retryLater(addresses);
  }

  setAddresses(addresses: readonly string[]): Promise<void> {
    if (this.#notes.isFixed) return Promise.resolve();
    this.#retryMs = RETRY_MS;
    return this.#change(addresses);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#changing;
    await Promise.all([...this.#bound.values()].map((bound) => bound.close()));
    this.#bound.clear();
  }

  #change(addresses: readonly string[]): Promise<void> {
    clearTimeout(this.#timer);
    this.#changing = this.#changing.then(() => this.#follow(addresses));
    return this.#changing;
  }

  /** What is not there yet may be soon. */
  #retryLater(addresses: readonly string[]): void {
    clearTimeout(this.#timer);
    if (this.#isClosed || this.#notes.isFixed || this.#missing.size === 0) return;
    this.#timer = setTimeout(() => void this.#change(addresses), this.#retryMs);
    this.#retryMs = Math.min(2 * this.#retryMs, RETRY_MAX_MS);
  }

  async #follow(addresses: readonly string[]): Promise<void> {
    for (const address of this.#missing)
      if (!addresses.includes(address)) this.#missing.delete(address);
    for (const [address, bound] of this.#bound) {
      if (addresses.includes(address)) continue;
      this.#bound.delete(address);
      await bound.close();
    }
    for (const address of addresses) {
      if (this.#isClosed || this.#bound.has(address)) continue;
      try {
        this.#bound.set(address, await this.#bind(address, this.port));
        this.#missing.delete(address);
      } catch (error) {
        if (this.#missing.has(address)) continue;
        this.#missing.add(address);
        const where = `port ${this.port} at ${address}`;
        this.#notes.warn("imported service not offered", `${where}: ${errorMessage(error)}`);
      }
    }
    this.#retryLater(addresses);
  }
}
