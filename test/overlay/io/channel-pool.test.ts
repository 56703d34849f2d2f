import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { toMultiaddr } from "../../../overlay/io/nodes.ts";
import { pairOf } from "../identity/members.ts";
import { atStop, dial, startPeer, stopAll, STRANGER, until } from "./loopback.ts";

afterEach(stopAll);

describe("ChannelPool", () => {
  it("gives a connection that anything else dialled a channel too", async () => {
    const [anna, bert] = await Promise.all([startPeer("anna"), startPeer("bert")]);
    const [host, port] = bert.address.split(":");
    await anna.node.dial(toMultiaddr(`/ip4/${host}/tcp/${port}`));
    await until("both", () => anna.opened.length === 1 && bert.opened.length === 1);
    expect(anna.opened[0]!.hostId).toBe(pairOf("bert").id);
  });

  it("joins dials of one address that come together", async () => {
    const [anna, bert] = await Promise.all([startPeer("anna"), startPeer("bert")]);
    const channels = await Promise.all([1, 2, 3].map(() => dial(anna, bert)));
    expect(new Set(channels).size).toBe(1);
    await sleep(50);
    expect(bert.opened).toHaveLength(1);
  });

  it("answers a dial of a host that it has a channel to", async () => {
    const [anna, bert] = await Promise.all([startPeer("anna"), startPeer("bert")]);
    await dial(anna, bert);
    const again = await dial(anna, bert);
    expect(again.isOpen).toBe(true);
    expect((await again.call("get", Uint8Array.of(1)))[0]).toBe(1);
  });

  it("works when both dial at the same moment, and when one dials back", async () => {
    const [anna, bert] = await Promise.all([startPeer("anna"), startPeer("bert")]);
    const [there, back] = await Promise.all([dial(anna, bert), dial(bert, anna)]);
    for (const channel of [there, back])
      expect((await channel.call("get", Uint8Array.of(7)))[0]).toBe(7);
    const third = await dial(bert, anna);
    expect((await third.call("get", Uint8Array.of(8)))[0]).toBe(8);
  });

  it("says who is not there", async () => {
    const anna = await startPeer("anna");
    await expect(dial(anna, { address: "127.0.0.1:1" })).rejects.toMatchObject({
      code: "ERR_OVERLAY_UNREACHABLE",
      message: expect.stringContaining("127.0.0.1:1"),
    });
    await expect(dial(anna, { address: "nowhere" })).rejects.toMatchObject({ code: "ERR_WIRE" });
  });

  it("gives up in the caller's time on something else that listens there", async () => {
    const anna = await startPeer("anna");
    const server = createServer(() => {}).listen(0, "127.0.0.1"); // takes the call, says nothing
    await new Promise((resolve) => server.once("listening", resolve));
    atStop(async () => void server.close());
    const { port } = server.address() as { port: number };
    const startedMs = performance.now();
    await expect(
      anna.pool.dial(`127.0.0.1:${port}`, AbortSignal.timeout(300)),
    ).rejects.toMatchObject({ code: "ERR_OVERLAY_UNREACHABLE", message: /no answer in time/ });
    expect(performance.now() - startedMs).toBeLessThan(2_000);
  });

  it("cannot dial itself", async () => {
    const anna = await startPeer("anna");
    await expect(dial(anna, anna)).rejects.toMatchObject({ code: "ERR_OVERLAY_UNREACHABLE" });
    expect(anna.opened).toEqual([]);
  });

  it("does not count a stranger as admitted", async () => {
    const [stranger, bert] = await Promise.all([
      startPeer("stranger", { hello: STRANGER, overlay: () => undefined }),
      startPeer("bert"),
    ]);
    await dial(stranger, bert);
    await until("open", () => bert.opened.length === 1);
    let isAdmitted = false;
    void bert.pool
      .admitted(bert.opened[0]!.connection)
      .then(() => (isAdmitted = true))
      .catch(() => {});
    await sleep(50);
    expect(isAdmitted).toBe(false);
    expect(bert.opened[0]!.isOpen).toBe(true);
  });

  it("says goodbye when it closes, and takes nobody in afterwards", async () => {
    const [anna, bert] = await Promise.all([startPeer("anna"), startPeer("bert")]);
    await dial(anna, bert);
    await until("open there too", () => bert.opened.length === 1);
    await bert.pool.close();
    await until("told", () => anna.closed.length === 1);
    expect(anna.closed[0]).toBe("the peer said: going away");
    await expect(dial(anna, bert)).rejects.toMatchObject({ code: "ERR_OVERLAY_UNREACHABLE" });
    expect(bert.opened).toHaveLength(1);
  });
});
