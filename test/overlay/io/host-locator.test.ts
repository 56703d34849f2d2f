import { describe, expect, it } from "vitest";
import { HostLocator } from "../../../overlay/io/host-locator.ts";
import { NOBODY_REVOKED } from "../../../overlay/identity/revoked.ts";
import { SignedCodec } from "../../../overlay/schema/messages.ts";
import type { SetHost } from "../../../overlay/subnet/host-set.ts";
import type { Directory, RecordView } from "../../../overlay/types.ts";
import { SILENT } from "../../../platform/logger.ts";
import { OVERLAY, pairOf, WALL_MS } from "../identity/members.ts";
import { setHostOf, signedStatementOf } from "../subnet/statements.ts";

const OWN_SUBNET = "home";
const RELAY = { host: pairOf("relay").publicKey, address: "203.0.113.5:4778" };
/** An address of the link that this host is on, and of the one that the other is on. */
const PRIVATE = "192.168.1.12:4778";
const BEHIND_NAT = { hostAddresses: [PRIVATE], reach: 2, relays: [RELAY] };

describe("a locator", () => {
  it("asks the overlay for a host whose set was heard before it knew that it is behind NAT", async () => {
    const heard = setHostOf("anna", { hostAddresses: [PRIVATE], reach: 0, relays: [] });
    const { locator, asked } = locatorOf({ others: [heard] });
    const { addresses, relays } = await locator.locate(heard.id);
    expect(addresses).toEqual([]);
    expect(relays.map(({ address }) => address)).toEqual([RELAY.address]);
    expect(asked()).toBe(1);
  });

  it("asks nobody for a host whose set says how it is reached", async () => {
    const heard = setHostOf("anna", BEHIND_NAT);
    const { locator, asked } = locatorOf({ others: [heard] });
    const { addresses, relays } = await locator.locate(heard.id);
    expect(addresses).toEqual([]);
    expect(relays.map(({ address }) => address)).toEqual([RELAY.address]);
    expect(asked()).toBe(0);
  });

  it("keeps an address that may serve when nothing is published", async () => {
    const elsewhere = "198.51.100.7:4778";
    const heard = setHostOf("bert", { hostAddresses: [elsewhere], reach: 0, relays: [] });
    const { locator } = locatorOf({ others: [heard] });
    expect(await locator.locate(heard.id)).toEqual({ addresses: [elsewhere], relays: [] });
  });

  it("counts a place as published once another subnet holds it", async () => {
    const statement = signedStatementOf("anna", BEHIND_NAT);
    const host = pairOf("anna").publicKey;
    for (const [storedOn, isFound] of [
      [[OWN_SUBNET, "away"], true],
      [[OWN_SUBNET], false],
      [[], false],
    ] as const)
      expect(await locatorOf({ storedOn }).locator.publish(host, statement)).toBe(isFound);
    const failing = locatorOf({ storedOn: new Error("nobody answers") }).locator;
    expect(await failing.publish(host, statement)).toBe(false);
  });
});

interface Given {
  readonly others?: readonly SetHost[];
  readonly storedOn?: readonly string[] | Error;
}

/** In an overlay that holds anna's place as she published it behind NAT. */
function locatorOf({ others = [], storedOn = [] }: Given): {
  locator: HostLocator;
  asked: () => number;
} {
  let asked = 0;
  const { publicKey } = pairOf("anna");
  const value = SignedCodec.encode(signedStatementOf("anna", BEHIND_NAT));
  const record = { value, publisher: publicKey } as RecordView;
  const directory: Pick<Directory, "get" | "put"> = {
    async get() {
      return { records: asked++ === 0 ? [record] : [], tookMs: 0, path: [] };
    },
    async put() {
      if (storedOn instanceof Error) throw storedOn;
      return { version: 1n, storedOn, tookMs: 0 };
    },
  };
  const locator = new HostLocator({
    clock: { monotonicMs: () => 0, wallMs: () => WALL_MS },
    log: SILENT,
    overlayId: () => OVERLAY,
    revoked: () => NOBODY_REVOKED,
    directory: () => directory,
    subnetId: () => OWN_SUBNET,
    siblings: () => [],
    others: () => others,
    isOnLink: (address) => address.startsWith("192.168.1."),
  });
  return { locator, asked: () => asked };
}
