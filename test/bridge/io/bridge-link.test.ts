import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { LinkAddressing } from "../../../platform/address.ts";
import { BridgeBed, eventually } from "./bridge-bed.ts";

let bed: BridgeBed;

beforeEach(() => {
  bed = new BridgeBed();
});

afterEach(() => bed.stop());

const linkAt = (address: string): LinkAddressing => ({
  name: "lo",
  addresses: [{ address, prefixBits: 8 }],
});

it("tells its multicast DNS of an address that came while that was being opened", async () => {
  const told: LinkAddressing[] = [];
  const opened: LinkAddressing[] = [];
  const opening = Promise.withResolvers<void>();
  let link = linkAt("127.77.1.1");
  const backend = Object.assign(bed.link("a").open(), {
    becomeLink: async (next: LinkAddressing) => void told.push(next),
  });
  await bed.start("a", "anna", undefined, {
    readLink: () => link,
    openBackend: async (given) => {
      opened.push(given);
      await opening.promise;
      return backend;
    },
  });
  await eventually(() => opened.length === 1);
  link = linkAt("127.77.1.2");
  await sleep(2500); // it looks every two seconds
  opening.resolve();
  await eventually(() => told.length === 1);
  expect([opened, told]).toEqual([[linkAt("127.77.1.1")], [linkAt("127.77.1.2")]]);
});

it("leaves nothing listening that was being opened when it was stopped", async () => {
  let [begun, open] = [0, 0];
  const host = await bed.start("a", "anna", undefined, {
    listen: async () => {
      begun++;
      await sleep(100);
      open++;
      return async () => void open--;
    },
  });
  await eventually(() => begun === 1);
  await host.bridge.stop();
  await sleep(150);
  expect([begun, open]).toEqual([1, 0]);
});
