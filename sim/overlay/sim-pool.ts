/** All channels of one of a host's two nodes, as `overlay/io/channel-pool.ts` has them. */
import { errorMessage } from "../../platform/errors.ts";
import { OverlayError, type Channels } from "../../overlay/cores.ts";
import type { HostTime } from "./host-time.ts";
import type { Place } from "./network.ts";
import { SimChannel } from "./sim-channel.ts";
import type { HelloView, Listener, Receiver, Transport, WireEnd } from "./transport.ts";

/** A host that comes anew may have lost its former connections without a word. */
const FORMER_PROBE_MS = 1_500;

export interface PoolParts {
  readonly transport: Transport;
  readonly place: Place;
  readonly time: HostTime;
  readonly port: number;
  placeOf(ip: string): Place | undefined;
  readonly heartbeatMs: number;
  readonly silenceMaxMs: number;
  introduce(): HelloView;
  /** Why that peer is not to be spoken to. */
  refusalOf(hello: HelloView): string | undefined;
  onCall(channel: SimChannel, method: string, body: Uint8Array): Promise<Uint8Array>;
  onNotice(channel: SimChannel, method: string, body: Uint8Array): void;
  onOpen(channel: SimChannel): void;
  onClose(channel: SimChannel, reason: string): void;
}

export class SimPool implements Channels<SimChannel>, Listener {
  readonly channels = new Set<SimChannel>();
  readonly #parts: PoolParts;
  /** Channels whose hello is not over. */
  readonly #greeting = new Set<SimChannel>();
  readonly #dialling = new Map<string, Promise<SimChannel>>();
  readonly #stopListening: () => void;
  #isClosed = false;

  constructor(parts: PoolParts) {
    this.#parts = parts;
    const address = `${parts.place.ip}:${parts.port}`;
    this.#stopListening = parts.transport.listen(address, this);
  }

  get place(): Place {
    return this.#parts.place;
  }

  get time(): HostTime {
    return this.#parts.time;
  }

  get heartbeatMs(): number {
    return this.#parts.heartbeatMs;
  }

  get silenceMaxMs(): number {
    return this.#parts.silenceMaxMs;
  }

  introduce(): HelloView {
    return this.#parts.introduce();
  }

  refusalOf(hello: HelloView): string | undefined {
    return this.#parts.refusalOf(hello);
  }

  async dial(address: string, signal: AbortSignal): Promise<SimChannel> {
    const underWay = this.#dialling.get(address);
    if (underWay !== undefined) return underWay;
    const dial = this.#dial(address, signal).finally(() => this.#dialling.delete(address));
    this.#dialling.set(address, dial);
    return dial;
  }

  async #dial(address: string, signal: AbortSignal): Promise<SimChannel> {
    const to = this.#parts.placeOf(address.split(":", 1)[0]!);
    if (to === undefined || to.ip === this.place.ip || this.#isClosed)
      throw new OverlayError("ERR_OVERLAY_UNREACHABLE", `${address}: nobody is there`);
    let channel: SimChannel | undefined;
    const begin = (end: WireEnd): Receiver => (channel = this.#create(end, "outbound"));
    try {
      await this.#parts.transport.connect(this, to, address, signal, begin);
    } catch (cause) {
      const reason = errorMessage(cause);
      throw new OverlayError("ERR_OVERLAY_UNREACHABLE", `${address}: ${reason}`, { cause });
    }
    await channel!.opened.promise;
    return channel!;
  }

  /** The dialler's end was made just before, by the pool that dialled. */
  accept(end: WireEnd): Receiver {
    return this.#create(end, "inbound");
  }

  #create(end: WireEnd, direction: "inbound" | "outbound"): SimChannel {
    const channel = new SimChannel(this, end, direction);
    this.#greeting.add(channel);
    if (this.#isClosed) channel.abort("going away"); // dialled before, connected after
    return channel;
  }

  onOpen(channel: SimChannel): void {
    for (const former of this.channels)
      if (former.hostId === channel.hostId) former.probe(FORMER_PROBE_MS);
    this.#greeting.delete(channel);
    this.channels.add(channel);
    this.#parts.onOpen(channel);
  }

  onClose(channel: SimChannel, reason: string): void {
    if (this.channels.delete(channel)) this.#parts.onClose(channel, reason);
  }

  /** It closed before it was open. */
  drop(channel: SimChannel): void {
    this.#greeting.delete(channel);
  }

  onCall(channel: SimChannel, method: string, body: Uint8Array): Promise<Uint8Array> {
    return this.#parts.onCall(channel, method, body);
  }

  onNotice(channel: SimChannel, method: string, body: Uint8Array): void {
    this.#parts.onNotice(channel, method, body);
  }

  abandon(reason: string): void {
    for (const channel of [...this.channels, ...this.#greeting]) channel.abort(reason);
  }

  /** Goodbye to all, and nobody else is let in. */
  close(): void {
    this.#isClosed = true;
    this.#stopListening();
    for (const channel of [...this.channels, ...this.#greeting])
      channel.cut("ERR_OVERLAY_UNREACHABLE", "going away");
  }

  /** The process is killed: its machine closes what it had open. */
  kill(): void {
    this.#stopListening();
    for (const channel of [...this.channels, ...this.#greeting]) channel.orphan();
  }
}
