/** Types of the messages and timers that are the engine's own, not a protocol's. */
import { TIMER } from "./protocol.ts";

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
  hostLeave: TIMER + 7,
  hostBack: TIMER + 8,
  /** The siblings of a host have noticed that it came or went. */
  noticed: TIMER + 9,
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
