/** Names of the calls and notices between hosts; the messages are in `peer.proto`. */

/** Calls, answered. */
export const CALL = {
  /** AdmitRequest -> AdmitResponse; the one call open to strangers. */
  admit: "admit",
  /** Empty -> SubnetHandover; to a member on the same link. */
  adopt: "adopt",
  /** HostSetPull -> HostSets: the asked subnet's set, when newer. */
  hostSetPull: "host-set-pull",
  /** DialBackRequest -> DialBackResponse: whether the asker can be dialled. */
  dialBack: "dial-back",
  /** Empty -> empty: the asked host, reached through a relay, dials the asker. */
  reverse: "reverse",
  put: "put",
  get: "get",
  watch: "watch",
  /** FloorsRequest -> FloorsResponse: the newest version known of each slot, kept or gone. */
  floors: "floors",
  /** RevocationPull -> Revocations; also to a host whose membership ended, which learns why. */
  revocations: "revocations",
  /** Empty -> Renewal; also to a host whose membership has expired. */
  renew: "renew",
  /** SubnetClaim -> SubnetHandover: a later generation of the caller's subnet, signed as its maker. */
  signClaim: "sign-claim",
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
  /** Revocations that are news to the sender. */
  revoked: "revoked",
  /** PendingHost: a newcomer waits for admission at the sender. */
  pending: "pending",
  /** Approval: to siblings with the newcomer's membership, to the newcomer without. */
  approved: "approved",
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
