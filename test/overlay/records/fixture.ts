/** Records to test with. */
import { createHash } from "node:crypto";
import { toHex, utf8 } from "../../../platform/bytes.ts";
import type { Clock } from "../../../platform/clock.ts";
import { createKeyPair, type KeyPair } from "../../../overlay/identity/keys.ts";
import {
  signRecord,
  type RecordFields,
  type SignedRecord,
} from "../../../overlay/records/record.ts";

export const HOUR_MS = 3_600_000;

export function keyOf(text: string): Uint8Array {
  return new Uint8Array(createHash("sha256").update(text).digest());
}

export function keyHexOf(text: string): string {
  return toHex(keyOf(text));
}

const pairs = new Map<string, KeyPair>();

/** The key pair of a name, the same each time. */
export function publisherOf(name: string): KeyPair {
  const pair = pairs.get(name) ?? createKeyPair(keyOf(`publisher ${name}`));
  pairs.set(name, pair);
  return pair;
}

export interface Wanted extends Partial<Omit<RecordFields, "key" | "publisher">> {
  readonly key?: string;
  readonly publisher?: string;
}

export function makeRecord(wanted: Wanted = {}): SignedRecord {
  const { key = "printer", publisher = "anna", ...fields } = wanted;
  const pair = publisherOf(publisher);
  const defaults: RecordFields = {
    key: keyOf(key),
    publisher: pair.publicKey,
    slot: "",
    version: 1n,
    issuedAtMs: 1_700_000_000_000,
    lifetimeMs: HOUR_MS,
    value: fields.isRemoved === true ? new Uint8Array() : utf8("10.0.0.7:631"),
    isRemoved: false,
    policy: { type: "copies", count: 2 },
    delegation: new Uint8Array(),
  };
  return signRecord({ ...defaults, ...fields }, pair);
}

/** A clock that stands where it was put. */
export class SetClock implements Clock {
  nowMs: number;
  atWallMs: number;

  constructor(nowMs = 5000, atWallMs = 1_700_000_000_000) {
    this.nowMs = nowMs;
    this.atWallMs = atWallMs;
  }

  monotonicMs(): number {
    return this.nowMs;
  }

  wallMs(): number {
    return this.atWallMs;
  }

  /** Lets time pass on both. */
  pass(ms: number): void {
    this.nowMs += ms;
    this.atWallMs += ms;
  }
}
