/** A link after a power cut: formation machines of its hosts, started in random order, many seeds. */
import { describe, expect, it } from "vitest";
import { createRandom, type Random } from "../../../platform/random.ts";
import {
  FormationMachine,
  type FormationAction,
  type FormationEvent,
  type FormationPeer,
  type StoredStay,
} from "../../../overlay/subnet/formation-machine.ts";

const SEEDS = Array.from({ length: 200 }, (_, seed) => seed + 1);
const BOOT_MS = 1_000_000;
const OLD: StoredStay = { subnetTag: "old", stampMs: 1_000 };
/** Announcements are lost now and then; RFC 6762 has them repeated. */
const ANNOUNCE_EVERY_MS = 1_000;

interface Subnet {
  readonly tag: string;
  readonly stampMs: number;
}

interface Host {
  readonly machine: FormationMachine;
  /** What its disk says; `undefined` for a newcomer. */
  readonly stored: StoredStay | undefined;
  /** What it takes this link for until it knows better. */
  readonly isStrayed: boolean;
  subnet: Subnet | undefined;
  isUp: boolean;
}

/** Where a machine's wishes come true, late and with losses. */
class Link {
  nowMs = BOOT_MS;
  readonly hosts: Host[] = [];
  readonly #random: Random;
  readonly #queue = new Set<{ readonly atMs: number; readonly run: () => void }>();
  #made = 0;

  constructor(seed: number) {
    this.#random = createRandom(seed);
  }

  /** @param isStrayed it takes the link for another one, as before its router gives addresses */
  boot(stored: StoredStay | undefined, isStrayed: boolean, afterMs: number): void {
    const machine = new FormationMachine({
      overlayTag: "harbour",
      isMember: true,
      hasToken: false,
      stay: null,
      jitter: () => this.#random.next(),
      listenMs: 500 + this.#random.between(0, 300),
    });
    const host: Host = { machine, stored, isStrayed, subnet: undefined, isUp: false };
    const index = this.hosts.push(host) - 1;
    this.#after(afterMs, () => {
      host.isUp = true;
      const stay = isStrayed ? null : (stored ?? null);
      this.#feed(index, { type: "moved", stay, listenMs: 500 + this.#random.between(0, 300) });
      this.#announceOften(index);
    });
  }

  pass(ms: number): void {
    const untilMs = this.nowMs + ms;
    for (;;) {
      let due = { atMs: Infinity, run: (): void => {} };
      for (const entry of this.#queue) if (entry.atMs < due.atMs) due = entry;
      for (const [index, { machine, isUp }] of this.hosts.entries())
        if (isUp && machine.wakeAtMs < due.atMs)
          due = { atMs: machine.wakeAtMs, run: () => this.#feed(index, { type: "tick" }) };
      if (due.atMs > untilMs) break;
      this.#queue.delete(due);
      this.nowMs = Math.max(this.nowMs, due.atMs);
      due.run();
    }
    this.nowMs = untilMs;
  }

  #after(ms: number, run: () => void): void {
    this.#queue.add({ atMs: this.nowMs + ms, run });
  }

  #feed(index: number, event: FormationEvent | { readonly type: "tick" }): void {
    for (const action of this.hosts[index]!.machine.step(event, this.nowMs))
      this.#perform(index, action);
  }

  #perform(index: number, action: FormationAction): void {
    const host = this.hosts[index]!;
    const lateMs = this.#random.between(5, 150);
    switch (action.type) {
      case "probe-stored":
        return this.#after(lateMs, () =>
          this.#feed(index, { type: "probed", livesElsewhere: false }),
        );
      case "resume":
        return this.#after(lateMs, () => this.#enter(index, { ...host.stored!, tag: "old" }));
      case "create-subnet":
        return this.#after(lateMs, () =>
          this.#enter(index, { tag: `new${this.#made++}`, stampMs: this.nowMs }),
        );
      case "join":
        return this.#after(lateMs, () => this.#join(index, Number(action.tag)));
      case "meet":
        return this.#after(lateMs, () => this.#meet(index, Number(action.tag)));
      default:
        throw new Error(`a member wants ${action.type}`);
    }
  }

  #join(index: number, other: number): void {
    const { subnet } = this.hosts[other]!;
    if (subnet !== undefined && this.#random.next() > 0.1) return this.#enter(index, subnet);
    this.#feed(index, { type: "join-failed", tag: String(other), failure: "unreachable" });
  }

  /** The older claim stays, then the smaller key. */
  #meet(index: number, other: number): void {
    const [own, theirs] = [this.hosts[index]!.subnet, this.hosts[other]!.subnet];
    if (own === undefined || theirs === undefined || own.tag === theirs.tag) return;
    const isOlder = theirs.stampMs - own.stampMs || (theirs.tag < own.tag ? -1 : 1);
    if (isOlder < 0 && this.#random.next() > 0.1) this.#enter(index, theirs);
  }

  #enter(index: number, subnet: Subnet): void {
    this.hosts[index]!.subnet = subnet;
    this.#feed(index, { type: "settled", subnetTag: subnet.tag, overlayTag: "harbour" });
    this.#announce(index);
  }

  #announceOften(index: number): void {
    this.#announce(index);
    this.#after(ANNOUNCE_EVERY_MS, () => this.#announceOften(index));
  }

  #announce(index: number): void {
    const { subnet } = this.hosts[index]!;
    if (subnet === undefined) return;
    const freshStampMs = subnet.stampMs >= BOOT_MS ? subnet.stampMs : null;
    const peer: FormationPeer = {
      tag: String(index),
      overlayTag: "harbour",
      subnetTag: subnet.tag,
      freshStampMs,
    };
    for (const [other, { isUp }] of this.hosts.entries())
      if (other !== index && isUp && this.#random.next() > 0.2)
        this.#after(this.#random.between(1, 100), () => this.#feed(other, { type: "peer", peer }));
  }
}

/** Hosts of one link come up in random order; the last one that has the old subnet may be late. */
function powerCut(seed: number, strayedShare: number): Link {
  const random = createRandom(seed);
  const link = new Link(seed);
  const count = 2 + Math.floor(random.between(0, 5));
  const keeper = Math.floor(random.between(0, count));
  for (let i = 0; i < count; i++) {
    const isKeeper = i === keeper;
    const isStrayed = !isKeeper && random.next() < strayedShare;
    const stored = isKeeper || random.next() < 0.7 ? OLD : undefined;
    link.boot(stored, isStrayed, random.between(0, 8_000));
  }
  link.pass(180_000);
  return link;
}

describe("after a power cut", () => {
  it("all hosts of a link are in the old subnet, whoever comes first", () => {
    for (const seed of SEEDS) {
      const tags = powerCut(seed, 0).hosts.map(({ subnet }) => subnet?.tag);
      expect(new Set(tags), `seed ${seed}`).toEqual(new Set(["old"]));
    }
  });

  it("also when some of them took the link for another one and made a subnet first", () => {
    for (const seed of SEEDS) {
      const tags = powerCut(seed, 0.6).hosts.map(({ subnet }) => subnet?.tag);
      expect(new Set(tags), `seed ${seed}`).toEqual(new Set(["old"]));
    }
  });
});
