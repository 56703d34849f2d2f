import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { SILENT } from "../../../platform/logger.ts";
import { createRevocation, type SignedRevocation } from "../../../overlay/identity/revocation.ts";
import { NO_TRUST, type ChannelTrust } from "../../../overlay/io/channel-trust.ts";
import { MemberState } from "../../../overlay/io/member-state.ts";
import { CALL, NOTICE } from "../../../overlay/schema/methods.ts";
import type { PeerChannel } from "../../../overlay/io/peer-channel.ts";
import { RevocationExchange } from "../../../overlay/io/revocation-exchange.ts";
import { StateDirectory } from "../../../overlay/io/state.ts";
import { RevocationsCodec, type Signed } from "../../../overlay/schema/messages.ts";
import { AUTHORITY, membershipOf, OVERLAY, pairOf, WALL_MS } from "../identity/members.ts";
import { CLOCK, dial, startPeer, stopAll, until, type Peer } from "./loopback.ts";
import { overlayStateOf } from "./overlay-states.ts";

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "causeway-revocations-"));
});
afterEach(async () => {
  await stopAll();
  await rm(directory, { recursive: true });
});

interface Knower extends Peer {
  readonly exchange: RevocationExchange;
  readonly members: MemberState;
  readonly state: StateDirectory;
  readonly news: SignedRevocation[];
}

/** A host that hears of revocations and does nothing else about them. */
async function startKnower(name: string): Promise<Knower> {
  const state = await StateDirectory.open(join(directory, name));
  await state.saveOverlay(overlayStateOf(name));
  const members = new MemberState(state, false, CLOCK, SILENT);
  const news: SignedRevocation[] = [];
  const open: { pool?: Peer["pool"] } = {};
  const exchange = new RevocationExchange({
    members,
    state,
    log: SILENT,
    channels: () => [...(open.pool?.channels ?? [])].filter(({ isOpen }) => isOpen),
    onNews: (more) => news.push(...more),
  });
  const trust: ChannelTrust = {
    ...NO_TRUST,
    revoked: () => members.revoked,
    digest: () => members.revocations.digest,
    onOpen: (channel) => exchange.onOpen(channel),
    answer: (_channel, method, body) =>
      method === CALL.revocations ? Promise.resolve(exchange.answerPull(body)) : undefined,
    hear: (channel: PeerChannel, method, body) => {
      if (method === NOTICE.revoked) exchange.hear(body, channel);
      return method === NOTICE.revoked;
    },
  };
  const peer = await startPeer(name, { trust });
  open.pool = peer.pool;
  return { ...peer, exchange, members, state, news };
}

function revocationOf(host: string): Signed {
  const request = { overlay: OVERLAY, host: pairOf(host).publicKey, wallMs: WALL_MS, kept: [] };
  return createRevocation(AUTHORITY, null, request);
}

const isKnown = ({ members }: Knower, host: string): boolean =>
  members.revoked.of(pairOf(host).publicKey) !== undefined;

describe("a revocation", () => {
  it("reaches whoever is connected, also over others, once each", async () => {
    const [anna, bert, cora] = [
      await startKnower("anna"),
      await startKnower("bert"),
      await startKnower("cora"),
    ];
    await dial(anna, bert);
    await dial(bert, cora);
    await until("open", () => cora.opened.length === 1);
    await anna.exchange.publish([revocationOf("mallory")]);
    await until("known to all", () => [anna, bert, cora].every((one) => isKnown(one, "mallory")));
    expect([anna, bert, cora].map(({ news }) => news.length)).toEqual([1, 1, 1]);
  });

  it("is asked for by whoever was away, whoever dials, and stays on its disk", async () => {
    const anna = await startKnower("anna");
    const list = Array.from({ length: 40 }, (_, i) => revocationOf(`host ${i}`));
    await anna.exchange.publish(list);
    const [bert, cora] = [await startKnower("bert"), await startKnower("cora")];
    await dial(bert, anna);
    await dial(anna, cora);
    await until("both know", () => [bert, cora].every((one) => isKnown(one, "host 39")));
    await until("saved", () => bert.state.revocations.length === 40);
    const reopened = await StateDirectory.open(join(directory, "bert"));
    expect(reopened.revocations).toHaveLength(40);
  });

  it("is told to the removed host itself, which may ask for nothing else", async () => {
    const anna = await startKnower("anna");
    await anna.exchange.publish([revocationOf("mallory")]);
    const mallory = await startKnower("mallory");
    const channel = await dial(mallory, anna);
    await until("it knows", () => isKnown(mallory, "mallory"));
    expect(mallory.members.removal).toBeDefined();
    expect(anna.opened[0]).toMatchObject({ isMember: false, greeting: { membership: undefined } });
    for (const method of [CALL.get, CALL.adopt, CALL.renew, CALL.signClaim])
      await expect(channel.call(method, new Uint8Array())).rejects.toThrow(/only a member/);
  });

  it("is not shown to a stranger", async () => {
    const anna = await startKnower("anna");
    await anna.exchange.publish([revocationOf("mallory")]);
    const stranger = await startPeer("stranger", {
      overlay: () => undefined,
      hello: { overlay: new Uint8Array(), membership: null },
    });
    const channel = await dial(stranger, anna);
    await expect(channel.call(CALL.revocations, new Uint8Array())).rejects.toThrow(/only a member/);
  });

  it("that is forged is neither believed nor passed on", async () => {
    const [anna, bert] = [await startKnower("anna"), await startKnower("bert")];
    const channel = await dial(anna, bert);
    const forged = revocationOf("bert");
    forged.signature[3]! ^= 1;
    channel.notify(NOTICE.revoked, RevocationsCodec.encode({ items: [forged], isMore: false }));
    channel.notify(
      NOTICE.revoked,
      RevocationsCodec.encode({ items: [revocationOf("cora")], isMore: false }),
    );
    await until("the honest one after it", () => isKnown(bert, "cora"));
    expect(isKnown(bert, "bert")).toBe(false);
    expect(bert.news).toHaveLength(1);
  });
});

describe("a host whose membership has expired", () => {
  it("may ask for renewal, and for nothing of a member's", async () => {
    const anna = await startKnower("anna");
    const old = membershipOf("bert", { wallMs: WALL_MS - 400 * 24 * 3_600_000 });
    const bert = await startPeer("bert", { hello: { membership: old } });
    const channel = await dial(bert, anna);
    expect(anna.opened[0]!.greeting.former).toMatchObject({ why: "expired" });
    // The pool's own answer to what it lets through: the body back.
    expect([...(await channel.call(CALL.renew, Uint8Array.of(7)))]).toEqual([7]);
    for (const method of [CALL.get, CALL.put, CALL.adopt])
      await expect(channel.call(method, new Uint8Array())).rejects.toThrow(/only a member/);
  });
});
