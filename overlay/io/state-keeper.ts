/** Keeps on disk what a host comes back with: its subnet, that subnet's version, whom to contact. */
import { errorMessage } from "../../platform/errors.ts";
import type { Logger } from "../../platform/logger.ts";
import type { LinkFingerprint } from "../link/fingerprint.ts";
import { fittingSets } from "../subnet/host-set.ts";
import type { SubnetSession } from "./session.ts";
import type { StateDirectory, SubnetState } from "./state.ts";

const CONTACTS_KEPT_MAX = 32;
const DEPARTED_KEPT_MAX = 8;
const CONTACTS_BYTES_MAX = 200 * 1024;
/** A changed host set is on disk this soon, so that a crash loses no version. */
const SAVE_SOON_MS = 500;

/** What of a session says whom to contact. */
export type KeptSession = Pick<SubnetSession, "hostSet" | "book" | "neighbours">;

export class StateKeeper {
  readonly #state: StateDirectory;
  readonly #session: () => KeptSession | undefined;
  readonly #log: Logger;
  #timer: NodeJS.Timeout | undefined;
  /** The present subnet, until it is on disk. */
  #unsaved: SubnetState | undefined;

  constructor(state: StateDirectory, session: () => KeptSession | undefined, log: Logger) {
    this.#state = state;
    this.#session = session;
    this.#log = log;
  }

  /** A full disk is no reason to leave the subnet again: it is tried anew with each `save`. */
  async saveSubnet(subnet: SubnetState): Promise<void> {
    this.#unsaved = subnet;
    await this.save();
  }

  /** The present subnet's link is known better. */
  async saveHome(home: LinkFingerprint): Promise<void> {
    const subnet = this.#unsaved ?? this.#state.subnet;
    if (subnet !== null) await this.saveSubnet({ ...subnet, ...home });
  }

  async save(): Promise<void> {
    const session = this.#session();
    if (session === undefined) return;
    const own = session.hostSet === undefined ? [] : [session.hostSet];
    const others = session.book.all().filter((set) => set.hosts.length > 0);
    const known = new Set(others.map(({ subnetId }) => subnetId));
    // Their statements may have run out; nobody else may be left to ask for them.
    const lost = session.neighbours.lostSets(false).filter(({ subnetId }) => !known.has(subnetId));
    const sets = [...own, ...[...lost, ...others].slice(-CONTACTS_KEPT_MAX)];
    const departed = session.neighbours.lostSets(true).slice(-DEPARTED_KEPT_MAX);
    try {
      if (this.#unsaved !== undefined) await this.#state.saveSubnet(this.#unsaved);
      this.#unsaved = undefined;
      await this.#state.saveContacts(fittingSets(sets, CONTACTS_BYTES_MAX));
      await this.#state.saveDeparted(fittingSets(departed, CONTACTS_BYTES_MAX));
    } catch (error) {
      this.#log.warn("state not saved; tried again", { reason: errorMessage(error) });
    }
  }

  saveSoon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.save();
    }, SAVE_SOON_MS);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
