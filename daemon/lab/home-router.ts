/**
 * The router of a site behind NAT: `lan` in the site, `wan` at the inner end of its uplink.
 *
 * It masquerades IPv4 and lets nothing in that nobody asked for, but for an echo request to itself.
 * As in most of its kind, a port is kept where it is free and answers come only from where the
 * question went. Not supported: IPv6 beyond the link, and reaching the outer address from inside.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { hash } from "node:crypto";
import { LabError } from "./errors.ts";
import { hasEnded, processState, signalGroup, type ProcessMark } from "./processes.ts";
import {
  labDirectory,
  readJson,
  writeJson,
  type LabRecord,
  type RouterRecord,
  type SiteRecord,
} from "./record.ts";
import { startDetached, type Environment } from "./run.ts";
import { inNamespace, ipBatch, leafLines } from "./shell-text.ts";

/** A SITE with a router of its own. */
export type NatedSite = SiteRecord & { readonly router: RouterRecord };

export const NAT_PROGRAMS = ["nft"] as const;
export const PORT_MAPPING_PROGRAMS = ["miniupnpd"] as const;

const START_MS = 10_000;

/** The chains of miniupnpd have the names that are built into it. */
const RULES = `table inet filter
delete table inet filter
table inet filter {
  chain miniupnpd {
  }
  chain prerouting_miniupnpd {
  }
  chain postrouting_miniupnpd {
  }
  chain forward {
    type filter hook forward priority 0; policy drop;
    meta nfproto ipv6 drop
    ct state established,related accept
    ct state invalid drop
    iifname "lan" oifname "wan" accept
    jump miniupnpd
  }
  chain input {
    type filter hook input priority 0; policy drop;
    ct state established,related accept
    iifname { "lo", "lan" } accept
    icmp type echo-request accept
  }
  chain prerouting {
    type nat hook prerouting priority -100; policy accept;
    jump prerouting_miniupnpd
  }
  chain postrouting {
    type nat hook postrouting priority 100; policy accept;
    jump postrouting_miniupnpd
    meta nfproto ipv4 oifname "wan" masquerade
  }
}`;

export function isNated(site: SiteRecord): site is NatedSite {
  return site.router !== null;
}

/** A shell script that makes a router of a namespace with a `lan` and a `wan`. */
export function homeRouterScript({ router, gateways }: NatedSite): string {
  return inNamespace(router.namespace, [
    "echo 1 >/proc/sys/net/ipv4/ip_forward",
    "echo 1 >/proc/sys/net/ipv6/conf/wan/disable_ipv6",
    ...["lan", "wan"].flatMap(leafLines),
    // Before anything is up, so that nothing ever gets past them.
    `nft -f - <<'RULES'\n${RULES}\nRULES`,
    ipBatch("", [
      ...["lo", "lan", "wan"].map((device) => `link set dev ${device} up`),
      ...gateways.map((address) => `address replace ${address} dev lan`),
      `address replace ${router.outer} dev wan`,
      `route replace default via ${router.upstream.split("/")[0]}`,
    ]),
  ]);
}

/** What miniupnpd reads; `lan` and `wan` are up. */
export function portMapperConfig(lab: string, { name, router, networks }: NatedSite): string {
  const has = (protocol: string): string =>
    router.portMapping === protocol || router.portMapping === "both" ? "yes" : "no";
  const id = hash("sha256", `${lab} ${name}`);
  const uuid = [id.slice(0, 8), id.slice(8, 12), id.slice(12, 16), id.slice(16, 20)].join("-");
  return `ext_ifname=wan
listening_ip=lan
enable_upnp=${has("upnp")}
enable_natpmp=${has("nat-pmp")}
ipv6_disable=yes
secure_mode=yes
system_uptime=no
notify_interval=30
friendly_name=router of ${name}
uuid=${uuid}-${id.slice(20, 32)}
allow 1024-65535 ${networks[0]} 1024-65535
deny 0-65535 0.0.0.0/0 0-65535
`;
}

/** Starts the port mapping of a router that offers it, and waits until it listens. */
export async function startPortMapper(
  lab: LabRecord,
  site: NatedSite,
  env: Environment,
): Promise<void> {
  if (site.router.portMapping === null) return;
  const { directory, config, log, mark, ready } = mapperFiles(lab, site);
  mkdirSync(directory, { recursive: true });
  writeFileSync(config, portMapperConfig(lab.name, site));
  writeFileSync(log, "");
  rmSync(ready, { force: true });
  const enter = ["ip", "netns", "exec", site.router.namespace];
  const argv = [...enter, "miniupnpd", "-d", "-f", config, "-P", ready];
  const started = await startDetached(argv, env, log);
  writeJson(mark, started);
  const until = performance.now() + START_MS;
  while (!existsSync(ready)) {
    if (processState(started) === "gone" || performance.now() > until)
      throw new LabError(
        "ERR_LAB_COMMAND",
        `port mapping of ${site.name} does not start: ${readFileSync(log, "utf8").trim()}`,
      );
    await sleep(10);
  }
}

/** Ends the port mapping without a word to anybody, if it runs. */
export async function stopPortMapper(lab: LabRecord, site: NatedSite): Promise<void> {
  const mark = readJson(mapperFiles(lab, site).mark) as ProcessMark | undefined;
  if (mark === undefined) return;
  signalGroup(mark, "SIGKILL");
  await hasEnded(mark, START_MS);
}

function mapperFiles(lab: LabRecord, { name }: NatedSite) {
  const directory = join(labDirectory(lab.name), "routers", name);
  const at = (file: string): string => join(directory, file);
  return {
    directory,
    config: at("miniupnpd.conf"),
    log: at("miniupnpd.log"),
    mark: at("miniupnpd.json"),
    /** Its own number, which it writes when it listens. */
    ready: at("miniupnpd.pid"),
  };
}
