/** Numbers of Chord's messages and timers, and what the messages hold beside lists of nodes. */
import { CONTACT_BYTES, ID_BYTES, PROTOCOL_TYPE } from "../engine/protocol.ts";

/**
 * `find-node` asks for the next hop to a key (and says whom it found dead); `stabilize` for the
 * predecessor (and says which successor died); `notify` says "I may be yours" and its answer carries the successors; `fix-finger` is
 * for whom a finger's lookup found. `join` goes to the contact and from there to the owner, who answers
 * with `welcome`; `new-successor` is the hint of an aggressive join. The others are recursive
 * routing's: what it forwards, and answers of those that got it.
 */
export const TYPE = {
  findNode: PROTOCOL_TYPE,
  stabilize: PROTOCOL_TYPE + 1,
  notify: PROTOCOL_TYPE + 2,
  fixFinger: PROTOCOL_TYPE + 3,
  join: PROTOCOL_TYPE + 4,
  welcome: PROTOCOL_TYPE + 5,
  newSuccessor: PROTOCOL_TYPE + 6,
  finger: PROTOCOL_TYPE + 7,
  routeQuery: PROTOCOL_TYPE + 8,
  routeJoin: PROTOCOL_TYPE + 9,
  routeFinger: PROTOCOL_TYPE + 10,
  routeOwner: PROTOCOL_TYPE + 11,
  owner: PROTOCOL_TYPE + 12,
} as const;

export const TICK = {
  join: PROTOCOL_TYPE,
  stabilize: PROTOCOL_TYPE + 1,
  fixFingers: PROTOCOL_TYPE + 2,
} as const;

/** What a lookup is for; `owner` is a query whose asker has to hear of the end. Recursive routing forwards it as `TYPE.routeQuery` plus this. */
export const PURPOSE = { query: 0, join: 1, finger: 2, owner: 3 } as const;

export const TYPE_NAMES: ReadonlyMap<number, string> = new Map([
  [TYPE.findNode, "find-node"],
  [TYPE.stabilize, "stabilize"],
  [TYPE.notify, "notify"],
  [TYPE.fixFinger, "fix-finger"],
  [TYPE.join, "join"],
  [TYPE.welcome, "welcome"],
  [TYPE.newSuccessor, "new-successor"],
  [TYPE.finger, "finger"],
  [TYPE.routeQuery, "route-query"],
  [TYPE.routeJoin, "route-join"],
  [TYPE.routeFinger, "route-finger"],
  [TYPE.routeOwner, "route-owner"],
  [TYPE.owner, "owner"],
]);

const ANSWERED = 32;
/** A query's payload, as in OverSim's test application. */
const PAYLOAD_BYTES = 100;

/** What is forwarded has a list of two: its two contacts' worth is the sender's contact and the hop count. */
export const TYPE_BYTES: ReadonlyMap<number, number> = new Map([
  [TYPE.findNode, ID_BYTES],
  [TYPE.fixFinger, 1],
  [TYPE.fixFinger + ANSWERED, CONTACT_BYTES],
  [TYPE.finger, 1 + CONTACT_BYTES],
  [TYPE.routeQuery, ID_BYTES + PAYLOAD_BYTES],
  [TYPE.routeJoin, ID_BYTES],
  [TYPE.routeFinger, ID_BYTES],
  [TYPE.routeOwner, ID_BYTES],
  [TYPE.owner, ID_BYTES],
]);
