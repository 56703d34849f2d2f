import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { utf8 } from "../../../platform/bytes.ts";
import { OverlayError } from "../../../overlay/errors.ts";
import { CERTIFICATE_LIFETIME_MS } from "../../../overlay/identity/certificate.ts";
import { WIRE_VERSION } from "../../../overlay/identity/hello.ts";
import type { Frame } from "../../../overlay/schema/messages.ts";
import { membershipOf, pairOf } from "../identity/members.ts";
import { CLOCK, dial, helloOf, startPeer, stopAll, STRANGER, until } from "./loopback.ts";
import { goodbyeOf, greet, rawPeer } from "./raw-peer.ts";

afterEach(stopAll);

const BODY = utf8("question");

describe("a channel between two members", () => {
  it("opens on both sides with each other's proven host id", async () => {
    const [anna, bert] = await Promise.all([startPeer("anna"), startPeer("bert")]);
    const channel = await dial(anna, bert);
    await until("bert has it too", () => bert.opened.length === 1);
    expect(channel).toMatchObject({ hostId: pairOf("bert").id, isMember: true, isOpen: true });
    expect(bert.opened[0]).toMatchObject({ hostId: pairOf("anna").id, isMember: true });
    await bert.pool.admitted(bert.opened[0]!.connection);
  });

  it("does not open by a hello of a subnet that its host has left since", async () => {
    let subnet = pairOf("quay");
    const anna = await startPeer("anna", {
      introduce: () => {
        const hello = helloOf("anna", { subnet: subnet.publicKey });
        queueMicrotask(() => (subnet = pairOf("pier")));
        return hello;
      },
      subnetKey: () => subnet,
    });
    const bert = await startPeer("bert");
    await dial(bert, anna).catch(() => {}); // open for a moment, or not at all
    await until("cut", () => bert.pool.channels.size === 0);
    expect(anna.opened).toEqual([]);
    subnet = pairOf("pier");
    await dial(bert, anna);
    await until("open by the next hello", () => anna.opened.length === 1);
    expect(bert.opened.at(-1)?.subnetId).toBe(pairOf("pier").id);
  });

  it("carries calls both ways, many at once, each with its own answer", async () => {
    const onCall: Parameters<typeof startPeer>[1] = {
      onCall: async (_peer, method, body) => {
        await sleep(body[0]! % 7);
        return utf8(`${method} ${body[0]}`);
      },
    };
    const [anna, bert] = await Promise.all([startPeer("anna", onCall), startPeer("bert", onCall)]);
    const there = await dial(anna, bert);
    await until("open", () => bert.opened.length === 1);
    const back = bert.opened[0]!;
    const ask = async (i: number): Promise<void> => {
      const answer = await (i % 2 ? there : back).call("get", Uint8Array.of(i));
      expect(new TextDecoder().decode(answer)).toBe(`get ${i}`);
    };
    await Promise.all(Array.from({ length: 100 }, (_, i) => ask(i)));
  });

  it("brings a refusal's own code and words, and hides no other error", async () => {
    const onCall = async (_peer: unknown, method: string): Promise<Uint8Array> => {
      if (method === "stale") throw new OverlayError("ERR_OVERLAY_STALE", "a newer one is known");
      throw new TypeError("broken");
    };
    const [anna, bert] = await Promise.all([startPeer("anna"), startPeer("bert", { onCall })]);
    const channel = await dial(anna, bert);
    await expect(channel.call("stale", BODY)).rejects.toMatchObject({
      code: "ERR_OVERLAY_STALE",
      message: "a newer one is known",
    });
    await expect(channel.call("x", BODY)).rejects.toMatchObject({ code: "ERR_OVERLAY_REFUSED" });
    expect(channel.isOpen).toBe(true);
  });

  it("gives a call up in time, and ignores its late answer", async () => {
    const onCall = async (_peer: unknown, _method: string, body: Uint8Array) => {
      await sleep(body[0] === 1 ? 120 : 0);
      return body;
    };
    const [anna, bert] = await Promise.all([startPeer("anna"), startPeer("bert", { onCall })]);
    const channel = await dial(anna, bert);
    await expect(channel.call("slow", Uint8Array.of(1), 30)).rejects.toMatchObject({
      code: "ERR_OVERLAY_TIMEOUT",
    });
    await sleep(130);
    expect((await channel.call("quick", Uint8Array.of(2)))[0]).toBe(2);
  });

  it("is asked whether the other end is there, and dropped when that says nothing", async () => {
    const [anna, bert] = await Promise.all([startPeer("anna"), startPeer("bert")]);
    const channel = await dial(anna, bert);
    expect(await channel.probe(2_000)).toBe(true);
    expect(channel.isOpen).toBe(true);
    const raw = await rawPeer("mallory", bert);
    greet(raw, bert, "mallory");
    await until("open", () => bert.opened.length === 2);
    expect(await bert.opened[1]!.probe(100)).toBe(false);
    expect(bert.opened[1]!.isOpen).toBe(false);
    expect(await bert.opened[1]!.probe(100)).toBe(false);
  });

  it("refuses the 129th call at once, and takes calls again afterwards", async () => {
    const gate = Promise.withResolvers<void>();
    const onCall = async (_peer: unknown, _method: string, body: Uint8Array) => {
      await gate.promise;
      return body;
    };
    const [anna, bert] = await Promise.all([startPeer("anna"), startPeer("bert", { onCall })]);
    const channel = await dial(anna, bert);
    const waiting = Array.from({ length: 128 }, () => channel.call("get", BODY));
    await expect(channel.call("get", BODY)).rejects.toMatchObject({ code: "ERR_OVERLAY_QUOTA" });
    gate.resolve();
    expect(await Promise.all(waiting)).toHaveLength(128);
    await channel.call("get", BODY);
  });

  it("fails what waits when the other end goes", async () => {
    const onCall = () => new Promise<Uint8Array>(() => {});
    const [anna, bert] = await Promise.all([startPeer("anna"), startPeer("bert", { onCall })]);
    const channel = await dial(anna, bert);
    const call = channel.call("get", BODY).catch((error: OverlayError) => error.code);
    await bert.node.stop();
    expect(await call).toBe("ERR_OVERLAY_UNREACHABLE");
    expect(channel.isOpen).toBe(false);
    expect(anna.closed).toHaveLength(1);
    await expect(channel.call("get", BODY)).rejects.toMatchObject({
      code: "ERR_OVERLAY_UNREACHABLE",
    });
  });

  it("carries notices, in order", async () => {
    const [anna, bert] = await Promise.all([startPeer("anna"), startPeer("bert")]);
    const channel = await dial(anna, bert);
    for (let i = 0; i < 20; i++) channel.notify(`n${i}`, BODY);
    await until("all", () => bert.notices.length === 20);
    expect(bert.notices).toEqual(Array.from({ length: 20 }, (_, i) => `n${i}`));
  });
});

describe("who is no member", () => {
  it.each([
    ["a host without an overlay", STRANGER],
    ["a host of another overlay", { overlay: pairOf("another authority").publicKey }],
  ])("%s may only ask for admission", async (_what, hello) => {
    const [stranger, bert] = await Promise.all([
      startPeer("stranger", { hello, overlay: () => undefined }),
      startPeer("bert"),
    ]);
    const channel = await dial(stranger, bert);
    expect(await channel.call("admit", BODY)).toEqual(Buffer.from(BODY));
    await expect(channel.call("put", BODY)).rejects.toMatchObject({
      code: "ERR_OVERLAY_REFUSED",
      message: "only a member may ask that",
    });
    channel.notify("leave", BODY);
    await channel.call("admit", BODY);
    expect(bert.notices).toEqual([]);
    expect(bert.opened[0]!.isMember).toBe(false);
  });

  it("is cut with the reason when its certificate is bad", async () => {
    const [anna, bert] = await Promise.all([
      startPeer("anna", { hello: { membership: membershipOf("mallory") } }),
      startPeer("bert"),
    ]);
    await expect(dial(anna, bert)).rejects.toMatchObject({
      code: "ERR_OVERLAY_CERTIFICATE",
      message: "the certificate is another host's",
    });
    expect(bert.opened).toEqual([]);
    await until("cut", () => bert.node.getConnections().length === 0);
  });

  it("is told by the words of whoever does not approve of it", async () => {
    const approve = (): void => {
      throw new OverlayError("ERR_OVERLAY_WRONG_PEER", "not you");
    };
    const [anna, bert] = await Promise.all([startPeer("anna"), startPeer("bert", { approve })]);
    const opened = await dial(anna, bert).then(
      () => "",
      (error: Error) => error.message,
    );
    await until("cut", () => bert.node.getConnections().length === 0);
    await until("told", () => anna.closed.length > 0 || opened !== "");
    expect([opened, ...anna.closed].join("; ")).toContain("not you");
    expect(bert.opened).toEqual([]);
  });
});

describe("wire versions", () => {
  const later = { wireMin: WIRE_VERSION + 1, wireMax: WIRE_VERSION + 2 };

  it("agree on the greatest that both ends speak, in every frame after the hello", async () => {
    const bert = await startPeer("bert");
    const raw = await rawPeer("mallory", bert);
    greet(raw, bert, "mallory", { wireMax: WIRE_VERSION + 1 });
    await until("open", () => bert.opened.length === 1);
    expect(bert.opened[0]!.wire).toBe(WIRE_VERSION);
    raw.send({ ping: 5 });
    await until("ponged", () => raw.heard.some((frame) => frame.pong === 5));
    expect(new Set(raw.heard.map(({ wire }) => wire))).toEqual(new Set([WIRE_VERSION]));
  });

  it("have to be the same in a frame as in the hellos", async () => {
    const bert = await startPeer("bert");
    const raw = await rawPeer("mallory", bert);
    greet(raw, bert, "mallory", { wireMax: WIRE_VERSION + 1 });
    await until("open", () => bert.opened.length === 1);
    raw.send({ ping: 5, wire: WIRE_VERSION + 1 });
    await until("cut", () => goodbyeOf(raw) !== undefined);
    expect(goodbyeOf(raw)).toMatch(/wire version \d+ on a connection that speaks \d+/);
  });

  it("without one in common end the connection, and it is remembered why", async () => {
    const [anna, bert] = await Promise.all([
      startPeer("anna", { hello: later }),
      startPeer("bert"),
    ]);
    await expect(dial(anna, bert)).rejects.toMatchObject({ code: "ERR_OVERLAY_VERSION" });
    const [met] = bert.pool.foreignVersions.recent(performance.now());
    expect(met).toMatchObject({ address: "127.0.0.1", ...later });
    // And the other way round, where it is the dialling end that refuses.
    await expect(dial(bert, anna)).rejects.toMatchObject({ code: "ERR_OVERLAY_VERSION" });
    expect(bert.opened).toEqual([]);
  });
});

describe("an end that does not keep to the rules", () => {
  it("is heard when it does", async () => {
    const bert = await startPeer("bert");
    const raw = await rawPeer("mallory", bert);
    greet(raw, bert, "mallory");
    await until("open", () => bert.opened.length === 1);
    raw.send({ request: { id: 9, method: "get", body: BODY } });
    await until("answered", () => raw.heard.some((frame) => frame.response?.id === 9));
    raw.send({ ping: 5 });
    await until("ponged", () => raw.heard.some((frame) => frame.pong === 5));
  });

  it("is cut for a proof by another key, or over another nonce", async () => {
    const bert = await startPeer("bert");
    const forged = await rawPeer("mallory", bert);
    forged.send({ hello: helloOf("anna") }); // Anna's certificate is no secret
    const signature = pairOf("mallory").sign("causeway-hello-1", BODY);
    forged.send({ proof: { signature, subnetSignature: new Uint8Array() } });
    await until("cut", () => goodbyeOf(forged) === "the hello is not proven");
    await until("closed", forged.isCut);
    expect(bert.opened).toEqual([]);
  });

  it("may only ask to be taken back with a membership bound to a link and no subnet", async () => {
    const bert = await startPeer("bert", { onCall: async () => BODY });
    const raw = await rawPeer("anna", bert);
    const subnet = pairOf("my subnet").publicKey;
    greet(raw, bert, "anna", { membership: membershipOf("anna", { linkSubnet: subnet }) });
    await until("open", () => bert.opened.length === 1);
    raw.send({ request: { id: 1, method: "get", body: BODY } });
    raw.send({ request: { id: 2, method: "adopt", body: BODY } });
    await until("answers", () => raw.heard.filter((frame) => frame.response).length === 2);
    const codes = raw.heard.flatMap(({ response }) => (response ? [response.errorCode] : []));
    expect(codes.toSorted()).toEqual(["", "ERR_OVERLAY_REFUSED"]);
  });

  it("is cut when it claims a subnet whose key it does not hold", async () => {
    const bert = await startPeer("bert");
    const liar = await rawPeer("anna", bert);
    greet(liar, bert, "anna", { subnet: pairOf("their subnet").publicKey }, pairOf("my subnet"));
    await until("cut", () => goodbyeOf(liar) === "the hello's subnet is not proven");
    expect(bert.opened).toEqual([]);
    const honest = await rawPeer("anna", bert);
    greet(honest, bert, "anna", { subnet: pairOf("my subnet").publicKey }, pairOf("my subnet"));
    await until("open", () => bert.opened.length === 1);
  });

  it("is cut when it sends our own hello and proof back", async () => {
    const bert = await startPeer("bert");
    const raw = await rawPeer("mallory", bert);
    raw.send({ hello: raw.heard[0]!.hello! });
    await until("its proof", () => raw.heard.some((frame) => frame.proof));
    raw.send({ proof: raw.heard.find((frame) => frame.proof)!.proof! });
    await until("cut", () => goodbyeOf(raw) !== undefined);
    expect(goodbyeOf(raw)).toMatch(/not proven|dialled itself/);
    expect(bert.opened).toEqual([]);
  });

  it.each<[string, Frame[]]>([
    ["a call before its hello", [{ request: { id: 1, method: "admit", body: BODY } }]],
    [
      "a proof before its hello",
      [{ proof: { signature: new Uint8Array(64), subnetSignature: new Uint8Array() } }],
    ],
    ["two hellos", [{ hello: helloOf("mallory") }, { hello: helloOf("mallory") }]],
  ])("is cut for %s", async (_what, frames) => {
    const bert = await startPeer("bert");
    const raw = await rawPeer("mallory", bert);
    for (const frame of frames) raw.send(frame);
    await until("cut", () => goodbyeOf(raw) === "spoke before its hello");
    await until("closed", raw.isCut);
  });

  it("is cut for bytes that are no frame", async () => {
    const bert = await startPeer("bert");
    const raw = await rawPeer("mallory", bert);
    greet(raw, bert, "mallory");
    await until("open", () => bert.opened.length === 1);
    raw.sendBytes(Uint8Array.of(0xff, 0xff, 0xff));
    await until("closed", raw.isCut);
    expect(goodbyeOf(raw)).toMatch(/not a Frame/);
    expect(bert.closed).toHaveLength(1);
  });

  it("is not cut for a frame of a later version", async () => {
    const bert = await startPeer("bert");
    const raw = await rawPeer("mallory", bert);
    greet(raw, bert, "mallory");
    await until("open", () => bert.opened.length === 1);
    raw.sendBytes(Uint8Array.of(0xfa, 0x01, 0x00, 0x78, WIRE_VERSION)); // field 31, empty
    raw.send({ ping: 6 });
    await until("ponged", () => raw.heard.some((frame) => frame.pong === 6));
  });

  it("is dropped without a word when it falls silent", async () => {
    const bert = await startPeer("bert", { heartbeatMs: 60, silenceMaxMs: 200 });
    const raw = await rawPeer("mallory", bert);
    greet(raw, bert, "mallory");
    await until("open", () => bert.opened.length === 1);
    const startedMs = performance.now();
    await until("dropped", () => bert.closed.length === 1);
    expect(performance.now() - startedMs).toBeGreaterThan(150);
    expect(bert.closed[0]).toMatch(/silent for \d+ ms/);
    expect(raw.heard.filter((frame) => frame.ping !== undefined).length).toBeGreaterThanOrEqual(2);
    await until("closed", raw.isCut);
  });

  it("stays while it answers heartbeats", async () => {
    const heart = { heartbeatMs: 50, silenceMaxMs: 200 };
    const [anna, bert] = await Promise.all([startPeer("anna", heart), startPeer("bert", heart)]);
    const channel = await dial(anna, bert);
    await sleep(600);
    expect(channel.isOpen).toBe(true);
    expect([...anna.closed, ...bert.closed]).toEqual([]);
  });

  it("is cut when the other end's membership expires while it is open", async () => {
    let laterMs = 0;
    const clock = { ...CLOCK, wallMs: () => CLOCK.wallMs() + laterMs };
    const heart = { heartbeatMs: 50, silenceMaxMs: 5_000 };
    const anna = await startPeer("anna", heart);
    const bert = await startPeer("bert", { ...heart, clock });
    const channel = await dial(anna, bert);
    await until("open", () => bert.opened.length === 1);
    laterMs = CERTIFICATE_LIFETIME_MS;
    await until("cut", () => !channel.isOpen);
    await until("told", () => anna.closed.length === 1);
    expect(anna.closed[0]).toContain("its membership has expired");
  });
});
