/** Names and TXT records of all kinds, from one link through records and bridges to another. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { isInstanceLabel } from "../../../bridge/zeroconf/instance-name.ts";
import { serviceKey, type ZeroconfService } from "../../../bridge/zeroconf/service.ts";
import { toHex } from "../../../platform/bytes.ts";
import { aService, BridgeBed, eventually } from "./bridge-bed.ts";
import { fuzzedServices } from "./fuzzed-services.ts";

const TYPE = "_cwfuzz._tcp";
const SERVICES = 1000;
/** A link is shown 512 at most. */
const BATCH = 250;

let bed: BridgeBed;

beforeEach(() => {
  bed = new BridgeBed();
});

afterEach(() => bed.stop());

it(`carries ${SERVICES} fuzzed names and TXT sets byte for byte`, async () => {
  const all = fuzzedServices(SERVICES, 5).map(({ instance, txt }) =>
    aService({ instance, txt, type: TYPE }),
  );
  expect(new Set(all.map(serviceKey)).size).toBe(SERVICES);
  const a = await bed.start("a", "anna");
  const b = await bed.start("b", "berta");
  await a.bridge.setRule({ type: "export", serviceType: TYPE });
  await b.bridge.setRule({ type: "import", types: [TYPE] });
  const textOf = ({ instance, txt }: ZeroconfService): string =>
    JSON.stringify([instance, txt.map((one) => toHex(one))]);
  for (let at = 0; at < SERVICES; at += BATCH) {
    const services = all.slice(at, at + BATCH);
    const owner = bed.link("a").open();
    for (const service of services)
      await owner.register({ service, isShared: false, isTakeover: false }, []);
    await eventually(() => bed.link("b").list(TYPE).length === BATCH, 20_000);
    const shown = bed.link("b").list(TYPE).map(textOf);
    expect(shown.toSorted()).toEqual(services.map(textOf).toSorted());
    await owner.close();
    await eventually(() => bed.link("b").list(TYPE).length === 0, 20_000);
  }
}, 120_000);

it("makes names of every length and script, and TXT strings of every byte", () => {
  const services = fuzzedServices(SERVICES, 5);
  expect(services.every(({ instance }) => isInstanceLabel(instance))).toBe(true);
  const lengths = new Set(services.map(({ instance }) => Buffer.byteLength(instance)));
  expect(Math.min(...lengths)).toBe(1);
  expect(Math.max(...lengths)).toBe(63);
  expect(services.some(({ instance }) => instance.includes("."))).toBe(true);
  const bytes = new Set(services.flatMap(({ txt }) => txt.flatMap((one) => [...one])));
  expect(bytes.size).toBe(256);
  expect(services.some(({ txt }) => txt.length === 0)).toBe(true);
});
