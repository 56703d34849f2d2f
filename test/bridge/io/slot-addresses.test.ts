import { expect, it } from "vitest";
import { SlotAddresses } from "../../../bridge/io/slot-addresses.ts";
import type { ZeroconfBackend } from "../../../bridge/zeroconf/backend.ts";
import { SILENT } from "../../../platform/logger.ts";

const HOST = ["cw-abcdefgh-0", "local"];

it("does not announce a name twice when it failed at addresses that are gone", async () => {
  const former = Promise.withResolvers<never>();
  const calls: string[] = [];
  const backend = {
    registerHost: async (_: unknown, [address = ""]: readonly string[]) => {
      calls.push(`+ ${address}`);
      if (address === "192.0.2.1") await former.promise;
      return { withdraw: async () => void calls.push(`- ${address}`) };
    },
  } as unknown as ZeroconfBackend;
  const slots = new SlotAddresses({ log: SILENT, backend: () => backend });
  slots.set([HOST], ["192.0.2.1"]);
  slots.set([HOST], ["192.0.2.2"]);
  former.reject(new Error("that address is no more"));
  await new Promise((done) => setTimeout(done, 5));
  slots.set([HOST], ["192.0.2.2"]);
  await slots.stop();
  expect(calls).toEqual(["+ 192.0.2.1", "+ 192.0.2.2", "- 192.0.2.2"]);
});
