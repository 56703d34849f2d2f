import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openBed, type Bed } from "../../daemon/bench/bed.ts";
import { findAll, putRecords } from "../../daemon/bench/overlay/records-set.ts";
import { countUnicastAnswers } from "./fixtures/unicast-asker.ts";
import { LAB_MISSING, ownLabName } from "./lab-requirements.ts";

describe.skipIf(LAB_MISSING !== undefined)("daemons beside Avahi", () => {
  let bed: Bed;

  beforeAll(async () => {
    const sites = [
      "{ name: alpha, hosts: 2, switch: ovs, avahi: true, ipv6: true }",
      "{ name: beta, hosts: 1, avahi: true, ipv6: true, uplink: { delay: 5ms } }",
      "{ name: gamma, hosts: 2, subnet: 'fd00:33::/64', uplink: { delay: 5ms } }",
    ];
    bed = await openBed({ name: ownLabName("avahi"), sites });
    await bed.start();
    await bed.settle(3, 5, 60_000);
  });

  afterAll(async () => {
    await bed?.close();
  });

  it.each([
    ["alpha-1", "alpha-2"],
    ["alpha-2", "alpha-1"],
  ])("leave Avahi its unicast: of ten questions by %s, %s answers ten", async (by, host) => {
    expect(await countUnicastAnswers(bed.lab, by, host)).toBe(10);
  });

  it("are seen by Avahi's own browser", async () => {
    const argv = ["avahi-browse", "--parsable", "--resolve", "--terminate", "_causeway._tcp"];
    const { stdout } = await bed.lab.exec("alpha-1", argv);
    const resolved = stdout.split("\n").filter((line) => line.startsWith("="));
    const addresses = new Set(resolved.map((line) => line.split(";")[7]));
    expect([...addresses]).toEqual(
      expect.arrayContaining([bed.lab.address("alpha-1"), bed.lab.address("alpha-2")]),
    );
  });

  it("find each other over IPv6 alone", async () => {
    const [own] = await bed.subnets("gamma-2");
    const addresses = own!.hosts.flatMap((host) => host.addresses);
    expect(own!.hosts.map(({ name }) => name).toSorted()).toEqual(["gamma-1", "gamma-2"]);
    expect(addresses.every((address) => address.startsWith("[fd00:33::"))).toBe(true);
  });

  it("share records between sites of either family", async () => {
    const records = await putRecords(bed, "family", "2", 10);
    expect(await findAll(bed, records)).toMatchObject({ lost: [] });
  });
});
