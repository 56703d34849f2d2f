/** Whole messages on a byte stream between hosts: each with its length, 4 bytes, before it. */
import type { HostStream } from "../../overlay/index.ts";
import { concatBytes } from "../../platform/bytes.ts";
import { WireError } from "../../platform/errors.ts";

const LENGTH_BYTES = 4;

export async function writeMessage(stream: HostStream, message: Uint8Array): Promise<void> {
  const framed = new Uint8Array(LENGTH_BYTES + message.length);
  new DataView(framed.buffer).setUint32(0, message.length);
  framed.set(message, LENGTH_BYTES);
  await stream.write(framed);
}

/**
 * The messages of a stream until its end.
 *
 * @param bytesMax of one message
 * @throws {WireError} on a longer one, or one that is cut off
 */
export async function* readMessages(
  bytes: AsyncIterable<Uint8Array>,
  bytesMax: number,
): AsyncGenerator<Uint8Array> {
  let parts: Uint8Array[] = [];
  let held = 0;
  let wanted = LENGTH_BYTES;
  for await (const part of bytes) {
    parts.push(part);
    held += part.length;
    if (held < wanted) continue;
    let buffer = concatBytes(...parts);
    while (buffer.length >= LENGTH_BYTES) {
      const length = new DataView(buffer.buffer, buffer.byteOffset).getUint32(0);
      if (length > bytesMax) throw new WireError(`a message of ${length} bytes`);
      if (buffer.length < LENGTH_BYTES + length) break;
      yield buffer.subarray(LENGTH_BYTES, LENGTH_BYTES + length);
      buffer = buffer.subarray(LENGTH_BYTES + length);
    }
    wanted = LENGTH_BYTES;
    if (buffer.length >= LENGTH_BYTES)
      wanted += new DataView(buffer.buffer, buffer.byteOffset).getUint32(0);
    parts = buffer.length > 0 ? [buffer] : [];
    held = buffer.length;
  }
  if (held > 0) throw new WireError("a message that is cut off");
}
