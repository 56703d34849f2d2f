/** The host of a `Machine`: feeds events and ticks, hands the actions to one function. */
import type { Clock } from "./clock.ts";
import type { Machine, Tick } from "./machine.ts";
import type { Timer, Timers } from "./timers.ts";

export interface Driver<Event> {
  /** Applies an event now and performs the actions it gives. */
  feed(event: Event): void;
  /** Stops the ticks; later events are ignored. */
  stop(): void;
}

/** setTimeout turns longer waits into 1 ms. */
const WAIT_MAX_MS = 2 ** 31 - 1;

/**
 * Drives one machine with a clock and one timer.
 *
 * `perform` may feed the machine again: such an event waits until the present actions are done,
 * so a machine never sees itself half way through a step.
 */
export function driveMachine<Event, Action>(
  machine: Machine<Event, Action>,
  clock: Clock,
  timers: Timers,
  perform: (action: Action) => void,
): Driver<Event> {
  const queue: (Event | Tick)[] = [];
  let timer: Timer | undefined;
  let isRunning = false;
  let isStopped = false;

  const schedule = (): void => {
    timer?.cancel();
    timer = undefined;
    if (isStopped || machine.wakeAtMs === Infinity) return;
    const waitMs = Math.min(WAIT_MAX_MS, Math.max(0, machine.wakeAtMs - clock.monotonicMs()));
    // A timer counts in whole milliseconds of its own and may be a fraction early.
    const isDue = (): boolean => clock.monotonicMs() >= machine.wakeAtMs;
    timer = timers.after(Math.ceil(waitMs), () => (isDue() ? run({ type: "tick" }) : schedule()));
  };

  const run = (event: Event | Tick): void => {
    if (isStopped) return;
    queue.push(event);
    if (isRunning) return;
    isRunning = true;
    try {
      for (let next = queue.shift(); next !== undefined; next = queue.shift())
        for (const action of machine.step(next, clock.monotonicMs())) perform(action);
    } finally {
      isRunning = false;
      schedule();
    }
  };

  schedule();
  return {
    feed: run,
    stop() {
      isStopped = true;
      timer?.cancel();
    },
  };
}
