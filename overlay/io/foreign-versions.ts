/** Peers that were turned away for their wire versions, for `explain` to tell of. */

export interface ForeignVersion {
  /** Address without port. */
  readonly address: string;
  readonly wireMin: number;
  readonly wireMax: number;
  /** Monotonic. */
  readonly atMs: number;
}

/** They knock again every minute or more often, as long as they are there. */
const REMEMBERED_MS = 5 * 60_000;
const REMEMBERED_MAX = 64;

export class ForeignVersions {
  readonly #met = new Map<string, ForeignVersion>();

  note(met: ForeignVersion): void {
    this.#met.delete(met.address);
    this.#met.set(met.address, met);
    if (this.#met.size > REMEMBERED_MAX) this.#met.delete(this.#met.keys().next().value ?? "");
  }

  /** Those met of late. */
  recent(nowMs: number): readonly ForeignVersion[] {
    return [...this.#met.values()].filter(({ atMs }) => nowMs - atMs <= REMEMBERED_MS);
  }
}
