/** Keeps a session with Avahi as long as there is an Avahi, and follows its restarts. */
import { errorMessage } from "../../platform/errors.ts";
import type { Logger } from "../../platform/logger.ts";
import { type AvahiSession, openAvahiSession } from "./avahi-session.ts";

export interface AvahiListener {
  onUp(session: AvahiSession): void;
  onDown(): void;
}

/** Between two tries; Avahi takes about 0.1 s to start. */
const RETRY_MS = 250;
const RETRY_MAX_MS = 2000;

export class AvahiConnector {
  #interface: string;
  readonly #log: Logger;
  readonly #listeners = new Set<AvahiListener>();
  #session: AvahiSession | null = null;
  #retryMs = RETRY_MS;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(interfaceName: string, log: Logger) {
    this.#interface = interfaceName;
    this.#log = log;
  }

  get session(): AvahiSession | null {
    return this.#session;
  }

  /** The first session. @throws {BridgeError} ERR_BRIDGE_BACKEND */
  async open(): Promise<void> {
    await this.#connect();
  }

  /** A listener that comes while a session stands is told of it at once. */
  listen(listener: AvahiListener): () => void {
    this.#listeners.add(listener);
    if (this.#session !== null) listener.onUp(this.#session);
    return () => this.#listeners.delete(listener);
  }

  /**
   * The link is this interface now. Where its number is another one, by its name or since it was
   * plugged in anew, what stands at Avahi leads nowhere, and a new session takes over.
   */
  async becomeInterface(name: string): Promise<void> {
    this.#interface = name;
    const old = this.#session;
    if (old === null) return; // the session to come asks for it
    let session: AvahiSession;
    try {
      session = await this.#openSession();
    } catch (error) {
      if (this.#session === old) this.#leave(old, errorMessage(error));
      return;
    }
    if (this.#session !== old || session.interfaceIndex === old.interfaceIndex)
      return session.close();
    old.close();
    for (const listener of this.#listeners) listener.onDown();
    this.#start(session);
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#session?.close();
    this.#session = null;
    this.#listeners.clear();
  }

  async #connect(): Promise<void> {
    const session = await this.#openSession();
    if (this.#isClosed) return session.close();
    this.#start(session);
  }

  #openSession(): Promise<AvahiSession> {
    return openAvahiSession({
      interface: this.#interface,
      log: this.#log,
      onEnd: (reason) => this.#onEnd(reason),
    });
  }

  #start(session: AvahiSession): void {
    this.#session = session;
    this.#retryMs = RETRY_MS;
    for (const listener of this.#listeners) listener.onUp(session);
  }

  /** Without a word from it. */
  #leave(session: AvahiSession, reason: string): void {
    session.close();
    this.#onEnd(reason);
  }

  #onEnd(reason: string): void {
    const hadSession = this.#session !== null;
    this.#session = null;
    if (this.#isClosed || !hadSession) return;
    this.#log.info("avahi gone", { reason });
    for (const listener of this.#listeners) listener.onDown();
    this.#retry();
  }

  #retry(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#tryAgain(), this.#retryMs);
    this.#retryMs = Math.min(2 * this.#retryMs, RETRY_MAX_MS);
  }

  async #tryAgain(): Promise<void> {
    try {
      await this.#connect();
      this.#log.info("avahi is back");
    } catch (error) {
      this.#log.debug("avahi is not back yet", { reason: errorMessage(error) });
      if (!this.#isClosed) this.#retry();
    }
  }
}
