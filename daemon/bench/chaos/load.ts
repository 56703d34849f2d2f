/**
 * The clients of a run: they put, overwrite, remove and get through the daemons' own sockets, and
 * write down what they asked and what came of it.
 */
import { hash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { createRandom, type Random } from "../../../platform/random.ts";
import type { GetAnswer, PutAnswer, RemoveAnswer } from "../../api/api-types.ts";
import { callApi, type ApiCall } from "../../api/client.ts";
import type { Bed } from "../bed.ts";
import { errorCode } from "../../../platform/errors.ts";
import type { FaultDriver } from "./fault-driver.ts";
import { valueOf, type Operation, type Outcome, type SeenRecord } from "./history.ts";
import type { RunClock } from "./run-clock.ts";

/** A client gives up then; the daemon may go on. */
const CALL_MS = 8_000;
const PAUSE_MIN_MS = 40;
const PAUSE_MAX_MS = 320;
/** Keys that are written over and over, by whichever host. */
const SHARED_KEYS = 16;
/** Keys that are written once, over the whole run at most. */
const SINGLE_KEYS_MAX = 1_500;
/** Outlives any run, also when clocks are shifted by hours. */
const LONG_TTL_MS = 20 * 3_600_000;
const SHORT_TTL_MIN_MS = 3_000;
const SHORT_TTL_MAX_MS = 12_000;
const SHORT_SHARE = 0.15;
/** A key's records are of one class, and a class has one policy. */
const POLICIES = ["2", "one", "all", "2", "demand", "3"] as const;
/** Share of the calls that go to hosts known to hang. */
const HANGING_SHARE = 0.1;

export interface LoadParts {
  readonly bed: Bed;
  readonly driver: FaultDriver;
  readonly clock: RunClock;
  readonly seed: number;
  /** Clients at each site. */
  readonly clientsPerSite: number;
  readonly durationMs: number;
}

export function sharedKeys(): string[] {
  return Array.from({ length: SHARED_KEYS }, (_, i) => `shared ${i}`);
}

function policyOf(key: string): string {
  return POLICIES[Number(key.split(" ")[1]) % POLICIES.length]!;
}

export class Load {
  readonly operations: Operation[] = [];
  readonly #parts: LoadParts;
  readonly #singleShare: number;
  #nextId = 1;

  constructor(parts: LoadParts) {
    this.#parts = parts;
    const clients = parts.clientsPerSite * parts.bed.lab.sites.length;
    const calls = (clients * parts.durationMs) / ((PAUSE_MIN_MS + PAUSE_MAX_MS) / 2);
    this.#singleShare = Math.min(0.2, SINGLE_KEYS_MAX / calls);
  }

  /** Works until `signal` aborts, and waits for the calls under way. */
  async run(signal: AbortSignal): Promise<void> {
    const { bed, seed, clientsPerSite } = this.#parts;
    const clients = bed.lab.sites.flatMap(({ name }, site) =>
      Array.from({ length: clientsPerSite }, (_, i) => ({
        name: `${name} client ${i + 1}`,
        site: name,
        random: createRandom(seed * 1000 + site * 100 + i + 1),
      })),
    );
    await Promise.all(clients.map((client) => this.#work(client, signal)));
  }

  async #work(client: Client, signal: AbortSignal): Promise<void> {
    const { random } = client;
    while (!signal.aborted) {
      const host = this.#pickHost(client);
      if (host !== undefined) await this.#once(client, host);
      const pauseMs = random.between(PAUSE_MIN_MS, PAUSE_MAX_MS);
      await sleep(pauseMs, undefined, { signal }).catch(() => {});
    }
  }

  /** Mostly one of its own site, mostly one that is not known to hang. */
  #pickHost({ random, site }: Client): string | undefined {
    const { driver, bed } = this.#parts;
    const mayHang = random.next() < HANGING_SHARE;
    const isNear = random.next() < 0.7;
    const near = bed.hosts(site);
    const all = driver.running().filter((host) => mayHang || !driver.isPaused(host));
    const some = all.filter((host) => !isNear || near.includes(host));
    return random.pick(some.length > 0 ? some : all);
  }

  async #once({ name, random }: Client, host: string): Promise<void> {
    const key = random.pick(sharedKeys())!;
    const drawn = random.next();
    const asked = { client: name, host, incarnation: this.#parts.driver.incarnation(host) };
    if (drawn < this.#singleShare)
      return this.#put({ ...asked, key: `single ${this.#nextId}` }, LONG_TTL_MS);
    if (drawn < 0.55) {
      const shortMs = Math.round(random.between(SHORT_TTL_MIN_MS, SHORT_TTL_MAX_MS));
      const ttlMs = random.next() < SHORT_SHARE ? shortMs : LONG_TTL_MS;
      return this.#put({ ...asked, key }, ttlMs);
    }
    if (drawn < 0.68) return this.#remove({ ...asked, key });
    return this.#get({ ...asked, key });
  }

  async #put(asked: Asked, ttlMs: number): Promise<void> {
    const id = this.#nextId++;
    const copies = policyOf(asked.key);
    const query = `copies=${copies}&ttlMs=${ttlMs}`;
    const body = new TextEncoder().encode(valueOf(id));
    const { answer, ...call } = await this.#call<PutAnswer>(asked, "PUT", query, body);
    this.operations.push({
      ...asked,
      ...call,
      id,
      type: "put",
      copies,
      ttlMs,
      version: Number(answer?.version ?? 0),
      storedOn: answer?.storedOn ?? [],
    });
  }

  async #remove(asked: Asked): Promise<void> {
    const id = this.#nextId++;
    const { answer, ...call } = await this.#call<RemoveAnswer>(asked, "DELETE");
    const hasRemoved = answer?.removed ?? call.outcome === "unknown";
    this.operations.push({ ...asked, ...call, id, type: "remove", hasRemoved });
  }

  async #get(asked: Asked): Promise<void> {
    const id = this.#nextId++;
    const { answer, ...call } = await this.#call<GetAnswer>(asked, "GET");
    this.operations.push({ ...asked, ...call, id, type: "get", records: seenRecords(answer) });
  }

  async #call<Answer>(
    { host, key }: Asked,
    method: ApiCall["method"],
    query = "",
    body?: Uint8Array,
  ): Promise<Called<Answer>> {
    const { clock } = this.#parts;
    const invokedMs = clock();
    const called = await callHost<Answer>(this.#parts.bed, host, method, key, query, body);
    return { ...called, invokedMs, returnedMs: clock() };
  }
}

interface Client {
  readonly name: string;
  readonly site: string;
  readonly random: Random;
}

interface Asked {
  readonly client: string;
  readonly host: string;
  readonly incarnation: number;
  readonly key: string;
}

interface Called<Answer> {
  readonly answer: Answer | undefined;
  readonly outcome: Outcome;
  readonly error: string;
  readonly invokedMs: number;
  readonly returnedMs: number;
}

/** One call of the records' API that ends in time, whatever the daemon does. */
export async function callHost<Answer>(
  bed: Bed,
  host: string,
  method: ApiCall["method"],
  key: string,
  query = "",
  body?: Uint8Array,
): Promise<Pick<Called<Answer>, "answer" | "outcome" | "error">> {
  const { socket } = bed.lab.paths(host);
  const path = `/v1/records/${hash("sha256", key)}${query === "" ? "" : `?${query}`}`;
  const signal = AbortSignal.timeout(CALL_MS);
  try {
    const answer = await callApi<Answer>({ socket, method, path, body, signal });
    return { answer, outcome: "acknowledged", error: "" };
  } catch (error) {
    const code = signal.aborted ? "no answer" : (errorCode(error) ?? String(error));
    // Nobody listens at the socket, or the daemon is past taking calls.
    const outcome = code === "ERR_DAEMON_ABSENT" ? "refused" : "unknown";
    return { answer: undefined, outcome, error: code };
  }
}

export function seenRecords(answer: GetAnswer | undefined): SeenRecord[] {
  return (answer?.records ?? []).map(({ publisher, value = "", version }) => ({
    publisher,
    value,
    version: Number(version),
  }));
}
