/** Whether a host of the link is there: asked for its own address, by unicast (RFC 6762 §5.5). */
import type { LinkAddressing } from "../../platform/address.ts";
import { RECORD_CODE } from "../../platform/dns/message.ts";
import type { Random } from "../../platform/random.ts";
import { askHost } from "./ask-host.ts";

/** @returns whether the host answered in that time */
export type IsHostThere = (
  host: string,
  addresses: readonly string[],
  timeoutMs: number,
  link: LinkAddressing,
) => Promise<boolean>;

export interface PresenceQuestion {
  /** Name of the host, with dots. */
  readonly host: string;
  /** All are asked at once; those that are not on the link count as silent. */
  readonly addresses: readonly string[];
  readonly timeoutMs: number;
  readonly link: LinkAddressing;
  readonly random: Random;
}

export async function isHostThere(given: PresenceQuestion): Promise<boolean> {
  const { host, addresses, timeoutMs, link, random } = given;
  const answers = addresses.map(async (address) => {
    const code = address.includes(":") ? RECORD_CODE.aaaa : RECORD_CODE.a;
    const question = { name: host.split("."), code };
    const answer = await askHost(link, random, { address, question, timeoutMs });
    // Who refuses has no responder any more, and so nobody who would withdraw its services.
    if (answer !== "answered") throw new Error(answer);
  });
  return Promise.any(answers).then(
    () => true,
    () => false,
  );
}
