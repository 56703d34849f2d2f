/** What a host that acted, was cut off and comes back may overwrite of what its stand-by did meanwhile. */
import { afterEach, beforeEach, expect, it } from "vitest";
import type { ImportedServiceView } from "../../../bridge/types.ts";
import type { BrowseEvent } from "../../../bridge/zeroconf/backend.ts";
import { utf8 } from "../../../platform/bytes.ts";
import { InMemoryBackend } from "../in-memory-link.ts";
import { aService, BridgeBed, type BedHost, eventually } from "./bridge-bed.ts";

const RENAMED = "Tom's Music, renamed";
let bed: BridgeBed;

beforeEach(() => {
  bed = new BridgeBed();
});

afterEach(() => bed.stop());

const view = ({ bridge }: BedHost): ImportedServiceView | undefined =>
  bridge.services().imported[0];

it("keeps the name that the link gave a service while its former acting host was cut off", async () => {
  const [exporter, ...crew] = await Promise.all([
    bed.start("a", "anna"),
    bed.start("b", "berta"),
    bed.start("b", "bodo"),
  ]);
  const service = aService();
  await bed.link("a").open().register({ service, isShared: false, isTakeover: false }, []);
  await eventually(() => crew.every(({ bridge }) => bridge.status().crew.length === 2));
  await exporter.bridge.setRule({ type: "export", serviceType: "all" });
  await crew[0].bridge.setRule({ type: "import", types: ["daap"] });
  await eventually(() => crew.every((host) => view(host)?.shownAs === service.instance));

  const acting = crew.find(({ id }) => id === view(crew[0])!.importer)!;
  const standBy = crew.find((host) => host !== acting)!;
  bed.subnets.part(acting.id, standBy.id);
  await eventually(() => standBy.bridge.status().acting.length === 4);
  standBy.backend.rename(service, RENAMED);
  await eventually(() => view(standBy)?.shownAs === RENAMED);
  expect(view(acting)?.shownAs).toBe(service.instance);

  bed.subnets.mend(acting.id, standBy.id);
  await eventually(() => standBy.bridge.status().acting.length < 4);
  await eventually(() => view(acting)?.shownAs === RENAMED);
  await new Promise((done) => setTimeout(done, 1000));
  // It acts again, and under the name that it was told.
  expect(crew.map((host) => view(host)?.shownAs)).toEqual([RENAMED, RENAMED]);
  expect(crew.map((host) => view(host)?.importer)).toEqual([acting.id, acting.id]);
  const names = bed.link("b").list("_daap._tcp");
  expect(names.map(({ instance }) => instance)).toEqual([RENAMED]);
}, 20_000);

/** Hears nothing of the link while it sleeps. */
class SleepyBackend extends InMemoryBackend {
  isAsleep = false;

  override async *browse(type: string, signal: AbortSignal): AsyncGenerator<BrowseEvent> {
    for await (const event of super.browse(type, signal)) if (!this.isAsleep) yield event;
  }
}

it("says something newer than its stand-by did, which takes its records back", async () => {
  const backends = new Map<string, SleepyBackend>();
  const start = (name: string): Promise<BedHost> =>
    bed.start("a", name, undefined, {
      openBackend: async () => {
        const backend = new SleepyBackend(bed.link("a"));
        backends.set(name, backend);
        return backend;
      },
    });
  const [importer, anna, anton] = await Promise.all([
    bed.start("b", "berta"),
    start("anna"),
    start("anton"),
  ]);
  const registration = { service: aService(), isShared: false, isTakeover: false };
  const registered = await bed.link("a").open().register(registration, []);
  const say = (word: string): Promise<void> => registered.update(aService({ txt: [utf8(word)] }));
  const shown = (): string =>
    String(
      bed
        .link("b")
        .list("_daap._tcp")
        .map(({ txt }) => Buffer.from(txt[0]!).toString()),
    );
  await eventually(() => anna.bridge.status().crew.length === 2);
  await anna.bridge.setRule({ type: "export", serviceType: "all" });
  await importer.bridge.setRule({ type: "import", types: ["daap"] });
  await eventually(() => shown() === "Version=1");

  const exporterAt = ({ bridge }: BedHost): string => bridge.services().local[0]!.exporter;
  // Whoever was there first let go of what the other one is first for.
  await new Promise((done) => setTimeout(done, 1000));
  expect(exporterAt(anna)).toBe(exporterAt(anton));
  const isAnna = exporterAt(anna) === anna.id;
  const [acting, standBy] = isAnna ? [anna, anton] : [anton, anna];
  const sleepy = backends.get(isAnna ? "anna" : "anton")!;
  sleepy.isAsleep = true;
  bed.subnets.part(acting.id, standBy.id);
  await eventually(() => standBy.bridge.status().acting.length === 4);
  for (const word of ["one", "two"]) {
    await say(word);
    await eventually(() => shown() === word);
  }
  sleepy.isAsleep = false;
  await say("three");
  await eventually(() => shown() === "three");
  bed.subnets.mend(acting.id, standBy.id);
  await eventually(() => standBy.bridge.status().acting.length < 4);
  // Longer than records stay that another host has taken over.
  await new Promise((done) => setTimeout(done, 6500));
  expect(exporterAt(standBy)).toBe(acting.id);
  expect(standBy.bridge.status().exported).toBe(0);
  expect(shown()).toBe("three");
  expect(bed.link("b").log.filter((one) => one.startsWith("-"))).toEqual([]);
}, 25_000);
