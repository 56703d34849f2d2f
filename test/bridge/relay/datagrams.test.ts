import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  DATAGRAM_BYTES_MAX,
  DatagramReader,
  encodeDatagram,
} from "../../../bridge/relay/datagrams.ts";
import { concatBytes } from "../../../platform/bytes.ts";
import { WireError } from "../../../platform/errors.ts";

describe("DatagramReader", () => {
  it("gives back what was written, however the stream is cut", () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 20 }),
        fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }),
        (datagrams, cuts) => {
          const stream = concatBytes(...datagrams.map(encodeDatagram));
          const reader = new DatagramReader();
          const got: Uint8Array[] = [];
          for (let at = 0, i = 0; at < stream.length; i++) {
            const to = at + cuts[i % cuts.length]!;
            got.push(...reader.push(stream.subarray(at, to)));
            at = to;
          }
          expect(got.map((one) => [...one])).toEqual(datagrams.map((one) => [...one]));
        },
      ),
    );
  });

  it("takes the largest there is and refuses a larger one before it has come", () => {
    const reader = new DatagramReader();
    const largest = new Uint8Array(DATAGRAM_BYTES_MAX).fill(5);
    expect(reader.push(encodeDatagram(largest))).toEqual([largest]);
    expect(() => reader.push(Uint8Array.of(0xff, 0xe4))).toThrow(WireError);
  });
});
