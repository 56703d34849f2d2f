import type { Stream } from "@libp2p/interface";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { concatBytes, toHex, utf8 } from "../../../platform/bytes.ts";
import { FrameStream } from "../../../overlay/io/frame-stream.ts";
import { toMultiaddr } from "../../../overlay/io/nodes.ts";
import { MESSAGE_BYTES_MAX } from "../../../overlay/schema/codec.ts";
import { startNode, stopAll, until } from "./loopback.ts";

/** Of a libp2p stream what is used of it, with the chunks and the back-pressure in our hands. */
class HandStream extends EventTarget {
  readonly sent: Uint8Array[] = [];
  writableNeedsDrain = false;
  abortedBy: Error | undefined;
  isClosed = false;

  send(bytes: Uint8Array): boolean {
    this.sent.push(bytes);
    return !this.writableNeedsDrain;
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }

  abort(error: Error): void {
    this.abortedBy = error;
    this.dispatchEvent(Object.assign(new Event("close"), { error }));
  }

  receive(data: Uint8Array): void {
    this.dispatchEvent(Object.assign(new Event("message"), { data }));
  }

  drain(): void {
    this.writableNeedsDrain = false;
    this.dispatchEvent(new Event("drain"));
  }
}

function framed(...frames: readonly Uint8Array[]): Uint8Array {
  return concatBytes(
    ...frames.flatMap((frame) => {
      const length = new Uint8Array(4);
      new DataView(length.buffer).setUint32(0, frame.length);
      return [length, frame];
    }),
  );
}

function open(stream = new HandStream()) {
  const frames: string[] = [];
  const closes: (Error | undefined)[] = [];
  const reader = new FrameStream(stream as unknown as Stream, {
    frame: (bytes) => frames.push(toHex(bytes)),
    close: (error) => closes.push(error),
  });
  return { stream, frames, closes, reader };
}

describe("FrameStream, reading", () => {
  it("takes the largest frame byte by byte in no time to speak of", () => {
    const { stream, frames } = open();
    const bytes = framed(new Uint8Array(MESSAGE_BYTES_MAX).fill(7), utf8("next"));
    const startedAtMs = performance.now();
    for (let at = 0; at < bytes.length; at++) stream.receive(bytes.subarray(at, at + 1));
    expect(performance.now() - startedAtMs).toBeLessThan(2000);
    expect(frames).toEqual(["07".repeat(MESSAGE_BYTES_MAX), toHex(utf8("next"))]);
  });

  it("finds the frames however the bytes are cut", () => {
    const frames = fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 12 });
    fc.assert(
      fc.property(frames, fc.array(fc.integer({ min: 1, max: 30 })), (sent, cuts) => {
        const { stream, frames: got, closes } = open();
        const bytes = framed(...sent);
        let at = 0;
        for (const cut of [...cuts, bytes.length]) {
          if (at < bytes.length) stream.receive(bytes.subarray(at, at + cut));
          at += cut;
        }
        expect(got).toEqual(sent.map(toHex));
        expect(closes).toEqual([]);
      }),
    );
  });

  it("keeps a frame's bytes when the sender's buffer is used again", () => {
    const stream = new HandStream();
    const kept: Uint8Array[] = [];
    const handlers = { frame: (bytes: Uint8Array) => kept.push(bytes), close: () => {} };
    expect(new FrameStream(stream as unknown as Stream, handlers)).toBeDefined();
    const bytes = framed(Uint8Array.of(1, 2, 3));
    stream.receive(bytes);
    bytes.fill(0xff);
    expect([...kept[0]!]).toEqual([1, 2, 3]);
  });

  it("takes a frame of the greatest size and cuts at one byte more, before it is there", () => {
    const good = open();
    good.stream.receive(framed(new Uint8Array(MESSAGE_BYTES_MAX)));
    expect(good.frames).toHaveLength(1);
    const { stream, frames, closes } = open();
    stream.receive(framed(Uint8Array.of(7)));
    const length = new Uint8Array(4);
    new DataView(length.buffer).setUint32(0, MESSAGE_BYTES_MAX + 1);
    stream.receive(length);
    expect(frames).toEqual(["07"]);
    expect(stream.abortedBy).toMatchObject({ code: "ERR_OVERLAY_REFUSED" });
    expect(closes).toHaveLength(1);
    stream.receive(framed(Uint8Array.of(8)));
    expect(frames).toEqual(["07"]);
  });

  it("reads no further frame of a chunk once a handler has ended the stream", () => {
    const stream = new HandStream();
    let count = 0;
    const reader: FrameStream = new FrameStream(stream as unknown as Stream, {
      frame: () => {
        count++;
        reader.abort(new Error("enough"));
      },
      close: () => {},
    });
    stream.receive(framed(Uint8Array.of(1), Uint8Array.of(2)));
    expect(count).toBe(1);
  });

  it("tells its end once, whatever comes after", async () => {
    const { stream, closes, reader } = open();
    stream.dispatchEvent(new Event("remoteCloseWrite"));
    stream.dispatchEvent(new Event("close"));
    reader.abort(new Error("late"));
    await reader.end();
    expect(closes).toEqual([undefined]);
  });
});

describe("FrameStream, writing", () => {
  it("waits while the stream is full, for each drain again, and keeps the order", () => {
    const { stream, reader } = open();
    const send = (byte: number): void => reader.send(Uint8Array.of(byte));
    const sent = (): string => stream.sent.map((bytes) => bytes.at(-1)).join("");
    send(1);
    for (let round = 0; round < 3; round++) {
      const before = sent();
      stream.writableNeedsDrain = true;
      send(2);
      send(3);
      expect(sent()).toBe(before);
      stream.drain();
    }
    expect(sent()).toBe("1232323");
    expect(toHex(stream.sent[0]!)).toBe("0000000101");
  });

  it("gives up on a peer that never reads", () => {
    const { stream, reader, closes } = open();
    stream.writableNeedsDrain = true;
    for (let i = 0; i < 31; i++) reader.send(new Uint8Array(MESSAGE_BYTES_MAX));
    expect(closes).toEqual([]);
    for (let i = 0; i < 2; i++) reader.send(new Uint8Array(MESSAGE_BYTES_MAX));
    expect(stream.abortedBy).toMatchObject({ message: "the peer reads too slowly" });
    expect(closes).toHaveLength(1);
    reader.send(Uint8Array.of(1)); // closed: not an error
  });
});

describe("FrameStream, ending", () => {
  it("does not wait for ever for a peer that does not read", async () => {
    const { stream, reader, closes } = open();
    stream.writableNeedsDrain = true;
    reader.send(Uint8Array.of(1));
    const startedMs = performance.now();
    await reader.end();
    expect(performance.now() - startedMs).toBeLessThan(3_000);
    expect(stream.isClosed).toBe(true);
    expect(closes).toEqual([undefined]);
  });
});

describe("FrameStream over a real stream", () => {
  let sender: Awaited<ReturnType<typeof startNode>>;
  let receiver: Awaited<ReturnType<typeof startNode>>;
  beforeAll(async () => {
    [sender, receiver] = await Promise.all([startNode("sender"), startNode("receiver")]);
  });
  afterAll(stopAll);

  it("carries more than any window, each frame whole and in order", async () => {
    const sizes: number[] = [];
    let next = 0;
    await receiver.node.handle("/frames", (stream) => {
      expect(
        new FrameStream(stream, {
          frame: (bytes) => {
            expect(bytes.every((byte) => byte === next % 256)).toBe(true);
            next++;
            sizes.push(bytes.length);
          },
          close: () => {},
        }),
      ).toBeDefined();
    });
    const [host, port] = receiver.address.split(":");
    const connection = await sender.node.dial(toMultiaddr(`/ip4/${host}/tcp/${port}`));
    const stream = await connection.newStream("/frames");
    const writer = new FrameStream(stream, { frame: () => {}, close: () => {} });
    const sent = Array.from({ length: 60 }, (_, i) => (i % 4 === 0 ? 100_000 : i));
    sent.forEach((size, i) => writer.send(new Uint8Array(size).fill(i % 256)));
    await until("all frames", () => sizes.length === sent.length);
    expect(sizes).toEqual(sent);
  });

  it("delivers what was queued before its end", async () => {
    let bytes = 0;
    let isEnded = false;
    await receiver.node.handle("/last-words", (stream) => {
      expect(
        new FrameStream(stream, {
          frame: (frame) => (bytes += frame.length),
          close: () => (isEnded = true),
        }),
      ).toBeDefined();
    });
    const [connection] = sender.node.getConnections();
    const stream = await connection!.newStream("/last-words");
    const writer = new FrameStream(stream, { frame: () => {}, close: () => {} });
    for (let i = 0; i < 30; i++) writer.send(new Uint8Array(200_000));
    await writer.end();
    await until("the end", () => isEnded);
    expect(bytes).toBe(30 * 200_000);
  });
});
