/**
 * The shape of every protocol core: events and time in, actions out.
 *
 * `platform/driver.ts` hosts a machine, by the process' clock and timers or by a simulation's, and
 * the machine cannot tell which it has.
 */

/** What a host of machines feeds when `wakeAtMs` is reached. */
export type Tick = { readonly type: "tick" };

/** A protocol core. It owns no socket, timer, clock or dice. */
export interface Machine<Event, Action> {
  /** Monotonic time of the next due tick; Infinity when nothing is pending. */
  readonly wakeAtMs: number;
  /** Applies one event. Same state, event and time give the same actions. */
  step(event: Event | Tick, nowMs: number): readonly Action[];
}
