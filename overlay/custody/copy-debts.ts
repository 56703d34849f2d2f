/** Copies that a host or a subnet is still to get; whoever fails is given longer and longer. */

const RETRY_MS = 2_000;
const RETRY_MAX_MS = 60_000;

interface Debt {
  readonly slots: Set<string>;
  nextAtMs: number;
  delayMs: number;
}

export class CopyDebts {
  readonly #debts = new Map<string, Debt>();

  add(taker: string, slotId: string): void {
    const debt = this.#debts.get(taker) ?? {
      slots: new Set(),
      nextAtMs: -Infinity,
      delayMs: RETRY_MS,
    };
    if (!debt.slots.has(slotId)) debt.nextAtMs = -Infinity; // what is new waits for nobody
    debt.slots.add(slotId);
    this.#debts.set(taker, debt);
  }

  /** As `add`, for what the taker has just failed to take: it waits as after an attempt. */
  addFailed(taker: string, slotId: string, nowMs: number): void {
    if (this.#debts.has(taker)) this.#debts.get(taker)!.slots.add(slotId);
    else {
      this.add(taker, slotId);
      this.postpone(taker, nowMs);
    }
  }

  /** Whose time has come, with the slots owed to each. */
  due(nowMs: number): (readonly [taker: string, slotIds: readonly string[]])[] {
    return [...this.#debts]
      .filter(([, { nextAtMs }]) => nextAtMs <= nowMs)
      .map(([taker, { slots }]) => [taker, [...slots]]);
  }

  /** When the next is due; Infinity when nothing is owed. */
  get nextAtMs(): number {
    return Math.min(Infinity, ...[...this.#debts.values()].map(({ nextAtMs }) => nextAtMs));
  }

  /** Copied, or no longer to be. */
  settle(taker: string, slotIds: Iterable<string>): void {
    const slots = this.#debts.get(taker)?.slots;
    for (const slotId of slotIds) slots?.delete(slotId);
    if (slots?.size === 0) this.#debts.delete(taker);
  }

  /** To be called once after each attempt that left something owed. */
  postpone(taker: string, nowMs: number): void {
    const debt = this.#debts.get(taker);
    if (debt === undefined) return;
    debt.nextAtMs = nowMs + debt.delayMs;
    debt.delayMs = Math.min(RETRY_MAX_MS, debt.delayMs * 2);
  }
}
