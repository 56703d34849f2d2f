/** Frames out of a stream, however its bytes are cut. */
import type { Stream } from "@libp2p/interface";
import { FrameStream } from "../../../overlay/io/frame-stream.ts";
import { MESSAGE_BYTES_MAX } from "../../../overlay/schema/codec.ts";
import { concatBytes, toHex, utf8 } from "../../../platform/bytes.ts";
import { isSameValue, Violation, type FuzzTarget } from "../engine/target.ts";

/** What `FrameStream` uses of a libp2p stream. */
class HandStream extends EventTarget {
  readonly writableNeedsDrain = false;
  isAborted = false;

  abort(): void {
    this.isAborted = true;
  }

  receive(data: Uint8Array): void {
    this.dispatchEvent(Object.assign(new Event("message"), { data }));
  }
}

interface Outcome {
  readonly frames: readonly string[];
  readonly isAborted: boolean;
}

/** Reads with FrameStream, in pieces of these lengths over and over. */
function readPieces(bytes: Uint8Array, lengths: readonly number[]): Outcome {
  const stream = new HandStream();
  const frames: string[] = [];
  let closes = 0;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what it uses is there
  void new FrameStream(stream as unknown as Stream, {
    frame: (frame) => frames.push(toHex(frame)),
    close: () => closes++,
  });
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const length = Math.max(1, lengths[i % lengths.length] ?? 1);
    stream.receive(bytes.subarray(at, at + length));
    at += length;
  }
  if (closes !== Number(stream.isAborted)) throw new Violation(`closed ${closes} times`);
  return { frames, isAborted: stream.isAborted };
}

/** The same, as plainly as it can be said. */
function readPlainly(bytes: Uint8Array): Outcome {
  const frames: string[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at + 4 <= bytes.length;) {
    const length = view.getUint32(at);
    if (length > MESSAGE_BYTES_MAX) return { frames, isAborted: true };
    if (at + 4 + length > bytes.length) break;
    frames.push(toHex(bytes.subarray(at + 4, at + 4 + length)));
    at += 4 + length;
  }
  return { frames, isAborted: false };
}

const CUTS = 4;

const frameStream: FuzzTarget = {
  name: "frame-stream",
  covers: [],
  format: "bytes",
  bytesMax: 64 * 1024,
  dictionary: [Uint8Array.of(0, 0, 0, 0), Uint8Array.of(0, 4, 0, 0), Uint8Array.of(0, 4, 0, 1)],
  // The first bytes tell the lengths of the pieces.
  seeds: () => [
    concatBytes(Uint8Array.of(1, 2, 3, 200), Uint8Array.of(0, 0, 0, 2), utf8("ab")),
    concatBytes(
      Uint8Array.of(7, 7, 7, 7),
      Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 9),
      utf8("too short"),
    ),
    concatBytes(Uint8Array.of(1, 1, 1, 1), Uint8Array.of(0, 1, 0, 0), new Uint8Array(8192)),
  ],
  run(bytes) {
    const stream = bytes.subarray(CUTS);
    const got = readPieces(stream, [...bytes.subarray(0, CUTS)]);
    if (!isSameValue(got, readPlainly(stream))) throw new Violation("other frames than were sent");
  },
};

export const STREAM_TARGETS = [frameStream];
