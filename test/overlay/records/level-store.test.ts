import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Level } from "level";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { utf8 } from "../../../platform/bytes.ts";
import { openLevelStore, type OpenedLevelStore } from "../../../overlay/io/level-store.ts";
import { DurableRecords } from "../../../overlay/records/durable-records.ts";
import { RecordStore, remainingMs } from "../../../overlay/records/record-store.ts";
import { HOUR_MS, keyHexOf, makeRecord, SetClock, type Wanted } from "./fixture.ts";

const KEY = keyHexOf("printer");

let directory: string;
let clock: SetClock;
const open: OpenedLevelStore[] = [];

beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), "causeway-store-")), "store");
  clock = new SetClock();
});

afterEach(async () => {
  for (const { store } of open.splice(0)) await store.close();
  rmSync(join(directory, ".."), { recursive: true, force: true });
});

/** A host's records as they are after a start. */
async function start(): Promise<Omit<OpenedLevelStore, "records"> & { records: DurableRecords }> {
  const opened = await openLevelStore({ directory, clock });
  open.push(opened);
  const memory = new RecordStore();
  memory.restore(opened.records, opened.floors, clock.nowMs);
  return { ...opened, records: new DurableRecords(memory, opened.store, rethrow) };
}

function rethrow(error: unknown): never {
  throw error;
}

async function put(records: DurableRecords, wanted: Wanted, remaining = HOUR_MS): Promise<string> {
  const offer = {
    record: makeRecord(wanted),
    remainingMs: remaining,
    from: "subnet-b",
    by: "host-b",
    isVouched: true,
    isOwned: true,
  };
  return (await records.accept(offer, clock.nowMs)).type;
}

/** Stops a host and starts it again `offMs` later; the monotonic clock begins anew. */
async function restart(offMs: number): Promise<Awaited<ReturnType<typeof start>>> {
  await open.pop()?.store.close();
  clock.atWallMs += offMs;
  clock.nowMs = 77;
  return await start();
}

function left(records: DurableRecords): number[] {
  return records.store.get(KEY, clock.nowMs).map((held) => remainingMs(held, clock.nowMs));
}

async function keysOnDisk(): Promise<string[]> {
  await open.pop()?.store.close();
  const database = new Level<string, Uint8Array>(directory, { valueEncoding: "view" });
  const keys = await database.keys().all();
  await database.close();
  return keys.filter((key) => key !== "clock");
}

describe("restart", () => {
  it("keeps what has not expired, with what is left of it, and its flags", async () => {
    const { records } = await start();
    await put(records, { slot: "long" }, 60_000);
    await put(records, { slot: "short" }, 10_000);
    records.setOwned(
      [...records.store.all()].map(({ slotId }) => slotId),
      false,
    );
    clock.pass(2000);

    const again = await restart(20_000);
    expect(left(again.records)).toEqual([60_000 - 22_000]);
    const [held] = [...again.records.store.all()];
    expect(held).toMatchObject({
      from: "subnet-b",
      by: "host-b",
      isVouched: true,
      isOwned: false,
      record: { slot: "long" },
    });
  });

  it("keeps a floor for what expired meanwhile, and tombstones", async () => {
    const { records } = await start();
    await put(records, { slot: "short", version: 4n }, 10_000);
    await put(records, { slot: "gone", version: 5n, isRemoved: true }, 60_000);
    const again = await restart(20_000);
    expect(await put(again.records, { slot: "short", version: 4n })).toBe("expired");
    expect(await put(again.records, { slot: "short", version: 3n })).toBe("stale");
    expect(await put(again.records, { slot: "gone", version: 4n })).toBe("stale");
    const later = await restart(24 * HOUR_MS);
    expect(await put(later.records, { slot: "gone", version: 4n })).toBe("stale");
    const muchLater = await restart(26 * HOUR_MS);
    expect(await put(muchLater.records, { slot: "gone", version: 4n })).toBe("stored");
  });

  it("keeps the quotas' account", async () => {
    const { records } = await start();
    await put(records, {});
    const { bytes } = records.store.counts(clock.nowMs);
    expect(bytes).toBeGreaterThan(0);
    const again = await restart(0);
    expect(again.records.store.counts(clock.nowMs).bytes).toBe(bytes);
  });

  it("leaves one place in the expiry index to each record", async () => {
    const { records } = await start();
    for (const version of [1n, 2n, 3n]) await put(records, { version }, Number(version) * 10_000);
    await put(records, { slot: "forgotten" });
    await put(records, { slot: "expired" }, 1000);
    records.forget(
      records.store
        .get(KEY, clock.nowMs)
        .filter((h) => h.record.slot === "forgotten")
        .map((h) => h.slotId),
      clock.nowMs,
    );
    clock.pass(1000);
    records.expire(clock.nowMs);
    const keys = await keysOnDisk();
    expect(keys.map((key) => key.split("/")[0])).toEqual(["expiry", "floor", "floor", "record"]);
  });
});

describe("clocks", () => {
  it("set back give no record more than it had, at one start or at many", async () => {
    const { records } = await start();
    await put(records, {}, 60_000);
    let before = 60_000;
    for (let i = 0; i < 5; i++) {
      const again = await restart(-24 * HOUR_MS);
      const [now] = left(again.records);
      expect(now).toBeLessThanOrEqual(before);
      clock.pass(10_000);
      before -= 10_000;
    }
    const last = await restart(-HOUR_MS);
    expect(left(last.records)).toEqual([10_000]);
    expect(left((await restart(10_000)).records)).toEqual([]);
  });

  it("set while the daemon runs change nothing", async () => {
    const { records } = await start();
    await put(records, {}, 60_000);
    clock.atWallMs -= 50 * HOUR_MS;
    clock.pass(1000);
    expect(left((await restart(1000)).records)).toEqual([58_000]);
  });

  it("set far ahead end everything, and a later start with the right time works", async () => {
    const { records } = await start();
    await put(records, {}, 60_000);
    const ahead = await restart(10_000 * HOUR_MS);
    expect(left(ahead.records)).toEqual([]);
    const right = await restart(-10_000 * HOUR_MS);
    expect(await put(right.records, { version: 2n }, 60_000)).toBe("stored");
    expect(left((await restart(1000)).records)).toEqual([59_000]);
  });
});

describe("named values", () => {
  it("are there again after a restart", async () => {
    const { store } = await start();
    await store.putMeta("subnet/key", utf8("secret"));
    await store.putMeta("subnet/old", utf8("x"));
    await store.deleteMeta("subnet/old");
    await store.putMeta("host", new Uint8Array());
    const again = await restart(0);
    expect(again.store.getMeta("subnet/key")).toEqual(utf8("secret"));
    expect(again.store.getMeta("host")).toEqual(new Uint8Array());
    expect(again.store.getMeta("subnet/old")).toBeUndefined();
    expect(again.store.metaNames("subnet/")).toEqual(["subnet/key"]);
  });

  it("are not changed by a caller that goes on using its bytes", async () => {
    const { store } = await start();
    const bytes = utf8("secret");
    const stored = store.putMeta("k", bytes);
    bytes.fill(0);
    await stored;
    expect(store.getMeta("k")).toEqual(utf8("secret"));
  });

  it("are readable by their owner only", async () => {
    await start();
    expect(statSync(directory).mode & 0o077).toBe(0);
  });
});

describe("trouble", () => {
  it("with a second daemon names the first and leaves it alone", async () => {
    const { records } = await start();
    await expect(openLevelStore({ directory, clock })).rejects.toMatchObject({
      code: "ERR_OVERLAY_STORAGE",
      message: expect.stringContaining("another daemon") as string,
    });
    expect(await put(records, {})).toBe("stored");
  });

  it("with a closed store is an error, not a lost write", async () => {
    const { store } = await start();
    const waiting = store.putMeta("last", utf8("1"));
    await store.close();
    await expect(waiting).resolves.toBeUndefined();
    await expect(store.putMeta("k", utf8("v"))).rejects.toMatchObject({
      code: "ERR_OVERLAY_STORAGE",
    });
  });

  it("with a damaged manifest is repaired, and the damaged files are kept", async () => {
    const { records, store } = await start();
    for (let i = 0; i < 50; i++) await put(records, { slot: `${i % 30}`, version: BigInt(i + 1) });
    await store.putMeta("host/key", utf8("seed"));
    await open.pop()?.store.close();
    const manifest = readdirSync(directory).find((name) => name.startsWith("MANIFEST"))!;
    writeFileSync(join(directory, manifest), "nonsense");

    const again = await start();
    expect(again.damagedCopy).toBe(`${directory}.damaged-1`);
    expect(readFileSync(join(again.damagedCopy!, manifest), "utf8")).toBe("nonsense");
    expect(left(again.records)).toHaveLength(30);
    expect(again.store.getMeta("host/key")).toEqual(utf8("seed"));
  });

  it("with a damaged table keeps what is readable", async () => {
    const { records } = await start();
    for (let i = 0; i < 200; i++)
      await put(records, {
        key: `k${i}`,
        value: Uint8Array.from({ length: 2000 }, (_, j) => i * j),
      });
    await open.pop()?.store.close();
    await start(); // which moves the log into a table
    await open.pop()?.store.close();
    const tables = readdirSync(directory).filter((name) => name.endsWith(".ldb"));
    expect(tables.length).toBeGreaterThan(0);
    const table = join(directory, tables[0]!);
    const bytes = readFileSync(table);
    const middle = bytes.length >> 1;
    bytes.fill(0x55, middle, middle + 3000);
    writeFileSync(table, bytes);

    const again = await start();
    expect(again.damagedCopy).toBeDefined();
    const kept = [...again.records.store.all()].length;
    expect(kept).toBeGreaterThan(150);
    expect(kept).toBeLessThan(200);
    expect(await put(again.records, { key: "new" })).toBe("stored");
  });

  it("with the disk itself ends in advice after three repairs", async () => {
    for (let i = 1; i <= 4; i++) {
      if (i > 1) writeFileSync(join(directory, "CURRENT"), "nonsense");
      if (i <= 3) {
        await start();
        await open.pop()?.store.close();
      }
    }
    await start();
    await open.pop()?.store.close();
    writeFileSync(join(directory, "CURRENT"), "nonsense");
    await expect(start()).rejects.toThrow(/damaged.*mv /);
  });

  it("with an entry that does not decode drops that one", async () => {
    const { records } = await start();
    await put(records, { slot: "good" });
    await open.pop()?.store.close();
    const database = new Level<string, Uint8Array>(directory, { valueEncoding: "view" });
    await database.put("record/xyz", utf8("nonsense"));
    await database.put("floor/xyz", utf8("nonsense"));
    await database.put("expiry/0000000000000001/xyz", new Uint8Array());
    await database.close();
    const again = await start();
    expect(again.dropped).toBe(2);
    expect(left(again.records)).toHaveLength(1);
    expect(await keysOnDisk()).toHaveLength(2);
  });
});

/** A file system of its own, or why there is none. */
function mountSmall(at: string, size: string): string | undefined {
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", at], { stdio: "pipe" });
    return undefined;
  } catch (error) {
    return `cannot mount a tmpfs: ${String(error)}`;
  }
}

describe("a full disk", () => {
  it("acknowledges nothing that it did not keep, and goes on when there is room", async (context) => {
    const parent = join(directory, "..");
    const reason = mountSmall(parent, "2m");
    if (reason !== undefined) return context.skip(reason);
    try {
      const { records, store } = await start();
      const kept: string[] = [];
      const fill = async (): Promise<void> => {
        for (let i = 0; i < 2000; i++) {
          const value = crypto.getRandomValues(new Uint8Array(4096));
          await put(records, { key: `k${i}`, value });
          kept.push(`k${i}`);
        }
      };
      await expect(fill()).rejects.toMatchObject({
        code: "ERR_OVERLAY_STORAGE",
        message: expect.stringContaining("no space left") as string,
      });
      expect(kept.length).toBeGreaterThan(100);
      expect([...records.store.all()]).toHaveLength(kept.length);
      await expect(store.putMeta("k", utf8("v"))).rejects.toMatchObject({
        code: "ERR_OVERLAY_STORAGE",
      });
      expect(store.getMeta("k")).toBeUndefined();
      expect(store.failure?.message).toContain("no space left");

      execFileSync("mount", ["-o", "remount,size=20m", parent]);
      clock.pass(1001);
      expect(await put(records, { key: "after" })).toBe("stored");
      expect(store.failure).toBeUndefined();
      const again = await restart(0);
      expect(again.damagedCopy).toBeUndefined();
      for (const key of [...kept, "after"])
        expect(again.records.store.get(keyHexOf(key), clock.nowMs)).toHaveLength(1);
      await open.pop()?.store.close();
    } finally {
      for (const { store } of open.splice(0)) await store.close();
      execFileSync("umount", [parent]);
    }
  });
});
