/** What the events of a run are called in its trace. */
import { ENGINE_TYPE_NAMES, TICK } from "../engine/engine-types.ts";
import { ANSWER, TIMER } from "../engine/protocol.ts";

const TICK_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(TICK).map(([name, type]) => [type, `${name} timer`]),
);

/** `find-node`, `find-node answer`, `query timer`; a protocol's own timers are `timer 1` and so on. */
export function eventName(type: number, protocolNames: ReadonlyMap<number, string>): string {
  if (type >= TIMER) return TICK_NAMES.get(type) ?? `timer ${type - TIMER}`;
  const request = type & ~ANSWER;
  const name = ENGINE_TYPE_NAMES.get(request) ?? protocolNames.get(request) ?? `type ${request}`;
  return type === request ? name : `${name} answer`;
}

/** All names that events of a protocol may have, its own timers aside. */
export function eventNames(protocolNames: ReadonlyMap<number, string>): readonly string[] {
  const own = [...protocolNames.values()];
  return [
    ...ENGINE_TYPE_NAMES.values(),
    ...own,
    ...own.map((name) => `${name} answer`),
    ...TICK_NAMES.values(),
  ];
}
