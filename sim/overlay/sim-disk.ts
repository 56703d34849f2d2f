/**
 * A host's disk: what was written and synced outlives the process and a power cut, the rest does
 * not. Records and floors lie on it in the bytes that the daemon writes.
 */
import type { Clock } from "../../platform/clock.ts";
import type { Random } from "../../platform/random.ts";
import {
  decodeStoredFloor,
  decodeStoredRecord,
  encodeStoredFloor,
  encodeStoredRecord,
  OverlayError,
  StoreClock,
  type ClockMark,
  type RecordOffer,
  type RecordPersistence,
  type StoreChange,
  type SubnetClaim,
  type Signed,
  type VersionFloor,
} from "../../overlay/cores.ts";
import type { HostTime } from "./host-time.ts";

const WRITE_MIN_MS = 0.4;
const WRITE_MAX_MS = 12;

/** A stored stay, as `overlay/io/state.ts` keeps it. */
export interface StoredSubnet {
  readonly seed: Uint8Array;
  readonly claim: SubnetClaim;
  readonly version: bigint;
}

export class SimDisk {
  readonly #records = new Map<string, Uint8Array>();
  readonly #floors = new Map<string, Uint8Array>();
  #mark: ClockMark | undefined;
  subnet: StoredSubnet | undefined;
  /** Last known sets, of the own subnet and of others. */
  contacts: readonly Signed[] = [];

  /** Whether a record of at least that version of a slot is safe here. */
  holds(slotId: string, version: bigint): boolean {
    const bytes = this.#records.get(slotId);
    return bytes !== undefined && decodeStoredRecord(bytes).record.version >= version;
  }

  open(clock: Clock): {
    readonly records: readonly RecordOffer[];
    readonly floors: readonly VersionFloor[];
    readonly storeClock: StoreClock;
  } {
    const nowMs = clock.monotonicMs();
    const storeClock = new StoreClock(this.#mark, nowMs, clock.wallMs());
    const floors = [...this.#floors].map(([slotId, bytes]) =>
      decodeStoredFloor(slotId, bytes, storeClock),
    );
    const records: RecordOffer[] = [];
    for (const bytes of this.#records.values()) {
      const { expiresAtMs, ...stored } = decodeStoredRecord(bytes);
      // What expired while the host was off is buried by the first look at it.
      records.push({ ...stored, remainingMs: storeClock.toMonotonicMs(expiresAtMs) - nowMs });
    }
    return { records, floors: floors.filter((floor) => floor.keepUntilMs > nowMs), storeClock };
  }

  apply(changes: readonly StoreChange[], storeClock: StoreClock, clock: Clock): void {
    for (const change of changes)
      switch (change.type) {
        case "put-record":
          this.#records.set(change.held.slotId, encodeStoredRecord(change.held, storeClock));
          break;
        case "delete-record":
          this.#records.delete(change.slotId);
          break;
        case "put-floor":
          this.#floors.set(change.floor.slotId, encodeStoredFloor(change.floor, storeClock));
          break;
        case "delete-floor":
          this.#floors.delete(change.slotId);
      }
    const storeMs = storeClock.toStoreMs(clock.monotonicMs());
    this.#mark = { storeMs, wallMs: clock.wallMs() };
  }
}

/** Writes of one run: in order, each on disk some time after it was asked for, and then told. */
export class DiskWriter implements RecordPersistence {
  readonly #disk: SimDisk;
  readonly #time: HostTime;
  readonly #random: Random;
  readonly #storeClock: StoreClock;
  #last: Promise<void> = Promise.resolve();

  constructor(disk: SimDisk, time: HostTime, random: Random, storeClock: StoreClock) {
    this.#disk = disk;
    this.#time = time;
    this.#random = random;
    this.#storeClock = storeClock;
  }

  write(changes: readonly StoreChange[]): Promise<void> {
    this.#last = this.#last.then(() => this.#sync(changes));
    return this.#last;
  }

  async #sync(changes: readonly StoreChange[]): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#time.after(this.#random.between(WRITE_MIN_MS, WRITE_MAX_MS), () => {
      if (this.#time.isOver)
        return reject(new OverlayError("ERR_OVERLAY_STORAGE", "the host is off"));
      this.#disk.apply(changes, this.#storeClock, this.#time);
      resolve();
    });
    return promise;
  }
}
