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

interface Feed {
  readonly fed: Map<string, Fed>;
  /** The last line under way of each service, since their order matters. */
  readonly turns: Map<string, Promise<unknown>>;
  isClosed: boolean;
}

export class ServiceFeeds {
  readonly #backend: () => ZeroconfBackend | undefined;
  readonly #site: () => string;
  readonly #feeds = new Set<Feed>();

  /** @param site tells names apart: this host's name */
  constructor(backend: () => ZeroconfBackend | undefined, site: () => string) {
    this.#backend = backend;
    this.#site = site;
  }

  open(): ServiceFeed {
    const feed: Feed = { fed: new Map(), turns: new Map(), isClosed: false };
    this.#feeds.add(feed);
    return {
      add: (service) => inTurn(feed, service, () => this.#add(feed, service)),
      remove: (id) => inTurn(feed, id, () => this.#remove(feed, id)),
      close: () => this.#close(feed),
    };
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#feeds].map((feed) => this.#close(feed)));
  }

  async #add(feed: Feed, given: ZeroconfService): Promise<string> {
    if (feed.isClosed) throw ended();
    const { fed } = feed;
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
      await this.#remove(feed, given);
    }
    const count = [...this.#feeds].reduce((sum, one) => sum + one.fed.size, 0);
    if (count >= SERVICES_MAX)
      throw new BridgeError("ERR_BRIDGE_LIMIT", `${SERVICES_MAX} services are fed in already`);
    const backend = this.#backend();
    if (backend === undefined)
      throw new BridgeError("ERR_BRIDGE_BACKEND", "there is no multicast DNS on this link now");
    const [, ...others] = nameCandidates(service.instance, this.#site(), undefined);
    const registration = { service, isShared: false, isTakeover: false };
    const registered = await backend.register(registration, others);
    // It takes most of a second, in which whoever feeds may have gone.
    if (feed.isClosed) {
      await registered.withdraw();
      throw ended();
    }
    fed.set(key, { service, registered });
    return registered.instance;
  }

  async #remove({ fed }: Feed, id: ServiceId): Promise<boolean> {
    const known = fed.get(serviceKey(id));
    if (known === undefined) return false;
    fed.delete(serviceKey(id));
    await known.registered.withdraw();
    return true;
  }

  async #close(feed: Feed): Promise<void> {
    const { fed } = feed;
    feed.isClosed = true;
    this.#feeds.delete(feed);
    const all = [...fed.values()];
    fed.clear();
    await Promise.all(all.map(({ registered }) => registered.withdraw()));
  }
}

/** After what is under way of that service. */
function inTurn<Result>(
  { turns }: Feed,
  id: ServiceId,
  work: () => Promise<Result>,
): Promise<Result> {
  const key = serviceKey(id);
  const result = (turns.get(key) ?? Promise.resolve()).then(work);
  const turn = result
    .catch(() => {}) // whoever asked for it has the error
    .then(() => {
      if (turns.get(key) === turn) turns.delete(key);
    });
  turns.set(key, turn);
  return result;
}

function ended(): BridgeError {
  return new BridgeError("ERR_BRIDGE_BACKEND", "this stream of services has ended");
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
