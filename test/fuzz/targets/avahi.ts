/** What Avahi hands over from the link: the data of records. */
import { parseRecordData, recordDataBytes } from "../../../bridge/avahi/protocol.ts";
import { RECORD_CODE } from "../../../platform/dns/message.ts";
import { concatBytes } from "../../../platform/bytes.ts";
import { checkRoundTrip, type FuzzTarget } from "../engine/target.ts";

const CODES = Object.values(RECORD_CODE);

/** As Avahi 0.8 gave them for `avahi-publish -s x _http._tcp 1000 a=1 b=2` with another host. */
const GOLDEN = {
  [RECORD_CODE.srv]: "0000000003e80872656d6f74652d78056c6f63616c00",
  [RECORD_CODE.txt]: "03613d3103623d32",
  [RECORD_CODE.a]: "cb007107",
  [RECORD_CODE.aaaa]: "20010db8000000000000000000000007",
} as const;

const recordData: FuzzTarget = {
  name: "avahi-record",
  covers: ["bridge/avahi/protocol.ts parseRecordData"],
  format: "bytes",
  bytesMax: 2048,
  dictionary: ["\u0005local\u0000", "\u0000", "\u003f", Uint8Array.of(0xc0, 0x17)],
  // The first byte tells of which type the data is.
  seeds: () =>
    Object.entries(GOLDEN).map(([code, hex]) =>
      concatBytes(Uint8Array.of(CODES.indexOf(Number(code) as never)), Buffer.from(hex, "hex")),
    ),
  run(bytes) {
    const code = CODES[(bytes[0] ?? 0) % CODES.length]!;
    const data = parseRecordData(code, bytes.subarray(1));
    checkRoundTrip(data, recordDataBytes, (written) => parseRecordData(code, written));
  },
};

export const AVAHI_TARGETS: readonly FuzzTarget[] = [recordData];
