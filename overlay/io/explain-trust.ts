/** What is wrong with this host's membership, and with the overlay's power to admit. */
import type { Finding } from "../types.ts";
import type { OverlayHost } from "./overlay-host.ts";

export function explainTrust(host: OverlayHost): readonly Finding[] {
  if (host.members.overlay === null) return [];
  const removal = host.trust.removalText;
  if (removal !== "") return [removed(host, removal)];
  return [...explainExpiry(host), ...explainAdmission(host)];
}

function removed(host: OverlayHost, what: string): Finding {
  const isSelf = host.members.revoked.of(host.members.hostKey.publicKey) !== undefined;
  return {
    code: "removed",
    severity: "problem",
    what,
    advice: isSelf
      ? 'if that was a mistake, run "causeway leave --forget" here, and start it anew with a token'
      : 'run "causeway leave" here, and start it anew with a token of another member',
  };
}

/** It is renewed by itself in good time; to be told only when that fails. */
function explainExpiry({ members, trust, parts }: OverlayHost): readonly Finding[] {
  const { failure } = trust.renewal;
  if (failure === "") return [];
  const isOver = members.notAfterMs <= parts.clock.wallMs();
  const date = new Date(members.notAfterMs).toISOString().slice(0, 10);
  return [
    {
      code: "expired-certificate",
      severity: isOver ? "problem" : "warning",
      what: `this host's membership ${isOver ? "expired" : "ends"} on ${date}, and nobody renews it: ${failure}`,
      advice:
        "check this host's clock, and that a host that may admit is up and can be reached; or take a " +
        'token of "causeway token" there, and here "causeway leave" and up with --join @FILE',
    },
  ];
}

/** An overlay that is more than one link depends on hosts that may admit, and on one key. */
function explainAdmission({ members, session }: OverlayHost): readonly Finding[] {
  const overlay = members.overlay;
  if (overlay === null || !overlay.isLocked || session === undefined) return [];
  const findings: Finding[] = [];
  const elsewhere = session.book.all().flatMap(({ hosts }) => hosts);
  const able = new Set([...session.hosts, ...elsewhere].filter((one) => one.mayAdmit).map(idOf));
  if (able.size < 2)
    findings.push({
      code: "single-admitter",
      severity: "warning",
      what:
        able.size === 0
          ? "no live host may let others in"
          : "only one live host may let others in; without it nobody joins, and nothing is renewed",
      advice: 'let another one in with "causeway token" or "causeway admit", without --no-admit',
    });
  if (overlay.authoritySeed !== null && overlay.backedUpAtMs === null)
    findings.push({
      code: "authority-not-backed-up",
      severity: "warning",
      what: "the overlay's authority key is on this host only",
      advice: 'run "causeway backup FILE", and keep the file where only you get at it',
    });
  return findings;
}

function idOf({ id }: { readonly id: string }): string {
  return id;
}
