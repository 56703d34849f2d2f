/** mDHT: the hosts of a link form one subnet, and every subnet is one node of a DHT. */
export type * from "./types.ts";
export { OverlayError, type OverlayErrorCode } from "./errors.ts";
export { initOverlay, startOverlay } from "./io/overlay.ts";
export { BOX_OVERHEAD_BYTES, sealTo } from "./identity/sealing.ts";
export {
  LeaseMachine,
  type LeaseAction,
  type LeaseDuty,
  type LeaseEvent,
} from "./lease/lease-machine.ts";
export { EPOCH_MAX, type SlotWord } from "./lease/slot-book.ts";
export { forgetState } from "./io/state.ts";
export type { OverlayOptions, OverlayParts } from "./io/options.ts";
export {
  keyEntries,
  noteStoredBackup,
  restoreState,
  storedEntries,
  type Restoration,
} from "./io/backup.ts";
export {
  decodeBackup,
  decodeEntries,
  encodeBackup,
  isBackup,
  SCRYPT_COST,
  type BackupEntry,
} from "./backup/backup-file.ts";
