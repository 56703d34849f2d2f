/** Hosts that are left alone for a while after they failed at something. */

export class AvoidedHosts {
  readonly #untilMs = new Map<string, number>();

  get size(): number {
    return this.#untilMs.size;
  }

  /** @param untilMs monotonic */
  add(hostId: string, untilMs: number): void {
    this.#untilMs.set(hostId, untilMs);
  }

  has(hostId: string): boolean {
    return this.#untilMs.has(hostId);
  }

  /** Forgets those whose time is over, so that no more are kept than failed within it. */
  expire(nowMs: number): void {
    for (const [hostId, untilMs] of this.#untilMs)
      if (untilMs <= nowMs) this.#untilMs.delete(hostId);
  }
}
