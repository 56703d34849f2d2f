/**
 * Streams to exporters that are open before anybody needs them.
 *
 * A stream costs a round trip before it says its first word, and a client's connection would wait
 * for that each time. Whoever needed one is likely to need another soon, so one is kept ready.
 */
import type { HostStream, HostStreams } from "../../overlay/index.ts";
import { RELAY_PROTOCOL } from "../relay/opening.ts";

const SPARES_MAX = 2;
/** Less than an exporter waits for an opener to speak. */
const SPARE_MS = 20_000;
const DIAL_MS = 5_000;

interface Spare {
  readonly stream: HostStream;
  readonly timer: NodeJS.Timeout;
}

export class SpareStreams {
  readonly #streams: HostStreams;
  readonly #spares = new Map<string, Spare[]>();
  /** Hosts that are being dialled for a spare. */
  readonly #dialling = new Set<string>();
  readonly #ending = new AbortController();

  constructor(streams: HostStreams) {
    this.#streams = streams;
  }

  /** One that is ready; it may have broken meanwhile. */
  take(host: string): HostStream | undefined {
    const spares = this.#spares.get(host);
    const spare = spares?.pop();
    if (spares?.length === 0) this.#spares.delete(host);
    clearTimeout(spare?.timer);
    return spare?.stream;
  }

  /** Has one more ready soon, unless there are enough. */
  refill(host: string): void {
    const { signal } = this.#ending;
    const isFull = (this.#spares.get(host)?.length ?? 0) >= SPARES_MAX;
    if (isFull || signal.aborted || this.#dialling.has(host)) return;
    this.#dialling.add(host);
    this.#streams
      .dial(host, RELAY_PROTOCOL, AbortSignal.any([signal, AbortSignal.timeout(DIAL_MS)]))
      .then(
        (stream) => this.#keep(host, stream),
        () => {}, // whoever needs one will find out why
      )
      .finally(() => this.#dialling.delete(host));
  }

  close(): void {
    this.#ending.abort();
    for (const host of [...this.#spares.keys()])
      for (let stream = this.take(host); stream !== undefined; stream = this.take(host))
        stream.abort(new Error("not needed"));
  }

  #keep(host: string, stream: HostStream): void {
    if (this.#ending.signal.aborted) return stream.abort(new Error("not needed"));
    const spares = this.#spares.get(host) ?? [];
    this.#spares.set(host, spares);
    const timer = setTimeout(() => this.#expire(host, stream), SPARE_MS);
    spares.push({ stream, timer });
  }

  #expire(host: string, stream: HostStream): void {
    const left = (this.#spares.get(host) ?? []).filter((spare) => spare.stream !== stream);
    if (left.length > 0) this.#spares.set(host, left);
    else this.#spares.delete(host);
    stream.abort(new Error("not needed"));
  }
}
