/**
 * At which port an imported service is offered.
 *
 * The origin's number where it is free. Else one that follows from the origin id alone, so that all
 * hosts of a link, and the same host after a restart, come to the same.
 */
import { ORIGIN_BYTES } from "./opening.ts";

/** Above what services have by custom and below what Linux gives to outgoing connections (32768). */
const PORT_MIN = 20_000;
const PORT_MAX = 32_767;
const OTHERS = 16;

/**
 * @param origin     32 bytes, evenly spread
 * @param originPort 1 to 65535
 * @returns ports to try in this order, no duplicates
 */
export function choosePorts(origin: Uint8Array, originPort: number): readonly number[] {
  const view = new DataView(origin.buffer, origin.byteOffset, ORIGIN_BYTES);
  const range = PORT_MAX - PORT_MIN + 1;
  const others = Array.from(
    { length: OTHERS },
    (_, i) => PORT_MIN + (view.getUint16(2 * i) % range),
  );
  return [...new Set([originPort, ...others])];
}
