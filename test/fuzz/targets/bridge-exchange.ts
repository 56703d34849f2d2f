/** What bridges put into records, and what they say to each other and to themselves. */
import {
  CREW_FRAME_BYTES_MAX,
  decodeCrewFrame,
  encodeCrewFrame,
} from "../../../bridge/crew/crew-frame.ts";
import { decodePadded, padRecord } from "../../../bridge/exchange/sealing.ts";
import {
  decodeServiceRecord,
  encodeServiceRecord,
  originIdOf,
} from "../../../bridge/exchange/service-record.ts";
import { decodeSiteFrame, encodeSiteFrame } from "../../../bridge/exchange/site-frame.ts";
import { decodeTypeList, encodeTypeList } from "../../../bridge/exchange/type-list.ts";
import { decodeNames, encodeNames, LinkNames } from "../../../bridge/importer/remembered-names.ts";
import { isEqualBytes, utf8 } from "../../../platform/bytes.ts";
import { aRecord, idOf } from "../../bridge/exchange/samples.ts";
import { checkRoundTrip, Violation, type FuzzTarget } from "../engine/target.ts";
import { PROTOBUF_CODE } from "./messages.ts";

const PROTOBUF = { format: "protobuf", dictionary: [], counts: PROTOBUF_CODE } as const;

const serviceRecord: FuzzTarget = {
  ...PROTOBUF,
  name: "bridge-service-record",
  covers: ["bridge/exchange/service-record.ts decodeServiceRecord"],
  bytesMax: 4200,
  dictionary: [utf8("_http._tcp"), utf8("_ipp._udp")],
  seeds: () => [
    encodeServiceRecord(aRecord()),
    encodeServiceRecord(aRecord({ isWithdrawn: true, keys: ["music"], isListed: true })),
  ],
  run(bytes) {
    const record = decodeServiceRecord(bytes);
    checkRoundTrip(record, encodeServiceRecord, decodeServiceRecord);
    if (originIdOf(record).length !== 52) throw new Violation("an origin id that is none");
    if (/\p{Cc}/u.test(record.instance + record.site + record.hostLabel))
      throw new Violation("a control character got through");
    // Whoever signs it again must have room for it.
    if (encodeServiceRecord(record).length > 4096) throw new Violation("it has grown");
  },
};

const crewFrame: FuzzTarget = {
  ...PROTOBUF,
  name: "bridge-crew-frame",
  covers: ["bridge/crew/crew-frame.ts decodeCrewFrame"],
  bytesMax: Math.min(CREW_FRAME_BYTES_MAX, 8192),
  seeds: () => [
    encodeCrewFrame({
      beat: 7,
      canAct: true,
      shown: [{ originId: idOf("o"), instance: "Music", port: 3689, isGone: false }],
      exported: [{ originId: idOf("o"), version: 2n ** 63n }],
      words: [{ epoch: 2 ** 24 + 7, toldEpoch: 7, isHeld: true }],
    }),
  ],
  run(bytes) {
    checkRoundTrip(decodeCrewFrame(bytes), encodeCrewFrame, decodeCrewFrame);
  },
};

const siteFrame: FuzzTarget = {
  ...PROTOBUF,
  name: "bridge-site-frame",
  covers: ["bridge/exchange/site-frame.ts decodeSiteFrame"],
  bytesMax: 80,
  seeds: () => [encodeSiteFrame({ ping: 1, pong: 0 }), encodeSiteFrame({ ping: 0, pong: 1 })],
  run(bytes) {
    checkRoundTrip(decodeSiteFrame(bytes), encodeSiteFrame, decodeSiteFrame);
  },
};

const typeList: FuzzTarget = {
  ...PROTOBUF,
  name: "bridge-type-list",
  covers: ["bridge/exchange/type-list.ts decodeTypeList"],
  bytesMax: 4200,
  seeds: () => [encodeTypeList(["_http._tcp", "_ntp._udp"])],
  run(bytes) {
    const types = decodeTypeList(bytes);
    if (encodeTypeList(types).length > 4096) throw new Violation("it has grown");
  },
};

const padded: FuzzTarget = {
  name: "bridge-padded-record",
  covers: ["bridge/exchange/sealing.ts decodePadded"],
  format: "bytes",
  bytesMax: 4100,
  dictionary: [],
  seeds: () => [padRecord(utf8("x")), padRecord(new Uint8Array(600))],
  run(bytes) {
    const record = decodePadded(bytes);
    if (!isEqualBytes(decodePadded(padRecord(record)), record)) throw new Violation("lost");
  },
};

const names: FuzzTarget = {
  name: "bridge-names",
  covers: ["bridge/importer/remembered-names.ts decodeNames"],
  format: "text",
  bytesMax: 2048,
  dictionary: [idOf("s"), "__proto__", "{}"],
  seeds: () => [
    utf8("{}"),
    utf8(encodeNames(new LinkNames(new Map([[idOf("s"), new Map([[idOf("o"), "Music"]])]])))),
  ],
  run(bytes) {
    checkRoundTrip(
      decodeNames(bytes),
      (one) => utf8(encodeNames(one)),
      (again) => decodeNames(again),
    );
  },
};

export const BRIDGE_EXCHANGE_TARGETS: readonly FuzzTarget[] = [
  serviceRecord,
  crewFrame,
  siteFrame,
  typeList,
  padded,
  names,
];
