/** What happens to the importing half, and what it has done. */
import type { KnownService, Statement } from "../exchange/freshness.ts";
import type { KnownSubnets } from "../rules/matching.ts";
import type { ImportRule, Rule } from "../rules/rule.ts";
import type { Place } from "./free-places.ts";
import type { Wanted } from "./wanted.ts";

export interface ImportSituation {
  readonly self: string;
  /** Empty: none yet. */
  readonly subnetId: string;
  /** This host is one of those that act and stand by. */
  readonly isInCrew: boolean;
  readonly acting: ReadonlySet<number>;
  readonly rules: readonly Rule[];
  /** All subnets known, this one among them. */
  readonly subnets: KnownSubnets;
}

/** Before there is a subnet. */
export const NOWHERE: ImportSituation = {
  self: "",
  subnetId: "",
  isInCrew: false,
  acting: new Set(),
  rules: [],
  subnets: [],
};

export type ImportEvent =
  | { readonly type: "situation"; readonly situation: ImportSituation }
  | { readonly type: "record"; readonly statement: Omit<Statement, "isVerified"> }
  | ({ readonly type: "gone" } & Pick<Statement, "publisher" | "key" | "slot">)
  /** The types that a host lists; none when it does no longer. */
  | { readonly type: "types"; readonly publisher: string; readonly types: readonly string[] }
  | { readonly type: "site"; readonly subnetId: string; readonly isAlive: boolean }
  /** It is shown, here or by a colleague. */
  | {
      readonly type: "shown";
      readonly originId: string;
      readonly instance: string;
      readonly port: number;
      readonly by: "self" | "colleague";
    }
  /** A colleague shows it no longer. */
  | { readonly type: "unshown"; readonly originId: string }
  | { readonly type: "failed"; readonly originId: string; readonly reason: string };

export type ImportAction =
  /** Texts of all keys to watch. */
  | { readonly type: "watch"; readonly keys: readonly string[] }
  /** The sites to keep in touch with, and their exporters. */
  | { readonly type: "sites"; readonly sites: ReadonlyMap<string, readonly string[]> }
  | { readonly type: "show"; readonly wanted: Wanted }
  | { readonly type: "hide"; readonly originId: string };

/** What is known of one service elsewhere, for people. */
export interface ImportView {
  readonly known: KnownService;
  readonly rules: readonly ImportRule[];
  readonly wanted: Wanted | undefined;
  readonly shown: Place | undefined;
  readonly reason: string;
}

/** What of a situation may let a service be shown that could not be shown before. */
export function situationText({ subnetId, isInCrew, acting, rules }: ImportSituation): string {
  return JSON.stringify([subnetId, isInCrew, [...acting], rules]);
}
