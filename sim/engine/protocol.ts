/**
 * What the engine and a protocol core say to each other.
 *
 * A core is a table of nodes in typed arrays, addressed by handle. The engine calls it for one event
 * of one node; what the node does is written to the outbox. The core has no clock, dice or I/O of its
 * own. This is the `Machine` of the house without an object for each event and action.
 *
 * A node's handle is the same in the whole simulation. With several threads each of them has the
 * nodes whose handle is its own number modulo the number of threads, and `handle >> shift` is the row.
 */
import type { Lists } from "./lists.ts";

/** The first type that is a protocol's; lower ones are the engine's. At most 15 of them. */
export const PROTOCOL_TYPE = 16;
/** Added to the type of a request by its answer. */
export const ANSWER = 32;
/** Added to what makes a type a timer's. */
export const TIMER = 64;

/** Bytes of UDP, IPv4 and our own header, of an id, and of a contact (id, address, port). */
export const HEADER_BYTES = 28 + 8;
export const ID_BYTES = 20;
export const CONTACT_BYTES = 26;

/** Of all nodes, by handle; shared by all threads. */
export interface NodeIds {
  /** The upper and the lower 32 bits, as signed integers. */
  readonly high: Int32Array;
  readonly low: Int32Array;
}

export interface Outbox {
  /** Time of the event at hand. */
  readonly nowNs: number;
  /** Contents of messages that name nodes; the engine frees those it delivered or could not. */
  readonly lists: Lists;
  /** A message that wants no answer. @param list a row of `lists`, or NONE; it is the engine's from now on */
  send(from: number, to: number, type: number, a: number, b: number, c: number, list: number): void;
  /** A message that wants one. `context` comes back with the answer, or when there is none in time. */
  request(
    from: number,
    to: number,
    type: number,
    a: number,
    b: number,
    c: number,
    list: number,
    context: number,
  ): void;
  /** To the request at hand. May be called once, now or never. */
  answer(from: number, a: number, b: number, c: number, list: number): void;
  /** Calls `onTimer`, unless the node went by then. */
  after(node: number, delayNs: number, type: number, a: number): void;
  /** 32 random bits as a signed integer. */
  random(node: number): number;
  /** It takes part from now on: knows its neighbours and answers for keys. */
  joined(node: number): void;
  /** It could not join through its contact, or lost everybody it knew, and wants another contact. */
  joinFailed(node: number): void;
  /**
   * The end of a lookup that `lookup` began.
   *
   * @param owner   NONE when nobody was found
   * @param hops    messages on the way, without the last one to the owner itself
   * @param startNs when it began
   */
  found(
    node: number,
    tag: number,
    keyHigh: number,
    keyLow: number,
    owner: number,
    hops: number,
    startNs: number,
  ): void;
}

export interface Protocol {
  /** Contacts taken into tables or out of them so far, by any node. */
  readonly changes: number;
  /** Bytes of a message's contents, without lists and `HEADER_BYTES`; by type. */
  readonly typeBytes: ReadonlyMap<number, number>;
  /** The node comes up. @param contact a node of the overlay; NONE: this is the first */
  start(node: number, contact: number): void;
  /** The node is gone, without a word; its row is to be as if it had never been. */
  stop(node: number): void;
  /** A message or a request. @param list a row of lists, or NONE; only until this returns */
  onMessage(
    node: number,
    from: number,
    type: number,
    a: number,
    b: number,
    c: number,
    list: number,
  ): void;
  /** @param type of the answer, with ANSWER in it */
  onAnswer(
    node: number,
    from: number,
    type: number,
    a: number,
    b: number,
    c: number,
    list: number,
    context: number,
  ): void;
  /**
   * @param type  of the request that `to` did not answer
   * @param isOfNow whether the node is still the one that asked; if not, only `context` is to be let go
   */
  onTimeout(node: number, to: number, type: number, context: number, isOfNow: boolean): void;
  onTimer(node: number, type: number, a: number): void;
  /** Looks for the owner of a key; ends in `found`, perhaps at once. @param tag comes back */
  lookup(node: number, keyHigh: number, keyLow: number, tag: number): void;
  /** Whether the node believes that the key is its own. */
  isResponsible(node: number, keyHigh: number, keyLow: number): boolean;
  /** Whether a key is the node's own, by who has joined. */
  isOwner(node: number, keyHigh: number, keyLow: number, directory: NeighbourOracle): boolean;
  /** Whether what the node knows of its neighbours is right, by who has joined. */
  isAccurate(node: number, directory: NeighbourOracle): boolean;
  /**
   * Those that should keep what is stored under a key that a node owns, or that it keeps for the owner,
   * as far as the node can tell; the nearest to the key first.
   *
   * @returns how many of `count` were written to `into`
   */
  neighbours(
    node: number,
    keyHigh: number,
    keyLow: number,
    count: number,
    into: Int32Array,
  ): number;
  /** Handles of all nodes that the node knows; for topologies. */
  contacts(node: number): readonly number[];
}

/** Who really is where, for checks; never for the protocol itself. */
export interface NeighbourOracle {
  /** The joined node that follows this one on the ring; itself when it is alone. */
  successorOf(node: number): number;
  /** The joined node at or after a key on the ring; NONE when there is none. */
  ringOwner(keyHigh: number, keyLow: number): number;
  /** The joined node that is closest to a key by XOR; NONE when there is none. */
  closest(keyHigh: number, keyLow: number): number;
  /** The joined node that is closest to this one, itself apart; NONE when there is none. */
  closestTo(node: number): number;
  isJoined(node: number): boolean;
}
