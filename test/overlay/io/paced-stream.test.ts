import type { Connection, Stream } from "@libp2p/interface";
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { concatBytes } from "../../../platform/bytes.ts";
import { toMultiaddr } from "../../../overlay/io/nodes.ts";
import { PacedStream } from "../../../overlay/io/paced-stream.ts";
import { startNode, stopAll, until } from "./loopback.ts";

afterEach(stopAll);

const WHO = { peer: "somebody", isRelayed: false } as const;
const MIB = 2 ** 20;

interface Ends {
  /** What dialled. */
  readonly near: PacedStream;
  /** The other end, as the handler got it. */
  readonly far: Promise<PacedStream>;
  readonly rawFar: Promise<Stream>;
  readonly connection: Connection;
}

/** One stream between two nodes; `heldMs` is how long the handler waits before it looks at it. */
async function connect(heldMs = 0): Promise<Ends> {
  const [near, far] = await Promise.all([startNode("quay"), startNode("pier")]);
  const { promise: rawFar, resolve } = Promise.withResolvers<Stream>();
  await far.node.handle("/paced", async (stream) => {
    await sleep(heldMs);
    resolve(stream);
  });
  const [host, port] = far.address.split(":");
  const connection = await near.node.dial(toMultiaddr(`/ip4/${host}/tcp/${port}`));
  const stream = await connection.newStream("/paced");
  return {
    near: new PacedStream(stream, WHO),
    far: rawFar.then((one) => new PacedStream(one, WHO)),
    rawFar,
    connection,
  };
}

async function readAll(stream: PacedStream, paceMs = 0): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const bytes of stream.bytes) {
    pieces.push(bytes);
    if (paceMs > 0) await sleep(paceMs);
  }
  return concatBytes(...pieces);
}

async function failureOf(work: Promise<unknown>): Promise<Error> {
  return work.then(
    () => new Error("it did not fail"),
    (error: unknown) => error as Error,
  );
}

describe("PacedStream", () => {
  it("gives a slow reader all that was written before the other end closed", async () => {
    const { near, far } = await connect();
    const sent = new Uint8Array(randomBytes(3 * MIB));
    const reading = readAll(await far, 3);
    for (let at = 0; at < sent.length; at += 65_536)
      await near.write(sent.subarray(at, at + 65_536));
    await near.closeWrite();
    expect(Buffer.compare(await reading, sent)).toBe(0);
  });

  it("gives what came before anybody looked", async () => {
    const { near, far } = await connect(100);
    await near.write(Uint8Array.of(1, 2, 3));
    await near.closeWrite();
    expect(await readAll(await far)).toEqual(Uint8Array.of(1, 2, 3));
  });

  it("ends at once when the other end closed before anybody looked, and said nothing", async () => {
    const { near, far } = await connect(100);
    await near.closeWrite();
    expect(await readAll(await far)).toEqual(new Uint8Array());
  });

  it("still writes when the other end has closed its writing", async () => {
    const { near, far } = await connect();
    await near.closeWrite();
    const other = await far;
    expect(await readAll(other)).toHaveLength(0);
    await other.write(Uint8Array.of(7));
    await other.closeWrite();
    expect(await readAll(near)).toEqual(Uint8Array.of(7));
  });

  it("holds a writer back while nobody reads: at most the window and what is read ahead", async () => {
    const { near, far, rawFar } = await connect();
    const other = await far;
    const raw = await rawFar;
    let written = 0;
    const chunk = new Uint8Array(65_536);
    const writing = (async () => {
      for (; written < 64 * MIB; written += chunk.length) await near.write(chunk);
    })();
    writing.catch(() => {});
    let before = -1;
    while (before !== written) {
      before = written;
      await sleep(150);
    }
    expect(written).toBeGreaterThan(0);
    expect(written).toBeLessThan(4 * MIB);
    expect(raw.readBufferLength).toBeLessThan(2.1 * MIB);
    let read = 0;
    for await (const bytes of other.bytes) {
      read += bytes.length;
      if (read >= 16 * MIB) break;
    }
    await until("it goes on", () => written >= 16 * MIB);
    near.abort(new Error("enough"));
  });

  it("lets a reader that takes much have more under way, whatever the round trip, and no other", async () => {
    const { near, far, rawFar } = await connect();
    const other = await far;
    const inside = (await rawFar) as Stream & { readonly recvWindow: number; getRTT: () => number };
    inside.getRTT = () => -1; // as long as no ping has come back
    const chunk = new Uint8Array(65_536);
    const writing = (async () => {
      for (let written = 0; written < 32 * MIB; written += chunk.length) await near.write(chunk);
    })();
    writing.catch(() => {});
    await sleep(200);
    expect(inside.recvWindow).toBeLessThanOrEqual(MIB / 2); // nobody has read
    let read = 0;
    for await (const bytes of other.bytes) {
      read += bytes.length;
      if (read >= 24 * MIB) break;
    }
    expect(inside.recvWindow).toBe(2 * MIB);
    near.abort(new Error("enough"));
  });

  it("does not tell the other end of room after each small message", async () => {
    const { near, far, rawFar } = await connect();
    const other = await far;
    type Frame = { readonly type: number; readonly length: number };
    const inside = (await rawFar) as Stream & { sendFrame: (frame: Frame) => boolean };
    const send = inside.sendFrame;
    const told: number[] = [];
    inside.sendFrame = (frame, ...more: []) => {
      if (frame.type === 1) told.push(frame.length);
      return send(frame, ...more);
    };
    const reader = other.bytes[Symbol.asyncIterator]();
    for (let i = 0; i < 300; i++) {
      await near.write(new Uint8Array(1000));
      await reader.next();
      if (i === 0) await other.write(Uint8Array.of(1)); // from now on both know of the stream
    }
    expect(told.length).toBeLessThan(6);
    expect(Math.max(...told)).toBeGreaterThan(100_000);
  });

  it("tells a reader and a writer of a connection that broke, and no end", async () => {
    const { near, far, connection } = await connect();
    const other = await far;
    await near.write(Uint8Array.of(1));
    const reading = failureOf(readAll(other));
    const own = failureOf(readAll(near));
    await sleep(50);
    connection.abort(new Error("pulled"));
    expect((await reading).message).toMatch(/lost|reset/i);
    expect((await own).message).toBe("pulled");
    expect((await failureOf(other.write(new Uint8Array(10)))).message).toMatch(/lost|reset/i);
  });

  it("passes on that the other end gave up", async () => {
    const { near, far } = await connect();
    const other = await far;
    await near.write(Uint8Array.of(1));
    const reading = failureOf(readAll(other));
    await sleep(20);
    near.abort(new Error("no more"));
    expect((await reading).message).toMatch(/reset/i);
  });
});
