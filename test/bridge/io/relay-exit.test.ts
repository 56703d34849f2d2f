import { expect, it } from "vitest";
import { RelayExit } from "../../../bridge/io/relay-exit.ts";
import { encodeOpenRequest, RELAY_PROTOCOL, withLength } from "../../../bridge/relay/opening.ts";
import { SILENT } from "../../../platform/logger.ts";
import { eventually } from "./bridge-bed.ts";
import { MemoryOverlay } from "./memory-streams.ts";
import { LOOPBACK, ORIGIN } from "./relay-bed.ts";

it("keeps statistics of the services asked for last, not of all that ever were", async () => {
  const overlay = new MemoryOverlay();
  const parts = { streams: overlay.host("exporter"), log: SILENT, link: () => LOOPBACK };
  const target = { type: "target", addresses: ["127.0.0.1"], port: 1 } as const;
  const exit = new RelayExit({ ...parts, resolve: () => target }, { totalMax: 0 });
  const streams = overlay.host("importer");
  const origins = Array.from({ length: 1100 }, (_, i) => ORIGIN.with(0, i >> 8).with(1, i & 255));
  for (const origin of origins) {
    const stream = await streams.dial("exporter", RELAY_PROTOCOL, AbortSignal.timeout(1000));
    await stream.write(withLength(encodeOpenRequest({ protocol: "tcp", origin })));
    await stream.closeWrite();
  }
  const isKept = (origin: Uint8Array): boolean => exit.statistics(origin) !== undefined;
  await eventually(() => isKept(origins.at(-1)!));
  expect(origins.filter(isKept)).toEqual(origins.slice(-1024));
  exit.close();
});
