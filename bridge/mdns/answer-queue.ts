/** Answers that wait for their moment (RFC 6762 §6), each with the host that asked. */

export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

export interface Reply {
  /** Who asked. */
  readonly from: string;
  readonly heardAtMs: number;
  readonly dueAtMs: number;
  /** Keys of own records. */
  readonly keys: Set<string>;
  /** Keys of what the asker knows. */
  readonly known: Set<string>;
  /** `null` for everyone. */
  readonly to: Endpoint | null;
  /** Least time since the same record was last multicast. */
  readonly gapMs: number;
}

/** Beyond that, answers to one asker are dropped, and those for everyone go together. */
const REPLIES_MAX = 256;

export class AnswerQueue {
  #replies: Reply[] = [];

  get wakeAtMs(): number {
    let wakeAtMs = Infinity;
    for (const { dueAtMs } of this.#replies) wakeAtMs = Math.min(wakeAtMs, dueAtMs);
    return wakeAtMs;
  }

  add(reply: Reply): void {
    if (reply.keys.size === 0) return;
    // What waits for everyone may wait together.
    const twin = this.#replies.find(
      ({ from, to, dueAtMs, gapMs }) =>
        to === null &&
        reply.to === null &&
        gapMs === reply.gapMs &&
        (this.#replies.length >= REPLIES_MAX || (from === reply.from && dueAtMs === reply.dueAtMs)),
    );
    if (twin !== undefined) for (const key of reply.keys) twin.keys.add(key);
    else if (this.#replies.length < REPLIES_MAX) this.#replies.push(reply);
  }

  /** §7.2: what the same host knows besides need not be sent. */
  learn(from: string, known: ReadonlySet<string>): void {
    for (const reply of this.#replies) {
      if (reply.from !== from) continue;
      for (const key of known) {
        reply.keys.delete(key);
        reply.known.add(key);
      }
    }
  }

  /** §7.4: somebody else has just told everyone. */
  hear(key: string): void {
    for (const { keys, to } of this.#replies) if (to === null) keys.delete(key);
  }

  clear(): void {
    this.#replies = [];
  }

  /** Takes out what is due. */
  due(nowMs: number): Reply[] {
    const due = this.#replies.filter(({ dueAtMs }) => nowMs >= dueAtMs);
    if (due.length > 0) this.#replies = this.#replies.filter(({ dueAtMs }) => nowMs < dueAtMs);
    return due.filter(({ keys }) => keys.size > 0);
  }
}
