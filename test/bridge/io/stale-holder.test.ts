/** What a host that acted, was cut off and comes back may overwrite of what its stand-by did meanwhile. */
import { afterEach, beforeEach, expect, it } from "vitest";
import type { ImportedServiceView } from "../../../bridge/types.ts";
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
