/**
 * Rules: what leaves a link and what comes to it. Nothing does either that no rule lets.
 *
 * A rule is known by *what it selects* (its id is a hash of that); *how* that is to be treated, and
 * by whom it may be had, is replaced when the same selection is set again. So setting a rule twice
 * changes nothing, and narrowing one never leaves the wider one behind.
 */
import type { ServiceId } from "../zeroconf/service.ts";

/** Stands for every service type. */
export const ALL_TYPES = "all";

/** A host, or all hosts of a subnet, by whole id. */
export interface Peer {
  readonly type: "host" | "subnet";
  /** 52 characters of base32. */
  readonly id: string;
}

interface AnyRule {
  /** `e-` or `i-` and 8 characters of base32; the same selection and scope have the same id. */
  readonly id: string;
  /** For this host alone; else it belongs to the subnet, and whichever of its hosts acts obeys it. */
  readonly isHere: boolean;
}

/** Lets services of this link be had elsewhere. */
export interface ExportRule extends AnyRule {
  readonly type: "export";
  /** `_http._tcp`, or `all`. */
  readonly serviceType: string;
  /** A glob over instance names: `*` is any run, `?` one character, `\` takes the next as it is. */
  readonly name: string;
  /** Further keys, as people wrote them; the name's own and the type's are not among them. */
  readonly keys: readonly string[];
  /** Who may have it. Empty: every member of the overlay. */
  readonly to: readonly Peer[];
  /** Not under its type's key: had only by who knows the name or a key. */
  readonly isUnlisted: boolean;
}

/** Has services of other subnets shown on this link. */
export interface ImportRule extends AnyRule {
  readonly type: "import";
  /**
   * Which types. Empty only when there are keys: then any. `["all"]`: each type that some subnet
   * lists.
   */
  readonly types: readonly string[];
  /** Keys to look under, as people wrote them. Empty: under the types' own. */
  readonly keys: readonly string[];
  /** From where alone. Empty: from everywhere. */
  readonly from: readonly Peer[];
  /** Shown on this host alone, not to its link (z2z §4.3.3.3). */
  readonly isLocalOnly: boolean;
  /** With its real address and port where it gives them, not through the relay. */
  readonly isDirect: boolean;
}

export type Rule = ExportRule | ImportRule;

/** What a person, or the configuration, asks for: as written, not yet checked. */
export interface ExportRequest {
  readonly type: "export";
  /** `_http._tcp`, `http` or `all`. */
  readonly serviceType: string;
  readonly name?: string;
  readonly keys?: readonly string[];
  /** Ids, their beginnings or names, of hosts and subnets; `host:` or `subnet:` may stand before. */
  readonly to?: readonly string[];
  readonly isUnlisted?: boolean;
  readonly isHere?: boolean;
}

export interface ImportRequest {
  readonly type: "import";
  readonly types?: readonly string[];
  readonly keys?: readonly string[];
  readonly from?: readonly string[];
  readonly isLocalOnly?: boolean;
  readonly isDirect?: boolean;
  readonly isHere?: boolean;
}

export type RuleRequest = ExportRequest | ImportRequest;

/** What matching looks at in a service of another subnet. */
export interface ImportCandidate extends Pick<ServiceId, "type"> {
  /** Base32 id of the subnet on whose link it is. */
  readonly originSubnet: string;
  /** The hosts that export it. */
  readonly originHosts: readonly string[];
  /** Under which of the rules' `keys` it was found, as the rules have them. */
  readonly foundUnder: readonly string[];
  /** It stands under its type's key, or was sealed to this host as listed. */
  readonly isListed: boolean;
}
