/** Names of the calls and notices between hosts; the messages are in `peer.proto`. */

/** Calls, answered. */
export const CALL = {
  /** AdmitRequest -> AdmitResponse; the one call open to strangers. */
  admit: "admit",
  /** Empty -> SubnetHandover; to a member on the same link. */
  adopt: "adopt",
  /** HostSetPull -> HostSets: the asked subnet's set, when newer. */
  hostSetPull: "host-set-pull",
  put: "put",
  get: "get",
  watch: "watch",
} as const;

/** Notices, not answered. */
export const NOTICE = {
  /** Signed HostSetBody, of whatever subnet is news. */
  hostSet: "host-set",
  /** Signed HostStatement of the sender. */
  statement: "statement",
  /** Signed leave body. */
  leave: "leave",
  /** OverlayInfo: the overlay was locked. */
  locked: "locked",
  watchEvent: "watch-event",
  interest: "interest",
  /** PutRequest: a record changed under a key that the receiver has an interest in. */
  changed: "changed",
} as const;

export const PUT_RESULT = {
  stored: 1,
  duplicate: 2,
  stale: 3,
  quota: 4,
  expired: 5,
  storage: 6,
  refused: 7,
} as const;
