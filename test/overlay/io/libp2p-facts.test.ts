/**
 * What the overlay takes for granted about libp2p, much of it internal: an upgrade that changes it
 * is to fail here, with a name, and not in the field.
 */
import { privateKeyFromRaw } from "@libp2p/crypto/keys";
import type { Connection, Libp2p, Stream } from "@libp2p/interface";
import { PeerRecord, RecordEnvelope } from "@libp2p/peer-record";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { concatBytes } from "../../../platform/bytes.ts";
import { peerIdOf, publicKeyOf, toMultiaddr } from "../../../overlay/io/nodes.ts";
import { pairOf } from "../identity/members.ts";
import { startNode, stopAll, until } from "./loopback.ts";
import { startSubnet } from "./subnet-nodes.ts";

afterEach(stopAll);

/** Lets a node say which of several with one key it is. */
async function nameIt(node: Libp2p, name: string): Promise<void> {
  await node.handle("/who", async (stream) => {
    stream.send(new TextEncoder().encode(name));
    await stream.close();
  });
}

async function whoIs(connection: Connection): Promise<string> {
  const stream = await connection.newStream("/who");
  for await (const bytes of stream) return new TextDecoder().decode(bytes.subarray());
  return "";
}

describe("several hosts under one key", () => {
  it("a bare address reaches the asked host; a peer id reaches any", async () => {
    const [one, two, third] = await Promise.all([
      startSubnet("quay"),
      startSubnet("quay"),
      startSubnet("pier"),
    ]);
    await Promise.all([nameIt(one.node, "one"), nameIt(two.node, "two")]);
    expect(one.node.peerId.equals(two.node.peerId)).toBe(true);
    const first = await third.node.dial(one.address);
    const second = await third.node.dial(two.address);
    expect([await whoIs(first), await whoIs(second)]).toEqual(["one", "two"]);
    expect(third.node.getConnections(one.node.peerId)).toHaveLength(2);
    // The trap that bare addresses avoid: this one was to reach host one.
    const named = await third.node.dial(
      toMultiaddr(`${one.address.toString()}/p2p/${one.node.peerId.toString()}`),
    );
    const chosen = await third.node.dial(one.node.peerId);
    expect([await whoIs(named), await whoIs(chosen)]).toEqual(["two", "two"]);
  });

  it("parallel dials of bare addresses stay apart", async () => {
    const [one, two, third] = await Promise.all([
      startSubnet("quay"),
      startSubnet("quay"),
      startSubnet("pier"),
    ]);
    await Promise.all([nameIt(one.node, "one"), nameIt(two.node, "two")]);
    const both = await Promise.all([one, two].map(({ address }) => third.node.dial(address)));
    expect(await Promise.all(both.map(whoIs))).toEqual(["one", "two"]);
  });

  it("siblings cannot connect under the key that they share", async () => {
    const [one, two] = await Promise.all([startSubnet("quay"), startSubnet("quay")]);
    await expect(one.node.dial(two.address)).rejects.toThrow(/dial self/i);
  });

  it("the loss of one host is a closed connection, and no disconnect of the peer", async () => {
    const [one, two, third] = await Promise.all([
      startSubnet("quay"),
      startSubnet("quay"),
      startSubnet("pier"),
    ]);
    const events: string[] = [];
    third.node.addEventListener("connection:close", () => events.push("connection:close"));
    third.node.addEventListener("peer:disconnect", () => events.push("peer:disconnect"));
    await third.node.dial(one.address);
    await third.node.dial(two.address);
    await one.node.stop();
    await until("noticed", () => events.length > 0);
    await sleep(50);
    expect(events).toEqual(["connection:close"]);
    await two.node.stop();
    await until("all gone", () => events.length === 3);
    expect(events.toSorted().at(-1)).toBe("peer:disconnect");
  });
});

describe("the host set in identify", () => {
  async function seal(name: string, version: bigint, hosts: readonly string[]) {
    const { seed, publicKey } = pairOf(name);
    const record = new PeerRecord({
      peerId: peerIdOf(publicKey),
      multiaddrs: hosts.map(toMultiaddr),
      seqNumber: version,
    });
    const key = privateKeyFromRaw(concatBytes(seed, publicKey));
    return (await RecordEnvelope.seal(record, key)).marshal();
  }

  const known = async (node: Libp2p, name: string): Promise<string[]> => {
    const { addresses } = await node.peerStore.get(peerIdOf(pairOf(name).publicKey));
    return addresses.map(({ multiaddr }) => multiaddr.toString()).toSorted();
  };

  it("is the record of the own peer store, to the byte, and goes by version", async () => {
    const [quay, pier] = await Promise.all([startSubnet("quay"), startSubnet("pier")]);
    const hosts = ["/ip4/192.0.2.1/tcp/4711", "/ip4/192.0.2.2/tcp/4711"];
    const envelope = await seal("quay", 5n, hosts);
    const { peerId, peerStore } = quay.node;
    await peerStore.patch(peerId, {
      peerRecordEnvelope: envelope,
      multiaddrs: hosts.map(toMultiaddr),
    });
    const identified = new Promise((resolve) =>
      pier.node.addEventListener("peer:identify", resolve, { once: true }),
    );
    await pier.node.dial(quay.address);
    await identified;
    const store = await pier.node.peerStore.get(peerId);
    expect(Buffer.from(store.peerRecordEnvelope!).equals(envelope)).toBe(true);
    expect(await known(pier.node, "quay")).toEqual(hosts);

    const consume = async (version: bigint, list: readonly string[]): Promise<boolean> =>
      pier.node.peerStore.consumePeerRecord(await seal("quay", version, list), {
        expectedPeer: peerId,
      });
    expect(await consume(6n, hosts.slice(0, 1))).toBe(true);
    expect(await known(pier.node, "quay")).toEqual(hosts.slice(0, 1));
    expect(await consume(5n, hosts)).toBe(false);
    expect(await consume(6n, hosts)).toBe(false);
    expect(await known(pier.node, "quay")).toEqual(hosts.slice(0, 1));
  });

  it("keeps quarantined addresses out of the peer store", async () => {
    const bad = "/ip4/192.0.2.2/tcp/4711";
    const pier = await startSubnet("pier", { isQuarantined: (address) => address.startsWith(bad) });
    await pier.node.peerStore.merge(peerIdOf(pairOf("quay").publicKey), {
      multiaddrs: [toMultiaddr("/ip4/192.0.2.1/tcp/4711"), toMultiaddr(bad)],
    });
    expect(await known(pier.node, "quay")).toEqual(["/ip4/192.0.2.1/tcp/4711"]);
  });
});

describe("the private network", () => {
  it("lets nobody in without its secret", async () => {
    const [quay, pier, other] = await Promise.all([
      startSubnet("quay"),
      startSubnet("pier"),
      startSubnet("other", { secret: new Uint8Array(32).fill(8) }),
    ]);
    let opened = 0;
    quay.node.addEventListener("connection:open", () => opened++);
    await expect(
      other.node.dial(quay.address, { signal: AbortSignal.timeout(1_500) }),
    ).rejects.toThrow();
    const { node } = await startNode("outsider");
    await expect(node.dial(quay.address, { signal: AbortSignal.timeout(500) })).rejects.toThrow();
    expect(opened).toBe(0);
    await pier.node.dial(quay.address);
    await until("the member", () => opened === 1);
  });

  it("cannot be left out by an empty secret", async () => {
    await expect(startSubnet("quay", { secret: new Uint8Array() })).rejects.toMatchObject({
      code: "ERR_OVERLAY_CERTIFICATE",
    });
  });
});

describe("streams", () => {
  async function pair(handler: (stream: Stream) => void): Promise<Stream> {
    const [sender, receiver] = await Promise.all([startNode("sender"), startNode("receiver")]);
    await receiver.node.handle("/bulk", handler);
    const [host, port] = receiver.address.split(":");
    const connection = await sender.node.dial(toMultiaddr(`/ip4/${host}/tcp/${port}`));
    return connection.newStream("/bulk");
  }

  it("tell each drain by an event, and a paused reader costs no reset", async () => {
    const CHUNK = new Uint8Array(64 * 1024);
    const TOTAL = 24 * 2 ** 20;
    let taken = 0;
    let error: Error | undefined;
    const stream = await pair((inbound) => {
      inbound.addEventListener("close", (event) => (error = event.error));
      void (async () => {
        for await (const bytes of inbound) {
          inbound.pause();
          const before = taken;
          taken += bytes.byteLength;
          // Two long stops at full speed, where default windows would lead to a reset.
          if ([8, 16].some((mib) => before < mib * 2 ** 20 && taken >= mib * 2 ** 20))
            await sleep(300);
          if (inbound.readStatus === "paused") inbound.resume();
        }
      })();
    });
    let drains = 0;
    for (let sent = 0; sent < TOTAL; sent += CHUNK.length)
      if (!stream.send(CHUNK)) {
        await new Promise((resolve) => stream.addEventListener("drain", resolve, { once: true }));
        drains++;
      }
    await stream.close();
    await until("all taken", () => taken === TOTAL);
    expect(drains).toBeGreaterThan(2);
    expect(error).toBeUndefined();
  });

  it("tell the other end of an abort, and of an end of writing apart", async () => {
    const events: string[] = [];
    const streams: Stream[] = [];
    const stream = await pair((inbound) => {
      streams.push(inbound);
      inbound.addEventListener("remoteCloseWrite", () => events.push("remoteCloseWrite"));
      inbound.addEventListener("close", (event) => events.push(event.error?.name ?? "close"));
    });
    await stream.close();
    await until("heard", () => events.length > 0);
    expect(events).toEqual(["remoteCloseWrite"]);
    stream.abort(new Error("enough"));
    await until("reset", () => events.length > 1);
    expect(events[1]).toBe("StreamResetError");
  });
});

describe("peer ids", () => {
  it("carry the raw key", () => {
    const { publicKey } = pairOf("quay");
    expect(publicKeyOf(peerIdOf(publicKey))).toEqual(publicKey);
  });
});
