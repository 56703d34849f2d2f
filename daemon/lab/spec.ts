/** What a lab shall be: the YAML file, checked. */
import { parseDocument } from "yaml";
import { ConfigError, errorMessage } from "../../platform/errors.ts";
import { OUTER_NETWORKS, overlaps, parseNetwork } from "./addresses.ts";
import { asFields } from "./fields.ts";
import { parseSite, type SiteSpec } from "./site-spec.ts";

export interface LabSpec {
  readonly sites: readonly SiteSpec[];
}

export const SITES_MAX = 100;
const ALIASES_MAX = 100;

/**
 * @param text YAML
 * @param file what to call it in messages
 * @throws {ConfigError} with the path of the mistake and what is allowed
 */
export function parseLabSpec(text: string, file: string): LabSpec {
  const fields = asFields(file, parseYaml(text, file), ["sites"]);
  const { sites } = fields;
  if (!Array.isArray(sites) || sites.length === 0 || sites.length > SITES_MAX)
    throw new ConfigError("sites", `must be a list of 1 to ${SITES_MAX} sites`);
  const checked = sites.map((site: unknown, index) =>
    parseSite(`sites[${index}]`, site, index + 1),
  );
  refuseRepeats(checked);
  return { sites: checked };
}

function parseYaml(text: string, file: string): unknown {
  try {
    // Keys that are lists or mappings, nested a few hundred times, take the parser a minute.
    const document = parseDocument(text, { stringKeys: true });
    const [mistake] = document.errors;
    if (mistake) throw mistake;
    return document.toJS({ maxAliasCount: ALIASES_MAX });
  } catch (cause) {
    // An alias without its anchor is told by the second step alone, and depth by either.
    throw new ConfigError(file, `not usable YAML: ${errorMessage(cause)}`, { cause });
  }
}

function refuseRepeats(sites: readonly SiteSpec[]): void {
  for (const [index, site] of sites.entries()) {
    const others = sites.slice(0, index);
    if (others.some((other) => other.name === site.name))
      throw new ConfigError(`sites[${index}].name`, `"${site.name}" is there twice`);
    for (const other of others) refuseOverlap(index, site, other);
  }
  if (sites.some((site) => site.nat !== null)) refuseOuter(sites);
}

/** Two sites behind NAT never see each other's addresses and may have the same. */
function refuseOverlap(index: number, site: SiteSpec, other: SiteSpec): void {
  if (site.nat !== null && other.nat !== null) return;
  for (const network of site.networks) {
    const clash = other.networks.find((one) => overlaps(one, network));
    if (clash)
      throw new ConfigError(
        `sites[${index}].subnet`,
        `${network.text} overlaps ${clash.text} of ${other.name}; give each site its own, ` +
          "or put both behind NAT",
      );
  }
}

function refuseOuter(sites: readonly SiteSpec[]): void {
  const outer = parseNetwork("nat", OUTER_NETWORKS);
  const index = sites.findIndex(({ networks }) => networks.some((one) => overlaps(one, outer)));
  if (index >= 0)
    throw new ConfigError(
      `sites[${index}].subnet`,
      `overlaps ${outer.text}, where the outer addresses of sites behind NAT are; take another`,
    );
}
