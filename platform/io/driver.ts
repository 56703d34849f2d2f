/** The real host of a `Machine`: drives it in the process' own time. */
import type { Clock } from "../clock.ts";
import { driveMachine, type Driver } from "../driver.ts";
import type { Machine } from "../machine.ts";
import { SYSTEM_TIMERS } from "./system-timers.ts";

export type { Driver } from "../driver.ts";

export function createDriver<Event, Action>(
  machine: Machine<Event, Action>,
  clock: Clock,
  perform: (action: Action) => void,
): Driver<Event> {
  return driveMachine(machine, clock, SYSTEM_TIMERS, perform);
}
