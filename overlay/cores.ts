/**
 * The overlay's protocol without sockets, disk, clock or dice, for a simulator to run as it is.
 *
 * `io/` runs and ships the same; nothing here comes from there.
 */
export { OverlayError, type OverlayErrorCode } from "./errors.ts";
export type * from "./types.ts";
export { certifyByAuthority } from "./identity/certificate.ts";
export { createKeyPair, type KeyPair } from "./identity/keys.ts";
export { NOBODY_REVOKED } from "./identity/revoked.ts";
export { hostTagOf, overlayTagOf, subnetTagOf } from "./identity/tags.ts";
export {
  LeaseMachine,
  type LeaseAction,
  type LeaseDuty,
  type LeaseEvent,
} from "./lease/lease-machine.ts";
export type { SlotWord } from "./lease/slot-book.ts";
export { LinkMachine } from "./link/link-machine.ts";
export type { LinkAction, LinkEvent, LinkPeer } from "./link/types.ts";
export { checkClaim, compareClaims, createClaim } from "./subnet/claim.ts";
export { FormationMachine } from "./subnet/formation-machine.ts";
export type { FormationAction, FormationEvent } from "./subnet/formation-machine.ts";
export { toJoinFailure } from "./subnet/join-failure.ts";
export { checkHostSet, fittingSets, type HostSet, type SetHost } from "./subnet/host-set.ts";
export { STATEMENT_GOOD_FOR_MS } from "./subnet/host-set-machine.ts";
export { HostSetKeeper } from "./subnet/host-set-keeper.ts";
export { SubnetBook } from "./subnet/subnet-book.ts";
export { compareDistance, positionOf } from "./routing/position.ts";
export type { Routing, RoutingEntry, RoutingEvent } from "./routing/routing.ts";
export type { Channel, Channels } from "./peers/channel.ts";
export { HostSetExchange } from "./peers/host-set-exchange.ts";
export { Neighbours } from "./peers/neighbours.ts";
export { SiblingDesk } from "./peers/sibling-desk.ts";
export { Siblings } from "./peers/siblings.ts";
export { tryEach } from "./peers/try-each.ts";
export { DurableRecords, type RecordPersistence } from "./records/durable-records.ts";
export { placeInSubnet } from "./records/subnet-placement.ts";
export { slotIdOf, type SignedRecord } from "./records/record.ts";
export { RecordStore, type RecordOffer, type StoreChange } from "./records/record-store.ts";
export { StoreClock, type ClockMark } from "./records/store-clock.ts";
export {
  decodeStoredFloor,
  decodeStoredRecord,
  encodeStoredFloor,
  encodeStoredRecord,
} from "./records/stored-record.ts";
export type { VersionFloor } from "./records/version-floors.ts";
export { Custodian } from "./custody/custodian.ts";
export { OverlayDirectory } from "./custody/directory.ts";
export { RecordMover } from "./custody/record-mover.ts";
export { serveRecords } from "./custody/record-service.ts";
export { WatchDesk } from "./custody/watch-desk.ts";
export { CALL, NOTICE } from "./schema/methods.ts";
export {
  SignedCodec,
  SubnetHandoverCodec,
  type Membership,
  type Signed,
  type SubnetClaim,
} from "./schema/messages.ts";
