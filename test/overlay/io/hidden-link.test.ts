import { afterEach, describe, expect, it } from "vitest";
import { DAY_MS, DailyTags, linkKeyOf } from "../../../overlay/identity/daily-tags.ts";
import { hostTagOf, overlayTagOf, subnetTagOf } from "../../../overlay/identity/tags.ts";
import { HiddenLink, type LinkSecrets } from "../../../overlay/io/hidden-link.ts";
import type { Link, LinkNotice } from "../../../overlay/io/mdns-link.ts";
import type { HostAnnouncement } from "../../../overlay/link/announcement.ts";
import type { LinkPeer } from "../../../overlay/link/types.ts";
import { RecordStore } from "../../../overlay/records/record-store.ts";
import { toBase32 } from "../../../platform/base32.ts";
import { toHex } from "../../../platform/bytes.ts";
import { pairOf } from "../identity/members.ts";
import { makeRecord } from "../records/fixture.ts";

const OVERLAY = pairOf("overlay").publicKey;
const SUBNET = pairOf("subnet").publicKey;
const LINK_KEY = linkKeyOf(pairOf("secret").seed);
const DAY = 20_000;
const ANNA = announcementOf("anna");

function announcementOf(name: string): HostAnnouncement {
  return {
    hostTag: hostTagOf(pairOf(name).id),
    wireMin: 1,
    wireMax: 1,
    subnetPort: 4777,
    hostPort: 4778,
    overlayTag: overlayTagOf(OVERLAY),
    subnetTag: subnetTagOf(SUBNET),
    stampMs: 1_763_596_800_000,
    generation: 2,
  };
}

/** The medium: each end's announcement is the other's only peer. */
class Wire {
  readonly said: (HostAnnouncement | null)[] = [];
  heard: HostAnnouncement | null = null;
  asked = "";
  answers: readonly string[] = [];

  get link(): Link {
    const peers = (): readonly LinkPeer[] => (this.heard === null ? [] : [peerOf(this.heard)]);
    const part: Partial<Link> = {
      announce: (announcement) => void this.said.push(announcement),
      peers,
      ask: async (label) => {
        this.asked = label;
        return this.answers;
      },
      close: async () => {},
    };
    return part as Link;
  }
}

function peerOf(announcement: HostAnnouncement): LinkPeer {
  const { hostTag } = announcement;
  return { hostTag, announcement: { ...announcement, addresses: [] }, addresses: ["10.0.0.1"] };
}

describe("a hidden link", () => {
  const open: HiddenLink[] = [];
  afterEach(() => {
    for (const link of open.splice(0)) void link.close();
  });

  /** A member with a wire, a clock and secrets that a test may change. */
  function member(given: Partial<LinkSecrets> = {}, day = DAY) {
    const wire = new Wire();
    const store = new RecordStore();
    const is = {
      day,
      secrets: {
        overlay: OVERLAY,
        linkKey: LINK_KEY,
        isLocked: true,
        subnets: [SUBNET],
        ...given,
      } as LinkSecrets,
    };
    const link = new HiddenLink({
      link: wire.link,
      clock: { monotonicMs: () => 0, wallMs: () => is.day * DAY_MS + 5 },
      store,
      secrets: () => is.secrets,
      holds: (key) => store.get(toHex(key), 0).length > 0,
    });
    const notices: LinkNotice[] = [];
    const listener = link.listener((notice) => notices.push(notice));
    open.push(link);
    return { wire, store, is, link, notices, listener };
  }

  it("shows nothing of an announcement in a locked overlay, and all of it in an open one", () => {
    const anna = member();
    anna.link.announce(ANNA);
    const said = JSON.stringify(anna.wire.said);
    for (const value of [ANNA.hostTag, ANNA.overlayTag, ANNA.subnetTag, ANNA.stampMs])
      expect(said).not.toContain(String(value));
    const bert = member({ isLocked: false });
    bert.link.announce(ANNA);
    expect(bert.wire.said).toEqual([ANNA]);
  });

  it("is understood by members, and by bearers of a token, whose clocks are a day off", () => {
    const anna = member();
    anna.link.announce(ANNA);
    for (const day of [DAY - 1, DAY, DAY + 1]) {
      const bert = member({ isLocked: false }, day);
      bert.wire.heard = anna.wire.said[0]!;
      const { overlayTag, subnetTag, stampMs, generation } = ANNA;
      expect(bert.link.peers()[0]!.announcement).toMatchObject({
        ...{ overlayTag, subnetTag, stampMs, generation },
      });
      const tags = bert.link.tagsOf(pairOf("anna").id);
      expect(tags).toContain(bert.link.peers()[0]!.hostTag);
    }
    const late = member({}, DAY + 2);
    late.wire.heard = anna.wire.said[0]!;
    expect(late.link.peers()[0]!.announcement.overlayTag).not.toBe(ANNA.overlayTag);
    const stranger = member({ linkKey: undefined, overlay: undefined });
    stranger.wire.heard = anna.wire.said[0]!;
    expect(stranger.link.peers()[0]!.announcement).toMatchObject(anna.wire.said[0]!);
  });

  it("takes an announcement as it stands, from hosts that do not know of the lock yet", () => {
    const anna = member();
    anna.wire.heard = ANNA;
    expect(anna.link.peers()[0]!.announcement).toMatchObject(ANNA);
    expect(anna.link.tagsOf(pairOf("anna").id)).toContain(ANNA.hostTag);
  });

  it("switches when the overlay is locked and when the day ends, and says nothing twice", () => {
    const { link, wire, is } = member({ isLocked: false });
    link.announce(ANNA);
    link.check();
    expect(wire.said).toEqual([ANNA]);
    is.secrets = { ...is.secrets, isLocked: true };
    link.check();
    is.day++;
    link.check();
    link.check();
    expect(wire.said).toHaveLength(3);
    expect(new Set(wire.said.map((one) => one!.hostTag)).size).toBe(3);
  });

  it("stays silent at the end of a day on a link that is in doubt", () => {
    const { link, wire, is, listener } = member();
    link.announce(ANNA);
    listener.onEvent({ type: "link-changed", link: null, reason: "moved" as never });
    is.day++;
    link.check();
    expect(wire.said).toHaveLength(1);
  });

  it("tells of peers anew once it can tell who they are", () => {
    const anna = member();
    anna.link.announce(ANNA);
    const { wire, is, link, notices } = member({ linkKey: undefined });
    wire.heard = anna.wire.said[0]!;
    is.secrets = { ...is.secrets, linkKey: LINK_KEY };
    link.check();
    expect(notices).toMatchObject([
      { type: "peer-changed", peer: { announcement: { overlayTag: ANNA.overlayTag } } },
    ]);
  });

  it("asks for a key by a label that only members can tell, and knows who answers", async () => {
    const { wire, link } = member();
    const key = pairOf("a key").publicKey;
    const [bert, carl] = [pairOf("bert").id, pairOf("carl").id];
    wire.answers = [new DailyTags(LINK_KEY, DAY + 1).tagOf("host", hostTagOf(bert))];
    expect(await link.askHosts(key, () => [bert, carl])).toEqual([bert]);
    expect(wire.asked).toMatch(/^[a-z2-7]{52}$/);
    expect(wire.asked).not.toBe(toBase32(key));
    wire.answers = [];
    expect(await link.askHosts(key, () => [bert])).toEqual([]);
  });

  it("answers for what it holds, asked either way, and from when it holds it", async () => {
    const asker = member();
    const holder = member();
    const record = makeRecord();
    const isHeld = (label: string): boolean | Promise<boolean> => holder.listener.onQuestion(label);
    await asker.link.askHosts(record.key, () => []);
    const hidden = asker.wire.asked;
    expect(await isHeld(hidden)).toBe(false);
    holder.store.accept({ record, remainingMs: 60_000, from: null, isOwned: false }, 0);
    expect(await isHeld(hidden)).toBe(true);
    expect(await isHeld(toBase32(record.key))).toBe(true);
    holder.store.forget([...holder.store.all()][0]!.slotId, 0);
    expect(await isHeld(hidden)).toBe(false);
  });

  it("answers askers of another day once such a host is on the link", async () => {
    const asker = member({}, DAY + 1);
    const holder = member();
    const record = makeRecord();
    holder.store.accept({ record, remainingMs: 60_000, from: null, isOwned: false }, 0);
    await asker.link.askHosts(record.key, () => []);
    asker.link.announce(ANNA);
    expect(await holder.listener.onQuestion(asker.wire.asked)).toBe(false);
    holder.wire.heard = asker.wire.said.at(-1)!;
    expect(await holder.listener.onQuestion(asker.wire.asked)).toBe(true);
  });
});
