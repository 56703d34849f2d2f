/** A promise that was broken in a run. */

export const PROMISES = [
  "one-subnet",
  "oldest-subnet",
  "host-set",
  "set-goes-back",
  "table",
  "table-calm",
  "lost",
  "resurrected",
  "expired",
  "invented",
  "version-reused",
  "durable",
  "copies",
  "audit",
  "liveness",
  "lease-stale",
  "lease-one",
  "lease-held",
] as const;

/** See docs/simulation-overlay.md for what each says. */
export type PromiseName = (typeof PROMISES)[number];

export interface Violation {
  readonly promise: PromiseName;
  readonly atMs: number;
  readonly what: string;
}
