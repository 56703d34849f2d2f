import { Counter, Registry } from "prom-client";
import { expect, it } from "vitest";
import { decodeServiceRecord, originIdOf } from "../../../bridge/exchange/service-record.ts";
import type { PublishedExport } from "../../../bridge/exporter/export-machine.ts";
import { Publisher } from "../../../bridge/io/publisher.ts";
import type { Directory } from "../../../overlay/index.ts";
import { createSystemClock } from "../../../platform/io/system-clock.ts";
import { SILENT } from "../../../platform/logger.ts";
import { createRandom } from "../../../platform/random.ts";
import { aRecord, idOf } from "../exchange/samples.ts";
import { eventually } from "./bridge-bed.ts";
import { MemoryDirectory } from "./memory-directory.ts";

const KEY = "bridge/type/_daap._tcp";

function publishing(directory: Directory): Publisher {
  return new Publisher({
    directory,
    clock: createSystemClock({ wallOffsetFile: null }),
    random: createRandom(1),
    log: SILENT,
    secret: new Uint8Array(32),
    ephemeralSeed: () => new Uint8Array(32),
    puts: new Counter({
      name: "puts",
      help: "-",
      labelNames: ["result"],
      registers: [new Registry()],
    }),
  });
}

function anExport(instance: string, version: bigint, isWithdrawn = false): PublishedExport {
  const record = aRecord({ instance, version, isWithdrawn });
  const open = { isSharded: true, sealedTo: undefined, keys: [], isListed: false };
  return { originId: originIdOf(record), record, publications: [{ key: KEY, ...open }] };
}

it("keeps a service that comes back while it says that it is gone", async () => {
  const records = new MemoryDirectory();
  const inner = records.of(idOf("anna"));
  const back = Promise.withResolvers<void>();
  const versions: bigint[] = [];
  const publisher = publishing({
    ...inner,
    put: async (...given) => {
      versions.push(decodeServiceRecord(given[1]).version);
      if (versions.length >= 2) await back.promise;
      return inner.put(...given);
    },
  });
  publisher.publish(anExport("Music", 1n));
  await eventually(() => records.all.length === 1);
  publisher.withdraw(anExport("Music", 1n).originId, anExport("Music", 2n, true));
  await eventually(() => versions.length === 2); // the farewell is under way
  publisher.publish(anExport("Music", 3n));
  back.resolve();
  await eventually(() => records.puts === 3);
  expect(versions).toEqual([1n, 2n, 3n]);
  expect(decodeServiceRecord(records.all[0]!.value)).toMatchObject({ version: 3n });
  await publisher.stop(1000, () => false);
  expect(records.all).toEqual([]);
});

it("gives the places under a key back of services that said farewell", async () => {
  const records = new MemoryDirectory();
  const publisher = publishing(records.of(idOf("anna")));
  for (let i = 0; i < 30; i++) {
    const { originId } = anExport(`Music ${i}`, 1n);
    publisher.publish(anExport(`Music ${i}`, 1n));
    await eventually(() => records.all.some(({ slot }) => slot === originId));
    publisher.withdraw(originId, anExport(`Music ${i}`, 2n, true));
    await eventually(() => records.puts === 2 * (i + 1));
  }
  // All stand at the key itself: none went to a branch, of which the key would have to tell.
  expect(records.all.some(({ slot }) => slot === "more")).toBe(false);
  await publisher.stop(1000, () => false);
});
