/** What the overlay counts, in one block. */
import type { Overlay } from "../types.ts";
import { declareCallMetrics } from "../peers/call-tally.ts";
import type { OverlayHost } from "./overlay-host.ts";
import { declareMappingMetrics } from "./port-mapper.ts";

export function declareMetrics(overlay: Overlay, host: OverlayHost): void {
  const { metrics } = host.parts;
  const gauge = (name: string, help: string, read: () => number): void =>
    metrics.gauge(`overlay_${name}`, help, read);
  gauge("subnet_hosts", "Live hosts of this subnet", () => overlay.subnet.hosts.length);
  gauge("subnets", "Subnets known to live", () => overlay.status().overlay.subnets);
  gauge(
    "routing_changes",
    "Routing entries added plus removed since start",
    () => overlay.status().routing.changes,
  );
  gauge("records_owned", "Records that this host published", () => overlay.status().records.owned);
  gauge("records_copies", "Records kept for others", () => overlay.status().records.copies);
  gauge(
    "neighbour_channels",
    "Connections to other subnets",
    () => host.session?.neighbours.channels().length ?? 0,
  );
  gauge(
    "streams",
    "Open streams to hosts of this subnet and of others",
    () => (host.hostPool?.streams ?? 0) + (host.session?.pool.streams ?? 0),
  );
  declareCallMetrics(metrics, () => host.session?.neighbours.tally);
  gauge("peer_questions_refused", "Asked too often since start", () => host.limits.refused);
  declareMappingMetrics(metrics, host.outreach.mapper);
  gauge("multicast_packets_sent", "Multicast packets sent", () => host.link.stats().packetsSent);
}
