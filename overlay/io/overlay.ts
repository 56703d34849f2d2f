/** The overlay as the daemon and the other folders see it. */
import { setTimeout as sleep } from "node:timers/promises";
import { createSystemClock } from "../../platform/io/system-clock.ts";
import { limitWarnings } from "../../platform/limited-log.ts";
import { SILENT } from "../../platform/logger.ts";
import { toBase32 } from "../../platform/base32.ts";
import { encodeEntries } from "../backup/backup-file.ts";
import { openSealed } from "../identity/sealing.ts";
import type { PendingHost } from "../identity/pending-hosts.ts";
import { isClient, type SetHost } from "../subnet/host-set.ts";
import type {
  Directory,
  Finding,
  Health,
  HostStreams,
  HostView,
  Overlay,
  OverlayStatus,
  PendingHostView,
  RevocationResult,
  Subnet,
  SubnetEvent,
  SubnetView,
  WatchEvent,
} from "../types.ts";
import { EventQueue } from "../../platform/event-queue.ts";
import { explainOverlay } from "./explain.ts";
import { OverlayHostStreams } from "./host-streams.ts";
import { openLinkEar, type LinkEar } from "./link-ear.ts";
import { MemberState } from "./member-state.ts";
import { openState, type OpenedState } from "./open-state.ts";
import type { OverlayOptions, OverlayParts } from "./options.ts";
import type { OverlayHost } from "./overlay-host.ts";
import { declareMetrics } from "./overlay-metrics.ts";
import type { SubnetSession } from "./session.ts";
import { StateDirectory } from "./state.ts";
import { WatchFeed } from "./watch-feed.ts";
import { OverlayError } from "../errors.ts";

/** Between two looks whether there is a subnet again, for watches. */
const SESSION_POLL_MS = 100;
/** How long a call waits for the next subnet, and how many changes of it one call goes through. */
const SESSION_WAIT_MS = 4_000;
const SESSION_CHANGES_MAX = 2;

/**
 * Starts this host's part of the overlay; resolves as soon as it runs, its health first `joining`.
 *
 * @throws {OverlayError} when state, port, link or token cannot be had
 */
export async function startOverlay(options: OverlayOptions, given: OverlayParts): Promise<Overlay> {
  const parts = { ...given, log: limitWarnings(given.log, given.clock) };
  // Side by side: the loading of libp2p, the disk, and the first question on the link.
  const loading = import("./overlay-host.ts");
  const [opened, ear] = await bothOrNone(openState(options, parts), openLinkEar(options, parts));
  const { OverlayHost } = await loading;
  const host = await OverlayHost.start(options, parts, { ...opened, ear });
  const overlay = new RunningOverlay(host);
  declareMetrics(overlay, host);
  return overlay;
}

/** When one of the two fails, what the other opened is closed again. */
async function bothOrNone(
  opening: Promise<OpenedState>,
  listening: Promise<LinkEar>,
): Promise<[OpenedState, LinkEar]> {
  const [opened, ear] = await Promise.allSettled([opening, listening]);
  if (opened.status === "fulfilled" && ear.status === "fulfilled") return [opened.value, ear.value];
  if (opened.status === "fulfilled") await opened.value.level.close();
  if (ear.status === "fulfilled") await ear.value.link.close();
  return Promise.all([opening, listening]); // rejects with the reason
}

/**
 * Makes an overlay whose authority is this host, without starting anything.
 *
 * @throws {OverlayError} ERR_OVERLAY_REFUSED when the state belongs to one already
 */
export async function initOverlay(
  stateDir: string,
  name: string,
): Promise<{ readonly overlayId: string; readonly hostId: string }> {
  const state = await StateDirectory.open(stateDir);
  if (state.overlay !== null)
    throw new OverlayError(
      "ERR_OVERLAY_REFUSED",
      `${stateDir} is in the overlay "${state.overlay.name}" already; ` +
        `"causeway leave --forget" makes room for another`,
    );
  const overlay = await new MemberState(state, false, createSystemClock(), SILENT).create(name);
  return { overlayId: toBase32(overlay.id), hostId: state.hostKey.id };
}

class RunningOverlay implements Overlay {
  readonly directory: Directory;
  readonly subnet: Subnet;
  readonly streams: HostStreams;
  readonly #host: OverlayHost;
  readonly #stopping = new AbortController();

  constructor(host: OverlayHost) {
    this.#host = host;
    // Each call goes to the subnet that the host is in by then.
    this.directory = {
      put: (...given) => this.#inSession(({ directory }) => directory.put(...given)),
      get: (...given) => this.#inSession(({ directory }) => directory.get(...given)),
      watch: (...given) => this.#watch(...given),
      remove: (...given) => this.#remove(...given),
    };
    this.subnet = this.#createSubnet();
    this.streams = new OverlayHostStreams({
      node: host.hostNode,
      pool: host.hostPool,
      locator: host.outreach.locator,
      isReachable: () => host.session?.reachability.reach === "reachable",
    });
  }

  status(): OverlayStatus {
    const { session, hostKey, options, members, link, records, parts } = this.#host;
    const counts = records.store.counts(parts.clock.monotonicMs());
    const stats = link.stats();
    const entries = session?.routing.entries() ?? [];
    const health = this.#health();
    return {
      host: { id: hostKey.id, name: options.hostName },
      subnet: {
        id: session?.subnetId ?? null,
        hosts: this.#ownHosts(),
        joinedVia: this.#host.joinedVia,
        hostSetVersion: String(session?.hostSet?.version ?? 0n),
      },
      overlay: {
        id: members.overlay === null ? null : toBase32(members.overlay.id),
        name: members.overlay?.name ?? null,
        isLocked: members.overlay?.isLocked ?? false,
        subnets: session === undefined ? 0 : this.#otherSubnets().length + 1,
      },
      routing: {
        entries: entries.map(({ subnetId }) => ({
          subnet: subnetId,
          hosts: (session?.book.get(subnetId)?.hosts ?? []).map((host) => host.id),
        })),
        changes: session?.routing.changes ?? 0,
      },
      bootstrap: { contacts: this.#host.formation.bootstrapContacts },
      records: { owned: counts.owned, copies: counts.copies },
      reachability: {
        state: session?.reachability.reach ?? "unknown",
        relays: this.#host.outreach.relays.list().map(({ host }) => toBase32(host)),
        mapping: this.#host.outreach.mapper.view(),
      },
      link: {
        interface: stats.interface,
        addresses: stats.addresses,
        multicastPacketsSent: stats.packetsSent,
        multicastPacketsReceived: stats.packetsReceived,
      },
      health,
      reason: health === "healthy" ? "" : this.#reason(health),
    };
  }

  subnets(): readonly SubnetView[] {
    const { session } = this.#host;
    if (session === undefined) return [];
    const others = this.#otherSubnets().map((subnetId) => {
      const set = session.book.get(subnetId);
      const hosts = (set?.hosts ?? []).map((host) => toHostView(host, ""));
      return { id: subnetId, hosts, isSelf: false, hostSetVersion: set?.version ?? 0n };
    });
    const hostSetVersion = session.hostSet?.version ?? 0n;
    const own = { id: session.subnetId, hosts: this.#ownHosts(), isSelf: true, hostSetVersion };
    return [own, ...others];
  }

  /** Those of the table, and clients, which stand in none, as long as they are connected. */
  #otherSubnets(): readonly string[] {
    const { session } = this.#host;
    if (session === undefined) return [];
    const entries = session.routing.entries().map(({ subnetId }) => subnetId);
    const connected = session.neighbours.channels().map(({ subnetId }) => subnetId);
    // A client is connected to one of our hosts, perhaps not to this one.
    const clients = session.book.all().filter(({ hosts }) => isClient(hosts));
    const all = [...entries, ...connected, ...clients.map(({ subnetId }) => subnetId)];
    return [...new Set(all)];
  }

  async explain(): Promise<readonly Finding[]> {
    return explainOverlay(this.#host, this.#health());
  }

  async createToken(options: {
    readonly mayAdmit: boolean;
    readonly ttlMs: number;
  }): Promise<string> {
    this.#host.joined(); // a token names addresses at which somebody answers
    this.#checkMayAdmit("make the token");
    const contacts = this.#host.outreach.contactAddresses();
    const token = await this.#host.members.createToken({ ...options, contacts });
    this.#host.trust.announceLock();
    return token;
  }

  pendingHosts(): readonly PendingHostView[] {
    const nowMs = this.#host.parts.clock.monotonicMs();
    return this.#host.trust.admission.pending().map((host) => toPendingView(host, nowMs));
  }

  async admit(
    host: string,
    { mayAdmit }: { readonly mayAdmit: boolean },
  ): Promise<PendingHostView> {
    this.#host.joined();
    this.#checkMayAdmit(`run "causeway admit ${host}"`);
    const admitted = await this.#host.trust.admission.approve(host, mayAdmit);
    this.#host.trust.announceLock();
    return toPendingView(admitted, this.#host.parts.clock.monotonicMs());
  }

  async revoke(
    host: string,
    { keepsAdmitted }: { readonly keepsAdmitted: boolean },
  ): Promise<RevocationResult> {
    this.#host.joined();
    this.#checkMayAdmit(`run "causeway revoke ${host}"`);
    return this.#host.trust.revoke(host, keepsAdmitted);
  }

  async #remove(key: Uint8Array, slot = ""): Promise<boolean> {
    await this.#host.restored.release(key, slot);
    return this.#inSession(({ directory }) => directory.remove(key, slot));
  }

  unseal(box: Uint8Array): Uint8Array {
    return openSealed(this.#host.hostKey.seed, box);
  }

  backupRecords(): Uint8Array {
    return encodeEntries(this.#host.restored.backup());
  }

  noteBackup(atMs: number): Promise<void> {
    return this.#host.members.noteBackup(atMs);
  }

  /** @throws {OverlayError} that names a host of the link where that can be done */
  #checkMayAdmit(advice: string): void {
    const { members, session } = this.#host;
    if (members.mayAdmit) return;
    const able = (session?.hosts ?? []).filter((host) => host.mayAdmit).map((host) => host.name);
    const where = able.length > 0 ? able.join(" or ") : "a host that joined with a token";
    throw new OverlayError(
      "ERR_OVERLAY_CERTIFICATE",
      `this host was let in for this link or without leave to admit; ${advice} on ${where}`,
    );
  }

  leave(): Promise<void> {
    return this.#host.resign().finally(() => this.#stopping.abort());
  }

  stop(): Promise<void> {
    return this.#host.stop().finally(() => this.#stopping.abort());
  }

  /** Goes on in the next subnet when this host changes its own; each change is told once. */
  async *#watch(key: Uint8Array, signal: AbortSignal): AsyncGenerator<WatchEvent> {
    const ending = AbortSignal.any([signal, this.#stopping.signal]);
    const { records, trust } = this.#host;
    const feed = new WatchFeed(key, (publisher) => records.refuses(publisher));
    const stopListening = trust.onRevoked(() => feed.strike());
    try {
      let session: SubnetSession | undefined = this.#host.joined();
      while (session !== undefined) {
        yield* session.directory.watch(key, ending, feed);
        session = await this.#sessionAfter(session, ending);
      }
    } finally {
      stopListening();
      feed.stop();
    }
  }

  /** In the present subnet, or in the next one when this host is just changing it. */
  async #inSession<T>(work: (session: SubnetSession) => Promise<T>): Promise<T> {
    for (let changes = 0; ; changes++) {
      const session = await this.#sessionSoon();
      try {
        return await work(session);
      } catch (error) {
        if (this.#host.session === session || changes >= SESSION_CHANGES_MAX) throw error;
      }
    }
  }

  /** @throws {OverlayError} ERR_OVERLAY_NOT_JOINED with the reason */
  async #sessionSoon(): Promise<SubnetSession> {
    const host = this.#host;
    const isBetween = (): boolean => host.session === undefined && host.joinedVia !== null;
    const { signal } = this.#stopping;
    for (let waitedMs = 0; isBetween() && waitedMs < SESSION_WAIT_MS; waitedMs += SESSION_POLL_MS) {
      if (signal.aborted || host.members.removal !== undefined) break;
      await sleep(SESSION_POLL_MS, undefined, { signal }).catch(() => {}); // the loop sees an abort
    }
    return host.joined();
  }

  /** The session of the next subnet, once there is one; `undefined` when `signal` aborts first. */
  async #sessionAfter(
    former: SubnetSession,
    signal: AbortSignal,
  ): Promise<SubnetSession | undefined> {
    while (!signal.aborted) {
      const { session } = this.#host;
      if (session !== undefined && session !== former) return session;
      await sleep(SESSION_POLL_MS, undefined, { signal }).catch(() => {}); // the loop sees an abort
    }
    return undefined;
  }

  #health(): Health {
    const { session, members } = this.#host;
    if (members.removal !== undefined) return "pending";
    if (session === undefined) return this.#host.formation.isPending ? "pending" : "joining";
    const { neighbours } = session;
    if (neighbours.isReaching || !this.#host.options.allowsWan) return "healthy";
    return neighbours.knowsOthers ? "isolated" : "healthy";
  }

  #reason(health: Health): string {
    if (health === "isolated") return "other subnets are known, and none is reached";
    return this.#host.formation.trouble === ""
      ? "looking for hosts on the link"
      : this.#host.formation.trouble;
  }

  #ownHosts(): readonly HostView[] {
    const { session, hostKey } = this.#host;
    return (session?.hosts ?? []).map((host) => toHostView(host, hostKey.id));
  }

  #createSubnet(): Subnet {
    const host = this.#host;
    const ownHosts = (): readonly HostView[] => this.#ownHosts();
    return {
      get id() {
        return host.session?.subnetId;
      },
      get follows() {
        return host.session === undefined ? undefined : host.formerSubnet;
      },
      get hosts() {
        return ownHosts();
      },
      async *events(signal) {
        const queue = new EventQueue<SubnetEvent>();
        const stop = host.onChange(() => queue.push({ type: "hosts", hosts: ownHosts() }));
        try {
          yield* queue.read(signal);
        } finally {
          stop();
        }
      },
    };
  }
}

function toPendingView(host: PendingHost, nowMs: number): PendingHostView {
  const { id, name, address, sinceMs } = host;
  return { id, name, address, waitingMs: Math.round(nowMs - sinceMs) };
}

function toHostView(host: SetHost, selfId: string): HostView {
  const { id, name, subnetAddresses } = host;
  return { id, name, addresses: subnetAddresses, isSelf: id === selfId };
}
