/** What the two queues of events have in common: the order of `isBefore`, whatever the way in. */
export interface EventQueue {
  readonly size: number;
  /** @param event not earlier than what was popped last */
  push(event: number): void;
  /** The next event before a time, taken out; NONE when there is none. */
  pop(beforeNs: number): number;
}
