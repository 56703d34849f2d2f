/** Records as they travel, as they rest on disk, and the store that reads them all at its start. */
import { readLevel, type Database } from "../../../overlay/io/level-files.ts";
import { decodeCopyPolicy, encodeCopyPolicy } from "../../../overlay/records/copy-policy.ts";
import type { HeldRecord } from "../../../overlay/records/record-store.ts";
import { messageCodec } from "../../../overlay/records/record-schema.ts";
import {
  compareRecords,
  decodeRecord,
  encodeRecord,
  recordBytes,
  slotIdOf,
  verifyRecord,
  RECORD_BYTES_MAX,
  RECORD_DOMAIN,
} from "../../../overlay/records/record.ts";
import {
  decodeClockMark,
  encodeClockMark,
  StoreClock,
} from "../../../overlay/records/store-clock.ts";
import {
  decodeStoredFloor,
  decodeStoredRecord,
  encodeStoredFloor,
  encodeStoredRecord,
} from "../../../overlay/records/stored-record.ts";
import { checkVersionTaken } from "../../../overlay/records/version-rules.ts";
import { OverlayError } from "../../../overlay/errors.ts";
import { ByteReader, concatBytes, isEqualBytes, utf8 } from "../../../platform/bytes.ts";
import { GOLDEN } from "../../overlay/records/golden.ts";
import { makeRecord, publisherOf, SetClock } from "../../overlay/records/fixture.ts";
import { checkRoundTrip, isSameValue, Violation, type FuzzTarget } from "../engine/target.ts";
import { PROTOBUF_CODE } from "./messages.ts";

const ENVELOPE = messageCodec<{ body: Uint8Array; signature: Uint8Array }>("RecordEnvelope");
const ANNA = publisherOf("anna");
const NOW_MS = 5000;
const WALL_MS = 1_700_000_000_000;

const SHARED = {
  format: "protobuf",
  bytesMax: RECORD_BYTES_MAX + 256,
  dictionary: [ANNA.publicKey],
  counts: PROTOBUF_CODE,
} as const;

const record: FuzzTarget = {
  ...SHARED,
  name: "record",
  covers: [
    "overlay/records/record.ts decodeRecord",
    "overlay/records/copy-policy.ts decodeCopyPolicy",
  ],
  seeds: () => Object.values(GOLDEN).map((hex) => new Uint8Array(Buffer.from(hex, "hex"))),
  run(bytes) {
    const decoded = decodeRecord(bytes);
    checkRoundTrip(decoded, encodeRecord, decodeRecord);
    if (recordBytes(decoded) !== encodeRecord(decoded).length)
      throw new Violation(`recordBytes says ${recordBytes(decoded)}`);
    if (compareRecords(decoded, decoded) !== 0) throw new Violation("a record is not itself");
    if (!isSameValue(decodeCopyPolicy(encodeCopyPolicy(decoded.policy)), decoded.policy))
      throw new Violation("a copy policy does not come back");
  },
};

/** The input is the body alone; the publisher of the tests signs it. */
const signedRecord: FuzzTarget = {
  ...SHARED,
  name: "record-signed",
  covers: [
    "overlay/records/record.ts verifyRecord",
    "overlay/records/version-rules.ts checkVersionTaken",
  ],
  refusals: [OverlayError],
  seeds: () => [makeRecord().body, makeRecord({ isRemoved: true, version: 2n }).body],
  run(body) {
    const signature = ANNA.sign(RECORD_DOMAIN, body);
    const decoded = decodeRecord(ENVELOPE.encode({ body, signature }));
    if (verifyRecord(decoded) !== isEqualBytes(decoded.publisher, ANNA.publicKey))
      throw new Violation("the signature is judged wrongly");
    if (slotIdOf(decoded).length !== 43) throw new Violation("a slot id of another length");
    checkVersionTaken(decoded);
    const forged = new Uint8Array(decoded.signature);
    forged[bodyByte(body)]! ^= 1;
    if (verifyRecord({ ...decoded, signature: forged })) throw new Violation("a forgery passes");
  },
};

/** Some place in a signature, chosen by the input. */
function bodyByte(body: Uint8Array): number {
  return body.reduce((sum, byte) => (sum + byte) % 64, 0);
}

function storeClock(): StoreClock {
  return new StoreClock(undefined, NOW_MS, WALL_MS);
}

/** What is written of a record that is held; the store's own counts are not. */
type Resting = Pick<HeldRecord, "record" | "deadlineMs" | "isOwned" | "from">;

function written(resting: Resting, clock: StoreClock): Uint8Array {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above
  return encodeStoredRecord(resting as HeldRecord, clock);
}

function storedRecordSeed(): Uint8Array {
  const resting = { record: makeRecord(), deadlineMs: NOW_MS + 60_000 };
  return written({ ...resting, isOwned: true, from: "subnet" }, storeClock());
}

const storedRecord: FuzzTarget = {
  ...SHARED,
  name: "stored-record",
  covers: ["overlay/records/stored-record.ts decodeStoredRecord"],
  seeds: () => [storedRecordSeed()],
  run(bytes) {
    const clock = storeClock();
    checkRoundTrip(
      decodeStoredRecord(bytes),
      ({ expiresAtMs, ...rest }) =>
        written({ ...rest, deadlineMs: clock.toMonotonicMs(expiresAtMs) }, clock),
      decodeStoredRecord,
    );
  },
};

function floorSeed(): Uint8Array {
  const [deadlineMs, keepUntilMs] = [NOW_MS + 1000, NOW_MS + 90_000_000];
  const floor = {
    slotId: "slot",
    version: 7n,
    deadlineMs,
    keepUntilMs,
    isRemoved: true,
    from: "s",
  };
  return encodeStoredFloor(floor, storeClock());
}

const storedFloor: FuzzTarget = {
  ...SHARED,
  name: "stored-floor",
  covers: ["overlay/records/stored-record.ts decodeStoredFloor"],
  bytesMax: 1024,
  seeds: () => [floorSeed()],
  run(bytes) {
    const decode = (from: Uint8Array) => decodeStoredFloor("slot", from, storeClock());
    checkRoundTrip(decode(bytes), (floor) => encodeStoredFloor(floor, storeClock()), decode);
  },
};

function clockSeed(): Uint8Array {
  return encodeClockMark({ storeMs: WALL_MS, wallMs: WALL_MS });
}

const clockMark: FuzzTarget = {
  name: "clock-mark",
  covers: ["overlay/records/store-clock.ts decodeClockMark"],
  format: "bytes",
  bytesMax: 64,
  dictionary: [],
  seeds: () => [clockSeed()],
  run: (bytes) => checkRoundTrip(decodeClockMark(bytes), encodeClockMark, decodeClockMark),
};

/** As much of LevelDB as reading a store takes, over entries in order of their keys. */
class Entries {
  readonly #values = new Map<string, Uint8Array>();
  /** Changes that the reader made. */
  mended = 0;

  put(key: string, value: Uint8Array): void {
    this.#values.set(key, value);
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return this.#values.get(key);
  }

  async *iterator({ gte, lt }: { gte: string; lt: string }) {
    for (const entry of [...this.#values].toSorted(([a], [b]) => (a < b ? -1 : 1)))
      if (entry[0] >= gte && entry[0] < lt) yield entry;
  }

  async *keys(range: { gte: string; lt: string }) {
    for await (const [key] of this.iterator(range)) yield key;
  }

  async batch(
    operations: readonly { type: "put" | "del"; key: string; value?: Uint8Array }[],
  ): Promise<void> {
    this.mended += operations.length;
    for (const { type, key, value } of operations)
      if (type === "put") this.#values.set(key, value!);
      else this.#values.delete(key);
  }
}

const KINDS = ["clock", "floor/slot", "record/", "expiry/", "meta/name"] as const;
const ENTRIES_MAX = 16;

/** A kind, a length of two bytes, and the value. */
function entry(kind: number, value: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(kind, value.length >> 8, value.length), value);
}

/** A record stands under its own slot id when it decodes, as it would have been written. */
function recordKey(value: Uint8Array): string {
  try {
    return `record/${slotIdOf(decodeStoredRecord(value).record)}`;
  } catch {
    return "record/none";
  }
}

function entriesOf(bytes: Uint8Array): Entries {
  const entries = new Entries();
  const reader = new ByteReader(bytes);
  for (let i = 0; i < ENTRIES_MAX && reader.remaining >= 3; i++) {
    const kind = KINDS[reader.u8() % KINDS.length]!;
    const value = reader.bytes(Math.min(reader.u16(), reader.remaining));
    if (kind === "record/") entries.put(recordKey(value), value);
    else if (kind === "expiry/") entries.put(kind + Buffer.from(value).toString("latin1"), value);
    else entries.put(kind, value);
  }
  return entries;
}

const levelStore: FuzzTarget = {
  name: "level-store",
  covers: [],
  format: "bytes",
  bytesMax: 16 * 1024,
  dictionary: ["0000018bcfe5680c/", Uint8Array.of(0, 0, 16), Uint8Array.of(2, 1, 0)],
  counts: PROTOBUF_CODE,
  seeds: () => [
    concatBytes(entry(0, clockSeed()), entry(1, floorSeed()), entry(2, storedRecordSeed())),
    concatBytes(entry(2, storedRecordSeed()), entry(3, utf8("0/slot")), entry(4, utf8("value"))),
  ],
  async run(bytes) {
    const entries = entriesOf(bytes);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what reading uses is there
    const database = entries as unknown as Database;
    try {
      const first = await readLevel(database, new SetClock(NOW_MS, WALL_MS));
      entries.mended = 0;
      const second = await readLevel(database, new SetClock(NOW_MS, WALL_MS));
      if (entries.mended > 0 || second.dropped > 0) throw new Error("mended once, it is not whole");
      if (!isSameContents(first, second)) throw new Error("read again, it differs");
    } catch (cause) {
      throw new Violation("a damaged entry breaks the reading of the store", { cause });
    }
  },
};

type Contents = Awaited<ReturnType<typeof readLevel>>;

function isSameContents(a: Contents, b: Contents): boolean {
  return (
    isSameValue(a.records, b.records) &&
    isSameValue(a.floors.toSorted(bySlot), b.floors.toSorted(bySlot)) &&
    isSameValue(a.meta, b.meta)
  );
}

function bySlot(a: { slotId: string }, b: { slotId: string }): number {
  return a.slotId < b.slotId ? -1 : 1;
}

export const RECORD_TARGETS = [
  record,
  signedRecord,
  storedRecord,
  storedFloor,
  clockMark,
  levelStore,
];
