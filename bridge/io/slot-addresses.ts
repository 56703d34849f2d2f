/** The address records of the host names that a crew shows services at: those of the slots acted for. */
import { errorMessage } from "../../platform/errors.ts";
import type { Logger } from "../../platform/logger.ts";
import type { DnsName } from "../../platform/dns/name.ts";
import type { ZeroconfBackend } from "../zeroconf/backend.ts";

export interface SlotAddressesParts {
  readonly log: Logger;
  backend(): ZeroconfBackend | undefined;
}

interface SlotName {
  readonly host: DnsName;
  readonly text: string;
  readonly registered: Promise<{ withdraw(): Promise<void> }>;
}

export class SlotAddresses {
  readonly #parts: SlotAddressesParts;
  readonly #names = new Map<string, SlotName>();

  constructor(parts: SlotAddressesParts) {
    this.#parts = parts;
  }

  /**
   * Registers these names at these addresses from now on, and no other ones.
   *
   * Without probing: the names are the subnet's own, and who had them before is dead or lets go.
   */
  set(hosts: readonly DnsName[], addresses: readonly string[]): void {
    const backend = addresses.length === 0 ? undefined : this.#parts.backend();
    const wanted = new Map(
      backend === undefined ? [] : hosts.map((host) => [host.join("."), host]),
    );
    const text = JSON.stringify(addresses);
    for (const [key, name] of this.#names) {
      if (wanted.has(key) && name.text === text) continue;
      this.#names.delete(key);
      void this.#withdraw(name);
    }
    for (const [key, host] of wanted) {
      if (this.#names.has(key) || backend === undefined) continue;
      const registered = backend.registerHost(host, addresses, true);
      const name = { host, text, registered };
      this.#names.set(key, name);
      registered.catch((error: unknown) => {
        this.#parts.log.warn("address not announced", { host: key, reason: errorMessage(error) });
        // Unless it was announced at other addresses since.
        if (this.#names.get(key) === name) this.#names.delete(key);
      });
    }
  }

  async stop(): Promise<void> {
    const names = [...this.#names.values()];
    this.#names.clear();
    await Promise.all(names.map((name) => this.#withdraw(name)));
  }

  async #withdraw({ host, registered }: SlotName): Promise<void> {
    try {
      await (await registered).withdraw();
    } catch (error) {
      this.#parts.log.debug("address not withdrawn", {
        host: host.join("."),
        reason: errorMessage(error),
      });
    }
  }
}
