/** One run of the daemon's overlay on a simulated host. */
import { fromBase32 } from "../../platform/base32.ts";
import type { Logger } from "../../platform/logger.ts";
import type { Random } from "../../platform/random.ts";
import {
  CALL,
  DurableRecords,
  fittingSets,
  OverlayError,
  overlayTagOf,
  RecordStore,
  SubnetHandoverCodec,
  subnetTagOf,
  hostTagOf,
  type HostSet,
  type LinkPeer,
  type Signed,
} from "../../overlay/cores.ts";
import type { HostTime } from "./host-time.ts";
import { DiskWriter, type SimDisk } from "./sim-disk.ts";
import { SimFormation, type NextSubnet } from "./sim-formation.ts";
import type { SimHost, Surroundings } from "./sim-host.ts";
import { SimLease } from "./sim-lease.ts";
import { SimLink } from "./sim-link.ts";
import { SimPool } from "./sim-pool.ts";
import { HOST_PORT, SimSession, SUBNET_PORT } from "./sim-session.ts";

const SIBLING_HEARTBEAT_MS = 1_000;
const SIBLING_SILENCE_MS = 3_000;
const SAVE_EVERY_MS = 30_000;
const SAVE_SOON_MS = 500;
const CONFIRM_EVERY_MS = 60_000;
const EXPIRE_EVERY_MS = 1_000;
const AFTER_SIBLINGS_MS = 200;
const CONTACTS_SENT_MAX = 16;
const CONTACTS_BYTES_MAX = 96 * 1024;
/** How long a subnet counts as just made. */
const FRESH_MS = 10 * 60_000;

export interface ProcessParts extends Surroundings {
  readonly host: SimHost;
  readonly time: HostTime;
  readonly random: Random;
}

export class SimProcess {
  readonly records: DurableRecords;
  readonly time: HostTime;
  readonly lease: SimLease;
  session: SimSession | undefined;
  readonly #parts: ProcessParts;
  readonly #disk: SimDisk;
  readonly #pool: SimPool;
  readonly #link: SimLink;
  readonly #formation: SimFormation;
  readonly #log: Logger;
  #isSaving = false;

  constructor(parts: ProcessParts) {
    const { host, time, random } = parts;
    this.#parts = parts;
    this.#log = tracingLog((text) => parts.note(host, text));
    this.time = time;
    this.#disk = host.disk;
    this.records = this.#openRecords();
    this.#pool = this.#createPool();
    this.#link = new SimLink({
      ...{ network: parts.transport.network, place: host.place, time, random },
      places: () => parts.places(),
      holds: (label) => this.session?.custodian.holds(fromBase32(label)) ?? false,
      onPeer: (peer) => this.#onPeer(peer),
      onPeerGone: (tag) => this.#formation.feed({ type: "peer-gone", tag }),
    });
    this.lease = this.#createLease();
    this.#formation = new SimFormation({
      ...{ time, random, disk: this.#disk, hostKey: host.key, membership: host.membership },
      ...{ admittedAtMs: parts.admittedAtMs, overlayId: parts.overlayId, pool: this.#pool },
      freshSeed: () => parts.freshSeed(),
      peer: (tag) => this.#link.peer(tag),
      session: () => this.session,
      enter: (next) => this.#enter(next),
      note: (text) => parts.note(host, text),
    });
  }

  #createLease(): SimLease {
    const { transport, host, time, placeOf, leases } = this.#parts;
    return new SimLease({
      ...{ transport, place: host.place, time, self: host.key.id, rules: leases, placeOf },
      session: () => this.session,
    });
  }

  begin(): void {
    this.#formation.feed({ type: "start" });
    this.time.every(SAVE_EVERY_MS, () => this.#save());
    this.time.every(CONFIRM_EVERY_MS, () => {
      for (const { hostId } of this.session?.siblings.channels() ?? []) this.#link.confirm(hostId);
    });
    this.time.every(EXPIRE_EVERY_MS, () => this.records.expire(this.time.monotonicMs()));
  }

  /** @param isSilent not even its machine says that it is gone */
  kill(isSilent: boolean): void {
    this.time.end();
    this.#link.stop(false);
    if (isSilent) return;
    this.lease.kill();
    this.#pool.kill();
    this.session?.pool.kill();
  }

  async stop(): Promise<void> {
    this.lease.stop();
    await this.#formation.stop();
    await this.session?.leave();
    this.#save();
    this.#link.stop(true);
    this.#pool.close();
    const { time } = this;
    time.after(50, () => time.end());
  }

  #openRecords(): DurableRecords {
    const { host, time, random } = this.#parts;
    const store = new RecordStore({ isMine: (publisher) => host.isPublisher(publisher) });
    const { records, floors, storeClock } = this.#disk.open(time);
    store.restore(records, floors, time.monotonicMs());
    return new DurableRecords(
      store,
      new DiskWriter(this.#disk, time, random, storeClock),
      () => {}, // off: the next start takes it off
    );
  }

  #createPool(): SimPool {
    const { transport, host, time, placeOf } = this.#parts;
    return new SimPool({
      ...{ transport, place: host.place, time, port: HOST_PORT, placeOf },
      heartbeatMs: SIBLING_HEARTBEAT_MS,
      silenceMaxMs: SIBLING_SILENCE_MS,
      introduce: () =>
        this.session?.introduce() ?? {
          ...{ hostId: host.key.id, subnetId: "", claim: null, hostSet: null, statement: null },
        },
      refusalOf: ({ hostId }) => (hostId === host.key.id ? "this host dialled itself" : undefined),
      onOpen: (channel) => this.session?.desk.onOpen(channel),
      onClose: (channel) => this.session?.desk.onClose(channel),
      onNotice: (channel, method, body) => this.session?.desk.onNotice(channel, method, body),
      onCall: async (channel, method, body) => {
        const { session } = this;
        if (session === undefined)
          throw new OverlayError("ERR_OVERLAY_NOT_JOINED", "this host is in no subnet");
        if (method === CALL.adopt) return this.#handover(session);
        return session.onSiblingCall(channel, method, body);
      },
    });
  }

  #handover(session: SimSession): Uint8Array {
    const others = session.book.all().filter((set) => set.hosts.length > 0);
    const sets = this.#parts.random.shuffle(others).slice(0, CONTACTS_SENT_MAX);
    const own = session.hostSet === undefined ? [] : [session.hostSet];
    return SubnetHandoverCodec.encode({
      seed: session.key.seed,
      claim: session.claim,
      hostSet: session.hostSet?.signed ?? null,
      overlay: null,
      contacts: fittingSets([...own, ...sets], CONTACTS_BYTES_MAX),
      membership: null,
    });
  }

  #onPeer(peer: LinkPeer): void {
    const { hostTag, overlayTag, subnetTag, stampMs } = peer.announcement;
    if (overlayTag === null) return;
    const freshStampMs = this.time.wallMs() - stampMs < FRESH_MS ? stampMs : null;
    const found = { tag: hostTag, overlayTag, subnetTag: subnetTag ?? "", freshStampMs };
    this.#formation.feed({ type: "peer", peer: found });
    const { session } = this;
    if (session === undefined || subnetTag !== subnetTagOf(fromBase32(session.subnetId))) return;
    const met = session.siblings.channels().map(({ hostId }) => hostTagOf(hostId));
    if (!met.includes(hostTag)) void this.#formation.dial(hostTag).catch(() => {});
  }

  async #enter(next: NextSubnet): Promise<void> {
    const { host, random } = this.#parts;
    const { key, claim, hostSet, contacts, version } = next;
    const former = this.session;
    const isLast = former?.hosts.length === 1;
    await former?.close(isLast ? "retired" : "done");
    this.session = undefined;
    this.#cutAll("it changed its subnet");
    const session = new SimSession({
      ...this.#parts,
      ...{ place: host.place, subnetKey: key, claim, hostKey: host.key, random },
      ...{ membership: host.membership, records: this.records, hostPool: this.#pool },
      ...{ version, hostSet, log: this.#log },
      onLink: (hostId) =>
        this.#link.peer(hostTagOf(hostId))?.addresses.map((ip) => `${ip}:${HOST_PORT}`) ?? [],
      askLink: (recordKey, hosts) => this.#link.askHosts(recordKey, hosts),
      onChange: () => {
        this.#saveSoon();
        this.lease.refresh();
      },
      onRoutingEvent: (event) => this.#parts.onRoutingEvent(host, event),
    });
    this.session = session;
    this.lease.refresh();
    session.begin();
    this.#cutAll("it has a subnet now");
    const via = former === undefined ? next.via : "merged";
    this.#parts.note(host, `in ${key.id.slice(0, 8)}, ${via}`);
    this.#parts.onSession(host, session);
    this.#announce(session);
    this.#contact(session, contacts);
    this.time.after(hostSet === undefined ? 1 : AFTER_SIBLINGS_MS, () => session.maintain());
    session.mover.pushSoon(via === "merged" || via === "resumed" ? "all" : "owned");
    this.#disk.subnet = { seed: key.seed, claim, version };
    this.#saveSoon();
  }

  #contact(session: SimSession, contacts: readonly HostSet[]): void {
    const nowMs = this.time.monotonicMs();
    for (const set of contacts) {
      if (set.subnetId === session.subnetId) continue;
      session.book.consider(set, nowMs);
      session.neighbours.remember(set);
    }
  }

  /** Where to begin, as a token or an administrator would tell. */
  tell(set: HostSet): void {
    if (set.subnetId !== this.session?.subnetId) this.session?.neighbours.remember(set);
  }

  #cutAll(reason: string): void {
    for (const channel of this.#pool.channels) channel.cut("ERR_OVERLAY_UNREACHABLE", reason);
  }

  #announce({ subnetId, claim }: SimSession): void {
    this.#link.announce({
      hostTag: this.#parts.host.tag,
      ...{ wireMin: 1, wireMax: 1, subnetPort: SUBNET_PORT, hostPort: HOST_PORT },
      overlayTag: overlayTagOf(this.#parts.overlayId),
      subnetTag: subnetTagOf(fromBase32(subnetId)),
      stampMs: Number(claim.stampMs),
      generation: claim.generation,
    });
  }

  #saveSoon(): void {
    if (this.#isSaving) return;
    this.#isSaving = true;
    this.time.after(SAVE_SOON_MS, () => {
      this.#isSaving = false;
      this.#save();
    });
  }

  /** Whom to contact after a restart, as `overlay/io/state-keeper.ts` keeps it. */
  #save(): void {
    const { session } = this;
    if (session === undefined) return;
    const own = session.hostSet === undefined ? [] : [session.hostSet];
    const others = session.book.all().filter((set) => set.hosts.length > 0);
    const known = new Set(others.map(({ subnetId }) => subnetId));
    const lost = session.neighbours.lostSets(false).filter(({ subnetId }) => !known.has(subnetId));
    const signed = (sets: readonly HostSet[]): Signed[] => fittingSets(sets, CONTACTS_BYTES_MAX);
    this.#disk.contacts = signed([...own, ...lost, ...others]);
  }
}

/** What the daemon would log goes into the trace. */
function tracingLog(note: (text: string) => void): Logger {
  const line = (event: string, fields: Readonly<Record<string, unknown>> = {}): void =>
    note(`${event} ${JSON.stringify(fields)}`);
  return { debug: line, info: line, warn: line, error: line };
}
