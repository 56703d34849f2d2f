import { describe, expect, it } from "vitest";
import { originIdOf } from "../../../bridge/exchange/service-record.ts";
import { freeNames, freePorts, type Neighbour } from "../../../bridge/importer/free-places.ts";
import { serviceKey } from "../../../bridge/zeroconf/service.ts";
import { aRecord } from "../exchange/samples.ts";

const NOTHING = new Set<string>();

function neighbour(instance: string, port: number | undefined): Neighbour {
  const record = aRecord({ instance });
  const place = port === undefined ? undefined : { instance, port };
  return { originId: originIdOf(record), record, place, awaited: undefined };
}

describe("the port of a service", () => {
  const record = aRecord({ instance: "Mine" });
  const originId = originIdOf(record);
  const others = Array.from({ length: 20 }, (_, i) => neighbour(`Other ${i}`, undefined));
  const less = others.find((one) => one.originId < originId)!;
  const more = others.find((one) => one.originId > originId)!;

  it("is the origin's number while that is nobody's", () => {
    expect(freePorts(originId, record, [])[0]).toBe(record.port);
    expect(freePorts(originId, record, [neighbour("Other", 4711)])[0]).toBe(record.port);
  });

  it("is another one when a service here has that number", () => {
    const ports = freePorts(originId, record, [neighbour("Other", record.port)]);
    expect(ports).not.toContain(record.port);
    expect(ports.length).toBeGreaterThan(4);
  });

  it("goes to the least origin id of those that are still to be shown and have one number", () => {
    expect(freePorts(originId, record, [more])[0]).toBe(record.port);
    expect(freePorts(originId, record, [more, less])).not.toContain(record.port);
    const elsewhere = { ...less, record: { ...less.record, port: 1 } };
    expect(freePorts(originId, record, [elsewhere])[0]).toBe(record.port);
  });
});

describe("the name of a service", () => {
  const record = aRecord({ instance: "Mine", site: "far" });
  const { type } = record;

  it("is its own unless another service of the type has it, here or soon", () => {
    expect(freeNames(record, undefined, [], (key) => NOTHING.has(key))[0]).toBe("Mine");
    const shown = neighbour("Mine", 4711);
    expect(freeNames(record, undefined, [shown], () => false)[0]).toBe("Mine (far)");
    const awaited = { ...neighbour("Other", undefined), awaited: "Mine" };
    expect(freeNames(record, undefined, [awaited], () => false)[0]).toBe("Mine (far)");
  });

  it("is never that of a service of this link, also when it had that here before", () => {
    const isAtHome = (key: string): boolean => key === serviceKey({ instance: "MINE", type });
    expect(freeNames(record, undefined, [], isAtHome)).not.toContain("Mine");
    expect(freeNames(record, "Mine", [], isAtHome)[0]).toBe("Mine (far)");
  });
});
