/** What a host says of itself on its link, before the link hides what it must. */
import { fromBase32 } from "../../platform/base32.ts";
import { WIRE_VERSION, WIRE_VERSION_MIN } from "../identity/hello.ts";
import { hostTagOf, overlayTagOf, subnetTagOf } from "../identity/tags.ts";
import type { HostAnnouncement } from "../link/announcement.ts";
import type { OverlayHost } from "./overlay-host.ts";

type Announced = Pick<OverlayHost, "members" | "session" | "hostKey" | "ports">;

/** @returns `null` as long as the host is in no subnet */
export function ownAnnouncement(host: Announced): HostAnnouncement | null {
  const { members, session, hostKey, ports } = host;
  if (members.overlay === null || session === undefined) return null;
  return {
    hostTag: hostTagOf(hostKey.id),
    wireMin: WIRE_VERSION_MIN,
    wireMax: WIRE_VERSION,
    subnetPort: ports.subnet,
    hostPort: ports.host,
    overlayTag: overlayTagOf(members.overlay.id),
    subnetTag: subnetTagOf(fromBase32(session.subnetId)),
    stampMs: Number(session.claim.stampMs),
    generation: session.claim.generation,
  };
}
