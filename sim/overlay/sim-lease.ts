/**
 * The lease inside a subnet at one host: the real machine, over streams of its own to its siblings, as
 * `bridge/io/crew.ts` has it.
 *
 * In place of the bridge each slot has a register: its holder writes it now and then and tells the others, which
 * keep what counts. Who takes a slot goes on from what it kept.
 */
import { createHash } from "node:crypto";
import { utf8 } from "../../platform/bytes.ts";
import { driveMachine, type Driver } from "../../platform/driver.ts";
import { createRandom, type Random } from "../../platform/random.ts";
import {
  LeaseMachine,
  type LeaseAction,
  type LeaseEvent,
  type SlotWord,
} from "../../overlay/cores.ts";
import { LEASE_SLOTS, type LeaseRules, type Telling } from "./checkers/lease-rules.ts";
import type { HostTime } from "./host-time.ts";
import type { Place } from "./network.ts";
import type { SimSession } from "./sim-session.ts";
import type { Frame, Listener, Receiver, Transport, WireEnd } from "./transport.ts";

const LEASE_PORT = 4779;
const DIAL_MS = 2_000;
const LOOK_EVERY_MS = 2_000;
const ABLE_WITHIN_MS = 1_500;
const WRITE_MIN_MS = 500;
const WRITE_MAX_MS = 2_500;

export interface SimLeaseParts {
  readonly transport: Transport;
  readonly place: Place;
  readonly time: HostTime;
  /** Id of this host. */
  readonly self: string;
  readonly rules: LeaseRules;
  session(): SimSession | undefined;
  placeOf(ip: string): Place | undefined;
}

interface LeaseFrame {
  readonly host: string;
  readonly canAct: boolean;
  readonly isBeat: boolean;
  readonly words: readonly SlotWord[];
  readonly news: readonly (Telling & { readonly slot: number })[];
  /** Tenure of what the sender was told of each slot; for the checker alone. */
  readonly told: readonly number[];
}

interface Stream extends Receiver {
  readonly end: WireEnd;
  /** Known from its first frame on. */
  host: string;
  canAct: boolean;
  told: readonly number[];
}

export class SimLease implements Listener {
  readonly place: Place;
  readonly time: HostTime;
  /** Its own: what else happens in a seed is the same with and without leases. */
  readonly random: Random;
  readonly #parts: SimLeaseParts;
  readonly #machine: LeaseMachine;
  readonly #driver: Driver<LeaseEvent>;
  readonly #streams = new Map<string, Stream>();
  readonly #registers: (Telling | undefined)[] = Array(LEASE_SLOTS).fill(undefined);
  /** Tenures of what this host was told in full. */
  readonly #told: number[] = Array(LEASE_SLOTS).fill(0);
  /** Epoch under which this host acts for a slot. */
  readonly #acting = new Map<number, number>();
  readonly #stopListening: () => void;
  #canAct = false;
  #subnetId = "";
  isRunning = true;

  constructor(parts: SimLeaseParts) {
    const { transport, place, time, self } = parts;
    this.#parts = parts;
    this.place = place;
    this.time = time;
    const seed = createHash("sha256").update(`${self} ${time.monotonicMs()}`).digest();
    this.random = createRandom(seed.readUInt32BE());
    this.#machine = new LeaseMachine(self, LEASE_SLOTS);
    this.#driver = driveMachine(this.#machine, time, time, (action) => this.#perform(action));
    this.#stopListening = transport.listen(`${place.ip}:${LEASE_PORT}`, this);
    time.every(LOOK_EVERY_MS, () => this.refresh());
    time.after(this.random.between(0, ABLE_WITHIN_MS), () => {
      this.#canAct = true;
      this.#driver.feed({ type: "able", canAct: true });
    });
    this.#writeLater();
  }

  acts(slot: number): boolean {
    return this.#acting.has(slot);
  }

  hears(host: string): boolean {
    return this.#streams.has(host);
  }

  /** The subnet, or who is in it, changed. */
  refresh(): void {
    const session = this.#parts.session();
    const subnetId = session?.subnetId ?? "";
    if (subnetId !== this.#subnetId) {
      this.#registers.fill(undefined);
      this.#told.fill(0);
      this.#acting.clear();
      for (const stream of this.#streams.values()) stream.told = [];
    }
    this.#subnetId = subnetId;
    const hosts = session?.hosts.map(({ id }) => id) ?? [];
    this.#driver.feed({ type: "hosts", subnetId, hosts });
    this.#look();
  }

  /** Colleagues see the streams end. */
  stop(): void {
    this.kill();
    this.#driver.stop();
    this.#acting.clear();
  }

  /** What the machine does for a process that is killed. */
  kill(): void {
    this.isRunning = false;
    this.#stopListening();
    for (const { end } of this.#streams.values()) end.end();
    this.#streams.clear();
  }

  accept(end: WireEnd): Receiver {
    return this.#receive(end, "");
  }

  #receive(end: WireEnd, host: string): Stream {
    const stream: Stream = {
      ...{ end, host, canAct: false, told: [] },
      onFrame: (frame) => this.#onFrame(stream, frame),
      onEnd: () => {
        if (this.#streams.get(stream.host) !== stream) return;
        this.#streams.delete(stream.host);
        this.#driver.feed({ type: "broke", host: stream.host });
      },
    };
    return stream;
  }

  #perform(action: LeaseAction): void {
    switch (action.type) {
      case "dial":
        this.#streams.get(action.host)?.end.end();
        if (this.#parts.self < action.host) void this.#dial(action.host);
        break;
      case "beat":
        this.#look();
        this.#send(action.host, [], true);
        break;
      case "drop":
        this.#streams.get(action.host)?.end.end();
        this.#streams.delete(action.host);
        break;
      case "duty":
        this.#look();
    }
  }

  async #dial(host: string): Promise<void> {
    const { session, placeOf, transport } = this.#parts;
    const found = session()?.hosts.find(({ id }) => id === host);
    const to = placeOf(found?.hostAddresses[0]?.split(":", 1)[0] ?? "");
    let stream: Stream | undefined;
    try {
      if (to === undefined) throw new Error("not a host of this subnet");
      const signal = this.time.signalAfter(DIAL_MS);
      await transport.connect(this, to, `${to.ip}:${LEASE_PORT}`, signal, (end) => {
        stream = this.#receive(end, host);
        return stream;
      });
      if (this.isRunning && !this.time.isOver) this.#follow(stream!);
    } catch {
      if (this.isRunning && !this.time.isOver) this.#driver.feed({ type: "broke", host });
    }
  }

  #follow(stream: Stream): void {
    const { host, end } = stream;
    if (!this.#isSibling(host)) return end.end();
    this.refresh();
    const former = this.#streams.get(host);
    if (former !== undefined) {
      this.#streams.delete(host);
      former.end.end();
      this.#driver.feed({ type: "broke", host });
    }
    this.#streams.set(host, stream);
    this.#send(host, this.#newsOf([...this.#acting.keys()]));
    this.#driver.feed({ type: "opened", host });
  }

  #onFrame(stream: Stream, frame: Frame): void {
    if (frame.type !== "notice" || !this.isRunning) return;
    const said = JSON.parse(Buffer.from(frame.body).toString()) as LeaseFrame;
    if (stream.host === "") {
      stream.host = said.host;
      this.#follow(stream);
    }
    if (this.#streams.get(stream.host) !== stream) return;
    if (!this.#isSibling(stream.host)) return stream.end.end();
    this.#hear(stream, said);
  }

  #hear(stream: Stream, { canAct, words, isBeat, news, told }: LeaseFrame): void {
    const { host } = stream;
    stream.canAct = canAct;
    if (isBeat) {
      stream.told = told;
      // What it told of its slots on this stream is all that there is.
      for (const [slot, register] of this.#registers.entries())
        if (register !== undefined && register.tenure === told[slot])
          this.#told[slot] = register.tenure;
    }
    this.#driver.feed({ type: "heard", host, canAct, words, isBeat });
    for (const { slot, ...telling } of news) {
      if (!this.#machine.counts(host, slot)) continue;
      this.#parts.rules.hear(this.place.name, slot, this.#registers[slot], telling);
      this.#registers[slot] = telling;
    }
  }

  /** Begins a tenure of each slot that was taken, and tells of it. */
  #look(): void {
    const taken: number[] = [];
    for (const [slot, word] of this.#machine.words.entries()) {
      const acts = this.#machine.duty.slots[slot] === this.#parts.self;
      const epoch = word.isHeld ? word.epoch : 0;
      if (!acts) this.#acting.delete(slot);
      else if (this.#acting.get(slot) !== epoch) {
        this.#acting.set(slot, epoch);
        taken.push(slot);
      }
    }
    for (const slot of taken) {
      const heard = [...this.#streams.values()].filter((stream) => stream.canAct);
      const others = heard.map(({ told }) => told[slot] ?? 0);
      const parent = this.#registers[slot]?.tenure ?? 0;
      const tenure = this.#parts.rules.take(this.place.name, slot, parent, others);
      this.#registers[slot] = { tenure, count: 0 };
      this.#told[slot] = tenure;
    }
    if (taken.length > 0) this.#tell(taken);
  }

  #writeLater(): void {
    this.time.after(this.random.between(WRITE_MIN_MS, WRITE_MAX_MS), () => {
      const slot = this.random.pick([...this.#acting.keys()]);
      const register = slot === undefined ? undefined : this.#registers[slot];
      if (slot !== undefined && register !== undefined) {
        this.#registers[slot] = { ...register, count: register.count + 1 };
        this.#tell([slot]);
      }
      this.#writeLater();
    });
  }

  #tell(slots: readonly number[]): void {
    for (const host of this.#streams.keys()) this.#send(host, this.#newsOf(slots));
  }

  #newsOf(slots: readonly number[]): LeaseFrame["news"] {
    return slots.flatMap((slot) => {
      const register = this.#registers[slot];
      return register === undefined ? [] : [{ slot, ...register }];
    });
  }

  #send(host: string, news: LeaseFrame["news"], isBeat = false): void {
    if (this.time.isOver) return;
    const { words } = this.#machine;
    const said = { host: this.#parts.self, canAct: this.#canAct, isBeat, words, news };
    const told = words.map(({ toldEpoch }, slot) => (toldEpoch === 0 ? 0 : this.#told[slot]!));
    const frame: LeaseFrame = { ...said, told };
    const body = utf8(JSON.stringify(frame));
    this.#streams.get(host)?.end.send({ type: "notice", method: "lease", body });
  }

  #isSibling(host: string): boolean {
    return this.#parts.session()?.hosts.some(({ id }) => id === host) === true;
  }
}
