/** What a host can tell by its tag on a link, from what it has on disk and where it is. */
import { fromBase32 } from "../../platform/base32.ts";
import { linkKeyOf } from "../identity/daily-tags.ts";
import type { HeldToken } from "../identity/token.ts";
import type { LinkSecrets } from "./hidden-link.ts";
import type { StateDirectory } from "./state.ts";

/** @param session the subnet that this host is in; absent while it is in none */
export function linkSecrets(
  { overlay, subnets }: StateDirectory,
  token: HeldToken | undefined,
  session: { readonly subnetId: string } | undefined,
): LinkSecrets {
  const present = session === undefined ? [] : [fromBase32(session.subnetId)];
  return {
    overlay: overlay?.id ?? token?.overlay,
    linkKey: overlay === null ? token?.linkKey : linkKeyOf(overlay.secret),
    isLocked: overlay?.isLocked ?? false,
    subnets: [...present, ...subnets.map(({ claim }) => claim.subnet)],
  };
}
