import { expect, it } from "vitest";
import { Showing } from "../../../bridge/io/showing.ts";
import type { Wanted } from "../../../bridge/importer/wanted.ts";
import { SILENT } from "../../../platform/logger.ts";
import { serviceOf } from "../avahi/services.ts";
import { eventually } from "./bridge-bed.ts";
import { MemoryBackend, MemoryLink } from "./memory-link.ts";

it("shows what came while the link had no address as soon as it has one", async () => {
  const link = new MemoryLink();
  const backend = new MemoryBackend(link, "own");
  const [failed, entered]: string[][] = [[], []];
  let addresses: string[] = [];
  const showing = new Showing({
    log: SILENT,
    relay: {
      enter: ({ label }) => {
        entered!.push(label);
        return Promise.resolve({ port: 8080, close: () => Promise.resolve() } as never);
      },
    },
    backend: () => backend,
    loopback: () => Promise.reject(new Error("none")),
    addresses: () => addresses,
    onShown: () => {},
    onFailed: (_, reason) => failed!.push(reason),
  });
  const { instance, type, subtypes, port, txt } = serviceOf({ instance: "Web", port: 8080 });
  const record = { instance, type, subtypes, port, txt, exporters: [], addresses: [] };
  const wanted: Wanted = {
    originId: "a".repeat(52),
    record: record as never,
    scope: "crew",
    way: "relay",
    host: ["cw-x-0", "local"],
    names: ["Web"],
    ports: [8080],
    isTakeover: false,
  };
  showing.show(wanted);
  await new Promise((done) => setTimeout(done, 20));
  expect([failed, entered, link.seen]).toEqual([[], [], []]);
  addresses = ["10.0.0.1"];
  showing.refresh();
  await eventually(() => link.seen.length > 0);
  expect([failed, entered, link.seen]).toEqual([[], ["Web (_http._tcp)"], ["+Web"]]);
  await showing.stop();
});
