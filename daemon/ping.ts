/**
 * How far another host is, and how fast: bytes sent over a host stream, answered with their hash.
 *
 * Takes the way that any application's stream takes, direct or through a relay.
 */
import { createHash } from "node:crypto";
import { isEqualBytes } from "../platform/bytes.ts";
import type { HostStream, HostStreams } from "../overlay/index.ts";
import { PingError } from "./errors.ts";

const PROTOCOL = "ping/1";
const CHUNK_BYTES = 64 * 1024;
const DIGEST_BYTES = 32;
/** Most that one host may have another one take in. */
export const PING_BYTES_MAX = 1024 ** 3;
/** Pings answered at once. */
const SERVED_MAX = 8;

export interface PingResult {
  readonly host: string;
  readonly way: "direct" | "relayed";
  /** From the opening of a stream to its answer, the connection being there. */
  readonly roundTripMs: number;
  readonly connectMs: number;
  readonly bytes: number;
  readonly tookMs: number;
}

/** Answers pings until the returned function is called. */
export function servePings(streams: HostStreams): () => void {
  let served = 0;
  return streams.handle(PROTOCOL, async (stream) => {
    if (served >= SERVED_MAX) throw new PingError("ERR_PING_REFUSED", "too many pings at once");
    served++;
    try {
      await stream.write(await digestOf(stream));
      await stream.closeWrite();
    } finally {
      served--;
    }
  });
}

/**
 * @param bytes how much to send; 0 measures the round trip only
 * @throws {OverlayError} when the host is not reached; {PingError} when bytes came to harm
 */
export async function ping(
  streams: HostStreams,
  host: string,
  bytes: number,
  signal: AbortSignal,
): Promise<PingResult> {
  const startedMs = performance.now();
  const first = await streams.dial(host, PROTOCOL, signal);
  const connectMs = performance.now() - startedMs;
  await exchange(first, 0);
  const connectedMs = performance.now();
  const second = await streams.dial(host, PROTOCOL, signal);
  await exchange(second, 0);
  const roundTripMs = performance.now() - connectedMs;
  const sentMs = performance.now();
  if (bytes > 0) await exchange(await streams.dial(host, PROTOCOL, signal), bytes);
  const tookMs = performance.now() - sentMs;
  const way = second.isRelayed ? "relayed" : "direct";
  return { host, way, roundTripMs, connectMs, bytes, tookMs };
}

/** Sends so many bytes and holds the answer against their hash. */
async function exchange(stream: HostStream, bytes: number): Promise<void> {
  const hash = createHash("sha256");
  for (let sent = 0, round = 0; sent < bytes; round++) {
    const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, bytes - sent), round & 0xff);
    chunk.writeUInt32BE(round, 0); // no two chunks are the same, so that a swap shows
    hash.update(chunk);
    await stream.write(chunk);
    sent += chunk.length;
  }
  await stream.closeWrite();
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of stream.bytes) {
    length += part.length;
    if (length > DIGEST_BYTES) break;
    parts.push(new Uint8Array(part));
  }
  if (!isEqualBytes(Buffer.concat(parts), hash.digest()))
    throw new PingError(
      "ERR_PING_DAMAGED",
      `of ${bytes} bytes sent others came in at host ${stream.peer}; report this as a bug`,
    );
}

async function digestOf(stream: HostStream): Promise<Uint8Array> {
  const hash = createHash("sha256");
  let length = 0;
  for await (const part of stream.bytes) {
    length += part.length;
    if (length > PING_BYTES_MAX) throw new PingError("ERR_PING_REFUSED", "more than 1 GiB");
    hash.update(part);
  }
  return hash.digest();
}
