/** Host streams between hosts of one process, with windows: what the relay needs of an overlay. */
import type { HostStream, HostStreams } from "../../../overlay/index.ts";

/** What one direction holds before its writer waits. */
export const WINDOW_BYTES = 512 * 1024;

class Pipe {
  readonly #queue: Uint8Array[] = [];
  #bytes = 0;
  #isEnded = false;
  #failure: Error | undefined;
  #changed = Promise.withResolvers<void>();
  mostBytes = 0;

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#isEnded) throw new Error("written after its end");
    this.#queue.push(bytes.slice());
    this.#bytes += bytes.length;
    this.mostBytes = Math.max(this.mostBytes, this.#bytes);
    this.#wake();
    while (this.#bytes > WINDOW_BYTES) {
      await this.#changed.promise;
      this.#check();
    }
  }

  end(): void {
    this.#isEnded = true;
    this.#wake();
  }

  fail(reason: Error): void {
    this.#failure ??= reason;
    this.#queue.length = 0;
    this.#bytes = 0;
    this.#wake();
  }

  async *read(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const next = this.#queue.shift();
      if (next !== undefined) {
        this.#bytes -= next.length;
        this.#wake();
        yield next;
        continue;
      }
      this.#check();
      if (this.#isEnded) return;
      await this.#changed.promise;
    }
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }
}

class MemoryStream implements HostStream {
  readonly peer: string;
  readonly isRelayed = false;
  readonly #out: Pipe;
  readonly #in: Pipe;

  constructor(peer: string, out: Pipe, back: Pipe) {
    this.peer = peer;
    this.#out = out;
    this.#in = back;
  }

  get bytes(): AsyncIterable<Uint8Array> {
    return this.#in.read();
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#out.write(bytes);
  }

  async closeWrite(): Promise<void> {
    this.#out.end();
  }

  abort(reason: Error): void {
    this.#in.fail(reason);
    this.#out.fail(new Error("stream reset"));
  }
}

type Handler = (stream: HostStream) => Promise<void>;

export class MemoryOverlay {
  readonly #hosts = new Map<string, Map<string, Handler>>();
  readonly #open = new Set<readonly [HostStream, string, string]>();
  /** Hosts that take dials and never answer. */
  readonly hung = new Set<string>();
  /** Every dial waits until its signal aborts. */
  holdsDials = false;
  /** Every dial: who and to whom. */
  readonly dials: string[] = [];
  readonly pipes: Pipe[] = [];

  host(id: string): HostStreams {
    const handlers = new Map<string, Handler>();
    this.#hosts.set(id, handlers);
    return {
      dial: (to, protocol, signal) => this.#dial(id, to, protocol, signal),
      handle: (protocol, handler) => {
        handlers.set(protocol, handler);
        return () => void handlers.delete(protocol);
      },
    };
  }

  /** That host is gone, and every stream with it. */
  kill(id: string): void {
    this.#hosts.delete(id);
    for (const [stream, from, to] of this.#open)
      if (from === id || to === id) stream.abort(new Error("the connection was lost"));
  }

  /** All streams are lost, and every host stays. */
  breakStreams(): void {
    for (const [stream] of this.#open) stream.abort(new Error("the connection was lost"));
  }

  async #dial(
    from: string,
    to: string,
    protocol: string,
    signal: AbortSignal,
  ): Promise<HostStream> {
    signal.throwIfAborted();
    this.dials.push(`${from} ${to}`);
    if (this.holdsDials)
      await new Promise((_, reject) =>
        signal.addEventListener("abort", () => reject(signal.reason as Error)),
      );
    const handler = this.#hosts.get(to)?.get(protocol);
    if (this.hung.has(to)) return new MemoryStream(to, new Pipe(), new Pipe());
    if (handler === undefined) throw new Error(`${to} is not reached`);
    const [there, back] = [new Pipe(), new Pipe()];
    this.pipes.push(there, back);
    const near = new MemoryStream(to, there, back);
    const far = new MemoryStream(from, back, there);
    const entry = [near, from, to] as const;
    this.#open.add(entry);
    void handler(far).catch((error: unknown) => far.abort(error as Error));
    return near;
  }
}
