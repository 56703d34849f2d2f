import { afterEach, expect, it } from "vitest";
import { openEntrance, type Entrance } from "../../../bridge/io/entrance.ts";
import { eventually } from "./bridge-bed.ts";
import { cleanUp, dialTcp, openBed } from "./relay-bed.ts";

afterEach(cleanUp);

/** Addresses of a host, of which some are not there yet. */
function addressing(absent: readonly string[]) {
  const [missing, bound, warnings] = [new Set(absent), new Set<string>(), [] as string[]];
  let tries = 0;
  const bind = async (address: string, port: number) => {
    tries++;
    if (missing.has(address))
      throw Object.assign(new Error(`no ${address}`), { code: "EADDRNOTAVAIL" });
    bound.add(`${address} ${port}`);
    return { close: async () => void bound.delete(`${address} ${port}`) };
  };
  const warn = (event: string): void => void warnings.push(event);
  const open = (addresses: readonly string[]): Promise<Entrance> =>
    openEntrance(addresses, [80], bind, { label: "Web", isFixed: false, warn });
  return { missing, bound, warnings, open, tries: () => tries };
}

it("listens at an address as soon as the system has it, as with a new one of IPv6", async () => {
  const { missing, bound, warnings, open } = addressing(["2001:db8::7"]);
  const entrance = await open(["192.0.2.1", "2001:db8::7"]);
  expect([...bound]).toEqual(["192.0.2.1 80"]);
  missing.add("2001:db8::8").delete("2001:db8::7");
  await entrance.setAddresses(["192.0.2.1", "2001:db8::7", "2001:db8::8"]);
  missing.clear();
  await eventually(() => bound.has("2001:db8::8 80"));
  expect([...bound]).toEqual(["192.0.2.1 80", "2001:db8::7 80", "2001:db8::8 80"]);
  expect(warnings).toEqual(["imported service not offered"]);
  await entrance.close();
  expect(bound.size).toBe(0);
});

it("tries no more once it is closed", async () => {
  const { open, tries } = addressing(["2001:db8::7"]);
  const entrance = await open(["192.0.2.1", "2001:db8::7"]);
  await entrance.close();
  await new Promise((done) => setTimeout(done, 700));
  expect(tries()).toBe(2);
});

it("is at the addresses that the host has by the time it is open", async () => {
  const bed = openBed(1);
  const entering = bed.enter();
  await bed.entry.setAddresses(["127.0.0.2"]);
  const { port } = await entering;
  const client = await dialTcp(port, "127.0.0.2");
  client.destroy();
});
