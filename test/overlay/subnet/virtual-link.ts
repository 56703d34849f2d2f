/**
 * Host-set machines of several hosts on a virtual link, in virtual time, with seeded chance.
 *
 * What the session does around a machine is done here too: a hello brings a host and its set, a set
 * is served from the newest version on, hosts that a set names are dialled.
 */
import { createRandom, type Random } from "../../../platform/random.ts";
import type { SetHost } from "../../../overlay/subnet/host-set.ts";
import {
  HostSetMachine,
  type HostSetAction,
  type HostSetEvent,
} from "../../../overlay/subnet/host-set-machine.ts";
import { plainHost } from "./statements.ts";

interface ServedSet {
  readonly version: bigint;
  readonly hosts: readonly SetHost[];
}

export interface Publication extends ServedSet {
  readonly by: number;
  readonly atMs: number;
}

interface Member {
  readonly machine: HostSetMachine;
  own: SetHost;
  /** Which half of a cut link it is on. */
  side: number;
  isAlive: boolean;
  /** Alive for its siblings, yet it does nothing: a stopped process before the silence is noticed. */
  isHung: boolean;
  set: ServedSet | undefined;
  readonly channels: Set<number>;
  readonly dialling: Set<number>;
}

interface Due {
  readonly atMs: number;
  readonly run: () => void;
}

export interface Trouble {
  /** Longest delay of a message, ms. */
  readonly delayMaxMs: number;
  /** Share of messages that break their channel instead; it is dialled again. */
  readonly breakShare: number;
  /** Whether sets reach the hosts of other sides, by way of other subnets. */
  readonly relaysSets: boolean;
}

const CALM: Trouble = { delayMaxMs: 5, breakShare: 0, relaysSets: false };
const REDIAL_MS = 200;

export class VirtualLink {
  readonly publications: Publication[] = [];
  nowMs = 0;
  readonly #random: Random;
  readonly #members = new Map<number, Member>();
  readonly #queue = new Set<Due>();
  #trouble: Trouble;

  constructor(seed: number, trouble: Partial<Trouble> = {}) {
    this.#random = createRandom(seed);
    this.#trouble = { ...CALM, ...trouble };
  }

  /** @param handedOver index of the host whose set the newcomer starts with */
  start(index: number, handedOver?: number): void {
    const given = handedOver === undefined ? undefined : this.#member(handedOver).set;
    const own = plainHost(index);
    const member: Member = {
      machine: new HostSetMachine(own, 0n),
      own,
      side: 0,
      isAlive: true,
      isHung: false,
      set: given,
      channels: new Set(),
      dialling: new Set(),
    };
    this.#members.set(index, member);
    if (given !== undefined) this.#feed(index, { type: "set-heard", ...given });
    for (const other of this.#members.keys()) if (other !== index) this.#dial(index, other);
  }

  /** A host that dies: its siblings notice one by one. */
  crash(index: number): void {
    const member = this.#member(index);
    member.isAlive = false;
    for (const other of [...member.channels]) this.#break(index, other);
  }

  /** Stops and wakes a process; siblings notice its silence after 3 s. */
  hang(index: number): void {
    this.#member(index).isHung = true;
  }

  /** New addresses or a fresh date: the statement of a higher sequence. */
  restate(index: number): void {
    const member = this.#member(index);
    member.own = plainHost(index, member.own.sequence + 1);
    this.#feed(index, { type: "host-up", host: member.own });
    for (const other of member.channels)
      this.#send(index, other, () => this.#feed(other, { type: "host-up", host: member.own }));
  }

  /** Cuts the link in two, or heals it. */
  setSides(sideOf: (index: number) => number): void {
    for (const [index, member] of this.#members) member.side = sideOf(index);
    for (const [index, member] of this.#members)
      for (const other of [...this.#members.keys()])
        if (index === other) continue;
        else if (this.#member(other).side !== member.side) this.#break(index, other);
        else this.#dial(index, other);
  }

  after(ms: number, run: () => void): void {
    this.#queue.add({ atMs: this.nowMs + ms, run });
  }

  calm(): void {
    this.#trouble = { ...this.#trouble, breakShare: 0, delayMaxMs: 5 };
  }

  /** Lets so much virtual time pass. */
  pass(ms: number): void {
    const untilMs = this.nowMs + ms;
    for (;;) {
      const due = this.#nextDue();
      if (due.atMs > untilMs) break;
      this.#queue.delete(due);
      this.nowMs = Math.max(this.nowMs, due.atMs);
      due.run();
    }
    this.nowMs = untilMs;
  }

  live(side?: number): number[] {
    return [...this.#members]
      .filter(([, member]) => member.isAlive && (side === undefined || member.side === side))
      .map(([index]) => index);
  }

  /** What a host serves, and what its machine holds. */
  view(index: number): { served: string; machine: string; version: bigint } {
    const { set, machine } = this.#member(index);
    return {
      served: nameAll(set?.hosts ?? []),
      machine: nameAll(machine.hosts),
      version: set?.version ?? 0n,
    };
  }

  #nextDue(): Due {
    let due: Due = { atMs: Infinity, run: () => {} };
    for (const entry of this.#queue) if (entry.atMs < due.atMs) due = entry;
    for (const [index, { machine, isAlive, isHung }] of this.#members)
      if (isAlive && !isHung && machine.wakeAtMs < due.atMs)
        due = { atMs: machine.wakeAtMs, run: () => this.#feed(index, { type: "tick" }) };
    return due;
  }

  #feed(index: number, event: HostSetEvent | { readonly type: "tick" }): void {
    const member = this.#member(index);
    if (!member.isAlive || member.isHung) return;
    for (const action of member.machine.step(event, this.nowMs)) this.#perform(index, action);
  }

  #perform(index: number, action: HostSetAction): void {
    if (action.type !== "publish") return;
    const { version, hosts } = action;
    this.publications.push({ by: index, atMs: this.nowMs, version, hosts });
    // Sealing takes a moment, in which a newer set may be heard.
    this.after(this.#random.between(0, 3), () => {
      const member = this.#member(index);
      if (!member.isAlive || (member.set !== undefined && member.set.version >= version)) return;
      member.set = { version, hosts };
      for (const other of member.channels)
        this.#send(index, other, () => this.#hear(other, member.set));
      if (this.#trouble.relaysSets) this.#relay(index, { version, hosts });
    });
  }

  #relay(from: number, set: ServedSet): void {
    const { side } = this.#member(from);
    for (const [other, member] of this.#members)
      if (member.side !== side)
        this.after(this.#random.between(0, 50), () => this.#hear(other, set));
  }

  #hear(index: number, set: ServedSet | undefined): void {
    const member = this.#member(index);
    if (set === undefined || !member.isAlive || member.isHung) return;
    if (set.version <= member.machine.version) return;
    member.set = set;
    this.#feed(index, { type: "set-heard", version: set.version, hosts: set.hosts });
    for (const host of set.hosts) {
      const other = host.key[0]!;
      if (other !== index && this.#members.has(other)) this.#dial(index, other);
    }
  }

  #dial(from: number, to: number): void {
    const [a, b] = [this.#member(from), this.#member(to)];
    if (a.channels.has(to) || a.dialling.has(to)) return;
    a.dialling.add(to);
    this.after(this.#random.between(1, 1 + this.#trouble.delayMaxMs), () => {
      a.dialling.delete(to);
      const isPossible = a.isAlive && b.isAlive && !b.isHung && a.side === b.side;
      if (!isPossible || a.channels.has(to)) return;
      a.channels.add(to);
      b.channels.add(from);
      this.#greet(from, to);
      this.#greet(to, from);
    });
  }

  /** What the hello of `of` brings to `to`. */
  #greet(to: number, of: number): void {
    const { own, set } = this.#member(of);
    this.#feed(to, { type: "host-up", host: own });
    this.#hear(to, set);
  }

  #send(from: number, to: number, run: () => void): void {
    if (this.#random.next() < this.#trouble.breakShare) return this.#break(from, to);
    this.after(this.#random.between(0, this.#trouble.delayMaxMs), () => {
      if (this.#member(from).channels.has(to)) run();
    });
  }

  #break(a: number, b: number): void {
    if (!this.#member(a).channels.delete(b)) return;
    this.#member(b).channels.delete(a);
    for (const [index, other] of [
      [a, b],
      [b, a],
    ] as const)
      this.after(this.#random.between(0, this.#trouble.delayMaxMs), () => {
        if (this.#member(index).channels.has(other)) return; // back already
        this.#feed(index, { type: "host-down", id: this.#member(other).own.id });
        this.after(this.#random.between(0, REDIAL_MS), () => this.#dial(index, other));
      });
  }

  #member(index: number): Member {
    const member = this.#members.get(index);
    if (member === undefined) throw new Error(`no host ${index}`);
    return member;
  }
}

export function nameAll(hosts: readonly SetHost[]): string {
  return hosts.map((host) => `${host.key[0]}/${host.sequence}`).join(" ");
}
