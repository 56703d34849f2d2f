import { afterEach, describe, expect, it } from "vitest";
import { NO_TRUST } from "../../../overlay/io/channel-trust.ts";
import { HostSetKeeper } from "../../../overlay/subnet/host-set-keeper.ts";
import { signHostSet, type HostSet } from "../../../overlay/subnet/host-set.ts";
import { SYSTEM_TIMERS } from "../../../platform/io/system-timers.ts";
import { SILENT } from "../../../platform/logger.ts";
import { membershipOf, OVERLAY, pairOf, WALL_MS } from "../identity/members.ts";
import { SetClock } from "../records/fixture.ts";
import { setHostOf, SUBNET } from "./statements.ts";

const YEAR_MS = 365 * 24 * 3_600_000;
const HOUR_S = 3_600;

describe("a host set's keeper", () => {
  const keepers: HostSetKeeper[] = [];
  afterEach(() => {
    for (const keeper of keepers.splice(0)) keeper.stop();
  });

  function keeperOf(wallMs: number, version = 0n) {
    let outdated = 0;
    const keeper: HostSetKeeper = new HostSetKeeper({
      subnetKey: SUBNET,
      generation: 1,
      hostKey: pairOf("anna"),
      overlayId: OVERLAY,
      membership: () => membershipOf("anna"),
      hostName: "anna",
      ports: { subnet: 4777, host: 4778 },
      addresses: () => ["192.0.2.9"],
      clock: new SetClock(0, wallMs),
      timers: SYSTEM_TIMERS,
      seal: async () => new Uint8Array(),
      log: SILENT,
      trust: NO_TRUST,
      reach: () => "reachable",
      relays: () => [],
      mapped: () => ({ subnet: null, host: null }),
      version,
      onSet: () => {},
      onLiveChanged: () => {},
      onOutdated: () => {
        outdated++;
        keeper.restate();
      },
    });
    keepers.push(keeper);
    return { keeper, outdated: () => outdated };
  }

  function setNaming(sequence: number, counter = 5n): HostSet {
    const anna = setHostOf("anna", { sequence, subnetAddresses: ["192.0.2.1:4777"] });
    const nothing = new Uint8Array();
    const version = counter << 16n;
    return signHostSet({
      subnet: SUBNET,
      generation: 1,
      version,
      hosts: [anna],
      peerRecord: nothing,
    });
  }

  it("states anew, above what it stated before its clock was set back by a year", () => {
    const { keeper, outdated } = keeperOf(WALL_MS - YEAR_MS);
    const before = Math.floor(WALL_MS / 1000) % 2 ** 31;
    expect(keeper.hearSet(setNaming(before))).toBe(true);
    expect(outdated()).toBe(1);
    const [own] = keeper.hosts;
    expect(own!.sequence).toBe(before + 1);
    expect(own!.subnetAddresses).toEqual(["192.0.2.9:4777"]);
  });

  it("has nothing to add when its own statement is the latest", () => {
    const { keeper, outdated } = keeperOf(WALL_MS);
    expect(keeper.hearSet(setNaming((Math.floor(WALL_MS / 1000) % 2 ** 31) - HOUR_S))).toBe(true);
    expect(outdated()).toBe(0);
    expect(keeper.hosts[0]!.subnetAddresses).toEqual(["192.0.2.9:4777"]);
  });

  it("takes a leap over the version of its disk, and none once others have told one", () => {
    const { keeper } = keeperOf(WALL_MS, 1n << 16n);
    expect(keeper.hearSet(setNaming(1, 2n ** 33n))).toBe(false);
    expect(keeper.hearSet(setNaming(1, 350_000n))).toBe(true);
    expect(keeper.hearSet(setNaming(1, 700_000n))).toBe(false);
    expect(keeper.hearSet(setNaming(1, 350_001n))).toBe(true);
  });
});
