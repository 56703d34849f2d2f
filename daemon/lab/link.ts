/** Changing a site's uplink, and the link inside it, while the lab runs. */
import { ConfigError } from "../../platform/errors.ts";
import { openVSwitchControl } from "./open-vswitch.ts";
import { hostNow, siteNow } from "./places.ts";
import {
  labDirectory,
  readLink,
  writeLink,
  type LabRecord,
  type LinkState,
  type SiteRecord,
} from "./record.ts";
import { labEnvironment, run, type Environment } from "./run.ts";
import { changeWire } from "./wire.ts";
import { rateLines, splitBridgeLines, splitSwitchArguments } from "./wiring.ts";

/** What to change; what is absent stays. */
export interface LinkChange {
  readonly delayMs?: number;
  readonly jitterMs?: number;
  /** `null` lifts the limit. */
  readonly rate?: number | null;
  readonly lossRatio?: number;
  /** Whether the uplink drops everything, in silence. */
  readonly isCut?: boolean;
  /** Hosts to cut from the rest of their own link, the way out included; none heals it. */
  readonly split?: readonly string[];
}

/** Undoes a cut and a split. */
export const HEAL: LinkChange = { isCut: false, split: [] };

/**
 * Changes a link; returns when the change holds, for frames that come from then on.
 *
 * @throws {ConfigError} when a host to split off is not of this site
 */
export async function changeLink(
  lab: LabRecord,
  site: SiteRecord,
  change: LinkChange,
): Promise<LinkState> {
  const { split: wanted } = change;
  if (wanted) checkSplit(lab, site, wanted);
  const before = readLink(lab.name, site);
  const after: LinkState = { ...before, ...change };
  const env = labEnvironment(labDirectory(lab.name));
  await changeWire(lab.name, site.name, after);
  if (after.rate !== before.rate)
    await setRate(lab, rateLines(site.name, after.rate, before.rate !== null), env);
  if (wanted) await split(lab, site, before, wanted, env);
  writeLink(lab.name, site, after);
  return after;
}

/** Sets the rates that the file asks for. */
export async function setFirstRates(lab: LabRecord, env: Environment): Promise<void> {
  await setRate(
    lab,
    lab.sites.flatMap(({ name, uplink }) => rateLines(name, uplink.rate, false)),
    env,
  );
}

async function setRate(lab: LabRecord, lines: readonly string[], env: Environment): Promise<void> {
  if (lines.length === 0) return;
  await run(inSwitches(lab, batch("tc", lines)), env);
}

async function split(
  lab: LabRecord,
  site: SiteRecord,
  before: LinkState,
  hosts: readonly string[],
  env: Environment,
): Promise<void> {
  const present = siteNow(lab, site);
  if (site.switch === "ovs")
    return void (await openVSwitchControl(lab.name, splitSwitchArguments(present, hosts), env));
  const lines = splitBridgeLines(present, hosts, before.split.length > 0);
  await run(inSwitches(lab, batch("ip", lines)), env);
}

function checkSplit(lab: LabRecord, site: SiteRecord, hosts: readonly string[]): void {
  const stranger = hosts.find((name) => hostNow(lab, name).site !== site.name);
  if (stranger !== undefined)
    throw new ConfigError("--split", `${stranger} is not a host of ${site.name}`);
}

function batch(program: "ip" | "tc", lines: readonly string[]): string {
  return [`${program} -batch - <<'LINES'`, ...lines, "LINES", ""].join("\n");
}

function inSwitches(lab: LabRecord, script: string): string[] {
  return ["ip", "netns", "exec", lab.switchNamespace, "sh", "-e", "-c", script];
}
