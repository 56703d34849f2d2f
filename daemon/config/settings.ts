/**
 * The table of all settings: what `--config` files may hold, what `--print-config` shows, and what
 * `docs/configuration.md` is made from.
 */
import { hostname } from "node:os";
import { defaultSocket, defaultState, ownSurroundings } from "../paths.ts";
import type { Surroundings } from "../paths.ts";
import { exportRules, importRules } from "./rule-settings.ts";
import {
  choice,
  flag,
  integer,
  optionalInteger,
  optionalText,
  size,
  text,
} from "../../platform/setting.ts";
import type { Setting } from "../../platform/setting.ts";

/** At most what fits in a Unix socket address with its final zero. */
export const SOCKET_PATH_BYTES_MAX = 107;

const PATH = /^[^\0]{1,4096}$/;
const PRINTABLE = /^[^\p{Cc}]{1,63}$/u;

/** Settings of who this host is and where its things are. */
function ownSettings(surroundings: Surroundings) {
  return {
    name: text(
      {
        doc: "Name of this host, as `causeway hosts` shows it on every host. It need not be unique.",
        initial: hostname().slice(0, 63) || "host",
        defaultDoc: "the machine's host name",
      },
      "1 to 63 printable characters",
      PRINTABLE,
    ),
    state: text(
      {
        doc: "Directory of the keys, certificates and records of this host. It is made with mode 0750.",
        initial: defaultState(surroundings),
        defaultDoc:
          "`/var/lib/causeway` for root; else `$XDG_STATE_HOME/causeway`, or `~/.local/state/causeway`",
      },
      "a path",
      PATH,
    ),
    socket: text(
      {
        doc: "Unix socket of the local API. Its directory is made with mode 0750, the socket has 0660.",
        initial: defaultSocket(surroundings),
        defaultDoc:
          "`/run/causeway/causeway.sock` for root; else `$XDG_RUNTIME_DIR/causeway.sock`, or `causeway.sock` in the state directory",
      },
      `a path of at most ${SOCKET_PATH_BYTES_MAX} bytes`,
      PATH,
    ),
    group: optionalText(
      {
        doc: "Group that may use the local API and read the state directory: a name or a number. Null leaves both to the group of the user who starts the daemon.",
        initial: null,
      },
      "a group's name or number",
      /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/,
    ),
  };
}

/** Settings of the network and the overlay. */
function overlaySettings() {
  return {
    interface: optionalText(
      {
        doc: "Network interface whose link this host belongs to. Null takes that of the default route.",
        initial: null,
      },
      "an interface's name",
      /^[^\s/]{1,15}$/,
    ),
    port: integer(
      {
        doc: "TCP port of the subnet's node; the host's own node takes the next one. 0 takes any two free ports.",
        initial: 4777,
      },
      0,
      65_534,
    ),
    wan: flag({
      doc: "Whether packets may go beyond the link. False does what `--no-wan` does.",
      initial: true,
    }),
    open: flag({
      doc: "Whether whoever is on the link may join without a token, even where the overlay is locked elsewhere. It gives membership to every device that reaches the link.",
      initial: false,
    }),
    join: optionalText(
      {
        doc: "File that holds a one-time token of the overlay to join; a relative path starts at the directory of the configuration file. Not read any more once this host is a member.",
        initial: null,
      },
      "a path",
      PATH,
    ),
    replicas: integer(
      { doc: "How many subnets, closest to its key, keep a record of this host.", initial: 3 },
      1,
      20,
    ),
    seed: optionalInteger(
      {
        doc: "Seed of the daemon's own choices (waits, whom to ask first), so that a run can be repeated as far as the machine's timing allows. Keys and nonces never come from it, nor does the order in which the DHT's library asks. Null takes a new one at each start.",
        initial: null,
      },
      0,
      2 ** 32 - 1,
    ),
    "storage.maxBytes": size(
      {
        doc: "Most that the records kept for others may take on disk; further ones are refused.",
        initial: 256 * 1024 ** 2,
        defaultDoc: "256MiB",
      },
      1024 ** 2,
      1024 ** 4,
    ),
    "records.perKeyMax": integer(
      {
        doc: "Most records, of all publishers and slots, that are kept under one key.",
        initial: 1024,
      },
      1,
      65_536,
    ),
  };
}

/** Settings of hosts that nobody can dial: this one, and others that it relays for. */
function reachSettings() {
  return {
    portMapping: choice(
      {
        doc: "`auto`: where other subnets cannot dial this host, it asks the link's router by NAT-PMP or UPnP to map its two TCP ports to it, and gives them back when it stops. `off`: the router is asked for nothing. With `wan: false` it is not asked either.",
        initial: "auto",
      },
      ["auto", "off"],
    ),
    "relay.reservations": integer(
      {
        doc: "How many hosts that cannot be dialled, as those behind NAT, this host passes connections on to. 0: it relays for nobody.",
        initial: 64,
      },
      0,
      4096,
    ),
    "relay.connectionMaxBytes": size(
      {
        doc: "Most bytes that one connection relayed by this host may carry, both ways together; then it is cut. 0 sets no limit.",
        initial: 0,
        defaultDoc: "0",
      },
      0,
      1024 ** 4,
    ),
  };
}

/** Settings of which services of links are had elsewhere. */
function bridgeSettings() {
  return {
    "bridge.backend": choice(
      {
        doc: "Who speaks multicast DNS for the bridge: `avahi` over D-Bus, the daemon's `own` responder, or `auto`: Avahi where it runs and works, else its own.",
        initial: "auto",
      },
      ["auto", "avahi", "own"],
    ),
    "bridge.exports": exportRules({
      doc: "Services of this link that may be had elsewhere, as `causeway export` sets them, but for this host alone: they hold while they stand here, and no other host learns of them. `to` names hosts and subnets by whole id (`host:ID`, `subnet:ID`), since a name may be another's at the next start.",
      initial: [],
      isReloadable: true,
    }),
    "bridge.imports": importRules({
      doc: "Services of other subnets that are shown here, as `causeway import` sets them, for this host alone. `from` names hosts and subnets by whole id.",
      initial: [],
      isReloadable: true,
    }),
  };
}

/** Settings of what the operator sees. */
function viewSettings() {
  return {
    "log.level": choice(
      { doc: "Least severe level that is logged.", initial: "info", isReloadable: true },
      ["debug", "info", "warn", "error", "silent"],
    ),
    "log.format": choice(
      {
        doc: "Form of the log on standard error: `json` has one object a line, `text` is for people, `auto` is text on a terminal and JSON elsewhere.",
        initial: "auto",
      },
      ["auto", "json", "text"],
    ),
    metrics: flag({
      doc: "Whether the local API serves `/metrics` in the Prometheus text format.",
      initial: true,
      isReloadable: true,
    }),
  };
}

/** All settings with the defaults of this user on this machine. */
export function createSettings(surroundings: Surroundings = ownSurroundings()) {
  return {
    ...ownSettings(surroundings),
    ...overlaySettings(),
    ...reachSettings(),
    ...bridgeSettings(),
    ...viewSettings(),
  };
}

export type Settings = ReturnType<typeof createSettings>;
export type SettingName = keyof Settings;

type ValueOf<S> = S extends Setting<infer T> ? T : never;

/** A checked configuration: every key has a value. Dotted names stand for nested YAML. */
export type Config = { readonly [Name in SettingName]: ValueOf<Settings[Name]> };
