import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { BridgeError } from "../../../bridge/errors.ts";
import { encodeOpenRequest, RELAY_PROTOCOL, withLength } from "../../../bridge/relay/opening.ts";
import { until } from "../../overlay/io/loopback.ts";
import { WINDOW_BYTES } from "./memory-streams.ts";
import {
  askOn,
  cleanUp,
  closeOf,
  dialTcp,
  echo,
  enterEcho,
  openBed,
  ORIGIN,
  readToEnd,
  refusedAt,
  type RelayBed,
  serve,
} from "./relay-bed.ts";

afterEach(cleanUp);

const MB = 1_000_000;

/** Writes as fast as the other end takes it, and counts. */
function flood(socket: Socket, sent: { bytes: number }): void {
  const chunk = Buffer.alloc(65_536);
  const fill = (): void => {
    while (sent.bytes < 200 * MB && !socket.destroyed) {
      sent.bytes += chunk.length;
      if (!socket.write(chunk)) return void socket.once("drain", fill);
    }
  };
  fill();
}

/** A flood comes to a standstill, and the relay holds little of it. */
async function expectHeldBack(sent: { readonly bytes: number }, bed: RelayBed): Promise<void> {
  let before = -1;
  while (before !== sent.bytes) {
    before = sent.bytes;
    await sleep(200);
  }
  expect(sent.bytes).toBeLessThan(40 * MB); // the kernel's buffers of two connections, mostly
  const held = Math.max(...bed.overlay.pipes.map(({ mostBytes }) => mostBytes));
  expect(held).toBeLessThan(2 * WINDOW_BYTES);
}

describe("TCP through the relay", () => {
  it("carries 100 MB either way, and their hashes are equal", async () => {
    const chunk = randomBytes(MB);
    const expected = createHash("sha256");
    for (let i = 0; i < 100; i++) expected.update(chunk);
    const wanted = expected.digest("hex");
    const { port } = await serve(async (socket) => {
      const upload = createHash("sha256");
      socket.on("data", (bytes: Buffer) => upload.update(bytes));
      await once(socket, "end");
      socket.write(upload.digest());
      for (let i = 0; i < 100; i++) if (!socket.write(chunk)) await once(socket, "drain");
      socket.end();
    });
    const bed = openBed(port);
    const entered = await bed.enter();
    const client = await dialTcp(entered.port);
    const received = createHash("sha256");
    const answers: Buffer[] = [];
    client.on("data", (bytes: Buffer) => {
      if (answers.length === 0) {
        answers.push(bytes.subarray(0, 32));
        received.update(bytes.subarray(32));
      } else received.update(bytes);
    });
    const end = once(client, "end");
    for (let i = 0; i < 100; i++) if (!client.write(chunk)) await once(client, "drain");
    client.end();
    await end;
    expect(answers[0]!.toString("hex")).toBe(wanted);
    expect(received.digest("hex")).toBe(wanted);
    const said = entered.statistics();
    expect([said.bytesToService, said.bytesFromService]).toEqual([100 * MB, 100 * MB + 32]);
    await until("it is closed", () => entered.statistics().open === 0);
    expect(bed.exits[0]!.statistics(ORIGIN)).toMatchObject({ opened: 1, open: 0, failed: 0 });
  });

  it("ends each way by itself: an answer comes after the client has ended, and the reverse", async () => {
    const heard: string[] = [];
    const { port } = await serve(async (socket) => {
      socket.write("hello ");
      heard.push(await readToEnd(socket));
      socket.end("bye");
    });
    const entered = await openBed(port).enter();
    const client = await dialTcp(entered.port);
    client.end("question");
    expect(await readToEnd(client)).toBe("hello bye");
    expect(heard).toEqual(["question"]);

    const first = await serve((socket) => {
      socket.end("only this");
      socket.on("data", (bytes) => heard.push(String(bytes)));
    });
    const other = await openBed(first.port).enter();
    const talker = await dialTcp(other.port);
    expect(await readToEnd(talker)).toBe("only this");
    talker.write("still there");
    await until("the server hears it", () => heard.includes("still there"));
    expect(other.statistics().open).toBe(1);
    talker.end();
    await until("it is closed", () => other.statistics().open === 0);
  });

  it("holds the service back while a client does not read, and holds little itself", async () => {
    const sent = { bytes: 0 };
    const { port } = await serve((socket) => flood(socket, sent));
    const bed = openBed(port);
    const entered = await bed.enter();
    const client = await dialTcp(entered.port);
    client.pause();
    await expectHeldBack(sent, bed);
    const { bytesFromService } = entered.statistics();
    client.resume();
    await until(
      "it goes on",
      () => entered.statistics().bytesFromService > bytesFromService + 50 * MB,
    );
  });

  it("holds a client back while the service does not read", async () => {
    const sockets: Socket[] = [];
    const { port } = await serve((socket) => {
      socket.pause();
      sockets.push(socket);
    });
    const bed = openBed(port);
    const entered = await bed.enter();
    const client = await dialTcp(entered.port);
    const sent = { bytes: 0 };
    flood(client, sent);
    await expectHeldBack(sent, bed);
    sockets[0]!.resume();
    await until("it goes on", () => entered.statistics().bytesToService > 80 * MB);
  });

  it("passes a reset on, from either end", async () => {
    const sockets: Socket[] = [];
    const { port } = await serve((socket) => sockets.push(socket));
    const entered = await openBed(port).enter();
    const one = await dialTcp(entered.port);
    await until("the service has it", () => sockets.length === 1);
    sockets[0]!.resetAndDestroy();
    expect(await closeOf(one)).toMatchObject({ code: "ECONNRESET" });
    const two = await dialTcp(entered.port);
    await until("the service has it", () => sockets.length === 2);
    const closed = closeOf(sockets[1]!);
    two.resetAndDestroy();
    expect(await closed).toMatchObject({ code: "ECONNRESET" });
    await until("nothing is open", () => entered.statistics().open === 0);
  });

  it("resets clients when the exporter is lost", async () => {
    const { bed, entered } = await enterEcho();
    const client = await dialTcp(entered.port);
    await askOn(client, "x");
    bed.overlay.kill("exporter");
    expect(await closeOf(client)).toMatchObject({ code: "ECONNRESET" });
    await refusedAt(entered.port);
    expect(entered.statistics()).toMatchObject({ open: 0, opened: 1, failed: 1 });
    expect(entered.statistics().lastProblem).toMatch(/exporter is not reached/);
  });

  it("works over IPv6, at both ends", async () => {
    const { port } = await serve(echo, "::1");
    const bed = openBed(port, { addresses: ["::1"] });
    const entered = await bed.enter({ ports: [port, port + 1, 20_011] }, ["::1"]);
    const client = await dialTcp(entered.port, "::1");
    client.end("over six");
    expect(await readToEnd(client)).toBe("over six");
  });
});

describe("which port", () => {
  it("is the origin's number where it is free, else one that follows from the origin", async () => {
    const { port, server } = await serve(echo);
    const bed = openBed(port);
    const first = await bed.enter();
    expect(first.port).not.toBe(port); // taken by the service itself
    await first.close();
    const again = await bed.enter();
    expect(again.port).toBe(first.port);
    await again.close();
    server.close();
    expect((await bed.enter()).port).toBe(port);
  });

  it("says which service it is about when every port is taken", async () => {
    const { port } = await serve(echo);
    const entering = openBed(port).enter({ ports: [port] });
    await expect(entering).rejects.toThrow(BridgeError);
    await expect(entering).rejects.toThrow(/no port for "Test \(_test\._tcp\)" at 127\.0\.0\.1/);
  });

  it("follows the addresses of the host; connections at one that stays, stay", async () => {
    const { bed, entered } = await enterEcho();
    const client = await dialTcp(entered.port);
    await askOn(client, "a");
    await bed.entry.setAddresses(["127.0.0.1", "127.0.0.2"]);
    const other = await dialTcp(entered.port, "127.0.0.2");
    await askOn(other, "b");
    await bed.entry.setAddresses(["127.0.0.2"]);
    expect(await closeOf(client)).toMatchObject({ code: "ECONNRESET" });
    expect(await askOn(other, "c")).toBe("c");
    await expect(dialTcp(entered.port)).rejects.toThrow(/ECONNREFUSED/);
  });
});

describe("who may", () => {
  it("a member whom no rule names opens no stream: nothing is dialled", async () => {
    let connections = 0;
    const { port } = await serve(() => connections++);
    const bed = openBed(port);
    const stranger = bed.overlay.host("stranger");
    const stream = await stranger.dial("exporter", RELAY_PROTOCOL, AbortSignal.timeout(1000));
    await stream.write(withLength(encodeOpenRequest({ protocol: "tcp", origin: ORIGIN })));
    const answer: Uint8Array[] = [];
    for await (const bytes of stream.bytes) answer.push(bytes);
    await stream.closeWrite();
    expect(Buffer.concat(answer)[1]).toBe(2);
    expect(Buffer.concat(answer).subarray(2).toString()).toBe("no rule names you");
    await sleep(50);
    expect(connections).toBe(0);
  });

  it("is told to the importer, which asks the other exporters first", async () => {
    const { bed, entered } = await enterEcho({ exporters: ["one", "two"] });
    bed.resolution = { type: "refused", reason: "the rule names others" };
    await refusedAt(entered.port);
    expect(entered.statistics()).toMatchObject({ opened: 0, failed: 1 });
    expect(entered.statistics().lastProblem).toBe("exporter two: the rule names others");
    expect(bed.overlay.dials).toEqual(["importer one", "importer two"]);
  });

  it("cuts what runs when the rule no longer allows it, and nothing else", async () => {
    const { bed, entered } = await enterEcho();
    const client = await dialTcp(entered.port);
    await askOn(client, "x");
    bed.exits[0]!.recheck();
    expect(await askOn(client, "y")).toBe("y");
    bed.resolution = { type: "refused", reason: "withdrawn" };
    bed.exits[0]!.recheck();
    expect(await closeOf(client)).toMatchObject({ code: "ECONNRESET" });
  });

  it("goes to no address off the link, whatever the link announces", async () => {
    const { port, bed, entered } = await enterEcho();
    bed.resolution = { type: "target", addresses: ["10.9.8.7", "192.0.2.1"], port };
    await refusedAt(entered.port);
    expect(entered.statistics().lastProblem).toMatch(
      /no address of the service is on the link lo: 10/,
    );
  });

  it("ends a stream that does not say what it wants, or says it wrongly", async () => {
    const { port } = await serve(echo);
    const bed = openBed(port, { exit: { openingMs: 100 } });
    const streams = bed.overlay.host("importer");
    const silent = await streams.dial("exporter", RELAY_PROTOCOL, AbortSignal.timeout(1000));
    await expect(silent.bytes[Symbol.asyncIterator]().next()).rejects.toThrow(/reset/);
    const wrong = await streams.dial("exporter", RELAY_PROTOCOL, AbortSignal.timeout(1000));
    await wrong.write(Uint8Array.of(2, 9, 9));
    await expect(wrong.bytes[Symbol.asyncIterator]().next()).rejects.toThrow(/reset/);
  });
});

describe("which exporter", () => {
  it("is the next one when the first is not reached or hangs", async () => {
    const { bed, entered } = await enterEcho({
      exporters: ["one", "two"],
      entry: { staggerMs: 100 },
    });
    bed.overlay.kill("one");
    const client = await dialTcp(entered.port);
    expect(await askOn(client, "by two")).toBe("by two");
    bed.overlay.hung.add("one");
    const startedMs = performance.now();
    const other = await dialTcp(entered.port);
    expect(await askOn(other, "by two again")).toBe("by two again");
    expect(performance.now() - startedMs).toBeLessThan(1_000);
    expect(entered.statistics()).toMatchObject({ opened: 2, failed: 0 });
  });

  it("gives up when all hang, and when the service does not answer, with the cause", async () => {
    const { server, bed, entered } = await enterEcho({ entry: { staggerMs: 50, openMs: 300 } });
    bed.overlay.hung.add("exporter");
    await refusedAt(entered.port);
    expect(entered.statistics().lastProblem).toMatch(/not reached: no answer in 0\.3 s/);
    bed.overlay.hung.clear();
    server.close();
    await refusedAt(entered.port);
    expect(entered.statistics().lastProblem).toMatch(/does not answer: .*ECONNREFUSED/);
    expect(bed.exits[0]!.statistics(ORIGIN)).toMatchObject({ opened: 0, failed: 1, open: 0 });
  });
});

describe("caps", () => {
  it("of a client and of a service refuse what is too much, and let in again what fits", async () => {
    const { entered } = await enterEcho({ entry: { perPeerMax: 2 } });
    const clients = [await dialTcp(entered.port), await dialTcp(entered.port)];
    await until("both are open", () => entered.statistics().open === 2);
    await refusedAt(entered.port);
    expect(entered.statistics()).toMatchObject({ open: 2, failed: 1 });
    expect(entered.statistics().lastProblem).toMatch(/2 connections of 127\.0\.0\.1/);
    clients[0]!.destroy();
    await until("one is free", () => entered.statistics().open === 1);
    const next = await dialTcp(entered.port);
    expect(await askOn(next, "in")).toBe("in");
  });

  it("of the exporter are told to the importer", async () => {
    const { entered } = await enterEcho({ exit: { perServiceMax: 1 } });
    const client = await dialTcp(entered.port);
    await askOn(client, "x");
    await refusedAt(entered.port);
    expect(entered.statistics().lastProblem).toMatch(
      /exporter exporter: 1 connections to this service/,
    );
  });

  it("closing cuts all that is open and frees the port", async () => {
    const { bed, entered } = await enterEcho();
    const client = await dialTcp(entered.port);
    await askOn(client, "x");
    await entered.close();
    expect(await closeOf(client)).toMatchObject({ code: "ECONNRESET" });
    await expect(dialTcp(entered.port)).rejects.toThrow(/ECONNREFUSED/);
    expect((await bed.enter()).port).toBe(entered.port);
  });
});

describe("spare streams", () => {
  it("save the dial for the connection after the next one, and are made only when one was used", async () => {
    const { bed, entered } = await enterEcho();
    await sleep(20);
    expect(bed.overlay.dials).toHaveLength(0);
    await askOnce(entered.port);
    await until("a spare is there", () => bed.overlay.dials.length === 2);
    bed.overlay.holdsDials = true; // whoever dials now waits
    expect(await askOnce(entered.port)).toBe("x");
    bed.overlay.holdsDials = false;
  });

  it("that broke while they waited are not noticed by clients", async () => {
    const { bed, entered } = await enterEcho();
    await askOnce(entered.port);
    await until("a spare is there", () => bed.overlay.dials.length === 2);
    await sleep(5);
    bed.overlay.breakStreams();
    expect(await askOnce(entered.port)).toBe("x");
    expect(entered.statistics()).toMatchObject({ opened: 2, failed: 0 });
  });
});

async function askOnce(port: number): Promise<string> {
  const client = await dialTcp(port);
  client.end("x");
  return readToEnd(client);
}
