/** Records for tests. */
import { createHash } from "node:crypto";
import type { ServiceRecord } from "../../../bridge/exchange/service-record.ts";
import { toBase32 } from "../../../platform/base32.ts";
import { utf8 } from "../../../platform/bytes.ts";

export function idOf(name: string): string {
  return toBase32(new Uint8Array(createHash("sha256").update(name).digest()));
}

export function aRecord(given: Partial<ServiceRecord> = {}): ServiceRecord {
  const originSubnet = given.originSubnet ?? idOf("subnet a");
  return {
    originSubnet,
    exporters: [idOf("anna")],
    version: 7n,
    instance: "Tom's Music v1.2",
    type: "_daap._tcp",
    subtypes: ["_shared"],
    port: 3689,
    txt: [utf8("Version=1"), Uint8Array.of(0, 255)],
    hostLabel: "toms-mac",
    site: "anna",
    addresses: ["192.168.1.7", "2001:db8::7"],
    path: [originSubnet],
    hopsLeft: 1,
    isWithdrawn: false,
    keys: [],
    isListed: false,
    ...given,
  };
}
