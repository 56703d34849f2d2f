/**
 * A daemon, and with it one end of the relay under the benchmark's own control: no rule, no record,
 * no multicast, so that what is measured is the relay alone.
 *
 * Arguments: settings in JSON, then those of `causeway up` as a lab gives them.
 */
import { hash } from "node:crypto";
import { hostname } from "node:os";
import { parseArgs } from "node:util";
import { RelayEntry, RelayExit } from "../../../bridge/index.ts";
import { startOverlay, type Overlay } from "../../../overlay/index.ts";
import type { DaemonParts } from "../../daemon.ts";
import { readToken } from "../../cli/values.ts";
import { loadConfig } from "../../config/load.ts";
import { runDaemon } from "../../run-daemon.ts";

export interface RelaySettings {
  /** Names of hosts. */
  readonly exporter: string;
  readonly importer: string;
  /** Where the importer's clients find it. */
  readonly entryAddress: string;
  readonly serviceAddress: string;
  /** The link of the service. */
  readonly servicePrefixBits: number;
  /** TCP ports of the service, which are the importer's too. */
  readonly ports: readonly number[];
}

const [settingsText = "", ...argv] = process.argv.slice(2);
const settings = JSON.parse(settingsText) as RelaySettings;
const { values } = parseArgs({
  args: argv.slice(1), // without "up"
  options: {
    state: { type: "string" },
    socket: { type: "string" },
    interface: { type: "string" },
    join: { type: "string" },
  },
});

const startWithRelay: DaemonParts["startOverlay"] = async (options, parts) => {
  const overlay = await startOverlay(options, parts);
  const { log, clock } = parts;
  const { streams } = overlay;
  const { serviceAddress: address, servicePrefixBits: prefixBits } = settings;
  if (hostname() === settings.exporter)
    void new RelayExit({
      streams,
      log,
      link: () => ({ name: "eth0", addresses: [{ address, prefixBits }] }),
      resolve: ({ origin }) => {
        const port = settings.ports.find((one) => Buffer.compare(originOf(one), origin) === 0);
        return port === undefined
          ? { type: "unknown", reason: "no such port" }
          : { type: "target", addresses: [address], port };
      },
    });
  if (hostname() === settings.importer) {
    const entry = new RelayEntry({ streams, clock, log }, [settings.entryAddress]);
    const exporters = (): readonly string[] => idsOf(overlay, settings.exporter);
    for (const port of settings.ports) {
      const origin = originOf(port);
      await entry.enter({ origin, label: `port ${port}`, protocol: "tcp", port, exporters });
    }
  }
  return overlay;
};

function originOf(port: number): Uint8Array {
  return hash("sha256", String(port), "buffer");
}

function idsOf(overlay: Overlay, name: string): readonly string[] {
  const hosts = overlay.subnets().flatMap((subnet) => subnet.hosts);
  return hosts.filter((host) => host.name === name).map(({ id }) => id);
}

const { state, socket, interface: link, join } = values;
const flags = { state, socket, interface: link };
const read = () => loadConfig({ flags });
const token = join === undefined ? null : readToken(join);
process.exitCode = await runDaemon({ config: read(), token, reread: read }, () => {}, {
  startOverlay: startWithRelay,
});
