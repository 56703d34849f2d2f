/**
 * A recording of a site's frames, and what is in it as far as a figure wants to know: TCP and UDP
 * over IPv4 and IPv6, without extension headers and fragments.
 */
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ByteReader } from "../../platform/bytes.ts";
import type { Lab } from "../lab/lab.ts";
import { BenchError } from "./errors.ts";

export interface Packet {
  readonly type: "tcp" | "udp";
  /** `10.1.0.11`; IPv6 as eight groups without shortening. */
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly payload: Uint8Array;
}

export interface Capture {
  /** Ends the recording and reads it. */
  stop(): Promise<readonly Packet[]>;
}

const READY_MS = 5_000;
const PCAP_HEADER_BYTES = 24;
/** The kernel hands frames on in blocks; the last ones need a moment. */
const DRAIN_MS = 300;

/** @throws {BenchError} ERR_BENCH_PROGRAM when tcpdump does not start */
export async function openCapture(lab: Lab, site: string): Promise<Capture> {
  const directory = mkdtempSync(join(tmpdir(), "causeway-capture-"));
  const file = join(directory, "frames.pcap");
  const ending = new AbortController();
  const running = lab.capture(site, file, ending.signal);
  running.catch(() => {}); // told when it is stopped
  const until = performance.now() + READY_MS;
  while ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) < PCAP_HEADER_BYTES) {
    if (performance.now() > until) {
      ending.abort();
      rmSync(directory, { recursive: true, force: true });
      throw new BenchError("ERR_BENCH_PROGRAM", `tcpdump does not record site ${site}`);
    }
    await sleep(20);
  }
  let packets: Promise<readonly Packet[]> | undefined;
  const stop = async (): Promise<readonly Packet[]> => {
    await sleep(DRAIN_MS);
    ending.abort();
    await running;
    const bytes = readFileSync(file);
    rmSync(directory, { recursive: true, force: true });
    return parsePcap(bytes);
  };
  return { stop: () => (packets ??= stop()) };
}

/** Packets of a pcap file of Ethernet frames in this machine's byte order; a cut-off end is left out. */
export function parsePcap(bytes: Uint8Array): Packet[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const packets: Packet[] = [];
  let at = PCAP_HEADER_BYTES;
  while (at + 16 <= bytes.length) {
    const frameBytes = view.getUint32(at + 8, true);
    if (at + 16 + frameBytes > bytes.length) break;
    const packet = parseFrame(bytes.subarray(at + 16, at + 16 + frameBytes));
    if (packet !== undefined) packets.push(packet);
    at += 16 + frameBytes;
  }
  return packets;
}

const ETHER_TYPE = { ipv4: 0x0800, ipv6: 0x86dd } as const;
const IP_PROTOCOL = { tcp: 6, udp: 17 } as const;

function parseFrame(frame: Uint8Array): Packet | undefined {
  const reader = new ByteReader(frame);
  try {
    reader.bytes(12);
    const etherType = reader.u16();
    if (etherType === ETHER_TYPE.ipv4) return parseIpv4(frame.subarray(14));
    if (etherType === ETHER_TYPE.ipv6) return parseIpv6(frame.subarray(14));
  } catch {
    // Cut short: nothing to count.
  }
  return undefined;
}

function parseIpv4(bytes: Uint8Array): Packet | undefined {
  const reader = new ByteReader(bytes);
  const headerBytes = (reader.u8() & 0xf) * 4;
  reader.u8();
  const totalBytes = reader.u16();
  reader.bytes(5);
  const protocol = reader.u8();
  reader.u16();
  const source = reader.bytes(4).join(".");
  const destination = reader.bytes(4).join(".");
  return parseTransport(protocol, bytes.subarray(headerBytes, totalBytes), source, destination);
}

function parseIpv6(bytes: Uint8Array): Packet | undefined {
  const reader = new ByteReader(bytes);
  reader.u32();
  const payloadBytes = reader.u16();
  const protocol = reader.u8();
  reader.u8();
  const address = (): string =>
    Array.from({ length: 8 }, () => reader.u16().toString(16)).join(":");
  const source = address();
  const destination = address();
  return parseTransport(protocol, reader.bytes(payloadBytes), source, destination);
}

function parseTransport(
  protocol: number,
  bytes: Uint8Array,
  source: string,
  destination: string,
): Packet | undefined {
  const reader = new ByteReader(bytes);
  const isTcp = protocol === IP_PROTOCOL.tcp;
  if (!isTcp && protocol !== IP_PROTOCOL.udp) return undefined;
  const sourcePort = reader.u16();
  const destinationPort = reader.u16();
  let headerBytes = 8;
  if (isTcp) {
    reader.bytes(8);
    headerBytes = (reader.u8() >> 4) * 4;
  }
  const payload = bytes.subarray(headerBytes);
  const type = isTcp ? "tcp" : "udp";
  return { type, source, destination, sourcePort, destinationPort, payload };
}
