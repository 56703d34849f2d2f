/** What a host finds on its disk at start: keys and membership, records, and the token it was given. */
import { isEqualBytes } from "../../platform/bytes.ts";
import { errorMessage } from "../../platform/errors.ts";
import { parseToken, type HeldToken } from "../identity/token.ts";
import { DurableRecords } from "../records/durable-records.ts";
import { keyShares } from "../records/quota-tally.ts";
import { RecordStore } from "../records/record-store.ts";
import { openLevelStore, type LevelStore } from "./level-store.ts";
import type { OverlayOptions, OverlayParts } from "./options.ts";
import { RECORDS_DIRECTORY, StateDirectory } from "./state.ts";

export interface OpenedState {
  readonly state: StateDirectory;
  readonly level: LevelStore;
  readonly records: DurableRecords;
  readonly token: HeldToken | undefined;
}

/** @throws {OverlayError} ERR_OVERLAY_STORAGE or ERR_OVERLAY_TOKEN */
export async function openState(
  options: OverlayOptions,
  parts: OverlayParts,
): Promise<OpenedState> {
  const { clock, log } = parts;
  const state = await StateDirectory.open(options.stateDir);
  const token = options.token === null ? undefined : parseToken(options.token, clock.wallMs());
  const directory = `${options.stateDir}/${RECORDS_DIRECTORY}`;
  const opened = await openLevelStore({ directory, clock });
  if (opened.damagedCopy !== undefined)
    log.warn("the record store was damaged and has been repaired", {
      damagedCopy: opened.damagedCopy,
      dropped: opened.dropped,
    });
  const store = new RecordStore({
    isMine: (publisher) => isEqualBytes(publisher, state.hostKey.publicKey),
    ...keyShares(options.recordsPerKeyMax),
    storeBytesMax: options.storageMaxBytes,
    subnetBytesMax: options.storageMaxBytes / 4,
  });
  store.restore(opened.records, opened.floors, clock.monotonicMs());
  const records = new DurableRecords(store, opened.store, (error) => {
    log.warn("expired records stay on disk until the next start", { reason: errorMessage(error) });
  });
  return { state, level: opened.store, records, token };
}
