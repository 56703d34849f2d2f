/**
 * Interfaces of a host beside its `eth0`, which a daemon is to ignore: bridges with a container
 * behind them, tunnels, loose ends. All are up, carry frames, have an address and lead nowhere.
 *
 * Extra k of a site has 172.(17+k).0.0/16, where container programs start counting. A bridge is
 * `.0.1` on every host alike, as it is with them; others have an address of their own.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ConfigError } from "../../platform/errors.ts";
import { LabError } from "./errors.ts";
import { shown } from "./fields.ts";
import { processState } from "./processes.ts";
import { labDirectory, type HostRecord, type LabRecord, type SiteRecord } from "./record.ts";
import { run, startDetached, type Environment } from "./run.ts";
import { ipBatch } from "./shell-text.ts";

type ExtraType = "bridge" | "tunnel" | "veth";

const NAMES: readonly (readonly [ExtraType, RegExp])[] = [
  ["bridge", /^(?:docker|br-|virbr|cni|podman)[a-z0-9]{0,9}$/],
  ["tunnel", /^(?:tun|wg|tailscale|zt|utun)[a-z0-9]{0,6}$/],
  ["veth", /^veth[a-z0-9]{1,10}$/],
];
export const EXTRAS_MAX = 8;
const FIRST_SECOND_OCTET = 17;
const START_MS = 10_000;

/** @throws {ConfigError} unless it is a list of names whose kind is known, none twice */
export function parseExtras(path: string, given: unknown): readonly string[] {
  if (!Array.isArray(given) || given.length > EXTRAS_MAX)
    throw new ConfigError(path, `must be a list of ${EXTRAS_MAX} interfaces at most`);
  for (const [index, name] of given.entries()) {
    if (typeof name !== "string" || !NAMES.some(([, pattern]) => pattern.test(name)))
      throw new ConfigError(
        `${path}[${index}]`,
        `${shown(name)} is no extra interface; write docker0, br-1a2b, tun0, wg0, tailscale0 or veth1a`,
      );
    if (given.indexOf(name) !== index)
      throw new ConfigError(`${path}[${index}]`, `${shown(name)} is there twice`);
  }
  return given as string[];
}

/** Lines for `ip -batch` that make the extras of a site's hosts, but for tunnels. */
export function extraLines(lab: LabRecord, site: SiteRecord): string[] {
  return site.hosts.flatMap((host) =>
    site.extras.flatMap((name, index) => {
      const [far, type] = [`${host.name}.${index}`, typeOf(name)];
      const near = type === "bridge" ? `vethc${index}` : name;
      const veth =
        `link add name ${far} netns ${lab.switchNamespace} ` +
        `type veth peer name ${near} netns ${host.namespace}`;
      return type === "tunnel" ? [] : [veth];
    }),
  );
}

/** Lines for `ip -batch` in the switches' namespace that bring up the far ends. */
export function extraSwitchLines(site: SiteRecord): string[] {
  return site.hosts.flatMap((host) =>
    site.extras.flatMap((name, index) =>
      typeOf(name) === "tunnel" ? [] : [`link set dev ${host.name}.${index} up`],
    ),
  );
}

/** Lines for `ip -batch` on a host, but for tunnels. */
export function extraHostLines(site: SiteRecord, host: HostRecord): string[] {
  return site.extras.flatMap((name, index) => {
    const type = typeOf(name);
    if (type === "tunnel") return [];
    const member = `vethc${index}`;
    return [
      ...(type === "bridge"
        ? [
            `link add name ${name} type bridge`,
            `link set dev ${member} master ${name}`,
            `link set dev ${member} up`,
          ]
        : []),
      ...upLines(name, addressOf(site, host, index)),
    ];
  });
}

/** Makes the tunnels of all hosts; the namespaces must be there. */
export async function startTunnels(lab: LabRecord, env: Environment): Promise<void> {
  const tunnels = lab.sites.flatMap((site) =>
    site.hosts.flatMap((host) =>
      site.extras.flatMap((name, index) =>
        typeOf(name) === "tunnel" ? [{ name, host, address: addressOf(site, host, index) }] : [],
      ),
    ),
  );
  if (tunnels.length === 0) return;
  const directory = labDirectory(lab.name);
  const [ready, log] = [join(directory, "tunnels.ready"), join(directory, "tunnels.log")];
  const suffix = import.meta.filename.endsWith(".ts") ? "ts" : "js";
  const program = join(import.meta.dirname, `tunnel-process.${suffix}`);
  const enter = ["ip", "netns", "exec", lab.switchNamespace, process.execPath, program, ready];
  const started = await startDetached([...enter, ...tunnels.map((_, i) => `tunnel${i}`)], env, log);
  const until = performance.now() + START_MS;
  while (!existsSync(ready)) {
    if (processState(started) === "gone" || performance.now() > until)
      throw new LabError(
        "ERR_LAB_COMMAND",
        `the tunnels do not start: ${readFileSync(log, "utf8").trim()}`,
      );
    await sleep(10);
  }
  const scripts = tunnels.flatMap(({ name, host, address }, index) => [
    `ip -n ${lab.switchNamespace} link set dev tunnel${index} netns ${host.namespace} name ${name}`,
    ipBatch(`-n ${host.namespace} `, upLines(name, address)),
  ]);
  await run(["sh", "-e", "-c", scripts.join("\n")], env);
}

function upLines(name: string, address: string): string[] {
  return [`address add ${address} dev ${name}`, `link set dev ${name} up`];
}

function addressOf(site: SiteRecord, host: HostRecord, index: number): string {
  const [name, second] = [site.extras[index]!, FIRST_SECOND_OCTET + index];
  if (typeOf(name) === "bridge") return `172.${second}.0.1/16`;
  return `172.${second}.${site.number}.${host.number}/16`;
}

function typeOf(name: string): ExtraType {
  return NAMES.find(([, pattern]) => pattern.test(name))![0];
}
