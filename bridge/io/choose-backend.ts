/**
 * Avahi where it works, else our own responder and browser.
 *
 * That Avahi answers on D-Bus says little: it may keep off the link, or be cut off from it. So a
 * service is published and looked for (HAP-NodeJS went back to a responder of its own for want of
 * that). The other back end takes over whenever Avahi dies, or appears.
 */
import type { Clock } from "../../platform/clock.ts";
import type { Logger } from "../../platform/logger.ts";
import type { Random } from "../../platform/random.ts";
import { BridgeError } from "../errors.ts";
import type { BackendChoice } from "../types.ts";
import type { ZeroconfBackend } from "../zeroconf/backend.ts";
import { openAvahiBackend, type AvahiBackend } from "./avahi-backend.ts";
import { openMovingBackend } from "./moving-backend.ts";

export interface ChooseBackendOptions {
  /** `auto` follows Avahi's coming and going; with `avahi` it must be there at the start. */
  readonly choice: BackendChoice;
  /** Name of the link's interface; `becomeLink` tells of another one. */
  readonly interface: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly openOwn: (interfaceName: string) => Promise<ZeroconfBackend>;
}

/** How long Avahi may take to show us our own service. */
const CHECK_MS = 3000;
/** How long Avahi may be gone: a restart takes less. */
const PATIENCE_MS = 3000;
const LOOK_AGAIN_MS = 5000;
const CHECK_TYPE = "_cw-check._tcp";

/** @throws {BridgeError} ERR_BRIDGE_BACKEND when none works */
export async function chooseBackend(options: ChooseBackendOptions): Promise<ZeroconfBackend> {
  const { choice, interface: interfaceName, clock, random, log, openOwn, ...rest } = options;
  rest satisfies Record<string, never>;
  const openAvahi = (name: string): Promise<AvahiBackend> =>
    openAvahiBackend({ interface: name, clock, log });
  if (choice === "own") return openOwn(interfaceName);
  if (choice === "avahi") return openAvahi(interfaceName);
  return openMovingBackend({
    interface: interfaceName,
    openPreferred: openAvahi,
    check: (backend) => checkBackend(backend, random.below(2 ** 32).toString(36)),
    openFallback: openOwn,
    patienceMs: PATIENCE_MS,
    lookAgainMs: LOOK_AGAIN_MS,
    log,
  });
}

/**
 * Publishes a service and waits until it is seen on the link.
 *
 * @param token makes its name ours alone, so that it need not be probed for
 * @throws {BridgeError} ERR_BRIDGE_BACKEND
 */
async function checkBackend(backend: ZeroconfBackend, token: string): Promise<void> {
  const instance = `check ${token}`;
  const host = [`cw-check-${token}`, "local"];
  const service = {
    instance,
    type: CHECK_TYPE,
    subtypes: [],
    host,
    port: 9,
    txt: [],
    addresses: [],
  };
  const signal = AbortSignal.timeout(CHECK_MS);
  const registered = await backend.register({ service, isShared: false, isTakeover: true }, []);
  try {
    for await (const event of backend.browse(CHECK_TYPE, signal))
      if (event.type === "found" && event.service.instance === instance) return;
  } finally {
    await registered.withdraw();
  }
  throw new BridgeError(
    "ERR_BRIDGE_BACKEND",
    `a service published by ${backend.name} was not seen on the link within ${CHECK_MS / 1000} s; ` +
      "is multicast filtered, or the interface denied in avahi-daemon.conf?",
  );
}
