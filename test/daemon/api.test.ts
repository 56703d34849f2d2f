import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, request as httpRequest } from "node:http";
import type { IncomingMessage } from "node:http";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { callApi, callApiLines } from "../../daemon/api/client.ts";
import { claimSocket } from "../../daemon/api/socket.ts";
import { loadConfig } from "../../daemon/config/load.ts";
import { startDaemon } from "../../daemon/daemon.ts";
import type { Daemon } from "../../daemon/daemon.ts";
import { OverlayError } from "../../overlay/index.ts";
import { SILENT } from "../../platform/logger.ts";
import { createFakeOverlay } from "./fixtures/fake-overlay.ts";
import type { FakeOverlay } from "./fixtures/fake-overlay.ts";

const KEY = "ab".repeat(32);

let directory: string;
let socket: string;
let overlay: FakeOverlay;
let daemon: Daemon;
let forgotten: string[];
const logged: string[] = [];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "causeway-api-"));
  socket = join(directory, "run", "api.sock");
  overlay = createFakeOverlay();
  forgotten = [];
  logged.length = 0;
  daemon = await start();
});

afterEach(async () => {
  await daemon.stop("down");
  await daemon.stopped;
  rmSync(directory, { recursive: true, force: true });
});

function start(): Promise<Daemon> {
  const file = join(directory, "causeway.yaml");
  const flags = { socket, state: join(directory, "state") };
  const reread = () => loadConfig({ file, isRequired: false, flags });
  return startDaemon(
    { config: reread(), token: null, reread },
    {
      log: { ...SILENT, error: (event) => void logged.push(event), setLevel: () => {} },
      startOverlay: () => Promise.resolve(overlay),
      startBridge: undefined,
      forgetState: async (path) => void forgotten.push(path),
    },
  );
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly text: string;
  readonly json: { error?: { code: string; message: string } } & Record<string, unknown>;
}

/** Asks with Node's own client, so that the server is not only tested against ours. */
async function ask(method: string, path: string, body?: Uint8Array | string): Promise<Answer> {
  const request = httpRequest({ socketPath: socket, method, path });
  request.end(body);
  const [response] = (await once(request, "response")) as [IncomingMessage];
  let text = "";
  for await (const part of response.setEncoding("utf8")) text += part;
  const isJson = response.headers["content-type"]?.includes("application/json") === true;
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    text,
    json: isJson ? (JSON.parse(text) as Answer["json"]) : {},
  };
}

describe("views", () => {
  it("shows what `status --json` promises", async () => {
    const { status, json } = await ask("GET", "/v1/status");
    expect(status).toBe(200);
    expect(json).toMatchObject({
      host: { id: expect.any(String) },
      subnet: { id: expect.any(String), hosts: [{ isSelf: true }], joinedVia: "created" },
      overlay: { subnets: 1 },
      routing: { entries: [{ subnet: expect.any(String), hosts: [expect.any(String)] }] },
      bootstrap: { contacts: 0 },
      records: { owned: 0, copies: 0 },
      health: "healthy",
      daemon: { pid: process.pid, socket },
    });
  });

  it("lists hosts, subnets and findings", async () => {
    expect((await ask("GET", "/v1/hosts")).json["hosts"]).toMatchObject([
      { subnet: "b".repeat(52) },
    ]);
    expect((await ask("GET", "/v1/subnets")).json["subnets"]).toMatchObject([
      { hostSetVersion: "1", isSelf: true },
    ]);
    expect((await ask("GET", "/v1/explain")).json["findings"]).toMatchObject([
      { code: "clock-skew" },
    ]);
    expect((await ask("GET", "/v1/config")).json).toMatchObject({ port: 4777, socket });
  });

  it("tells isolated from healthy by status too", async () => {
    expect(await ask("GET", "/health")).toMatchObject({ status: 200, json: { health: "healthy" } });
    overlay.health = "isolated";
    const answer = await ask("GET", "/health");
    expect(answer).toMatchObject({ status: 503, json: { health: "isolated" } });
    expect(answer.json["reason"]).not.toBe("");
  });

  it("serves metrics until they are turned off", async () => {
    const { text, headers } = await ask("GET", "/metrics");
    expect(headers["content-type"]).toContain("text/plain");
    expect(text).toContain("daemon_is_healthy 1");
    await ask("GET", "/nowhere");
    expect((await ask("GET", "/metrics")).text).toContain(
      'daemon_api_requests_total{status="404"} 1',
    );
    writeFileSync(join(directory, "causeway.yaml"), "metrics: false\n");
    expect((await ask("POST", "/v1/reload")).json).toEqual({
      changed: ["metrics"],
      needRestart: [],
    });
    expect((await ask("GET", "/metrics")).status).toBe(404);
  });
});

describe("records", () => {
  it("puts, gets, looks up and removes", async () => {
    const put = await ask("PUT", `/v1/records/${KEY}?slot=s&ttlMs=5000&copies=all`, "héllo");
    expect(put.json).toEqual({ key: KEY, version: 1, storedOn: ["b".repeat(52)], tookMs: 1.23 });
    expect(overlay.puts).toEqual([{ slot: "s", ttlMs: 5000, copies: { type: "all" } }]);
    const got = await ask("GET", `/v1/records/${KEY.toUpperCase()}`);
    expect(got.json).toEqual({
      key: KEY,
      records: [
        {
          // Base32 of 32 bytes of 7.
          publisher: "a4dqobyha4dqobyha4dqobyha4dqobyha4dqobyha4dqobyha4dq",
          slot: "s",
          version: 1,
          value: "héllo",
          expiresInMs: 5000,
        },
      ],
      tookMs: 2.35,
    });
    const { json } = await ask("GET", `/v1/lookup/${KEY}`);
    expect(json).toMatchObject({ records: 1, path: [{ ms: 1.5, resolvedBy: "multicast" }] });
    expect((await ask("DELETE", `/v1/records/${KEY}?slot=s`)).json["removed"]).toBe(true);
    expect((await ask("DELETE", `/v1/records/${KEY}?slot=s`)).json["removed"]).toBe(false);
  });

  it("shows bytes that are no UTF-8 as base64, and a BOM as it is", async () => {
    await ask("PUT", `/v1/records/${KEY}?slot=a`, new Uint8Array([0xff, 0]));
    await ask("PUT", `/v1/records/${KEY}?slot=b`, "\uFEFFx");
    const { json } = await ask("GET", `/v1/records/${KEY}`);
    expect(json["records"]).toMatchObject([{ valueBase64: "/wA=" }, { value: "\uFEFFx" }]);
  });

  it("hashes a key given as text", async () => {
    // SHA-256 of "abc": FIPS 180-2, appendix B.1.
    const { json } = await ask("GET", "/v1/records/text:%61bc");
    expect(json["key"]).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  });

  it("leaves defaults to the overlay", async () => {
    await ask("PUT", `/v1/records/${KEY}`, "x");
    expect(overlay.puts).toEqual([{ slot: "" }]);
  });

  it("takes 4096 bytes and refuses one more, however they are announced", async () => {
    expect((await ask("PUT", `/v1/records/${KEY}`, "x".repeat(4096))).status).toBe(200);
    const large = await ask("PUT", `/v1/records/${KEY}`, "x".repeat(4097));
    expect(large).toMatchObject({
      status: 413,
      json: { error: { code: "ERR_REQUEST_TOO_LARGE" } },
    });
    const request = httpRequest({ socketPath: socket, method: "PUT", path: `/v1/records/${KEY}` });
    // Without a length, in chunks.
    request.write("x".repeat(3000));
    request.end("x".repeat(3000));
    const [response] = (await once(request, "response")) as [IncomingMessage];
    expect(response.statusCode).toBe(413);
    response.resume();
    expect(overlay.calls).toEqual(["put"]);
  });

  it("passes the overlay's errors on, and hides what it did not foresee", async () => {
    overlay.failWith = new OverlayError("ERR_OVERLAY_TIMEOUT", "no answer");
    expect(await ask("GET", `/v1/records/${KEY}`)).toMatchObject({
      status: 504,
      json: { error: { code: "ERR_OVERLAY_TIMEOUT", message: "no answer" } },
    });
    overlay.failWith = new TypeError("secret is not a function");
    const { status, text } = await ask("GET", `/v1/records/${KEY}`);
    expect(status).toBe(500);
    expect(text).not.toContain("secret");
    expect(logged).toEqual(["api request failed"]);
  });
});

describe("watch", () => {
  it("streams what is there and each change, until the client leaves", async () => {
    await ask("PUT", `/v1/records/${KEY}`, "one");
    const leaving = new AbortController();
    const { signal } = leaving;
    const lines = callApiLines<{ type: string; value?: string }>({
      socket,
      method: "GET",
      path: `/v1/watch/${KEY}`,
      signal,
    });
    expect((await lines.next()).value).toMatchObject({ type: "put", key: KEY, value: "one" });
    await ask("PUT", `/v1/records/${KEY}`, "two");
    expect((await lines.next()).value).toMatchObject({ type: "put", value: "two" });
    await ask("DELETE", `/v1/records/${KEY}`);
    expect((await lines.next()).value).toMatchObject({ type: "remove", version: 3 });
    leaving.abort();
    expect((await lines.next()).done).toBe(true);
    await expect.poll(() => overlay.calls.at(-1)).toBe("watch-end");
  });

  it("ends with the daemon", async () => {
    const lines = callApiLines({ socket, method: "GET", path: `/v1/watch/${KEY}` });
    const next = lines.next();
    await expect.poll(() => overlay.calls).toContain("watch");
    await ask("POST", "/v1/down");
    expect((await next).done).toBe(true);
  });

  it("tells an error as its last line", async () => {
    overlay.failWith = new OverlayError("ERR_OVERLAY_NOT_JOINED", "not yet");
    const { status, text } = await ask("GET", `/v1/watch/${KEY}`);
    expect(status).toBe(200);
    expect(JSON.parse(text)).toEqual({
      type: "error",
      code: "ERR_OVERLAY_NOT_JOINED",
      message: "not yet",
    });
  });
});

describe("bad requests", () => {
  it.each([
    ["GET", "/", 404, "ERR_REQUEST_PATH"],
    ["GET", "/v1/records/", 400, "ERR_REQUEST_KEY"],
    ["GET", "/v1/records/..%2f..%2fetc", 400, "ERR_REQUEST_KEY"],
    ["GET", `/v1/records/${KEY}0`, 400, "ERR_REQUEST_KEY"],
    ["GET", "/v1/records/text:", 400, "ERR_REQUEST_KEY"],
    ["GET", "/v1/records/text:%ff", 400, "ERR_REQUEST_KEY"],
    ["GET", `/v1/records/${KEY}/x`, 404, "ERR_REQUEST_PATH"],
    ["GET", `//${KEY}`, 404, "ERR_REQUEST_PATH"],
    ["POST", "/v1/status", 405, "ERR_REQUEST_METHOD"],
    ["PATCH", `/v1/records/${KEY}`, 405, "ERR_REQUEST_METHOD"],
    ["GET", `/v1/records/${KEY}?x=1`, 400, "ERR_REQUEST_QUERY"],
    ["PUT", `/v1/records/${KEY}?ttlMs=999`, 400, "ERR_REQUEST_QUERY"],
    ["PUT", `/v1/records/${KEY}?ttlMs=`, 400, "ERR_REQUEST_QUERY"],
    ["PUT", `/v1/records/${KEY}?ttlMs=1e400`, 400, "ERR_REQUEST_QUERY"],
    ["PUT", `/v1/records/${KEY}?copies=0`, 400, "ERR_REQUEST_QUERY"],
    ["PUT", `/v1/records/${KEY}?slot=a&slot=b`, 400, "ERR_REQUEST_QUERY"],
    ["PUT", `/v1/records/${KEY}?slot=${"s".repeat(65)}`, 400, "ERR_REQUEST_QUERY"],
  ])("answers %s %s with %i %s", async (method, path, status, code) => {
    const answer = await ask(method, path);
    expect(answer).toMatchObject({ status, json: { error: { code } } });
    expect(overlay.calls).toEqual([]);
  });

  it.each([
    ["/v1/token", "{", "ERR_REQUEST_BODY"],
    ["/v1/token", "[]", "ERR_REQUEST_BODY"],
    ["/v1/token", '{"mayAdmit":1}', "ERR_REQUEST_BODY"],
    ["/v1/token", '{"ttlMs":"1"}', "ERR_REQUEST_QUERY"],
    ["/v1/token", '{"admit":true}', "ERR_REQUEST_BODY"],
    ["/v1/admit", "{}", "ERR_REQUEST_BODY"],
    ["/v1/admit", '{"host":""}', "ERR_REQUEST_BODY"],
    ["/v1/admit", '{"host":"desk","mayAdmit":"no"}', "ERR_REQUEST_BODY"],
    ["/v1/revoke", '{"host":7}', "ERR_REQUEST_BODY"],
    ["/v1/revoke", '{"host":"desk","with":true}', "ERR_REQUEST_BODY"],
    ["/v1/leave", '{"forget":"yes"}', "ERR_REQUEST_BODY"],
    ["/v1/down", '{"forget":true}', "ERR_REQUEST_BODY"],
  ])("answers POST %s with body %s by 400 %s", async (path, body, code) => {
    expect(await ask("POST", path, body)).toMatchObject({ status: 400, json: { error: { code } } });
    expect(overlay.calls).toEqual([]);
  });

  it("survives what is no HTTP at all, and clients that break off", async () => {
    for (const bytes of [
      "\0\0\0\0",
      "GET\r\n\r\n",
      `GET ${"/".repeat(100_000)} HTTP/1.1\r\n\r\n`,
      "PUT /v1/records/x HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
      "POST /v1/token HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{",
      "GET /v1/status HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nzz",
      "CONNECT a:1 HTTP/1.1\r\n\r\n",
      "GET /v1/status HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
    ]) {
      const client = connect(socket);
      client.on("error", () => {});
      client.end(bytes);
      client.resume();
      await new Promise((resolve) => client.once("close", resolve));
    }
    expect((await ask("GET", "/v1/status")).status).toBe(200);
  });
});

describe("control", () => {
  it("lists who waits, lets in and takes out", async () => {
    const waiting = { id: "d".repeat(52), name: "newcomer", address: "10.0.0.9", waitingMs: 1500 };
    expect((await ask("GET", "/v1/pending")).json).toEqual({ pending: [waiting] });
    const admitted = await ask("POST", "/v1/admit", '{"host":"newcomer","mayAdmit":false}');
    expect(admitted).toMatchObject({ status: 200, json: { admitted: waiting, mayAdmit: false } });
    await ask("POST", "/v1/admit", '{"host":"dddd"}');
    const { json } = await ask("POST", "/v1/revoke", '{"host":"desk"}');
    expect(json["revoked"]).toMatchObject({ name: "desk", kept: 2, alsoRemoved: 0 });
    await ask("POST", "/v1/revoke", '{"host":"desk","withAdmitted":true}');
    expect(overlay.calls.filter((call) => /^admit|^revoke/.test(call))).toEqual([
      "admit newcomer false",
      "admit dddd true",
      "revoke desk true",
      "revoke desk false",
    ]);
  });

  it("makes tokens", async () => {
    expect((await ask("POST", "/v1/token")).json["token"]).toBe("token-true-86400000");
    const { json } = await ask("POST", "/v1/token", '{"mayAdmit":false,"ttlMs":60000}');
    expect(json).toEqual({ token: "token-false-60000", mayAdmit: false, expiresInMs: 60_000 });
  });

  it("keeps the old configuration when the new one is bad", async () => {
    writeFileSync(join(directory, "causeway.yaml"), "log: {level: loud}\n");
    const answer = await ask("POST", "/v1/reload");
    expect(answer).toMatchObject({ status: 400, json: { error: { code: "ERR_CONFIG" } } });
    expect((await ask("GET", "/v1/config")).json["log.level"]).toBe("info");
    writeFileSync(join(directory, "causeway.yaml"), "log: {level: debug}\nport: 1\n");
    const { json } = await ask("POST", "/v1/reload");
    expect(json).toEqual({ changed: ["log.level"], needRestart: ["port"] });
    expect((await ask("GET", "/v1/config")).json).toMatchObject({
      "log.level": "debug",
      port: 4777,
    });
  });

  it("goes down once, keeping the state", async () => {
    // The second may come when the daemon is gone already, and then finds its connection cut.
    const asked = await Promise.allSettled([ask("POST", "/v1/down"), ask("POST", "/v1/down")]);
    await daemon.stopped;
    const answers = asked.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    expect(answers.length).toBeGreaterThan(0);
    for (const { status, text } of answers) {
      expect(status).toBe(202);
      expect(
        text
          .trim()
          .split("\n")
          .map((line) => JSON.parse(line) as unknown),
      ).toEqual([{ stopping: true, pid: process.pid }, { stopped: true }]);
    }
    expect(overlay.calls).toEqual(["stop"]);
    expect(existsSync(socket)).toBe(false);
    expect(existsSync(join(directory, "state", "state-version"))).toBe(true);
  });

  it("leaves, and wipes the state when asked to", async () => {
    await ask("POST", "/v1/leave", '{"forget":true}');
    await daemon.stopped;
    expect(overlay.calls).toEqual(["leave", "stop"]);
    expect(forgotten).toEqual([join(directory, "state")]);
    expect(existsSync(join(directory, "state"))).toBe(false);
  });

  it("says so when something goes wrong while stopping, and stops all the same", async () => {
    overlay.stop = () => Promise.reject(new Error("neighbours gone"));
    const { text } = await ask("POST", "/v1/down");
    expect(text).toContain('{"stopped":true,"problem":"neighbours gone"}');
    await daemon.stopped;
  });
});

describe("socket", () => {
  it("is for owner and group only", () => {
    expect(statSync(socket).mode & 0o777).toBe(0o660);
    expect(statSync(join(directory, "run")).mode & 0o777).toBe(0o750);
    expect(statSync(join(directory, "state")).mode & 0o777).toBe(0o750);
  });

  it("is not taken from a daemon that lives", async () => {
    await expect(claimSocket(socket)).rejects.toThrow(`a daemon already runs at ${socket}`);
    await expect(start()).rejects.toThrow(/a daemon already runs on the state directory/);
    expect((await ask("GET", "/v1/status")).status).toBe(200);
  });

  it("is not made where another file stands", async () => {
    const path = join(directory, "file");
    writeFileSync(path, "x");
    await expect(claimSocket(path)).rejects.toThrow(/exists and is no socket/);
  });

  it("leaves nothing behind when the overlay cannot start", async () => {
    await daemon.stop("down");
    await daemon.stopped;
    const file = join(directory, "none.yaml");
    const reread = () =>
      loadConfig({ file, isRequired: false, flags: { socket, state: join(directory, "state") } });
    const failing = startDaemon(
      { config: reread(), token: null, reread },
      {
        log: { ...SILENT, setLevel: () => {} },
        startOverlay: () =>
          Promise.reject(new OverlayError("ERR_OVERLAY_PORT", "port 4777 is taken")),
      },
    );
    await expect(failing).rejects.toThrow("port 4777 is taken");
    expect(existsSync(socket)).toBe(false);
    daemon = await start();
    expect((await ask("GET", "/v1/status")).status).toBe(200);
  });
});

describe("client", () => {
  const call = (path: string) => callApi({ socket: path, method: "GET", path: "/v1/status" });

  it("says that there is no daemon, and what to do", async () => {
    const absent = join(directory, "absent.sock");
    await expect(call(absent)).rejects.toThrow(`no daemon at ${absent}; start one with`);
  });

  it("gives the daemon's own error", async () => {
    const put = { socket, method: "PUT", body: Buffer.alloc(5000) } as const;
    await expect(callApi({ ...put, path: `/v1/records/${KEY}` })).rejects.toMatchObject({
      code: "ERR_REQUEST_TOO_LARGE",
      status: 413,
    });
  });

  it.each([
    ["ends at once", ""],
    ["ends within the head", "HTTP/1.1 200 OK\r\nContent-"],
    ["ends within the body", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}"],
    ["speaks something else", "SSH-2.0-OpenSSH\r\n\r\n"],
    ["sends no JSON", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno"],
    ["fails without JSON", "HTTP/1.1 502 Bad\r\nContent-Length: 2\r\n\r\nno"],
  ])("fails cleanly when the other end %s", async (_, bytes) => {
    const path = join(directory, "odd.sock");
    const server = createServer().removeAllListeners("connection");
    server.on("connection", (other: Socket) => other.end(bytes));
    server.listen(path);
    await once(server, "listening");
    await expect(call(path)).rejects.toMatchObject({ code: "ERR_DAEMON_ANSWER" });
    server.close();
  });

  it("says so when the socket may not be opened", { skip: process.getuid?.() === 0 }, async () => {
    chmodSync(socket, 0);
    await expect(call(socket)).rejects.toThrow(/may not be opened by this user/);
  });
});
