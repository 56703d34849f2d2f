/** What people and programs hand to the daemon's shell: YAML, requests, words of a command line. */
import type { IncomingMessage } from "node:http";
import { writeFileSync } from "node:fs";
import { isIP } from "node:net";
import { join } from "node:path";
import {
  parseFlag,
  parseHostName,
  parseKey,
  parsePutOptions,
  parseQuery,
  parseSlot,
  readJson,
} from "../../../daemon/api/request.ts";
import { findRoute } from "../../../daemon/api/routes.ts";
import { parseAvahiLine } from "../../../daemon/bench/bridge/avahi-programs.ts";
import { parsePcap } from "../../../daemon/bench/capture.ts";
import { parseArguments } from "../../../platform/cli/arguments.ts";
import { keyPath } from "../../../daemon/cli/key.ts";
import { formatDuration, parseBytes, parseDuration } from "../../../daemon/cli/values.ts";
import { loadConfig } from "../../../daemon/config/load.ts";
import { printConfig } from "../../../daemon/config/print.ts";
import { createSettings } from "../../../daemon/config/settings.ts";
import { parseCopies } from "../../../daemon/copies.ts";
import { RequestError } from "../../../daemon/errors.ts";
import { parseNetwork } from "../../../daemon/lab/addresses.ts";
import { LINK_OPTIONS, linkChange, readWords } from "../../../daemon/lab/options.ts";
import { planLab } from "../../../daemon/lab/record.ts";
import { parseLabSpec } from "../../../daemon/lab/spec.ts";
import {
  formatRate,
  formatShift,
  formatShare,
  formatTime,
  parseRate,
  parseShare,
  parseShiftMs,
  parseSize,
  parseTimeMs,
} from "../../../daemon/lab/units.ts";
import { parseArp, parseIpv4Routes, parseIpv6Routes } from "../../../overlay/io/interfaces.ts";
import { fromBase32, toBase32 } from "../../../platform/base32.ts";
import { fromHex, isEqualBytes, toHex, utf8 } from "../../../platform/bytes.ts";
import { ConfigError } from "../../../platform/errors.ts";
import { scratchDirectory } from "../engine/scratch.ts";
import { isSameValue, Violation, type FuzzTarget } from "../engine/target.ts";

const YAML_CODE = /\/node_modules\/yaml\//;
const YAML_WORDS = [
  ...[
    ": ",
    "- ",
    "\n",
    "\n  ",
    "{",
    "}",
    "[",
    "]",
    ", ",
    "? ",
    "| \n",
    "> \n",
    "# ",
    "---\n",
    "...",
  ],
  ...[
    "&a ",
    "*a",
    "<<: *a",
    "!!str ",
    "!!binary ",
    "!!set ",
    "!!map ",
    "!!float ",
    "! ",
    "null",
    "~",
  ],
  ...[
    "%YAML 1.1\n---\n",
    "%TAG ! x\n",
    "__proto__: ",
    "toString: ",
    "0x7f",
    "1e400",
    ".nan",
    '"\\ud800"',
    '"\\0"',
  ],
];
const DAY_MS = 86_400_000;

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** The value, or `undefined` when it was refused as it should be. */
function attempt<T>(
  refusal: abstract new (...args: never[]) => Error,
  parse: () => T,
): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (error instanceof refusal) return undefined;
    throw error;
  }
}

const settings = createSettings();

const config: FuzzTarget = {
  name: "config",
  covers: ["daemon/config/load.ts parseConfigText", "platform/yaml.ts parseYamlMapping"],
  format: "text",
  bytesMax: 16 * 1024,
  dictionary: [
    ...YAML_WORDS,
    ...Object.keys(settings).flatMap((name) => [`${name.split(".").at(-1)}: `, name]),
    ...["storage:\n  maxBytes: 512MiB", "log: {level: debug, format: json}", "GiB", "{}"],
  ],
  counts: YAML_CODE,
  refusals: [ConfigError],
  seeds: () => [
    utf8(printConfig(loadConfig({ settings }))),
    utf8("log: {level: debug}\nopen: true\n"),
  ],
  run(bytes) {
    const file = join(scratchDirectory(), "causeway.yaml");
    writeFileSync(file, bytes);
    const loaded = loadConfig({ file, settings });
    writeFileSync(file, printConfig(loaded));
    try {
      if (!isSameValue(loadConfig({ file, settings }), loaded)) throw new Error("it differs");
    } catch (cause) {
      throw new Violation("a configuration does not come back from its print", { cause });
    }
  },
};

const LAB_WORDS = [
  ...["name: ", "subnet: ", "hosts: ", "switch: ", "ovs", "bridge", "avahi: ", "ipv6: ", "true"],
  ...["uplink: ", "delay: ", "jitter: ", "rate: ", "loss: ", "10ms", "100mbit", "1%", "none"],
  ...["clock: ", "disk: ", "extra: ", "64MiB", "+1h", "docker0", "veth1", "[tun0, wg0]"],
  ...["nat: ", "portMapping: ", "upnp", "ipv4: ", "link-local", "192.168.1.0/24"],
  ...["10.1.0.0/24", "fd00:1::/64", "fe80::%eth0/64", "::/64"],
];

const labSpec: FuzzTarget = {
  name: "lab-spec",
  covers: [
    "daemon/lab/spec.ts parseLabSpec",
    "daemon/lab/site-spec.ts parseSite",
    "daemon/lab/extras.ts parseExtras",
  ],
  format: "text",
  bytesMax: 8192,
  dictionary: [...YAML_WORDS, ...LAB_WORDS],
  counts: YAML_CODE,
  refusals: [ConfigError],
  seeds: () => [
    utf8(
      "sites:\n  - {name: a, subnet: 10.1.0.0/24, hosts: 4, switch: ovs, avahi: true}\n  - name: b\n",
    ),
    utf8(
      "sites: [{name: c, ipv6: true, uplink: {delay: 1ms, jitter: 1ms, rate: 1mbit, loss: 1%}}]",
    ),
    utf8("sites: [{name: e, nat: true}, {name: f, nat: {portMapping: upnp}}]"),
    utf8("sites: [{name: g, hosts: 2, clock: {g-1: +1h}, disk: 64MiB, extra: [docker0, tun0]}]"),
    utf8("sites: [{name: d, subnet: 'fd00:1::/64', hosts: 64}]"),
  ],
  run(bytes) {
    const spec = parseLabSpec(textOf(bytes), "lab.yaml");
    const lab = planLab(spec, "lab", { pid: 1, startedAt: "1" } as never);
    const addresses = lab.sites.flatMap(({ gateways, hosts }) => [
      ...gateways,
      ...hosts.flatMap((host) => host.addresses),
    ]);
    for (const address of addresses)
      if (isIP(address.split("/")[0]!) === 0) throw new Violation(`"${address}" is no address`);
  },
};

function near(a: number, b: number): boolean {
  return Math.abs(a - b) <= 0.002 + Math.abs(a) / 1000;
}

/** Texts of one value, each tried by every parser of values. */
const values: FuzzTarget = {
  name: "values",
  covers: [
    "daemon/cli/values.ts parseDuration",
    "daemon/cli/values.ts parseBytes",
    "daemon/copies.ts parseCopies",
    "daemon/lab/units.ts parseTimeMs",
    "daemon/lab/units.ts parseRate",
    "daemon/lab/units.ts parseShare",
    "daemon/lab/units.ts parseSize",
    "daemon/lab/units.ts parseShiftMs",
    "daemon/lab/addresses.ts parseNetwork",
  ],
  format: "text",
  bytesMax: 128,
  dictionary: [
    "ms",
    "us",
    "s",
    "m",
    "h",
    "d",
    "mbit",
    "kbit",
    "gbit",
    "%",
    "none",
    "/24",
    "::",
    "MiB",
  ],
  seeds: () =>
    [
      "90s",
      "1d",
      "20ms",
      "0.5ms",
      "100mbit",
      "none",
      "1.5%",
      "10.1.0.0/24",
      "fd00:1::/64",
      "all",
      "16",
    ]
      .concat("512MiB", "-90s", "+61d", "0")
      .map((text) => utf8(text)),
  run(bytes) {
    const text = textOf(bytes);
    const duration = attempt(ConfigError, () => parseDuration("--ttl", text, 0, 365 * DAY_MS));
    if (
      duration !== undefined &&
      parseDuration("", formatDuration(duration), 0, Infinity) !== duration
    )
      throw new Violation(`"${text}" is "${formatDuration(duration)}"`);
    const count = attempt(ConfigError, () => parseBytes("--limit", text, 1024 ** 4));
    if (count !== undefined && !Number.isSafeInteger(count))
      throw new Violation(`"${text}" is "${count}"`);
    const timeMs = attempt(ConfigError, () => parseTimeMs("delay", text));
    if (timeMs !== undefined && !near(timeMs, parseTimeMs("", formatTime(timeMs))))
      throw new Violation(`"${text}" is "${formatTime(timeMs)}"`);
    const rate = attempt(ConfigError, () => parseRate("rate", text)) ?? null;
    if (rate !== null && !near(rate, parseRate("", formatRate(rate))!))
      throw new Violation(`"${text}" is "${formatRate(rate)}"`);
    const share = attempt(ConfigError, () => parseShare("loss", text));
    if (share !== undefined && !near(share, parseShare("", formatShare(share))))
      throw new Violation(`"${text}" is "${formatShare(share)}"`);
    const size = attempt(ConfigError, () => parseSize("disk", text));
    if (size !== undefined && !(size >= 1024 ** 2)) throw new Violation(`"${text}" is "${size}"`);
    const shiftMs = attempt(ConfigError, () => parseShiftMs("clock", text));
    if (shiftMs !== undefined && !near(shiftMs, parseShiftMs("", formatShift(shiftMs))))
      throw new Violation(`"${text}" is "${formatShift(shiftMs)}"`);
    attempt(ConfigError, () => parseNetwork("subnet", text));
    parseCopies(text);
    for (const { parse } of Object.values(settings)) parse(text);
  },
};

/** As much of a request as reading its body takes. */
function messageOf(body: Uint8Array): IncomingMessage {
  async function* parts() {
    yield Buffer.from(body.subarray(0, body.length >> 1));
    yield Buffer.from(body.subarray(body.length >> 1));
  }
  return parts() as unknown as IncomingMessage;
}

const request: FuzzTarget = {
  name: "api-request",
  covers: [
    "parseKey",
    "parseQuery",
    "parseSlot",
    "parsePutOptions",
    "parseTtl",
    "parseHostName",
    "parseFlag",
  ].map((name) => `daemon/api/request.ts ${name}`),
  format: "text",
  bytesMax: 8192,
  dictionary: [
    ...[
      "PUT",
      "GET",
      "/v1/records/",
      "text:",
      "%20",
      "%ff",
      "%",
      "slot=",
      "&",
      "=",
      "ttlMs=",
      "copies=",
    ],
    ...[
      '"mayAdmit":true',
      '"host":"a"',
      '"ttlMs":1000',
      '"__proto__":{}',
      "{",
      "}",
      "\n",
      "all",
      "null",
    ],
  ],
  // Method, path, query, and the rest is the body.
  seeds: () => [
    utf8("PUT\n/v1/records/text:printer\nslot=a&ttlMs=60000&copies=all\nvalue"),
    utf8(`GET\n/v1/lookup/${"0f".repeat(32)}\n\n`),
    utf8('POST\n/v1/token\n\n{"mayAdmit":false,"ttlMs":60000}'),
  ],
  async run(bytes) {
    const [method = "", path = "", query = "", ...rest] = textOf(bytes).split("\n");
    attempt(RequestError, () => findRoute(method, path));
    const key = attempt(RequestError, () => parseKey(path.slice(path.lastIndexOf("/") + 1)));
    if (key !== undefined && key.length !== 32) throw new Violation("a key of another length");
    const found = attempt(RequestError, () => parseQuery(query, ["slot", "ttlMs", "copies"]));
    if (found !== undefined) {
      attempt(RequestError, () => parseSlot(found));
      const options = attempt(RequestError, () => parsePutOptions(found));
      if (options?.slot?.isWellFormed() === false) throw new Violation("a slot that is no text");
      const { ttlMs = 1000 } = options ?? {};
      if (!(ttlMs >= 1000 && ttlMs <= DAY_MS)) throw new Violation(`a lifetime of ${ttlMs} ms`);
    }
    const read = readJson(messageOf(utf8(rest.join("\n"))), ["mayAdmit", "ttlMs", "host"]);
    const object = await read.catch((error: unknown) => {
      if (!(error instanceof RequestError)) throw error;
      return {};
    });
    for (const value of Object.values(object)) {
      const name = attempt(RequestError, () => parseHostName(value));
      const flag = attempt(RequestError, () => parseFlag("mayAdmit", value));
      if (name !== undefined && flag !== undefined) throw new Violation("a flag that is a name");
    }
    if (Object.getPrototypeOf(object) !== Object.prototype)
      throw new Violation("another prototype");
  },
};

const OPTIONS = [
  { name: "slot", value: "NAME", doc: "" },
  { name: "json", doc: "" },
  { name: "copies", value: "N", doc: "", choices: ["one", "all"] },
] as const;
const OPERANDS = [
  { name: "KEY", doc: "" },
  { name: "VALUE", doc: "", isOptional: true, choices: ["bash", "zsh"] },
] as const;

const commandLine: FuzzTarget = {
  name: "command-line",
  covers: ["platform/cli/arguments.ts parseArguments"],
  format: "text",
  bytesMax: 6000,
  dictionary: [
    "--",
    "-",
    "=",
    "\n",
    "--slot",
    "--json",
    "--copies=all",
    "--delay\n",
    "0x",
    "constructor",
  ],
  // A word a line.
  seeds: () =>
    [
      "--slot\nname\nkey\nbash",
      "key\n--json\n--copies=one",
      "--delay=1ms\n--cut",
      `0x${"0f".repeat(32)}`,
    ].map((text) => utf8(text)),
  async run(bytes) {
    const words = textOf(bytes).split("\n");
    attempt(ConfigError, () => parseArguments(words, OPTIONS, OPERANDS));
    attempt(ConfigError, () => linkChange(readWords("lab link", words, LINK_OPTIONS).values));
    for (const word of words) {
      const path = await keyPath(word).catch((error: unknown) => {
        if (!(error instanceof ConfigError)) throw error;
        return undefined;
      });
      if (path !== undefined && parseKey(path).length !== 32) throw new Violation("no key of it");
    }
  },
};

const base: FuzzTarget = {
  name: "base32-hex",
  covers: [],
  format: "text",
  bytesMax: 512,
  dictionary: ["a", "7", "\u0130", "\u212a", "="],
  seeds: () => [utf8(toBase32(new Uint8Array(32).fill(0xa5))), utf8("00ffAb")],
  run(bytes) {
    const text = textOf(bytes);
    if (!isEqualBytes(fromBase32(toBase32(bytes)), bytes))
      throw new Violation("base32 loses bytes");
    if (!isEqualBytes(fromHex(toHex(bytes)), bytes)) throw new Violation("hexadecimal loses bytes");
    if (/^(?:[0-9a-f]{2})*$/i.test(text) && toHex(fromHex(text)) !== text.toLowerCase())
      throw new Violation("hexadecimal text has two meanings");
    if (toBase32(fromBase32(text)) !== text.toLowerCase())
      throw new Violation("base32 text has two meanings");
  },
};

const IPV4_ROUTES = `Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT
eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0
eth0\t0001A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0
`;
const IPV6_ROUTES = `${"0".repeat(32)} 00 ${"0".repeat(32)} 00 fe80${"0".repeat(27)}1 00000400 00000001 00000000 00450003     eth0
`;
const ARP = `IP address       HW type     Flags       HW address            Mask     Device
192.168.1.1      0x1         0x2         02:00:00:00:00:01     *        eth0
`;

const kernelTables: FuzzTarget = {
  name: "kernel-tables",
  covers: ["parseIpv4Routes", "parseIpv6Routes", "parseArp"].map(
    (name) => `overlay/io/interfaces.ts ${name}`,
  ),
  format: "text",
  bytesMax: 4096,
  dictionary: ["\t", "\n", " ", "eth0", "00000000", "0003", "lo", "0x2"],
  seeds: () => [IPV4_ROUTES, IPV6_ROUTES, ARP].map((text) => utf8(text)),
  run(bytes) {
    const text = textOf(bytes);
    parseIpv4Routes(text);
    parseIpv6Routes(text);
    parseArp(text, "192.168.1.1", "eth0");
  },
};

/** A recording of one UDP packet over each version of IP. */
function pcapSeed(): Uint8Array {
  const udp = "14e914e9000c0000abcdef01";
  const ipv4 = `4500002000000000ff110000c0000201e00000fb${udp}`;
  const ipv6 = `60000000000c11ff${"20010db8".padEnd(32, "0")}${"ff02".padEnd(32, "0")}${udp}`;
  const frames = [`${"00".repeat(12)}0800${ipv4}`, `${"00".repeat(12)}86dd${ipv6}`];
  const parts = frames.flatMap((hex) => {
    const frame = Buffer.from(hex, "hex");
    const head = Buffer.alloc(16);
    head.writeUInt32LE(frame.length, 8);
    return [head, frame];
  });
  return new Uint8Array(Buffer.concat([Buffer.alloc(24), ...parts]));
}

const pcap: FuzzTarget = {
  name: "pcap",
  covers: ["daemon/bench/capture.ts parsePcap"],
  format: "bytes",
  bytesMax: 4096,
  dictionary: [],
  seeds: () => [pcapSeed()],
  run: (bytes) => void parsePcap(bytes),
};

const AVAHI_LINE =
  '=;eth0;IPv4;Tom\\039s\\032Music;_daap._tcp;local;host.local;203.0.113.7;3689;"b=2" "a=1"';

const avahiLine: FuzzTarget = {
  name: "avahi-line",
  covers: ["daemon/bench/bridge/avahi-programs.ts parseAvahiLine"],
  format: "text",
  bytesMax: 1024,
  dictionary: [";", '"', "\\", "\\255", "\\999", "=;", "IPv6"],
  seeds: () => [utf8(AVAHI_LINE)],
  run: (bytes) => void parseAvahiLine(textOf(bytes)),
};

export const SHELL_TARGETS = [
  config,
  labSpec,
  values,
  request,
  commandLine,
  base,
  kernelTables,
  pcap,
  avahiLine,
];
