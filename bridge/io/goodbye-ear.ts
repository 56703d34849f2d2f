/** Listens to a link for goodbyes of services, beside whatever back end browses it. */
import { isOnLink, type LinkAddressing } from "../../platform/address.ts";
import type { Clock } from "../../platform/clock.ts";
import { errorMessage } from "../../platform/errors.ts";
import { openLinkSockets } from "../../platform/io/link-sockets.ts";
import type { Logger } from "../../platform/logger.ts";
import { TokenBucket } from "../../platform/token-bucket.ts";
import { goodbyesIn } from "../exporter/goodbyes.ts";
import type { ServiceId } from "../zeroconf/service.ts";

/** A flood is left to the back end: a goodbye that is missed here is told by it a second later. */
const RATE = { perSecond: 500, burst: 1000 };

export interface GoodbyeEarParts {
  readonly link: LinkAddressing;
  readonly clock: Clock;
  readonly log: Logger;
  onGoodbye(id: ServiceId): void;
}

/** Opens what address families it can; without any it hears nothing. @returns closes it */
export async function openGoodbyeEar(parts: GoodbyeEarParts): Promise<() => Promise<void>> {
  const { link, clock, log, onGoodbye } = parts;
  const bucket = new TokenBucket(RATE);
  const { opened, failures } = await openLinkSockets({
    link,
    onFailure: (error) => log.debug("goodbyes", { reason: error.message }),
    onMessage: (bytes, from) => {
      if (!isOnLink(from.address, link) || !bucket.take(clock.monotonicMs())) return;
      for (const id of goodbyesIn(bytes)) onGoodbye(id);
    },
  });
  for (const { family, cause } of failures)
    log.info("goodbyes are not heard early", { family, reason: errorMessage(cause) });
  return async () => {
    await Promise.all(opened.map((socket) => socket.close()));
  };
}
