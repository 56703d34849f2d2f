/** Hosts in subnets, with streams between them in memory: as much overlay as rules need. */
import { once, EventEmitter } from "node:events";
import type { HostStream, HostView, Overlay, SubnetView } from "../../../overlay/index.ts";
import { OverlayError } from "../../../overlay/index.ts";

export type MemoryOverlay = Pick<Overlay, "subnet" | "streams" | "subnets" | "status">;

type Handler = (stream: HostStream) => Promise<void>;

interface MemoryHost {
  subnet: string | undefined;
  follows: string | undefined;
  readonly handlers: Map<string, Handler>;
}

export class MemorySubnets {
  readonly #hosts = new Map<string, MemoryHost>();
  readonly #changes = new EventEmitter().setMaxListeners(0);
  /** Pairs that cannot reach each other, as `a b`. */
  readonly cut = new Set<string>();
  readonly #streams: [readonly string[], HostStream][] = [];
  /** Streams opened so far. */
  dials = 0;

  /** @returns the overlay as that host sees it */
  add(id: string, subnet?: string): MemoryOverlay {
    const host: MemoryHost = { subnet, follows: undefined, handlers: new Map() };
    this.#hosts.set(id, host);
    this.#changes.emit("change");
    const viewsOf = (of: string): readonly HostView[] => this.#viewsOf(of, id);
    const changes = this.#changes;
    return {
      subnet: {
        get id() {
          return host.subnet;
        },
        get follows() {
          return host.follows;
        },
        get hosts() {
          return host.subnet === undefined ? [] : viewsOf(host.subnet);
        },
        async *events(signal) {
          try {
            for (;;) {
              await once(changes, "change", { signal });
              yield { type: "hosts", hosts: this.hosts } as const;
            }
          } catch (error) {
            if (!signal.aborted) throw error;
          }
        },
      },
      subnets: () => this.#subnets(id),
      status: () => ({ host: { id, name: id.slice(0, 4) } }) as ReturnType<Overlay["status"]>,
      streams: {
        handle(protocol, handler) {
          host.handlers.set(protocol, handler);
          return () => void host.handlers.delete(protocol);
        },
        dial: async (to, protocol) => this.#dial(id, to, protocol),
      },
    };
  }

  /** @param follows the subnet that goes on under the new id, as after a merge */
  move(id: string, subnet: string | undefined, follows?: string): void {
    Object.assign(this.#hosts.get(id)!, { subnet, follows });
    this.#changes.emit("change");
  }

  remove(id: string): void {
    this.#hosts.delete(id);
    this.#changes.emit("change");
  }

  /** Its streams break at once; the subnet learns of it when `remove` is called. */
  kill(id: string): void {
    this.#hosts.get(id)?.handlers.clear();
    for (const [ends, stream] of this.#streams)
      if (ends.includes(id)) stream.abort(new Error(`${id} died`));
  }

  /** The two reach each other no longer, until `mend`. */
  part(a: string, b: string): void {
    this.cut.add(`${a} ${b}`);
    for (const [ends, stream] of this.#streams)
      if (ends.includes(a) && ends.includes(b)) stream.abort(new Error(`${a} is cut off`));
  }

  mend(a: string, b: string): void {
    this.cut.delete(`${a} ${b}`);
  }

  #viewsOf(subnet: string, self: string): readonly HostView[] {
    return [...this.#hosts]
      .filter(([, host]) => host.subnet === subnet)
      .map(([id]) => ({ id, name: id.slice(0, 4), addresses: [], isSelf: id === self }));
  }

  #subnets(self: string): readonly SubnetView[] {
    const own = this.#hosts.get(self)?.subnet;
    const ids = [...new Set([own, ...[...this.#hosts.values()].map(({ subnet }) => subnet)])];
    return ids
      .filter((id) => id !== undefined)
      .map((id) => ({
        id,
        hosts: this.#viewsOf(id, self),
        isSelf: id === own,
        hostSetVersion: 1n,
      }));
  }

  #dial(from: string, to: string, protocol: string): HostStream {
    this.dials++;
    const handler = this.#hosts.get(to)?.handlers.get(protocol);
    if (handler === undefined || this.cut.has(`${from} ${to}`) || this.cut.has(`${to} ${from}`))
      throw new OverlayError("ERR_OVERLAY_UNREACHABLE", `no way to ${to}`);
    const [near, far] = streamPair(from, to);
    this.#streams.push([[from, to], near]);
    handler(far).catch((error: Error) => far.abort(error)); // as the overlay does
    return near;
  }
}

/** The two ends of one stream. */
export function streamPair(from: string, to: string): readonly [HostStream, HostStream] {
  const [there, back] = [new Pipe(), new Pipe()];
  const end = (peer: string, out: Pipe, inward: Pipe): HostStream => ({
    peer,
    isRelayed: false,
    write: async (bytes) => out.push(bytes.slice()),
    closeWrite: async () => out.end(undefined),
    abort(reason) {
      out.end(reason);
      inward.end(reason);
    },
    bytes: inward.read(),
  });
  return [end(to, there, back), end(from, back, there)];
}

class Pipe {
  readonly #parts: Uint8Array[] = [];
  readonly #changes = new EventEmitter();
  #isEnded = false;
  #error: Error | undefined;

  push(part: Uint8Array): void {
    if (this.#isEnded) throw this.#error ?? new Error("closed");
    this.#parts.push(part);
    this.#changes.emit("change");
  }

  end(error: Error | undefined): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#error = error;
    this.#changes.emit("change");
  }

  async *read(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const part = this.#parts.shift();
      if (part !== undefined) yield part;
      else if (this.#error !== undefined) throw this.#error;
      else if (this.#isEnded) return;
      else await once(this.#changes, "change");
    }
  }
}
