import { afterAll, describe, expect, it } from "vitest";
import { toMultiaddr } from "../../../overlay/io/nodes.ts";
import { startNode, startPeer, stopAll, until } from "./loopback.ts";
import { goodbyeOf, rawPeer } from "./raw-peer.ts";

afterAll(stopAll);

describe("an end that says nothing", () => {
  it("is cut after 5 s, with or without a stream", { timeout: 15_000 }, async () => {
    const bert = await startPeer("bert");
    const silent = await rawPeer("mallory", bert);
    const { node } = await startNode("anna");
    const [host, port] = bert.address.split(":");
    await node.dial(toMultiaddr(`/ip4/${host}/tcp/${port}`)); // and opens no stream at all
    const startedMs = performance.now();
    await until("told", () => goodbyeOf(silent) === "no hello", 7_000);
    expect(performance.now() - startedMs).toBeGreaterThan(4_000);
    await until("both cut", () => bert.node.getConnections().length === 0, 9_000);
    expect(bert.opened).toEqual([]);
  });
});
