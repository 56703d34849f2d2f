import { expect, it } from "vitest";
import {
  encodeServiceRecord,
  SERVICE_RECORD_BYTES_MAX,
} from "../../../bridge/exchange/service-record.ts";
import { exportProblem, recordOf } from "../../../bridge/exporter/publication.ts";
import { idOf } from "../exchange/samples.ts";

const label = (first: string): string => first.padEnd(63, "x");
const site = {
  subnetId: idOf("subnet a"),
  siteName: label("s"),
  exporters: ["anna", "berta", "carla", "dora"].map(idOf),
};

it.each([
  ["ten long strings", 10, 255, 0, true],
  ["many short strings", 120, 20, 0, true],
  ["1200 strings of one byte", 1200, 1, 0, true],
  ["1300 strings of one byte", 1300, 1, 0, false],
  ["ten long strings and 16 subtypes", 10, 255, 16, true],
])(
  "says of a service with %s whether a record has room for it",
  (_, strings, bytes, count, fits) => {
    const service = {
      ...{ instance: label("i"), type: "_daap._tcp", port: 65_535, host: [label("h"), "local"] },
      txt: Array.from({ length: strings }, () => new Uint8Array(bytes)),
      subtypes: Array.from({ length: count }, (__, i) => label(`_${i}`)),
      addresses: ["192.0.2.1"],
    };
    const record = { ...recordOf(service, site), version: 2n ** 50n };
    const size = encodeServiceRecord(record).length;
    expect(size <= SERVICE_RECORD_BYTES_MAX, String(size)).toBe(fits);
    expect(exportProblem(service) === undefined).toBe(fits);
  },
);
