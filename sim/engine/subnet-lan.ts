/**
 * What the hosts of one subnet say to each other, over the LAN that they share.
 *
 * Its messages are no rows of the queue: what comes of one happens at its end, as a timer of the
 * subnet's node, and they are counted apart from those between nodes. None is lost.
 */
import { TICK, TYPE } from "./engine-types.ts";
import { bitCount, type HostSets } from "./host-sets.ts";
import type { Post } from "./post.ts";
import type { Probes } from "./probes.ts";
import type { Outbox } from "./protocol.ts";
import type { Delays, Subnets } from "./subnets.ts";

export interface SubnetLanParts {
  readonly hosts: HostSets;
  readonly subnets: Subnets;
  readonly network: Pick<Delays, "lanNs">;
  readonly probes: Probes;
  readonly outbox: Pick<Outbox, "after">;
  readonly post: Pick<Post, "bytesOf">;
  /** After so long a question that no sibling answered has no answer. */
  readonly questionNs: number;
}

export class SubnetLan {
  readonly #parts: SubnetLanParts;
  /** By node and number: what is to be done when a message has come. */
  readonly #coming = new Map<number, Map<number, () => void>>();
  #next = 0;
  /** Messages so far, by node: each has its own jitter. */
  readonly #sent = new Map<number, number>();

  constructor(parts: SubnetLanParts) {
    this.#parts = parts;
  }

  /** A word to all siblings: one multicast. @returns how long it takes; 0 where nobody would hear it */
  tell(node: number): number {
    if (bitCount(this.#liveOf(node)) < 2) return 0;
    return this.#send(node, TYPE.hostSet, 1);
  }

  /** Records go from host to host, all at once. */
  pass(node: number, records: number, then: () => void): void {
    if (records > 0) this.#after(node, this.#send(node, TYPE.store, records), then);
  }

  /**
   * A host asks its siblings for a record that it keeps itself not: by multicast (mDHT §3.3.5), and
   * whoever has it sends it.
   *
   * @param isThere whether any of them has it; if not, the host waits for nothing
   */
  ask(node: number, host: number, isThere: boolean, then: () => void): void {
    const { hosts, subnets, questionNs } = this.#parts;
    if ((this.#liveOf(node) & ~(1 << host)) === 0) return then();
    const whenAlive = (): void => {
      if (hosts.hasLive(subnets.subnetOf(node), host)) then();
    };
    const askedNs = this.#send(node, TYPE.fetch, 1);
    const answeredNs = isThere ? askedNs + this.#send(node, TYPE.fetched, 1) : questionNs;
    this.#after(node, answeredNs, whenAlive);
  }

  onTimer(node: number, id: number): void {
    const then = this.#coming.get(node)?.get(id);
    this.#coming.get(node)?.delete(id);
    then?.();
  }

  /** A node went, and with it what was under way to its hosts. */
  forget(node: number): void {
    this.#coming.delete(node);
  }

  #liveOf(node: number): number {
    const { hosts, subnets } = this.#parts;
    return hosts.live[subnets.subnetOf(node)]!;
  }

  /** @returns how long they take */
  #send(node: number, type: number, messages: number): number {
    const { network, probes, post } = this.#parts;
    probes.sentInside(type, post.bytesOf(type), messages);
    const counter = this.#sent.get(node) ?? 0;
    this.#sent.set(node, counter + 1);
    return network.lanNs(node, counter);
  }

  #after(node: number, delayNs: number, then: () => void): void {
    const id = this.#next++;
    const coming = this.#coming.get(node) ?? new Map<number, () => void>();
    this.#coming.set(node, coming.set(id, then));
    this.#parts.outbox.after(node, delayNs, TICK.inside, id);
  }
}
