/** What comes from the link: DNS messages, names, announcements, and the machine behind them. */
import { isIP } from "node:net";
import {
  formatAddress as formatEndpoint,
  fromMultiaddrText,
  parseAddress as parseEndpoint,
  parseDialable,
  toMultiaddrText,
} from "../../../overlay/address.ts";
import { formatAddress, parseAddress } from "../../../platform/address.ts";
import { decodeAnnouncement, encodeAnnouncement } from "../../../overlay/link/announcement.ts";
import {
  decodeMessage,
  encodeMessage,
  MESSAGE_BYTES_MAX,
  type DnsMessage,
} from "../../../platform/dns/message.ts";
import { NameWriter, readName, type DnsName } from "../../../platform/dns/name.ts";
import { LinkMachine } from "../../../overlay/link/link-machine.ts";
import { ByteReader, ByteWriter, concatBytes, utf8 } from "../../../platform/bytes.ts";
import { createRandom } from "../../../platform/random.ts";
import { readGolden } from "../../golden/read-golden.ts";
import { announcementOf, labelOf, linkOf, tagOf } from "../../overlay/link/fake-link.ts";
import { checkRoundTrip, isSameValue, Violation, type FuzzTarget } from "../engine/target.ts";
import { readTimedPackets, timedPacket } from "./timed-packets.ts";

/** What Avahi sent. */
function goldenPackets(): Uint8Array[] {
  return [...readGolden("mdns/avahi-0.8.txt").values()];
}

const LABELS = [
  "\u0005local\u0000",
  "\u000a_causeway\u0004_tcp\u0005local\u0000",
  "\u0004_key",
  "\u0003abc",
  "\u003f",
];
/** Types, classes and pointers as they stand in messages. */
const NUMBERS = [
  "000c0001",
  "00210001",
  "00100001",
  "00018001",
  "001c8001",
  "00ff00ff",
  "c00c",
  "c000",
];
const ODD_LABELS = ["01ff", "03efbbbf", "03eda080", "02c3a9", "0100", "012e"];
const DNS_WORDS = [
  ...LABELS,
  ...[...NUMBERS, ...ODD_LABELS].map((hex) => new Uint8Array(Buffer.from(hex, "hex"))),
];

/** `undefined` when names repeated by pointers make it longer than a message may be. */
function encodedMessage(message: DnsMessage): Uint8Array | undefined {
  let bytes: Uint8Array;
  try {
    bytes = encodeMessage(message);
  } catch (cause) {
    throw new Violation("what decodes cannot be encoded", { cause });
  }
  return bytes.length > MESSAGE_BYTES_MAX ? undefined : bytes;
}

const dnsMessage: FuzzTarget = {
  name: "dns-message",
  covers: ["platform/dns/message.ts decodeMessage"],
  format: "bytes",
  bytesMax: MESSAGE_BYTES_MAX + 16,
  dictionary: DNS_WORDS,
  seeds: goldenPackets,
  run(bytes) {
    const message = decodeMessage(bytes);
    const encoded = encodedMessage(message);
    if (encoded !== undefined) checkRoundTrip(message, () => encoded, decodeMessage);
  },
};

function writtenName(name: DnsName): Uint8Array {
  const writer = new ByteWriter();
  new NameWriter(writer).write(name);
  return writer.finish();
}

const dnsName: FuzzTarget = {
  name: "dns-name",
  covers: ["platform/dns/name.ts readName"],
  format: "bytes",
  bytesMax: 1024,
  dictionary: DNS_WORDS,
  // The first byte tells where in the bytes the name begins.
  seeds: () => [
    concatBytes(Uint8Array.of(0), writtenName(["host", "local"])),
    concatBytes(Uint8Array.of(12), writtenName(["host", "local"]), Uint8Array.of(1, 97, 0xc0, 0)),
  ],
  run(bytes) {
    const reader = new ByteReader(bytes.subarray(1));
    reader.seek(bytes[0] ?? 0);
    checkRoundTrip(readName(reader), writtenName, (written) => readName(new ByteReader(written)));
  },
};

/** Strings as TXT data has them, whatever comes last cut off. */
function txtStrings(bytes: Uint8Array): Uint8Array[] {
  const strings: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += 1 + bytes[at]!)
    strings.push(bytes.subarray(at + 1, at + 1 + bytes[at]!));
  return strings;
}

const TXT_WORDS = ["wire=", "1-2", "hp=", "overlay=", "subnet=", "stamp=", "gen=", "="];
const announcement: FuzzTarget = {
  name: "announcement",
  covers: ["overlay/link/announcement.ts decodeAnnouncement"],
  format: "bytes",
  bytesMax: 2048,
  dictionary: TXT_WORDS.flatMap((word) => [
    word,
    concatBytes(Uint8Array.of(word.length), utf8(word)),
  ]),
  seeds() {
    const full = announcementOf(1);
    return [full, { ...full, overlayTag: null, subnetTag: null }].map((one) => {
      const { txt } = encodeAnnouncement({ ...one, addresses: [] });
      const strings = txt.type === "txt" ? txt.strings : [];
      const parts = strings.flatMap((text) => [Uint8Array.of(text.length), text]);
      return concatBytes(Uint8Array.of(0x12, 0x34), ...parts);
    });
  },
  run(bytes) {
    const port = ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0);
    const srv = { type: "srv", priority: 0, weight: 0, port, target: [] } as const;
    const addresses = ["192.0.2.1", "2001:db8::1"];
    const decoded = decodeAnnouncement(tagOf(1), srv, txtStrings(bytes.subarray(2)), addresses);
    const encoded = encodeAnnouncement(decoded);
    if (encoded.srv.type !== "srv" || encoded.txt.type !== "txt")
      throw new Violation("other types");
    const again = decodeAnnouncement(tagOf(1), encoded.srv, encoded.txt.strings, addresses);
    if (!isSameValue(decoded, again)) throw new Violation("announced again, it differs");
  },
};

const ON_LINK = "10.0.0.9";

/** Asks a host for all it has, from another port than multicast DNS has. */
function legacyQuestion(): Uint8Array {
  const question = { name: ["_causeway", "_tcp", "local"], code: 12, class: 1, isUnicast: false };
  const head = { id: 7, isResponse: false, isTruncated: false };
  const rest = { answers: [], authorities: [], additionals: [] };
  const other = { ...question, name: ["abc", "local"] };
  return encodeMessage({ ...head, questions: [question, other], ...rest });
}

const linkMachine: FuzzTarget = {
  name: "link-machine",
  covers: [],
  format: "bytes",
  bytesMax: 8192,
  dictionary: DNS_WORDS,
  seeds: () => [
    ...goldenPackets().map((one) => timedPacket(one)),
    concatBytes(...goldenPackets().map((one) => timedPacket(one))),
    timedPacket(legacyQuestion(), 1),
  ],
  run(bytes) {
    const machine = new LinkMachine(createRandom(1));
    let nowMs = 1000;
    const step = (event: Parameters<LinkMachine["step"]>[0]): void => {
      for (const action of machine.step(event, nowMs))
        if (action.type === "send") decodeMessage(action.bytes);
      if (Number.isNaN(machine.wakeAtMs)) throw new Violation("it wakes at NaN");
    };
    try {
      step({ type: "start", link: linkOf("10.0.0.1"), announcement: announcementOf(0) });
      step({ type: "ask", id: 1, label: labelOf(1), timeoutMs: 5000 });
      for (const { data, port, waitMs } of readTimedPackets(bytes)) {
        step({ type: "packet", bytes: data, from: ON_LINK, port });
        nowMs += waitMs;
        step({ type: "tick" });
      }
      step({ type: "stop" });
    } catch (cause) {
      throw new Violation("a packet breaks the machine of the link", { cause });
    }
  },
};

const ipAddress: FuzzTarget = {
  name: "ip-address",
  covers: [
    "platform/address.ts parseAddress",
    "overlay/address.ts parseAddress",
    "overlay/address.ts parseDialable",
  ],
  format: "text",
  bytesMax: 128,
  dictionary: ["::", ":", ".", "%eth0", "ffff", "255", "[", "]:", "/ip4/", "/ip6/", "/tcp/"],
  seeds: () =>
    [
      "192.0.2.1",
      "2001:db8::1",
      "::ffff:192.0.2.1",
      "fe80::1%eth0",
      "[fd00::1]:5",
      "[fe80::1%eth0]:5",
      "1.2.3.4:5",
    ].map((text) => utf8(text)),
  run(bytes) {
    const text = new TextDecoder().decode(bytes);
    const parsed = parseAddress(text);
    const [bare = ""] = text.split("%", 1);
    if ((parsed !== undefined) !== isIP(bare) > 0) throw new Violation(`Node differs on "${bare}"`);
    if (parsed !== undefined && !isSameValue(parseAddress(formatAddress(parsed)), parsed))
      throw new Violation(`"${text}" does not come back`);
    fromMultiaddrText(text);
    const dialable = parseDialable(text);
    if (dialable.family !== (dialable.host.includes(":") ? 6 : 4))
      throw new Violation(`"${text}" is of another family`);
    toMultiaddrText(dialable);
    const endpoint = parseEndpoint(text);
    if (!isSameValue(parseEndpoint(formatEndpoint(endpoint.host, endpoint.port)), endpoint))
      throw new Violation(`"${text}" does not come back`);
    const back = fromMultiaddrText(toMultiaddrText(endpoint));
    if (back !== formatEndpoint(endpoint.host, endpoint.port))
      throw new Violation(`"${text}" is "${back}" as a multiaddr`);
  },
};

export const LINK_TARGETS = [dnsMessage, dnsName, announcement, linkMachine, ipAddress];
