/**
 * A `RecordStore` whose every put is on disk before it is seen or acknowledged.
 *
 * Puts of one slot wait for each other; all others go to the disk side by side.
 */
import type {
  AcceptResult,
  HeldRecord,
  RecordOffer,
  RecordStore,
  StoreChange,
} from "./record-store.ts";
import { slotIdOf } from "./record.ts";
import type { VersionFloor } from "./version-floors.ts";

/** Where records rest. */
export interface RecordPersistence {
  /**
   * Does all of the changes or none, and resolves when they are on disk.
   *
   * @throws {OverlayError} ERR_OVERLAY_STORAGE
   */
  write(changes: readonly StoreChange[]): Promise<void>;
}

export class DurableRecords {
  /** To read from; what changes it goes through here. */
  readonly store: RecordStore;
  /** Whose records are not taken: publishers that were removed from the overlay. */
  refuses: (publisher: Uint8Array) => boolean = () => false;
  readonly #persistence: RecordPersistence;
  readonly #onCleaningFailed: (error: unknown) => void;
  /** Settles when the last put of the slot has. */
  readonly #busy = new Map<string, Promise<unknown>>();

  /**
   * @param onCleaningFailed told when an expired or dropped record could not be taken off the disk;
   *   nothing depends on it: the next start takes it off
   */
  constructor(
    store: RecordStore,
    persistence: RecordPersistence,
    onCleaningFailed: (error: unknown) => void,
  ) {
    this.store = store;
    this.#persistence = persistence;
    this.#onCleaningFailed = onCleaningFailed;
  }

  /**
   * Judges an offer and stores it.
   *
   * @param nowMs monotonic time of receipt: the lifetime counts from here, not from the disk's end
   * @throws {OverlayError} ERR_OVERLAY_STORAGE when the disk did not take it; nothing has changed
   */
  async accept(offer: RecordOffer, nowMs: number): Promise<AcceptResult> {
    const slotId = slotIdOf(offer.record);
    const result = this.#after(slotId, () => this.#acceptNow(offer, nowMs));
    const settled = Promise.allSettled([result]);
    this.#busy.set(slotId, settled);
    try {
      return await result;
    } finally {
      if (this.#busy.get(slotId) === settled) this.#busy.delete(slotId);
    }
  }

  /** Takes out what has expired; from the disk in the background. */
  expire(nowMs: number): readonly HeldRecord[] {
    const { expired, changes } = this.store.expire(nowMs);
    this.#clean(changes);
    return expired;
  }

  /** Drops records that others keep now. One that is just being replaced stays. */
  forget(slotIds: Iterable<string>, nowMs: number): void {
    this.#clean([...slotIds].flatMap((slotId) => this.store.forget(slotId, nowMs)));
  }

  /** Takes note of versions known elsewhere. */
  raiseFloors(floors: readonly VersionFloor[]): void {
    this.#clean(floors.flatMap((floor) => this.store.raiseFloor(floor)));
  }

  /** Drops what is kept of publishers that are refused by now. */
  dropRefused(nowMs: number): void {
    const refused = [...this.store.all()].filter(({ record }) => this.refuses(record.publisher));
    if (refused.length > 0)
      this.forget(
        refused.map(({ slotId }) => slotId),
        nowMs,
      );
  }

  /** Turns copies into owned records, or back. */
  setOwned(slotIds: Iterable<string>, isOwned: boolean): void {
    this.#clean([...slotIds].flatMap((slotId) => this.store.setOwned(slotId, isOwned)));
  }

  #after(slotId: string, put: () => Promise<AcceptResult>): Promise<AcceptResult> {
    const earlier = this.#busy.get(slotId);
    return earlier === undefined ? put() : earlier.then(put);
  }

  async #acceptNow(offer: RecordOffer, nowMs: number): Promise<AcceptResult> {
    if (this.refuses(offer.record.publisher)) return { type: "refused" };
    const verdict = this.store.prepare(offer, nowMs);
    if (verdict.type !== "claim") return verdict;
    try {
      await this.#persistence.write(verdict.changes);
    } catch (error) {
      this.store.abort(verdict);
      throw error;
    }
    return this.store.commit(verdict);
  }

  #clean(changes: readonly StoreChange[]): void {
    if (changes.length > 0) this.#persistence.write(changes).catch(this.#onCleaningFailed);
  }
}
