/** Types of the messages and timers that are the engine's own, not a protocol's. */
import { PROTOCOL_TYPE, TIMER } from "./protocol.ts";

/** Message types of the engine's own. */
export const TYPE = {
  ask: 1,
  contact: 2,
  register: 3,
  deliver: 4,
  hostSet: 5,
  store: 6,
  offer: 7,
  want: 8,
  repair: 9,
  fetch: 10,
  fetched: 11,
  weigh: 12,
} as const;
/** Timers of the engine's own. */
export const TICK = {
  ask: TIMER + 1,
  query: TIMER + 2,
  leave: TIMER + 3,
  comeBack: TIMER + 4,
  /** A node compares its records, or gets one. */
  repair: TIMER + 5,
  get: TIMER + 6,
  /** A message of a host has come to its siblings. */
  inside: TIMER + 7,
  hostLeave: TIMER + 8,
  hostBack: TIMER + 9,
  /** The siblings of a host have noticed that it came or went. */
  noticed: TIMER + 10,
} as const;

export const ENGINE_TYPE_NAMES: ReadonlyMap<number, string> = new Map([
  [TYPE.ask, "ask-server"],
  [TYPE.contact, "contact"],
  [TYPE.register, "register"],
  [TYPE.deliver, "deliver"],
  [TYPE.hostSet, "host-set"],
  [TYPE.store, "store"],
  [TYPE.offer, "offer"],
  [TYPE.want, "want"],
  [TYPE.repair, "repair"],
  [TYPE.fetch, "fetch"],
  [TYPE.fetched, "fetched"],
  [TYPE.weigh, "weigh"],
]);

/** Timers that go on while a node is absent: those of its coming back and of its hosts. */
export function isOfAbsent(type: number): boolean {
  return type === TICK.comeBack || (type >= TICK.hostLeave && type < TIMER + PROTOCOL_TYPE);
}
