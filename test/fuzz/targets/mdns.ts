/** What the responder and browser of the bridge make of any datagrams. */
import { MdnsMachine } from "../../../bridge/mdns/mdns-machine.ts";
import { decodeMessage, encodeMessage, EMPTY_MESSAGE } from "../../../platform/dns/message.ts";
import { concatBytes, utf8 } from "../../../platform/bytes.ts";
import { createRandom } from "../../../platform/random.ts";
import {
  announcementOf,
  HTTP,
  linkOf,
  question,
  serviceOf,
  srv,
  STRANGER,
} from "../../bridge/mdns/fake-link.ts";
import { readGolden } from "../../golden/read-golden.ts";
import { Violation, type FuzzTarget } from "../engine/target.ts";
import { readTimedPackets, timedPacket } from "./timed-packets.ts";

function goldenPackets(): Uint8Array[] {
  return ["mdns-bridge/avahi-0.8.txt", "mdns-bridge/zeroconf-0.47.txt"].flatMap((file) => [
    ...readGolden(file).values(),
  ]);
}

/** Packets about the names that the machine has itself. */
function aimedPackets(): Uint8Array[] {
  const all = question(["Web", ...HTTP], "any");
  const probe = { ...EMPTY_MESSAGE, questions: [all], authorities: [srv("Web", "zzz")] };
  const browse = { ...EMPTY_MESSAGE, questions: [question(HTTP, "ptr")] };
  return [
    encodeMessage({ ...EMPTY_MESSAGE, isResponse: true, answers: announcementOf("Web", "else") }),
    encodeMessage(probe),
    encodeMessage({ ...browse, isTruncated: true, answers: announcementOf("Web") }),
    encodeMessage({ ...EMPTY_MESSAGE, isResponse: true, answers: [srv("Web", "far-away", 80, 0)] }),
  ];
}

const mdnsMachine: FuzzTarget = {
  name: "mdns-machine",
  covers: [],
  format: "bytes",
  bytesMax: 8192,
  dictionary: [
    "\u0003Web",
    "\u0005_http\u0004_tcp\u0005local\u0000",
    "\u0008far-away\u0005local\u0000",
    "\u0004_sub",
    "\u0009_services\u0007_dns-sd\u0004_udp\u0005local\u0000",
    ...[
      "000c0001",
      "00218001",
      "00108001",
      "00018001",
      "001c8001",
      "002f8001",
      "00ff0001",
      "c00c",
    ].map((hex) => new Uint8Array(Buffer.from(hex, "hex"))),
    utf8("8400"),
  ],
  seeds: () => [
    ...[...goldenPackets(), ...aimedPackets()].map((one) => timedPacket(one)),
    concatBytes(
      ...goldenPackets()
        .slice(0, 10)
        .map((one) => timedPacket(one)),
    ),
    concatBytes(...aimedPackets().map((one) => timedPacket(one, 0, 20))),
    timedPacket(encodeMessage({ ...EMPTY_MESSAGE, id: 7, questions: [question(HTTP, "ptr")] }), 1),
  ],
  run(bytes) {
    const machine = new MdnsMachine(linkOf("10.0.0.1"), createRandom(1));
    let nowMs = 1000;
    const step = (event: Parameters<MdnsMachine["step"]>[0]): void => {
      for (const action of machine.step(event, nowMs))
        if (action.type === "send") decodeMessage(action.bytes);
      if (Number.isNaN(machine.wakeAtMs)) throw new Violation("it wakes at NaN");
    };
    try {
      for (const serviceType of ["_http._tcp", "_daap._tcp", "_ipp._tcp"])
        step({ type: "browse", serviceType });
      step({ type: "browse-types" });
      const common = { isShared: false, isTakeover: false, candidates: ["Web (2)", "Web (3)"] };
      step({ type: "register", id: 1, service: serviceOf(), ...common });
      const service = serviceOf({ instance: "Shared", subtypes: ["_x"], addresses: ["10.0.0.1"] });
      step({ type: "register", id: 2, service, ...common, isShared: true, isTakeover: true });
      for (const { data, port, waitMs } of readTimedPackets(bytes)) {
        step({ type: "packet", bytes: data, from: STRANGER, port });
        nowMs += waitMs;
        step({ type: "tick" });
        if (machine.wakeAtMs <= nowMs) throw new Violation("a tick leaves something due");
      }
      step({ type: "link-changed", link: linkOf("10.0.0.2") });
      step({ type: "stop" });
    } catch (cause) {
      if (cause instanceof Violation) throw cause;
      throw new Violation("a packet breaks the responder or browser", { cause });
    }
  },
};

export const MDNS_TARGETS = [mdnsMachine];
