/** Services that a program of this host hands in, shown on the link as they are (`--from-stream`). */
import { createHash } from "node:crypto";
import { toBase32 } from "../../platform/base32.ts";
import { utf8 } from "../../platform/bytes.ts";
import { BridgeError } from "../errors.ts";
import { nameCandidates } from "../importer/instance-names.ts";
import type { ServiceFeed } from "../types.ts";
import type { Registered, ZeroconfBackend } from "../zeroconf/backend.ts";
import { serviceKey, type ServiceId, type ZeroconfService } from "../zeroconf/service.ts";

/** Of one host, over all its feeds. */
const SERVICES_MAX = 512;
const HOST_LETTERS = 10;

interface Fed {
  service: ZeroconfService;
  registered: Registered;
}

export class ServiceFeeds {
  readonly #backend: () => ZeroconfBackend | undefined;
  readonly #site: () => string;
  readonly #feeds = new Set<Map<string, Fed>>();

  /** @param site tells names apart: this host's name */
  constructor(backend: () => ZeroconfBackend | undefined, site: () => string) {
    this.#backend = backend;
    this.#site = site;
  }

  open(): ServiceFeed {
    const fed = new Map<string, Fed>();
    this.#feeds.add(fed);
    return {
      add: (service) => this.#add(fed, service),
      remove: (id) => this.#remove(fed, id),
      close: () => this.#close(fed),
    };
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#feeds].map((fed) => this.#close(fed)));
  }

  async #add(fed: Map<string, Fed>, given: ZeroconfService): Promise<string> {
    const key = serviceKey(given);
    const service = { ...given, host: feedHost(given) };
    const known = fed.get(key);
    if (known !== undefined) {
      const isSamePlace =
        known.service.port === service.port && isSameText(known.service.subtypes, service.subtypes);
      if (isSamePlace && isSameText(known.service.host, service.host)) {
        known.service = service;
        await known.registered.update({ ...service, instance: known.registered.instance });
        return known.registered.instance;
      }
      await this.#remove(fed, given);
    }
    const count = [...this.#feeds].reduce((sum, one) => sum + one.size, 0);
    if (count >= SERVICES_MAX)
      throw new BridgeError("ERR_BRIDGE_LIMIT", `${SERVICES_MAX} services are fed in already`);
    const backend = this.#backend();
    if (backend === undefined)
      throw new BridgeError("ERR_BRIDGE_BACKEND", "there is no multicast DNS on this link now");
    const [, ...others] = nameCandidates(service.instance, this.#site(), undefined);
    const registration = { service, isShared: false, isTakeover: false };
    const registered = await backend.register(registration, others);
    fed.set(key, { service, registered });
    return registered.instance;
  }

  async #remove(fed: Map<string, Fed>, id: ServiceId): Promise<boolean> {
    const known = fed.get(serviceKey(id));
    if (known === undefined) return false;
    fed.delete(serviceKey(id));
    await known.registered.withdraw();
    return true;
  }

  async #close(fed: Map<string, Fed>): Promise<void> {
    this.#feeds.delete(fed);
    const all = [...fed.values()];
    fed.clear();
    await Promise.all(all.map(({ registered }) => registered.withdraw()));
  }
}

/** A name of the bridge's for those addresses, so that no bridge exports what points there. */
function feedHost({ addresses }: ZeroconfService): readonly string[] {
  const digest = createHash("sha256")
    .update(utf8(addresses.toSorted().join(" ")))
    .digest();
  return [`cw-f-${toBase32(digest).slice(0, HOST_LETTERS)}`, "local"];
}

function isSameText(a: readonly string[], b: readonly string[]): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
