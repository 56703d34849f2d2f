/** Listens to a link for goodbyes of services, beside whatever back end browses it. */
import { isOnLink, type LinkAddressing } from "../../platform/address.ts";
import type { Clock } from "../../platform/clock.ts";
import { errorMessage } from "../../platform/errors.ts";
import {
  FAMILIES,
  hasFamily,
  openMdnsSocket,
  type MdnsSocket,
} from "../../platform/io/mdns-socket.ts";
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
  const onFailure = (error: Error): void => log.debug("goodbyes", { reason: error.message });
  const sockets: MdnsSocket[] = [];
  for (const family of FAMILIES.filter((one) => hasFamily(link, one))) {
    try {
      const socket = await openMdnsSocket({
        ...{ family, link, onFailure },
        onMessage: (bytes, from) => {
          if (!isOnLink(from.address, link) || !bucket.take(clock.monotonicMs())) return;
          for (const id of goodbyesIn(bytes)) onGoodbye(id);
        },
      });
      sockets.push(socket);
    } catch (error) {
      log.info("goodbyes are not heard early", { family, reason: errorMessage(error) });
    }
  }
  return async () => {
    await Promise.all(sockets.map((socket) => socket.close()));
  };
}
