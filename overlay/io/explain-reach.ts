/** What `explain` says of a host that other subnets cannot dial, and of its router. */
import type { Finding } from "../types.ts";
import type { OverlayHost } from "./overlay-host.ts";

/** Not a problem while a relay serves. */
export function explainReach(host: OverlayHost): readonly Finding[] {
  const { session, outreach, ports } = host;
  if (session?.reachability.reach !== "unreachable") return [];
  const relays = outreach.relays.list().length;
  const role = session.isClient
    ? "its subnet is a client of the DHT"
    : "its siblings serve the DHT";
  const served =
    relays > 0 ? `${relays} relay(s) serve it` : "no host of another subnet relays for it yet";
  return [
    {
      code: "unreachable",
      severity: relays > 0 ? "ok" : "warning",
      what: `other subnets cannot dial this host: ${role}, and ${served}`,
      advice: `forward TCP ports ${ports.subnet} and ${ports.host} to it in the router for direct connections`,
    },
    ...explainMapping(host, relays > 0),
  ];
}

/** A router that was asked for ports and gave none that lead here. */
function explainMapping({ outreach }: OverlayHost, isRelayed: boolean): readonly Finding[] {
  const { trouble, router } = outreach.mapper;
  if (trouble === "" || router === null) return [];
  return [
    {
      code: "port-mapping",
      severity: isRelayed ? "ok" : "warning",
      what: `the router ${router} maps no port to this host: ${trouble}`,
      advice:
        "switch on UPnP or NAT-PMP in the router, or forward the ports there by hand; " +
        "portMapping: off in the configuration asks it no more",
    },
  ];
}
