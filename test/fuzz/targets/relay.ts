/** What a peer says to open a relayed connection, and datagrams out of a stream. */
import {
  decodeOpenAnswer,
  decodeOpenRequest,
  encodeOpenAnswer,
  encodeOpenRequest,
  type OpenAnswer,
} from "../../../bridge/relay/opening.ts";
import {
  DATAGRAM_BYTES_MAX,
  DatagramReader,
  encodeDatagram,
} from "../../../bridge/relay/datagrams.ts";
import { concatBytes, utf8 } from "../../../platform/bytes.ts";
import { WireError } from "../../../platform/errors.ts";
import { checkRoundTrip, isSameValue, Violation, type FuzzTarget } from "../engine/target.ts";

const ORIGIN = new Uint8Array(32).fill(7);

const openRequest: FuzzTarget = {
  name: "relay-open-request",
  covers: ["bridge/relay/opening.ts decodeOpenRequest"],
  format: "bytes",
  bytesMax: 255,
  dictionary: [],
  seeds: () => [
    encodeOpenRequest({ protocol: "tcp", origin: ORIGIN }),
    encodeOpenRequest({ protocol: "udp", origin: ORIGIN }),
  ],
  run(bytes) {
    checkRoundTrip(decodeOpenRequest(bytes), encodeOpenRequest, decodeOpenRequest);
  },
};

const ANSWERS: readonly OpenAnswer[] = [
  { type: "opened" },
  { type: "unknown", reason: "exported no more" },
  { type: "refused", reason: "" },
  { type: "limit", reason: "zu viel für heute" },
];

const openAnswer: FuzzTarget = {
  name: "relay-open-answer",
  covers: ["bridge/relay/opening.ts decodeOpenAnswer"],
  format: "bytes",
  bytesMax: 300,
  dictionary: [utf8("\u001b[2J"), utf8("\u009b")],
  seeds: () => ANSWERS.map(encodeOpenAnswer),
  run(bytes) {
    const answer = decodeOpenAnswer(bytes);
    checkRoundTrip(answer, encodeOpenAnswer, decodeOpenAnswer);
    // oxlint-disable-next-line no-control-regex -- they are what is looked for
    if (answer.type !== "opened" && /[\u0000-\u001f\u007f-\u009f]/.test(answer.reason))
      throw new Violation("a control character got through");
  },
};

/** The same as the reader, as plainly as it can be said; `undefined` for a refusal. */
function readPlainly(bytes: Uint8Array): readonly Uint8Array[] | undefined {
  const datagrams: Uint8Array[] = [];
  for (let at = 0; at + 2 <= bytes.length;) {
    const length = bytes[at]! * 256 + bytes[at + 1]!;
    if (length > DATAGRAM_BYTES_MAX) return undefined;
    if (at + 2 + length > bytes.length) break;
    datagrams.push(bytes.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
  return datagrams;
}

/** Cut into pieces of these lengths over and over. */
function readPieces(bytes: Uint8Array, cuts: Uint8Array): readonly Uint8Array[] | undefined {
  const reader = new DatagramReader();
  const datagrams: Uint8Array[] = [];
  try {
    for (let at = 0, i = 0; at < bytes.length; i++) {
      const length = Math.max(1, cuts[i % cuts.length] ?? 1);
      datagrams.push(...reader.push(bytes.subarray(at, at + length)));
      at += length;
    }
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
  return datagrams;
}

const CUTS = 4;

const datagrams: FuzzTarget = {
  name: "relay-datagrams",
  covers: [],
  format: "bytes",
  bytesMax: 4096,
  dictionary: [Uint8Array.of(0, 0), Uint8Array.of(0xff, 0xe3), Uint8Array.of(0xff, 0xe4)],
  // The first bytes tell the lengths of the pieces.
  seeds: () => [
    concatBytes(
      Uint8Array.of(1, 2, 3, 200),
      ...["", "ab", "ping"].map((one) => encodeDatagram(utf8(one))),
    ),
    concatBytes(Uint8Array.of(7, 7, 7, 7), Uint8Array.of(0, 9), utf8("short")),
  ],
  run(bytes) {
    const stream = bytes.subarray(CUTS);
    const got = readPieces(stream, bytes.subarray(0, CUTS));
    if (!isSameValue(got, readPlainly(stream)))
      throw new Violation("other datagrams than were sent");
  },
};

export const RELAY_TARGETS = [openRequest, openAnswer, datagrams];
