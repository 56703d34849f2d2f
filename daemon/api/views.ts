/** The overlay's values as the local API shows them. */
import type { GetResult, RecordView, SubnetView, WatchEvent } from "../../overlay/index.ts";
import { toBase32 } from "../../platform/base32.ts";
import { toHex } from "../../platform/bytes.ts";
import type {
  GetAnswer,
  HostJson,
  LookupAnswer,
  RecordJson,
  SubnetJson,
  WatchLine,
} from "./api-types.ts";

/** A JSON number while that is exact, else text. */
export function versionJson(version: bigint): number | string {
  return version <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(version) : version.toString();
}

export function recordJson(record: RecordView): RecordJson {
  return {
    publisher: toBase32(record.publisher),
    slot: record.slot,
    version: versionJson(record.version),
    ...valueJson(record.value),
    expiresInMs: Math.round(record.expiresInMs),
  };
}

/** Text when the bytes are UTF-8 and come back from it unchanged; a BOM is kept. */
function valueJson(value: Uint8Array): { value: string } | { valueBase64: string } {
  try {
    return { value: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(value) };
  } catch {
    return { valueBase64: Buffer.from(value).toString("base64") };
  }
}

export function getAnswer(key: string, { records, tookMs }: GetResult): GetAnswer {
  return { key, records: records.map(recordJson), tookMs: roundMs(tookMs) };
}

export function lookupAnswer(key: string, { records, tookMs, path }: GetResult): LookupAnswer {
  return {
    key,
    records: records.length,
    tookMs: roundMs(tookMs),
    path: path.map(({ tookMs: ms, ...step }) => ({ ...step, ms: roundMs(ms) })),
  };
}

export function watchLine(key: string, event: WatchEvent): WatchLine {
  if (event.type === "put") return { type: "put", key, ...recordJson(event.record) };
  const { type, publisher, slot, version } = event;
  return { type, key, publisher: toBase32(publisher), slot, version: versionJson(version) };
}

export function subnetJson({ hostSetVersion, ...subnet }: SubnetView): SubnetJson {
  return { ...subnet, hostSetVersion: hostSetVersion.toString() };
}

export function hostsJson(subnets: readonly SubnetView[]): readonly HostJson[] {
  return subnets.flatMap(({ id, hosts }) => hosts.map((host) => ({ ...host, subnet: id })));
}

export function keyJson(key: Uint8Array): string {
  return toHex(key);
}

/** Two decimals: enough for people, and short on the wire. */
export function roundMs(ms: number): number {
  return Math.round(ms * 100) / 100;
}
