/** Records inside a node: which of its hosts have them, and what these do to have, find and keep them. */
import { bitCount } from "./host-sets.ts";
import type { RecordStore } from "./record-store.ts";
import type { SubnetLan } from "./subnet-lan.ts";

export class SubnetRecords {
  /** Records copied from host to host after others came or went. */
  copies = 0;
  readonly #store: RecordStore;
  /** Undefined where nodes are hosts, which have whatever their node has. */
  readonly #lan: SubnetLan | undefined;

  constructor(store: RecordStore, lan: SubnetLan | undefined) {
    this.#store = store;
    this.#lan = lan;
  }

  /** A record has come to a host, which passes it to those that are to keep it. */
  receive(node: number, host: number, record: number): void {
    const store = this.#store;
    if (this.#lan === undefined) return store.keep(node, record);
    const wanted = store.placeOf(node, record);
    store.keep(node, record, wanted & (1 << host));
    const others = wanted & ~store.hostsOf(node, record);
    this.#lan.pass(node, bitCount(others), () => store.keep(node, record, others));
  }

  /** Has a host look for a record, at its siblings if it has to. */
  find(node: number, host: number, record: number, then: (isThere: boolean) => void): void {
    const store = this.#store;
    const isHere = (store.hostsOf(node, record) & (1 << host)) !== 0;
    if (this.#lan === undefined || isHere) return then(store.has(node, record));
    const isThere = store.has(node, record);
    this.#lan.ask(node, host, isThere, () => then(isThere && store.has(node, record)));
  }

  /** Hosts of a subnet came or went: what is at too few of them now is copied. @param node one of its nodes */
  onHosts(subnet: number, node: number): void {
    const missing = this.#store.missing(subnet);
    const copies = missing.reduce((sum, [, hosts]) => sum + bitCount(hosts), 0);
    this.copies += copies;
    this.#lan?.pass(node, copies, () => {
      for (const [record, hosts] of missing) this.#store.copy(subnet, record, hosts);
    });
  }
}
