/**
 * The streams of a crew, and what its hosts tell each other on them.
 *
 * What is shown counts from whoever holds the service's slot under the highest epoch heard, and from nobody else: see
 * `overlay/lease/`. Versions exported count from everybody: they only grow, and whoever takes over must go above
 * all that were ever used, those of a stale holder too.
 */
import {
  LeaseMachine,
  type HostStream,
  type LeaseAction,
  type LeaseDuty,
  type LeaseEvent,
  type Overlay,
} from "../../overlay/index.ts";
import type { Clock } from "../../platform/clock.ts";
import { errorMessage } from "../../platform/errors.ts";
import { createDriver, type Driver } from "../../platform/io/driver.ts";
import type { Logger } from "../../platform/logger.ts";
import {
  CREW_FRAME_BYTES_MAX,
  CREW_ITEMS_MAX,
  decodeCrewFrame,
  encodeCrewFrame,
  type CrewFrame,
} from "../crew/crew-frame.ts";
import { slotOfOrigin, SLOTS } from "../crew/slots.ts";
import { readMessages, writeMessage } from "./message-stream.ts";

const PROTOCOL = "bridge-crew/1";
const DIAL_MS = 2000;
/** The wall clock is ahead of the monotonic one by so much more than it was: the machine slept. */
const SLEPT_MS = 1000;

/** What a frame says besides that its sender is there. */
export type News = Partial<Pick<CrewFrame, "shown" | "exported">>;

export interface CrewParts {
  readonly overlay: Pick<Overlay, "streams" | "subnet" | "status">;
  readonly clock: Clock;
  readonly log: Logger;
  /** Who acts has changed. */
  onDuty(duty: LeaseDuty): void;
  /** A colleague said something besides that it is there; without what does not count. */
  onNews(host: string, news: Required<News>): void;
  /** All that a colleague who came just now has to know. */
  greeting(): Required<News>;
}

export class Crew {
  readonly #parts: CrewParts;
  readonly #self: string;
  readonly #machine: LeaseMachine;
  readonly #driver: Driver<LeaseEvent>;
  readonly #streams = new Map<string, HostStream>();
  readonly #stopping = new AbortController();
  readonly #stopHandling: () => void;
  #canAct = false;
  #beat = 0;
  /** What the wall clock is ahead of the monotonic one, when it was looked at last. */
  #aheadMs: number;

  constructor(parts: CrewParts) {
    this.#parts = parts;
    this.#self = parts.overlay.status().host.id;
    this.#aheadMs = parts.clock.wallMs() - parts.clock.monotonicMs();
    this.#machine = new LeaseMachine(this.#self, SLOTS);
    this.#driver = createDriver(this.#machine, parts.clock, (action) => this.#perform(action));
    this.#stopHandling = parts.overlay.streams.handle(PROTOCOL, (stream) => this.#accept(stream));
  }

  get duty(): LeaseDuty {
    return this.#machine.duty;
  }

  /** The subnet, or who is in it, changed. */
  refresh(): void {
    const { id = "", hosts } = this.#parts.overlay.subnet;
    const ids = hosts.map((host) => host.id);
    this.#feed({ type: "hosts", subnetId: id, hosts: id === "" ? [] : ids });
  }

  /** Whether this host has multicast DNS. */
  setAble(canAct: boolean): void {
    this.#canAct = canAct;
    this.#feed({ type: "able", canAct });
  }

  tell(news: News): void {
    for (const host of this.#streams.keys()) this.#send(host, news);
  }

  /** Colleagues see the streams end and take over at once. */
  stop(): void {
    this.#stopping.abort();
    this.#stopHandling();
    this.#driver.stop();
    for (const stream of this.#streams.values()) stream.abort(new Error("the bridge stopped"));
    this.#streams.clear();
  }

  /** After a sleep of the machine streams break before anything else is heard. */
  #feed(event: LeaseEvent): void {
    const { clock } = this.#parts;
    const aheadMs = clock.wallMs() - clock.monotonicMs();
    const hasSlept = aheadMs - this.#aheadMs > SLEPT_MS;
    this.#aheadMs = aheadMs;
    if (hasSlept) this.#driver.feed({ type: "woke" });
    this.#driver.feed(event);
  }

  #perform(action: LeaseAction): void {
    switch (action.type) {
      case "dial":
        // What was said on a stream from before it was a colleague was not heard.
        this.#streams.get(action.host)?.abort(new Error("it was no colleague yet"));
        // One of two dials, so that there is one stream; the other waits for it.
        if (this.#self < action.host) void this.#dial(action.host);
        break;
      case "beat":
        this.#beat = (this.#beat % 0xffff_ffff) + 1;
        this.#send(action.host, {}, this.#beat);
        break;
      case "drop":
        this.#streams.get(action.host)?.abort(new Error("no longer a colleague, or silent"));
        this.#streams.delete(action.host);
        break;
      case "duty":
        this.#parts.onDuty(action.duty);
    }
  }

  async #dial(host: string): Promise<void> {
    const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(DIAL_MS)]);
    try {
      const stream = await this.#parts.overlay.streams.dial(host, PROTOCOL, signal);
      if (!this.#isWelcome(stream)) throw new Error("not a host of this subnet");
      await this.#follow(stream);
    } catch (error) {
      this.#parts.log.debug("colleague not reached", { host, reason: errorMessage(error) });
      this.#feed({ type: "broke", host });
    }
  }

  async #accept(stream: HostStream): Promise<void> {
    if (this.#isWelcome(stream)) await this.#follow(stream);
  }

  /** Else it is cut. */
  #isWelcome(stream: HostStream): boolean {
    const isWelcome = this.#isSibling(stream.peer) && !this.#stopping.signal.aborted;
    if (!isWelcome) stream.abort(new Error("not a host of this subnet"));
    return isWelcome;
  }

  async #follow(stream: HostStream): Promise<void> {
    const host = stream.peer;
    // The subnet may have told of it, and the crew not heard that yet.
    this.refresh();
    this.#replace(host);
    this.#streams.set(host, stream);
    // Before the first beat: who hears that one knows all by then.
    this.#send(host, this.#parts.greeting());
    this.#feed({ type: "opened", host });
    try {
      for await (const bytes of readMessages(stream.bytes, CREW_FRAME_BYTES_MAX)) {
        if (this.#streams.get(host) !== stream) return;
        if (!this.#isSibling(host)) throw new Error("it has left this subnet");
        const frame = decodeCrewFrame(bytes);
        this.#hear(host, frame);
      }
    } catch (error) {
      this.#parts.log.debug("colleague lost", { host, reason: errorMessage(error) });
      stream.abort(error instanceof Error ? error : new Error(String(error)));
    }
    if (this.#streams.get(host) !== stream) return;
    this.#streams.delete(host);
    if (!this.#stopping.signal.aborted) this.#feed({ type: "broke", host });
  }

  /** It may be another run of that host, which knows nothing of what the former one did. */
  #replace(host: string): void {
    const former = this.#streams.get(host);
    if (former === undefined) return;
    this.#streams.delete(host);
    former.abort(new Error("another stream took its place"));
    this.#feed({ type: "broke", host });
  }

  #hear(host: string, { beat, canAct, words, shown, exported }: CrewFrame): void {
    this.#feed({ type: "heard", host, canAct, words, isBeat: beat > 0 });
    const counting = shown.filter(({ originId }) =>
      this.#machine.counts(host, slotOfOrigin(originId)),
    );
    if (counting.length + exported.length > 0)
      this.#parts.onNews(host, { shown: counting, exported });
  }

  /** A host that changes its link keeps its streams. */
  #isSibling(host: string): boolean {
    return this.#parts.overlay.subnet.hosts.some(({ id }) => id === host);
  }

  /** In as many frames as it takes: a link may have more services than one frame has room for. */
  #send(host: string, { shown = [], exported = [] }: News, beat = 0): void {
    const stream = this.#streams.get(host);
    if (stream === undefined) return;
    const count = Math.max(1, shown.length, exported.length);
    for (let at = 0; at < count; at += CREW_ITEMS_MAX) {
      const frame = encodeCrewFrame({
        beat,
        canAct: this.#canAct,
        words: this.#machine.words,
        shown: shown.slice(at, at + CREW_ITEMS_MAX),
        exported: exported.slice(at, at + CREW_ITEMS_MAX),
      });
      writeMessage(stream, frame).catch((error: unknown) => {
        this.#parts.log.debug("colleague not told", { host, reason: errorMessage(error) });
      });
    }
  }
}
