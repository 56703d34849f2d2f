/** What comes from a router: NAT-PMP, and UPnP's search, description and answers. */
import {
  decodePmpAnswer,
  encodeAddressRequest,
  encodeMapRequest,
  PMP_ANSWER_BYTES_MAX,
} from "../../../overlay/mapping/nat-pmp.ts";
import {
  decodeDescription,
  decodeSearchAnswer,
  decodeSoapAnswer,
  DOCUMENT_BYTES_MAX,
  SEARCH_ANSWER_BYTES_MAX,
} from "../../../overlay/mapping/upnp.ts";
import { golden } from "../../overlay/mapping/golden.ts";
import { Violation, type FuzzTarget } from "../engine/target.ts";

const FROM = { host: "192.168.1.1", port: 80, path: "/rootDesc.xml" };
const NAMES = ["NewInternalClient", "NewInternalPort", "NewExternalIPAddress"];

const natPmp: FuzzTarget = {
  name: "nat-pmp",
  covers: ["overlay/mapping/nat-pmp.ts decodePmpAnswer"],
  format: "bytes",
  bytesMax: PMP_ANSWER_BYTES_MAX + 16,
  dictionary: [encodeAddressRequest(), encodeMapRequest(4777, 20_000, 3600)],
  seeds: () => ["address", "mapped", "refused"].map((name) => golden(`nat-pmp-${name}`)),
  run(bytes) {
    const answer = decodePmpAnswer(bytes);
    if (answer.type === "mapped" && answer.innerPort === 0) throw new Violation("port 0");
  },
};

const searchAnswer: FuzzTarget = {
  name: "upnp-search",
  covers: ["overlay/mapping/upnp.ts decodeSearchAnswer"],
  format: "text",
  bytesMax: SEARCH_ANSWER_BYTES_MAX + 16,
  dictionary: ["HTTP/1.1 200", "\r\n", "ST:", "LOCATION:", "http://", "[::1]", ":80", "@"],
  seeds: () => [golden("search-answer")],
  run(bytes) {
    const { host, path } = decodeSearchAnswer(bytes);
    if (host === "" || !path.startsWith("/")) throw new Violation("a place that is none");
  },
};

const description: FuzzTarget = {
  name: "upnp-description",
  covers: ["overlay/mapping/upnp.ts decodeDescription"],
  format: "text",
  bytesMax: DOCUMENT_BYTES_MAX + 16,
  dictionary: ["<service>", "<serviceType>", "<controlURL>", "</", "&amp;", "http://", "WANIP"],
  seeds: () => [golden("description")],
  run(bytes) {
    const { service, path } = decodeDescription(bytes, FROM);
    if (service === "" || !path.startsWith("/")) throw new Violation("a place that is none");
  },
};

const soapAnswer: FuzzTarget = {
  name: "upnp-answer",
  covers: ["overlay/mapping/upnp.ts decodeSoapAnswer"],
  format: "text",
  bytesMax: DOCUMENT_BYTES_MAX + 16,
  dictionary: ["<s:Body>", "<s:Fault>", "<errorCode>", ...NAMES.map((name) => `<${name} a="">`)],
  seeds: () => ["outer-address", "entry", "no-entry", "added"].map((name) => golden(name)),
  run(bytes) {
    const answer = decodeSoapAnswer(bytes, NAMES);
    if (answer.type === "done" && answer.values.length !== NAMES.length)
      throw new Violation("a value for each name");
  },
};

export const MAPPING_TARGETS: readonly FuzzTarget[] = [
  natPmp,
  searchAnswer,
  description,
  soapAnswer,
];
