/** A browse that goes on when its back end is replaced: what the new one finds too is not told again. */
import type { BrowseEvent, TypeEvent, ZeroconfBackend } from "../zeroconf/backend.ts";
import { serviceKey } from "../zeroconf/service.ts";

export interface MovingBrowse {
  /** Leaves the present back end for this one. */
  follow(backend: ZeroconfBackend): void;
  close(): void;
}

/** How long the new back end may take to find what was known. */
const GRACE_MS = 5000;

interface Kind<T> {
  readonly read: (backend: ZeroconfBackend, signal: AbortSignal) => AsyncIterable<T>;
  readonly keyOf: (event: T) => string;
  readonly isFound: (event: T) => boolean;
  /** The same text for the same news. */
  readonly textOf: (event: T) => string;
  readonly goneOf: (found: T) => T;
}

export function movingServices(type: string, onEvent: (event: BrowseEvent) => void): MovingBrowse {
  return new Follower<BrowseEvent>(onEvent, {
    read: (backend, signal) => backend.browse(type, signal),
    keyOf: (event) => serviceKey(event.type === "found" ? event.service : event.id),
    isFound: (event) => event.type === "found",
    textOf: (event) => (event.type === "found" ? serviceText(event) : ""),
    goneOf: (event) => {
      if (event.type === "gone") return event;
      const { instance, type: serviceType } = event.service;
      return { type: "gone", id: { instance, type: serviceType } };
    },
  });
}

export function movingTypes(onEvent: (event: TypeEvent) => void): MovingBrowse {
  return new Follower<TypeEvent>(onEvent, {
    read: (backend, signal) => backend.browseTypes(signal),
    keyOf: (event) => event.serviceType,
    isFound: (event) => event.type === "found",
    textOf: () => "",
    goneOf: ({ serviceType }) => ({ type: "gone", serviceType }),
  });
}

class Follower<T> implements MovingBrowse {
  readonly #onEvent: (event: T) => void;
  readonly #kind: Kind<T>;
  readonly #known = new Map<string, T>();
  #end: AbortController | null = null;
  #timer: NodeJS.Timeout | undefined;

  constructor(onEvent: (event: T) => void, kind: Kind<T>) {
    this.#onEvent = onEvent;
    this.#kind = kind;
  }

  follow(backend: ZeroconfBackend): void {
    this.#end?.abort();
    const end = new AbortController();
    this.#end = end;
    const unseen = new Set(this.#known.keys());
    clearTimeout(this.#timer);
    if (unseen.size > 0) this.#timer = setTimeout(() => this.#drop(unseen), GRACE_MS);
    // A back end that does not browse such a type has none of it; the next one may.
    this.#read(backend, end.signal, unseen).catch(() => {});
  }

  close(): void {
    this.#end?.abort();
    clearTimeout(this.#timer);
  }

  async #read(backend: ZeroconfBackend, signal: AbortSignal, unseen: Set<string>): Promise<void> {
    const { read, keyOf, isFound, textOf } = this.#kind;
    for await (const event of read(backend, signal)) {
      if (signal.aborted) return;
      const key = keyOf(event);
      const known = this.#known.get(key);
      unseen.delete(key);
      if (!isFound(event)) {
        if (!this.#known.delete(key)) continue;
      } else {
        this.#known.set(key, event);
        if (known !== undefined && textOf(known) === textOf(event)) continue;
      }
      this.#onEvent(event);
    }
  }

  #drop(unseen: Set<string>): void {
    for (const key of unseen) {
      const known = this.#known.get(key);
      if (known !== undefined && this.#known.delete(key)) this.#onEvent(this.#kind.goneOf(known));
    }
  }
}

function serviceText({ service, isOwn }: BrowseEvent & { readonly type: "found" }): string {
  const { txt, addresses, subtypes, ...other } = service;
  const strings = txt.map((text) => Buffer.from(text).toString("hex"));
  return JSON.stringify([other, strings, addresses.toSorted(), subtypes.toSorted(), isOwn]);
}
