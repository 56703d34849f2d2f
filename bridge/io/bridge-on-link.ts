/** A bridge on the link that the daemon lives on, with the multicast DNS that is there. */
import type { LinkAddressing } from "../../platform/address.ts";
import { BridgeError } from "../errors.ts";
import type { Bridge, BridgeOptions, BridgeParts } from "../types.ts";
import type { ZeroconfBackend } from "../zeroconf/backend.ts";
import { openAvahiBackend } from "./avahi-backend.ts";
import { startBridgeOn } from "./bridge.ts";
import { chooseBackend } from "./choose-backend.ts";
import { openGoodbyeEar } from "./goodbye-ear.ts";
import { isHostThere } from "./host-presence.ts";
import { readLink } from "./link-addresses.ts";
import { openOwnBackend } from "./own-backend.ts";

const LOOPBACK = "lo";

/**
 * Starts the bridge; resolves when rules and files are read. Multicast DNS is looked for from then on.
 *
 * @throws {BridgeError} ERR_BRIDGE_STORAGE, or ERR_BRIDGE_RULE for a rule of the configuration
 */
export function startBridgeOnLink(options: BridgeOptions, parts: BridgeParts): Promise<Bridge> {
  const { clock, random, log } = parts;
  const openOwn = (link: LinkAddressing): Promise<ZeroconfBackend> =>
    openOwnBackend({ link, clock, random, log });
  return startBridgeOn(
    {
      openBackend: async (link) => {
        if (link.addresses.length === 0)
          throw new BridgeError("ERR_BRIDGE_BACKEND", "the link has no address yet");
        const choice = options.backend;
        const openHere = (name: string): Promise<ZeroconfBackend> => openOwn(readLink(name));
        return chooseBackend({
          ...{ choice, interface: link.name, clock, random, log },
          openOwn: openHere,
        });
      },
      // Our own responder would have to answer on an interface that has no multicast.
      openLoopback: () => openAvahiBackend({ interface: LOOPBACK, clock, log }),
      listen: (link, onGoodbye) => openGoodbyeEar({ link, clock, log, onGoodbye }),
      readLink,
      isHostThere: (host, addresses, timeoutMs, link) =>
        isHostThere({ host, addresses, timeoutMs, link, random }),
    },
    options,
    parts,
  );
}
