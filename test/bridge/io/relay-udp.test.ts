import { once } from "node:events";
import type { Socket } from "node:dgram";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { until } from "../../overlay/io/loopback.ts";
import { DATAGRAM_BYTES_MAX } from "../../../bridge/relay/datagrams.ts";
import { cleanUp, openBed, openUdp, ORIGIN } from "./relay-bed.ts";

afterEach(cleanUp);

/** Answers each datagram with itself; an empty one with an empty one. */
async function echoServer(host = "127.0.0.1"): Promise<Socket> {
  const server = await openUdp(0, host);
  server.on("message", (datagram, from) => server.send(datagram, from.port, from.address));
  return server;
}

async function ask(
  client: Socket,
  port: number,
  text: string,
  host = "127.0.0.1",
): Promise<string> {
  client.send(text, port, host);
  const [answer] = (await once(client, "message", { signal: AbortSignal.timeout(3_000) })) as [
    Buffer,
  ];
  return answer.toString();
}

describe("UDP through the relay", () => {
  it("gives each client address and port an exchange, and answers from where was asked", async () => {
    const server = await echoServer();
    const bed = openBed(server.address().port);
    const entered = await bed.enter({ protocol: "udp" });
    const [one, two] = await Promise.all([openUdp(), openUdp()]);
    expect(await Promise.all([ask(one, entered.port, "a"), ask(two, entered.port, "b")])).toEqual([
      "a",
      "b",
    ]);
    const from: number[] = [];
    one.on("message", (_, { port }) => from.push(port));
    expect(await ask(one, entered.port, "again")).toBe("again");
    expect(from).toEqual([entered.port]);
    expect(entered.statistics()).toMatchObject({ open: 2, opened: 2, failed: 0 });
  });

  it("keeps datagrams apart and whole: empty ones, the largest, several before it is open", async () => {
    const server = await echoServer();
    const entered = await openBed(server.address().port).enter({ protocol: "udp" });
    const client = await openUdp();
    const lengths: number[] = [];
    client.on("message", (bytes) => lengths.push(bytes.length));
    for (const length of [0, 1, DATAGRAM_BYTES_MAX, 1500, 0])
      client.send(Buffer.alloc(length, length), entered.port, "127.0.0.1");
    await until("all are back", () => lengths.length === 5);
    expect(lengths).toEqual([0, 1, DATAGRAM_BYTES_MAX, 1500, 0]);
  });

  it("works over IPv6", async () => {
    const server = await echoServer("::1");
    const { port } = server.address();
    const bed = openBed(port, { addresses: ["::1"] });
    const entered = await bed.enter({ protocol: "udp", ports: [20_013, 20_014, 20_015] }, ["::1"]);
    expect(await ask(await openUdp(0, "::1"), entered.port, "six", "::1")).toBe("six");
  });

  it("takes another port when the origin's number is in use", async () => {
    const server = await echoServer();
    const { port } = server.address();
    const entered = await openBed(port).enter({ protocol: "udp" });
    expect(entered.port).not.toBe(port);
  });

  it("ends an exchange that is idle, not one that is answered; the next datagram opens another", async () => {
    const server = await openUdp();
    const froms = new Set<number>();
    server.on("message", (datagram, from) => {
      froms.add(from.port);
      // One question, answers for a while: what comes back counts as use, too.
      for (let i = 1; i <= 5; i++)
        setTimeout(() => server.send(`${String(datagram)}${i}`, from.port, from.address), i * 60);
    });
    const bed = openBed(server.address().port, { entry: { idleMs: 200 } });
    const entered = await bed.enter({ protocol: "udp" });
    const client = await openUdp();
    const heard: string[] = [];
    client.on("message", (bytes) => heard.push(String(bytes)));
    client.send("q", entered.port, "127.0.0.1");
    await until("all answers are there", () => heard.length === 5);
    expect(entered.statistics().open).toBe(1);
    await until("it ended", () => entered.statistics().open === 0, 1_000);
    await until("the exporter's end did, too", () => bed.exits[0]!.statistics(ORIGIN)!.open === 0);
    client.send("r", entered.port, "127.0.0.1");
    await until("all answers are there", () => heard.length === 10);
    expect(froms.size).toBe(2);
    expect(entered.statistics()).toMatchObject({ open: 1, opened: 2 });
  });

  it("is ended by the exporter when the importer forgets to", async () => {
    const server = await echoServer();
    const bed = openBed(server.address().port, { exit: { exchangeIdleMs: 100 } });
    const entered = await bed.enter({ protocol: "udp" });
    const client = await openUdp();
    expect(await ask(client, entered.port, "a")).toBe("a");
    await until("it ended", () => entered.statistics().open === 0, 2_000);
    expect(await ask(client, entered.port, "b")).toBe("b");
  });

  it("lets the exchange that is idle longest give way, and none that is busy", async () => {
    const server = await echoServer();
    const bed = openBed(server.address().port, { entry: { exchangesMax: 2, busyMs: 150 } });
    const entered = await bed.enter({ protocol: "udp" });
    const clients = await Promise.all([openUdp(), openUdp(), openUdp()]);
    await ask(clients[0], entered.port, "a");
    await ask(clients[1], entered.port, "b");
    clients[2].send("too much", entered.port, "127.0.0.1");
    await until("it is refused", () => entered.statistics().failed === 1);
    expect(entered.statistics()).toMatchObject({ open: 2, datagramsDropped: 1 });
    expect(entered.statistics().lastProblem).toMatch(/2 exchanges are open already/);
    await sleep(200);
    await ask(clients[0], entered.port, "a");
    expect(await ask(clients[2], entered.port, "c")).toBe("c");
    expect(await ask(clients[0], entered.port, "a")).toBe("a");
    expect(entered.statistics()).toMatchObject({ opened: 3 });
    await until("the other one ended", () => entered.statistics().open === 2);
  });

  it("goes on after a service that was away for a moment", async () => {
    const server = await echoServer();
    const { port } = server.address();
    const bed = openBed(port);
    const entered = await bed.enter({ protocol: "udp" });
    const client = await openUdp();
    expect(await ask(client, entered.port, "a")).toBe("a");
    await new Promise<void>((resolve) => server.close(resolve));
    client.send("lost", entered.port, "127.0.0.1");
    await sleep(50);
    server.close = () => server; // closed here already
    const again = await openUdp(port);
    again.on("message", (datagram, from) => again.send(datagram, from.port, from.address));
    expect(await ask(client, entered.port, "b")).toBe("b");
    expect(entered.statistics()).toMatchObject({ open: 1, opened: 1 });
  });

  it("drops what does not fit while the exporter does not read, and holds little", async () => {
    const server = await echoServer();
    const bed = openBed(server.address().port);
    bed.overlay.hung.add("exporter");
    const entered = await bed.enter({ protocol: "udp" });
    const client = await openUdp();
    for (let i = 0; i < 100; i++) client.send(Buffer.alloc(1000), entered.port, "127.0.0.1");
    await until("the rest is dropped", () => entered.statistics().datagramsDropped >= 60);
    await entered.close();
    expect(entered.statistics()).toMatchObject({ open: 0, bytesToService: 0 });
  });

  it("cuts exchanges when the rule goes", async () => {
    const server = await echoServer();
    const bed = openBed(server.address().port);
    const entered = await bed.enter({ protocol: "udp" });
    const client = await openUdp();
    await ask(client, entered.port, "a");
    bed.exits[0]!.withdraw(ORIGIN);
    await until("it ended", () => entered.statistics().open === 0);
    bed.resolution = { type: "unknown", reason: "exported no more" };
    client.send("b", entered.port, "127.0.0.1");
    await until("it is refused", () => entered.statistics().failed === 1);
    expect(entered.statistics().lastProblem).toBe("exporter exporter: exported no more");
  });

  it("is asked for once a second, however fast a client sends to what is refused", async () => {
    const server = await echoServer();
    const bed = openBed(server.address().port);
    bed.resolution = { type: "refused", reason: "the rule names others" };
    const entered = await bed.enter({ protocol: "udp" });
    const client = await openUdp();
    for (let i = 0; i < 60; i++) {
      client.send("a", entered.port, "127.0.0.1");
      await sleep(5);
    }
    expect(bed.overlay.dials.length).toBe(1);
    await until("others are dropped", () => entered.statistics().datagramsDropped > 50);
    bed.resolution = { type: "target", addresses: ["127.0.0.1"], port: server.address().port };
    await sleep(1000);
    expect(await ask(client, entered.port, "b")).toBe("b");
  });
});
