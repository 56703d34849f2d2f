/**
 * The link as a member of an overlay sees it, and what others may see of the member there.
 *
 * In a locked overlay announcements and key questions go out under tags of the day. What is heard
 * is translated to the tags of unlocked overlays, so that nobody behind this has to know: those of
 * yesterday and tomorrow count too, since clocks differ. A host's own tag stays as it was heard;
 * `tagsOf` tells what a host may be called. Design, "Trust".
 */
import { fromBase32, toBase32 } from "../../platform/base32.ts";
import { fromHex, toHex } from "../../platform/bytes.ts";
import type { Clock } from "../../platform/clock.ts";
import { DailyTags, dayOf } from "../identity/daily-tags.ts";
import { labelOf } from "../identity/key-labels.ts";
import { hostTagOf, overlayTagOf, subnetTagOf } from "../identity/tags.ts";
import type { Announcement, HostAnnouncement } from "../link/announcement.ts";
import type { LinkPeer } from "../link/types.ts";
import type { RecordStore } from "../records/record-store.ts";
import { HeldLabels } from "./held-labels.ts";
import type { Link, LinkNotice, LinkOptions, LinkStats } from "./mdns-link.ts";

const CHECK_EVERY_MS = 1_000;

/** What this host can tell by its tag. */
export interface LinkSecrets {
  /** The overlay it belongs to or has a token for; absent without one. */
  readonly overlay: Uint8Array | undefined;
  /** Absent: nothing hidden is recognised. */
  readonly linkKey: Uint8Array | undefined;
  /** Whether this host hides too. */
  readonly isLocked: boolean;
  /** Keys of the subnets it is or was in. */
  readonly subnets: readonly Uint8Array[];
}

export interface HiddenLinkParts {
  readonly link: Link;
  readonly clock: Clock;
  readonly store: RecordStore;
  secrets(): LinkSecrets;
  /** Whether this host answers for a key. */
  holds(key: Uint8Array): boolean;
}

/** Everything that follows from a day and the secrets. */
interface Codebook {
  readonly day: number;
  readonly secrets: LinkSecrets;
  /** Today's first; none without a link key. */
  readonly days: readonly DailyTags[];
  readonly overlays: ReadonlyMap<string, { readonly tag: string; readonly tags: DailyTags }>;
  readonly subnets: ReadonlyMap<string, string>;
  /** Tags of hosts asked about, by host id. */
  readonly hosts: Map<string, readonly string[]>;
}

const HOSTS_MAX = 4_096;

export class HiddenLink implements Link {
  readonly #parts: HiddenLinkParts;
  readonly #held: HeldLabels;
  #codebook: Codebook;
  #onEvent: (notice: LinkNotice) => void = () => {};
  #announcement: HostAnnouncement | null = null;
  /** What was last sent, as text. */
  #spoken = "null";
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: HiddenLinkParts) {
    this.#parts = parts;
    this.#held = new HeldLabels(parts.store);
    this.#codebook = createCodebook(dayOf(parts.clock.wallMs()), parts.secrets());
  }

  /** What hears the link's notices and questions in place of `onEvent`, which hears them plain. */
  listener(onEvent: (notice: LinkNotice) => void): Pick<LinkOptions, "onEvent" | "onQuestion"> {
    this.#onEvent = onEvent;
    this.#timer = setInterval(() => this.check(), CHECK_EVERY_MS);
    return {
      onEvent: (notice) => this.#hear(notice),
      onQuestion: (label) => this.#isAsked(label),
    };
  }

  /** To be called when the secrets may be others: another day, and all is said anew. */
  check(): void {
    const secrets = this.#parts.secrets();
    const day = dayOf(this.#parts.clock.wallMs());
    const isSame = day === this.#codebook.day && isSameSecrets(secrets, this.#codebook.secrets);
    if (!isSame) this.#codebook = createCodebook(day, secrets);
    this.#speak();
    if (!isSame) for (const peer of this.peers()) this.#onEvent({ type: "peer-changed", peer });
  }

  announce(announcement: HostAnnouncement | null): void {
    this.#announcement = announcement;
    this.#spoken = "";
    this.check();
  }

  peers(): readonly LinkPeer[] {
    return this.#parts.link.peers().map((peer) => translate(peer, this.#codebook));
  }

  /** What a host may be called on this link today. */
  tagsOf(hostId: string): readonly string[] {
    const { days, hosts } = this.#codebook;
    const known = hosts.get(hostId);
    if (known !== undefined) return known;
    const plain = hostTagOf(hostId);
    const tags = [plain, ...days.map((one) => one.tagOf("host", plain))];
    if (hosts.size >= HOSTS_MAX) hosts.clear();
    hosts.set(hostId, tags);
    return tags;
  }

  /**
   * Asks who holds a record.
   *
   * @param hosts ids of those whose answers count
   * @returns ids of those that answered
   */
  async askHosts(key: Uint8Array, hosts: () => readonly string[]): Promise<readonly string[]> {
    const { secrets, days } = this.#codebook;
    const [today] = days;
    const isHidden = secrets.isLocked && today !== undefined;
    const heard = await this.ask(isHidden ? labelOf(today, key) : toBase32(key));
    if (heard.length === 0) return [];
    return hosts().filter((host) => this.tagsOf(host).some((tag) => heard.includes(tag)));
  }

  ask(label: string, options?: { readonly timeoutMs?: number }): Promise<readonly string[]> {
    return this.#parts.link.ask(label, options);
  }

  /** @param hostId of a host known alive, by whatever tag it goes */
  confirmHost(hostId: string): void {
    for (const tag of this.tagsOf(hostId)) this.confirm(tag);
  }

  confirm(hostTag: string): void {
    this.#parts.link.confirm(hostTag);
  }

  stats(): LinkStats {
    return this.#parts.link.stats();
  }

  current(): ReturnType<Link["current"]> {
    return this.#parts.link.current();
  }

  look(): boolean {
    return this.#parts.link.look();
  }

  renew(): void {
    this.#parts.link.renew();
  }

  fingerprint(waitMs?: number): ReturnType<Link["fingerprint"]> {
    return this.#parts.link.fingerprint(waitMs);
  }

  close(): Promise<void> {
    clearInterval(this.#timer);
    return this.#parts.link.close();
  }

  #hear(notice: LinkNotice): void {
    if (notice.type === "link-changed") {
      // Withdrawn until somebody announces anew; a new day is no reason to.
      this.#announcement = null;
      this.#spoken = "null";
      return this.#onEvent(notice);
    }
    this.#onEvent({ ...notice, peer: translate(notice.peer, this.#codebook) });
  }

  #speak(): void {
    const announcement = this.#announcement && disguise(this.#announcement, this.#codebook);
    const text = JSON.stringify(announcement);
    if (text === this.#spoken) return;
    this.#spoken = text;
    this.#parts.link.announce(announcement);
  }

  async #isAsked(label: string): Promise<boolean> {
    const { holds, link } = this.#parts;
    if (isPlainlyHeld(label, holds)) return true;
    const { days, overlays } = this.#codebook;
    const seen = link
      .peers()
      .map(({ announcement }) => overlays.get(announcement.overlayTag ?? ""));
    const inUse = days.filter((tags, i) => i === 0 || seen.some((one) => one?.tags === tags));
    const keyHex = await this.#held.find(label, inUse);
    return keyHex !== undefined && holds(fromHex(keyHex));
  }
}

/** In an unlocked overlay the label is the key itself. */
function isPlainlyHeld(label: string, holds: (key: Uint8Array) => boolean): boolean {
  try {
    return holds(fromBase32(label));
  } catch {
    return false; // no key in base32
  }
}

function createCodebook(day: number, secrets: LinkSecrets): Codebook {
  const { linkKey, overlay, subnets } = secrets;
  const days =
    linkKey === undefined ? [] : [day, day - 1, day + 1].map((one) => new DailyTags(linkKey, one));
  const overlayTag = overlay === undefined ? undefined : overlayTagOf(overlay);
  return {
    day,
    secrets,
    days,
    overlays: new Map(
      overlayTag === undefined
        ? []
        : days.map((tags) => [tags.tagOf("overlay", overlayTag), { tag: overlayTag, tags }]),
    ),
    subnets: new Map(
      subnets.map(subnetTagOf).flatMap((tag) => days.map((one) => [one.tagOf("subnet", tag), tag])),
    ),
    hosts: new Map(),
  };
}

function isSameSecrets(a: LinkSecrets, b: LinkSecrets): boolean {
  const textOf = ({ overlay, linkKey, isLocked, subnets }: LinkSecrets): string =>
    [overlay, linkKey, ...subnets].map((key) => toHex(key ?? new Uint8Array())).join() + isLocked;
  return textOf(a) === textOf(b);
}

/** What of an announcement is readable goes out under today's tags. */
function disguise(plain: HostAnnouncement, { days, secrets }: Codebook): HostAnnouncement {
  const [today] = days;
  if (!secrets.isLocked || today === undefined) return plain;
  const { overlayTag, subnetTag } = plain;
  const hostTag = today.tagOf("host", plain.hostTag);
  const hidden: HostAnnouncement = {
    ...plain,
    hostTag,
    overlayTag: overlayTag === null ? null : today.tagOf("overlay", overlayTag),
    subnetTag: subnetTag === null ? null : today.tagOf("subnet", subnetTag),
    stampMs: 0,
    generation: 0,
  };
  if (hidden.subnetTag === null) return hidden;
  return { ...hidden, sealed: today.seal(plain, hostTag, hidden.subnetTag) };
}

/** An overlay or subnet that this host does not know keeps the tag that it goes by. */
function translate(peer: LinkPeer, { overlays, subnets }: Codebook): LinkPeer {
  const { announcement } = peer;
  const overlay = overlays.get(announcement.overlayTag ?? "");
  if (overlay === undefined) return peer;
  const { subnetTag } = announcement;
  const plain: Announcement = {
    ...announcement,
    ...madeOf(announcement, overlay.tags),
    overlayTag: overlay.tag,
    subnetTag: subnetTag === null ? null : (subnets.get(subnetTag) ?? subnetTag),
  };
  return { ...peer, announcement: plain };
}

function madeOf({ sealed, hostTag, subnetTag }: Announcement, tags: DailyTags): object {
  if (sealed === undefined || subnetTag === null) return {};
  try {
    return tags.unseal(fromBase32(sealed), hostTag, subnetTag) ?? {};
  } catch {
    return {}; // a hint spoilt
  }
}
