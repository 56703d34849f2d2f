import { describe, expect, it } from "vitest";
import {
  pickStored,
  rememberSubnet,
  STORED_SUBNETS_MAX,
} from "../../../overlay/subnet/stored-subnets.ts";

const stored = (id: number, prefix: string, gatewayMac: string | null = null) => ({
  claim: { subnet: new Uint8Array([id]) },
  prefixes: prefix === "" ? [] : [prefix],
  gatewayMac,
});
const HOME = stored(1, "192.168.1.0/24", "home");
const OFFICE = stored(2, "10.0.0.0/8", "office");
const CAFE = stored(3, "192.168.1.0/24", "cafe");
const SHELF = [OFFICE, CAFE, HOME];

const on = (prefix: string, gatewayMac: string | null = null) => stored(0, prefix, gatewayMac);
const idOf = (one: ReturnType<typeof stored> | undefined) => one?.claim.subnet[0];

describe("of the subnets that a host remembers", () => {
  it("the gateway's decides, where others have the same prefix", () => {
    expect(idOf(pickStored(SHELF, on("192.168.1.0/24", "home"), null))).toBe(1);
    expect(idOf(pickStored(SHELF, on("192.168.1.0/24", "cafe"), null))).toBe(3);
    expect(pickStored(SHELF, on("192.168.1.0/24", "elsewhere"), null)).toBeUndefined();
  });

  it("the newest of the prefix is taken while the gateway is silent", () => {
    expect(idOf(pickStored(SHELF, on("192.168.1.0/24"), null))).toBe(3);
    expect(pickStored(SHELF, on("172.16.0.0/12"), null)).toBeUndefined();
  });

  it("the newest is taken where there are link-local addresses alone", () => {
    expect(idOf(pickStored(SHELF, on(""), null))).toBe(2);
  });

  it("one that was made with link-local addresses alone is not taken to other links", () => {
    expect(pickStored([stored(4, "")], on("10.0.0.0/8"), null)).toBeUndefined();
    expect(idOf(pickStored([stored(4, "")], on(""), null))).toBe(4);
  });

  it("the one just left comes back only with its gateway", () => {
    const left = CAFE.claim.subnet;
    expect(idOf(pickStored(SHELF, on("192.168.1.0/24"), left))).toBe(1);
    expect(pickStored([CAFE], on("192.168.1.0/24"), left)).toBeUndefined();
    expect(idOf(pickStored([CAFE], on("192.168.1.0/24", "cafe"), left))).toBe(3);
  });

  it("a link has one, and the newest eight links are kept", () => {
    const merged = { ...stored(9, "10.0.0.0/8", "office") };
    expect(rememberSubnet(SHELF, merged).map(idOf)).toEqual([9, 3, 1]);
    expect(rememberSubnet(SHELF, HOME).map(idOf)).toEqual([1, 2, 3]);
    let many = [HOME];
    for (let id = 10; id < 30; id++)
      many = rememberSubnet(many, stored(id, `${id}.0.0.0/8`, `${id}`));
    expect(many).toHaveLength(STORED_SUBNETS_MAX);
    expect(idOf(many[0])).toBe(29);
  });
});
