import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { toHex, utf8 } from "../../../platform/bytes.ts";
import { errorCode } from "../../../platform/errors.ts";
import {
  checkHostSet,
  checkStatement,
  digestHosts,
  emptiedVersion,
  HOSTS_ANNOUNCED_MAX,
  leaveBody,
  nextVersion,
  signHostSet,
  sortHosts,
} from "../../../overlay/subnet/host-set.ts";
import { HostSetBodyCodec, type Signed } from "../../../overlay/schema/messages.ts";
import { DAY_MS, flipped, membershipOf, OVERLAY, pairOf, WALL_MS } from "../identity/members.ts";
import { plainHost, setHostOf, signedStatementOf, SUBNET } from "./statements.ts";

const HOSTS = [setHostOf("anna"), setHostOf("bert"), setHostOf("cora")];

function setOf(hosts = HOSTS, version = nextVersion(0n, hosts)) {
  const peerRecord = utf8("peer record");
  return signHostSet({ subnet: SUBNET, generation: 1, version, hosts, peerRecord });
}

/** Signs any body with the subnet's key. */
function forge(change: Partial<ReturnType<typeof HostSetBodyCodec.decode>>): Signed {
  const body = HostSetBodyCodec.encode({
    ...HostSetBodyCodec.decode(setOf().signed.body),
    ...change,
  });
  return { body, signature: SUBNET.sign("causeway-host-set-1", body) };
}

describe("checkStatement", () => {
  it("reads what a host says of itself", () => {
    const host = setHostOf("anna", { sequence: 7 });
    expect(host).toMatchObject({
      id: pairOf("anna").id,
      name: "anna",
      subnetAddresses: ["192.0.2.1:4711"],
      sequence: 7,
    });
  });

  it("refuses what another key signed, and each flipped byte", () => {
    const signed = signedStatementOf("anna");
    for (let at = 0; at < signed.body.length; at++)
      expect(() =>
        checkStatement({ ...signed, body: flipped(signed.body, at) }, OVERLAY, WALL_MS),
      ).toThrow();
    const wrong = { ...signed, signature: flipped(signed.signature, 63) };
    expect(() => checkStatement(wrong, OVERLAY, WALL_MS)).toThrow(/does not verify/);
  });

  it("refuses a host without its own valid membership", () => {
    const check =
      (change: object, wallMs = WALL_MS) =>
      () =>
        checkStatement(signedStatementOf("anna", change), OVERLAY, wallMs);
    expect(check({ membership: null })).toThrow(/chain of 0/);
    expect(check({ membership: membershipOf("bert") })).toThrow(/another's/);
    expect(check({}, WALL_MS + 366 * DAY_MS)).toThrow(/expired/);
    const elsewhere = membershipOf("anna", { linkSubnet: pairOf("another subnet").publicKey });
    expect(check({ membership: elsewhere })).toThrow(/open link/);
    const here = membershipOf("anna", { linkSubnet: SUBNET.publicKey });
    expect(check({ membership: here })).not.toThrow();
  });

  it("refuses too much, and addresses that are none", () => {
    const check = (change: object) => () =>
      checkStatement(signedStatementOf("anna", change), OVERLAY, WALL_MS);
    expect(check({ subnetAddresses: Array.from({ length: 17 }, () => "192.0.2.1:1") })).toThrow(
      /states too much/,
    );
    expect(check({ name: "é".repeat(33) })).toThrow(/states too much/);
    expect(check({ name: "é".repeat(32) })).not.toThrow();
    for (const address of ["192.0.2.1", "192.0.2.1:0", "example.org:1", "192.0.2.1:70000", ""])
      expect(check({ hostAddresses: [address] })).toThrow(/ADDRESS:PORT/);
  });
});

describe("signHostSet and checkHostSet", () => {
  it("agree, hosts in order of their keys", () => {
    const set = setOf(HOSTS.toReversed());
    const checked = checkHostSet(set.signed, OVERLAY, WALL_MS);
    expect(checked).toMatchObject({ subnetId: SUBNET.id, version: set.version, generation: 1 });
    expect(checked.hosts.map((host) => host.id)).toEqual(sortHosts(HOSTS).map((host) => host.id));
    expect(toHex(checked.peerRecord)).toBe(toHex(utf8("peer record")));
  });

  it("take an empty set: the subnet ends", () => {
    expect(checkHostSet(setOf([]).signed, OVERLAY, WALL_MS).hosts).toEqual([]);
  });

  it("refuse a stranger's signature, and a stranger put in by the subnet's own key", () => {
    const { signed } = setOf();
    const bySomebody = { body: signed.body, signature: pairOf("mallory").sign("x", signed.body) };
    expect(() => checkHostSet(bySomebody, OVERLAY, WALL_MS)).toThrow(/does not verify/);
    const foreign = signedStatementOf("mallory", { membership: null });
    expect(() => checkHostSet(forge({ statements: [foreign] }), OVERLAY, WALL_MS)).toThrow();
    const noKey = forge({ subnet: SUBNET.publicKey.subarray(1) });
    expect(() => checkHostSet(noKey, OVERLAY, WALL_MS)).toThrow(/not 32 bytes/);
  });

  it("refuse a host that says it is of another subnet", () => {
    const other = signedStatementOf("dora", { subnet: pairOf("another subnet").publicKey });
    expect(() => checkHostSet(forge({ statements: [other] }), OVERLAY, WALL_MS)).toThrow(
      /another subnet/,
    );
  });

  it("refuse hosts out of order, and one that is named twice", () => {
    const statements = sortHosts(HOSTS).map((host) => host.signed);
    const check = (given: typeof statements) => () =>
      checkHostSet(forge({ statements: given }), OVERLAY, WALL_MS);
    expect(check(statements)).not.toThrow();
    expect(check(statements.toReversed())).toThrow(/not in order/);
    expect(check([statements[0]!, ...statements])).toThrow(/there twice/);
  });

  it("refuse more hosts than may be announced", () => {
    const hosts = Array.from({ length: HOSTS_ANNOUNCED_MAX + 1 }, (_, i) => setHostOf(`host ${i}`));
    const many = (count: number) =>
      forge({ statements: sortHosts(hosts.slice(0, count)).map((host) => host.signed) });
    expect(() => checkHostSet(many(HOSTS_ANNOUNCED_MAX + 1), OVERLAY, WALL_MS)).toThrow(/too many/);
    expect(checkHostSet(many(HOSTS_ANNOUNCED_MAX), OVERLAY, WALL_MS).hosts).toHaveLength(16);
  });

  it("refuse any mutation with an error of the overlay's", () => {
    const { signed } = setOf();
    fc.assert(
      fc.property(fc.nat(signed.body.length - 1), fc.nat(254), (at, change) => {
        const body = new Uint8Array(signed.body);
        body[at] = (body[at]! + 1 + change) & 0xff;
        try {
          checkHostSet({ ...signed, body }, OVERLAY, WALL_MS);
        } catch (error) {
          expect(["ERR_OVERLAY_REFUSED", "ERR_OVERLAY_CERTIFICATE", "ERR_WIRE"]).toContain(
            errorCode(error),
          );
          return;
        }
        throw new Error("a changed body passed");
      }),
    );
  });
});

describe("nextVersion", () => {
  it("counts in the high bits and carries 16 bits of digest in the low ones", () => {
    const version = nextVersion(0n, HOSTS);
    expect(version >> 16n).toBe(1n);
    expect(Number(version & 0xffffn)).toBe(digestHosts(HOSTS).readUInt16BE(0));
    expect(nextVersion(version, HOSTS) >> 16n).toBe(2n);
    expect(nextVersion(version | 0xffffn, HOSTS) >> 16n).toBe(2n);
    expect(emptiedVersion(version)).toBeGreaterThan(version);
  });

  it("differs for two sets made of the same one, mostly", () => {
    const versions = new Set(
      Array.from({ length: 50 }, (_, i) => nextVersion(5n << 16n, [plainHost(i)])),
    );
    expect(versions.size).toBeGreaterThan(47);
  });

  it("is larger than any version it follows", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 60n }), fc.nat(20), (known, count) => {
        const hosts = Array.from({ length: count }, (_, i) => plainHost(i));
        expect(nextVersion(known, hosts)).toBeGreaterThan(known);
        expect(emptiedVersion(known)).toBeGreaterThan(known);
      }),
    );
  });
});

describe("digestHosts", () => {
  it("does not depend on the order, and changes with who, where and which statement", () => {
    const digest = (hosts: typeof HOSTS): string => digestHosts(hosts).toString("hex");
    const [anna, bert] = HOSTS;
    const base = digest([anna!, bert!]);
    expect(digest([bert!, anna!])).toBe(base);
    for (const other of [
      [anna!],
      [anna!, { ...bert!, sequence: 2 }],
      [anna!, { ...bert!, subnetAddresses: ["192.0.2.9:4711"] }],
      [anna!, setHostOf("cora")],
    ])
      expect(digest(other)).not.toBe(base);
  });
});

describe("a leave", () => {
  it("names host, subnet and statement", () => {
    const body = leaveBody(pairOf("anna").publicKey, SUBNET.publicKey, 12);
    expect(body).toHaveLength(66);
    expect(body.subarray(0, 32)).toEqual(pairOf("anna").publicKey);
    expect(body.subarray(32, 64)).toEqual(SUBNET.publicKey);
  });
});
