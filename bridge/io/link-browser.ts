/** Browses the link for the types that rules and readers want, and keeps what it found. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "../../platform/clock.ts";
import { errorMessage } from "../../platform/errors.ts";
import type { Logger } from "../../platform/logger.ts";
import type { BrowseEvent, ZeroconfBackend } from "../zeroconf/backend.ts";

/** Types that one link may make us browse. */
const TYPES_MAX = 256;
const RETRY_MS = 1000;

/** What a link has of a type is known by then: answers take up to 0.12 s, and addresses are asked for after. */
const KNOWN_MS = 1500;

export interface LinkBrowserParts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly backend: ZeroconfBackend;
  /** Whether the bridge carries services of that type at all. */
  isBridgeable(type: string): boolean;
  onEvent(event: BrowseEvent): void;
}

interface Begun {
  readonly ending: AbortController;
  readonly atMs: number;
}

export class LinkBrowser {
  readonly #parts: LinkBrowserParts;
  readonly #browses = new Map<string, Begun>();
  readonly #listed = new Set<string>();
  /** Of those, the ones that nobody announces now, gone longest first. */
  readonly #unlisted = new Set<string>();
  #wanted: ReadonlySet<string> = new Set();
  #enumeration: Begun | undefined;

  constructor(parts: LinkBrowserParts) {
    this.#parts = parts;
  }

  /** Types that somebody on the link announces, as far as they were asked for. */
  get listed(): ReadonlySet<string> {
    return this.#listed;
  }

  /** Monotonic time from which on the link's services of a type are known, if they are browsed at all. */
  isKnownFromMs(type: string): number {
    if (!this.#parts.isBridgeable(type)) return 0;
    const begun = this.#browses.get(type.toLowerCase()) ?? this.#enumeration;
    return begun === undefined ? 0 : begun.atMs + KNOWN_MS;
  }

  /**
   * @param isAll whether to browse every type that the link lists, too
   * @param types what to browse in any case; `all` among them means nothing
   */
  set(isAll: boolean, types: ReadonlySet<string>): void {
    if (isAll) this.#enumerate();
    else this.#endEnumeration();
    this.#wanted = new Set([...types].filter((type) => type.startsWith("_")));
    this.#update();
  }

  stop(): void {
    this.#endEnumeration();
    this.#wanted = new Set();
    this.#update();
  }

  #update(): void {
    const types = new Set(
      [...this.#wanted, ...(this.#enumeration === undefined ? [] : this.#listed)]
        .filter((type) => this.#parts.isBridgeable(type))
        .slice(0, TYPES_MAX),
    );
    for (const [type, browse] of this.#browses) {
      if (types.has(type)) continue;
      browse.ending.abort();
      this.#browses.delete(type);
    }
    for (const type of types) {
      if (this.#browses.has(type)) continue;
      const browse = this.#begin();
      this.#browses.set(type, browse);
      void this.#browse(type, browse.ending.signal);
    }
  }

  async #browse(type: string, signal: AbortSignal): Promise<void> {
    const { backend, log, onEvent } = this.#parts;
    const found = new Map<string, BrowseEvent & { readonly type: "gone" }>();
    while (!signal.aborted) {
      try {
        for await (const event of backend.browse(type, signal)) {
          const id = event.type === "found" ? event.service : event.id;
          const { instance } = id;
          if (event.type === "gone") found.delete(instance);
          else found.set(instance, { type: "gone", id: { instance, type: id.type } });
          onEvent(event);
        }
      } catch (error) {
        if (!signal.aborted) log.warn("not browsed", { type, reason: errorMessage(error) });
      }
      await sleep(RETRY_MS, undefined, { signal }).catch(() => {}); // the loop sees an abort
    }
    for (const gone of found.values()) onEvent(gone);
  }

  #begin(): Begun {
    return { ending: new AbortController(), atMs: this.#parts.clock.monotonicMs() };
  }

  #enumerate(): void {
    if (this.#enumeration !== undefined) return;
    this.#enumeration = this.#begin();
    void this.#followTypes(this.#enumeration.ending.signal);
  }

  #endEnumeration(): void {
    this.#enumeration?.ending.abort();
    this.#enumeration = undefined;
    this.#listed.clear();
    this.#unlisted.clear();
  }

  /** A type that is gone for a moment is browsed on, until its place is needed: its services are what counts. */
  #list(type: string, isThere: boolean): void {
    if (!isThere) {
      if (this.#listed.has(type)) this.#unlisted.add(type);
      return;
    }
    this.#unlisted.delete(type);
    if (this.#listed.has(type)) return;
    const [gone] = this.#unlisted;
    if (this.#listed.size >= TYPES_MAX) {
      if (gone === undefined) return;
      this.#unlisted.delete(gone);
      this.#listed.delete(gone);
    }
    this.#listed.add(type);
  }

  async #followTypes(signal: AbortSignal): Promise<void> {
    const { backend, log } = this.#parts;
    while (!signal.aborted) {
      try {
        for await (const { type, serviceType } of backend.browseTypes(signal)) {
          this.#list(serviceType.toLowerCase(), type === "found");
          this.#update();
        }
      } catch (error) {
        if (!signal.aborted) log.warn("types not listed", { reason: errorMessage(error) });
      }
      await sleep(RETRY_MS, undefined, { signal }).catch(() => {}); // the loop sees an abort
    }
  }
}
