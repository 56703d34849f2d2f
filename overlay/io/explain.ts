/** What is wrong with this host's part of the overlay, and what to do about it. */
import { CLOCK_SKEW_MAX_MS } from "../identity/certificate.ts";
import { WIRE_VERSION, WIRE_VERSION_MIN } from "../identity/hello.ts";
import { overlayTagOf } from "../identity/tags.ts";
import type { Finding, Health } from "../types.ts";
import { explainReach } from "./explain-reach.ts";
import { explainTrust } from "./explain-trust.ts";
import type { OverlayHost } from "./overlay-host.ts";

const SKEW_WARNING_MS = 30_000;

export function explainOverlay(host: OverlayHost, health: Health): readonly Finding[] {
  const versions = explainVersions(host);
  // What a host waits for when nobody understands it is no token.
  const isTokenNoHelp = health === "pending" && versions.length > 0;
  const found = [
    ...versions,
    ...(host.members.removal === undefined && !isTokenNoHelp ? explainHealth(host, health) : []),
    ...explainLink(host),
    ...explainReach(host),
    ...explainTrust(host),
    ...host.restored.findings(),
    ...explainClock(host),
  ];
  if (found.some(({ severity }) => severity !== "ok")) return found;
  return [...found, { code: "healthy", severity: "ok", what: "nothing is wrong", advice: "" }];
}

function explainHealth(host: OverlayHost, health: Health): readonly Finding[] {
  if (health === "healthy") return [];
  if (health === "isolated")
    return [
      {
        code: "isolated",
        severity: "problem",
        what: "other subnets are known, and none can be reached",
        advice: "check this site's uplink and that TCP to the other sites' port is let through",
      },
    ];
  if (health === "pending")
    return [
      {
        code: "pending",
        severity: "problem",
        what: `this host waits for admission: ${host.formation.trouble}`,
        advice: "do on another host what that says; this one notices by itself when it is let in",
      },
    ];
  if (host.formation.trouble === "")
    return [{ code: "joining", severity: "warning", what: "still joining", advice: "wait" }];
  const isBootstrap = host.formation.bootstrapContacts > 0;
  return [
    {
      code: isBootstrap ? "unreachable-bootstrap" : "not-joined",
      severity: "problem",
      what: host.formation.trouble,
      advice: isBootstrap
        ? "check the route to those addresses, or take a token from a member that can be reached"
        : 'look at the log, and try "causeway down" and "causeway up" again',
    },
  ];
}

/** Hosts that were met of late and speak other wire versions. */
function explainVersions(host: OverlayHost): readonly Finding[] {
  const nowMs = host.parts.clock.monotonicMs();
  const pools = [host.hostPool.foreignVersions, host.session?.pool.foreignVersions];
  const met = new Map(
    pools.flatMap((pool) => pool?.recent(nowMs) ?? []).map((one) => [one.address, one]),
  );
  if (met.size === 0) return [];
  const shown = [...met.values()]
    .slice(0, 3)
    .map(({ address, wireMin, wireMax }) => `${address} (${wireMin} to ${wireMax})`);
  const isOlder = [...met.values()].some(({ wireMin }) => wireMin > WIRE_VERSION);
  return [
    {
      code: "wire-version",
      severity: "problem",
      what:
        `${met.size} host(s) speak no wire version that this one does ` +
        `(${WIRE_VERSION_MIN} to ${WIRE_VERSION}): ${shown.join(", ")}`,
      advice: `upgrade ${isOlder ? "this host" : "them"}; a version speaks with the one before it`,
    },
  ];
}

function explainLink(host: OverlayHost): readonly Finding[] {
  const stats = host.link.stats();
  const findings: Finding[] = [];
  if (stats.interface === null)
    findings.push({
      code: "no-link",
      severity: "problem",
      what: "there is no usable network interface",
      advice: "plug one in, or name one with --interface",
    });
  else if (stats.multicast === "none")
    findings.push({
      code: "no-multicast",
      severity: "problem",
      what: `no multicast on ${stats.interface}: hosts of this link cannot find each other`,
      advice:
        "let UDP port 5353 to 224.0.0.251 and ff02::fb through the firewall, and switch off " +
        '"client isolation" on the access point',
    });
  const own = host.members.overlay;
  const foreign = host.link
    .peers()
    .filter((peer) => own !== null && peer.announcement.overlayTag !== overlayTagOf(own.id));
  if (foreign.length > 0)
    findings.push({
      code: "foreign-overlay",
      severity: "warning",
      what: `${foreign.length} host(s) of another overlay are on this link`,
      advice:
        "fine if meant; else make a token here and start them anew with --join @FILE after " +
        '"causeway leave --forget"',
    });
  if (stats.conflicts > 0)
    findings.push({
      code: "cloned-key",
      severity: "problem",
      what: "another host of this link has this host's key, as a copied machine image does",
      advice: 'run "causeway leave --forget" on one of the two and join it anew',
    });
  return findings;
}

/** The median of what the others' clocks say, so that one wrong clock elsewhere is not ours. */
function explainClock(host: OverlayHost): readonly Finding[] {
  const offsets = [...host.clockOffsets.values()].toSorted((a, b) => a - b);
  const median = offsets[Math.floor(offsets.length / 2)] ?? 0;
  if (Math.abs(median) < SKEW_WARNING_MS) return [];
  const seconds = Math.round(Math.abs(median) / 1000);
  return [
    {
      code: "clock-skew",
      severity: Math.abs(median) > CLOCK_SKEW_MAX_MS ? "problem" : "warning",
      what: `this host's clock is ${seconds} s ${median > 0 ? "behind" : "ahead of"} the others`,
      advice: "set the clock, and run an NTP client such as systemd-timesyncd or chrony",
    },
  ];
}
