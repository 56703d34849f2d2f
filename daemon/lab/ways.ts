/**
 * Faults between two sites, each way on its own: both sites go on reaching all others.
 *
 * The core router drops what is to be lost, in silence, before it enters the second uplink.
 */
import { join } from "node:path";
import { ConfigError } from "../../platform/errors.ts";
import { underLock } from "./file-lock.ts";
import { NAT_PROGRAMS } from "./home-router.ts";
import { LabError } from "./errors.ts";
import { labDirectory, readJson, writeJson, type LabRecord, type SiteRecord } from "./record.ts";
import { labEnvironment, missingPrograms, run } from "./run.ts";
import { inNamespace } from "./shell-text.ts";

/** What happens to packets from one site to another. */
export interface Way {
  readonly isCut: boolean;
  /** Share of packets lost, 0 to 1, each on its own. */
  readonly lossRatio: number;
}

/** What to change; what is absent stays. */
export interface WaysChange {
  readonly to?: Partial<Way>;
  readonly from?: Partial<Way>;
}

/** Both ways between a site and another. */
export interface Ways {
  readonly to: Way;
  readonly from: Way;
}

interface FaultyWay extends Way {
  readonly source: string;
  readonly target: string;
}

const CLEAR: Way = { isCut: false, lossRatio: 0 };
/** Losses are set in steps of one in a million. */
const STEPS = 1_000_000;

/**
 * Changes the ways between two sites; returns when the change holds.
 *
 * @throws {ConfigError} when both are the same
 */
export async function changeWays(
  lab: LabRecord,
  site: SiteRecord,
  other: SiteRecord,
  change: WaysChange,
): Promise<Ways> {
  refuseSame(site, other);
  if (missingPrograms(NAT_PROGRAMS).length > 0)
    throw new LabError("ERR_LAB_TOOL", "nft is not installed; on Debian: apt-get install nftables");
  const file = waysFile(lab);
  return underLock(`${file}.lock`, async () => {
    const before = readWays(lab, site, other);
    const after: Ways = {
      to: { ...before.to, ...change.to },
      from: { ...before.from, ...change.from },
    };
    const rest = readFaults(lab).filter(
      ({ source, target }) =>
        ![site.name, other.name].every((one) => [source, target].includes(one)),
    );
    const faults = [
      ...rest,
      { ...after.to, source: site.name, target: other.name },
      { ...after.from, source: other.name, target: site.name },
    ].filter(({ isCut, lossRatio }) => isCut || lossRatio > 0);
    const script = inNamespace(lab.coreNamespace, [
      "nft -f - <<'RULES'",
      waysRules(faults),
      "RULES",
    ]);
    await run(["sh", "-e", "-c", script], labEnvironment(labDirectory(lab.name)));
    writeJson(file, faults);
    return after;
  });
}

/** @throws {ConfigError} when both are the same */
export function readWays(lab: LabRecord, site: SiteRecord, other: SiteRecord): Ways {
  refuseSame(site, other);
  const faults = readFaults(lab);
  const way = (source: string, target: string): Way => {
    const { isCut, lossRatio } =
      faults.find((one) => one.source === source && one.target === target) ?? CLEAR;
    return { isCut, lossRatio };
  };
  return { to: way(site.name, other.name), from: way(other.name, site.name) };
}

/** All rules of the core router, which take the place of those before. */
export function waysRules(faults: readonly FaultyWay[]): string {
  const rules = faults.map(({ source, target, isCut, lossRatio }) => {
    const lost = `numgen random mod ${STEPS} < ${Math.round(lossRatio * STEPS)} `;
    return `    iifname "${source}" oifname "${target}" ${isCut ? "" : lost}counter drop`;
  });
  return [
    "table inet ways",
    "delete table inet ways",
    "table inet ways {",
    "  chain forward {",
    "    type filter hook forward priority 0; policy accept;",
    ...rules,
    "  }",
    "}",
  ].join("\n");
}

function readFaults(lab: LabRecord): readonly FaultyWay[] {
  return (readJson(waysFile(lab)) ?? []) as readonly FaultyWay[];
}

function waysFile(lab: LabRecord): string {
  return join(labDirectory(lab.name), "ways.json");
}

function refuseSame(site: SiteRecord, other: SiteRecord): void {
  if (site.name === other.name)
    throw new ConfigError("SITE", `${site.name} is one site; name two, or use its uplink alone`);
}
