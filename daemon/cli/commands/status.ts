/** `causeway status`: this host, its subnet and its overlay at a glance. */
import type { StatusAnswer } from "../../api/api-types.ts";
import { callApi } from "../../api/client.ts";
import { SOCKET_OPTION, clientSocket, printAnswer } from "../client-socket.ts";
import { JSON_OPTION, defineCommand } from "../../../platform/cli/define-command.ts";
import { count, renderPairs } from "../../../platform/cli/text-table.ts";

export const statusCommand = defineCommand({
  name: "status",
  summary: "Show this host, its subnet and its overlay",
  operands: [],
  options: [JSON_OPTION, SOCKET_OPTION],
  details: [
    "Health is one of: joining (looking for hosts on the link), pending (the overlay is locked and",
    "this host waits for admission), isolated (no other subnet answers), healthy.",
  ].join("\n"),
  async action(args, io) {
    const socket = await clientSocket(args);
    const status = await callApi<StatusAnswer>({ socket, method: "GET", path: "/v1/status" });
    printAnswer(args, io, status, () => renderPairs(statusPairs(status)));
    return 0;
  },
});

function statusPairs(status: StatusAnswer): readonly (readonly [string, string])[] {
  const { host, subnet, overlay, routing, bootstrap, records, link, health, reason } = status;
  const { daemon, reachability } = status;
  const names = subnet.hosts.map((one) => one.name).join(", ");
  return [
    ["health", reason === "" ? health : `${health}: ${reason}`],
    ["host", `${host.name}  ${host.id}`],
    ["subnet", subnet.id ?? "none yet"],
    ["", `${count(subnet.hosts.length, "host")}${names === "" ? "" : `: ${names}`}`],
    ["", `joined via ${subnet.joinedVia ?? "nothing yet"}, host set ${subnet.hostSetVersion}`],
    ["overlay", overlay.id === null ? "none yet" : `${overlay.name ?? "unnamed"}  ${overlay.id}`],
    ["", `${count(overlay.subnets, "subnet")}, ${overlay.isLocked ? "locked" : "open"}`],
    [
      "routing",
      `${count(routing.entries.length, "entry", "entries")}, ${count(routing.changes, "change")} so far`,
    ],
    ["", `${count(bootstrap.contacts, "token address", "token addresses")} dialled`],
    ["records", `${records.owned} owned, ${records.copies} kept for others`],
    ["link", `${link.interface ?? "none"}  ${link.addresses.join(", ")}`],
    ["", reachText(reachability)],
    ...mappingPairs(reachability),
    ["", `multicast: ${link.multicastPacketsSent} sent, ${link.multicastPacketsReceived} received`],
    [
      "daemon",
      `${daemon.version}, process ${daemon.pid}, up ${Math.round(daemon.uptimeMs / 1000)} s`,
    ],
    ["", daemon.state],
  ];
}

function mappingPairs({
  mapping,
}: StatusAnswer["reachability"]): readonly (readonly [string, string])[] {
  if (mapping === null) return [];
  const { protocol, outer, isProven, expiresInMs } = mapping;
  const name = protocol === "upnp" ? "UPnP" : "NAT-PMP";
  const minutes = Math.ceil(expiresInMs / 60_000);
  const trust = isProven ? "dialled by others" : "not dialled by others yet";
  return [["", `router maps ${outer} here (${name}, ${trust}, for ${minutes} min more)`]];
}

function reachText({ state, relays }: StatusAnswer["reachability"]): string {
  if (state === "reachable") return "other subnets can dial this host";
  if (state === "unknown") return "no other subnet has tried to dial this host yet";
  const by =
    relays.length === 0 ? "no relay serves it yet" : `served by ${count(relays.length, "relay")}`;
  return `no other subnet can dial this host; ${by}`;
}
