/** Labs as tables for people and as objects for programs. */
import type { HostRecord, Lab, LinkState, SiteRecord } from "./lab.ts";
import type { Way } from "./ways.ts";
import { formatRate, formatShare, formatTime } from "./units.ts";

/** What `lab ls --json` prints of one lab. */
export function labObject(lab: Lab): unknown {
  return {
    name: lab.name,
    sites: lab.sites.map((site) => ({
      name: site.name,
      switch: site.switch,
      avahi: site.hasAvahi,
      nat: site.router && {
        outer: site.router.outer.split("/")[0],
        portMapping: site.router.portMapping,
      },
      router: lab.isRouterDown(site.name) ? "down" : "up",
      uplink: linkObject(lab.linkState(site.name)),
      hosts: site.hosts.map((host) => hostObject(lab, host)),
    })),
    unplugged: unplugged(lab).map((host) => hostObject(lab, host)),
  };
}

function hostObject(lab: Lab, { name, namespace, addresses }: HostRecord) {
  const { socket } = lab.paths(name);
  return { name, namespace, addresses, daemon: daemonWord(lab, name), socket };
}

/** Hosts that are at no site. */
function unplugged(lab: Lab): readonly HostRecord[] {
  return lab.hosts.filter(({ site }) => site === undefined);
}

export function linkObject({ delayMs, jitterMs, rate, lossRatio, isCut, split }: LinkState) {
  return { delayMs, jitterMs, rateBitsPerSecond: rate, lossRatio, isCut, split };
}

export function labLines(lab: Lab): string[] {
  return [
    `lab ${lab.name}`,
    ...lab.sites.flatMap((site) => [
      `  ${site.name} (${siteTraits(lab, site).join(", ")}): ` + linkLine(lab.linkState(site.name)),
      ...site.hosts.map(
        (host) =>
          `    ${host.name.padEnd(12)} ${host.addresses.join(" ").padEnd(16)} ` +
          `daemon ${daemonWord(lab, host.name)}`,
      ),
    ]),
    ...unplugged(lab).map(
      ({ name }) => `  unplugged: ${name.padEnd(12)} daemon ${daemonWord(lab, name)}`,
    ),
  ];
}

function siteTraits(lab: Lab, site: SiteRecord): string[] {
  const { switch: kind, hasAvahi, router } = site;
  const nat = router === null ? [] : [`behind ${router.outer.split("/")[0]}`];
  const mapping = router?.portMapping ?? null;
  return [
    ...[kind, ...(hasAvahi ? ["avahi"] : []), ...nat],
    ...(mapping === null ? [] : [`port mapping: ${mapping}`]),
    ...(lab.isRouterDown(site.name) ? ["router down"] : []),
  ];
}

export function linkLine(link: LinkState): string {
  const parts = [
    `delay ${formatTime(link.delayMs)}`,
    ...(link.jitterMs > 0 ? [`jitter ${formatTime(link.jitterMs)}`] : []),
    ...(link.rate === null ? [] : [`rate ${formatRate(link.rate)}`]),
    ...(link.lossRatio > 0 ? [`loss ${formatShare(link.lossRatio)}`] : []),
    ...(link.isCut ? ["cut"] : []),
    ...(link.split.length > 0 ? [`split off: ${link.split.join(", ")}`] : []),
  ];
  return parts.join(", ");
}

export function wayLine({ isCut, lossRatio }: Way): string {
  if (isCut) return "cut";
  return lossRatio > 0 ? `loss ${formatShare(lossRatio)}` : "as it is";
}

export function daemonWord(lab: Lab, host: string): "running" | "paused" | "stopped" {
  const state = lab.daemonState(host);
  return state === "gone" ? "stopped" : state;
}
