/** What people and programs say to the bridge: commands, API, configuration. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ZeroconfService } from "../../bridge/index.ts";
import { callApi, callApiLines } from "../../daemon/api/client.ts";
import { loadConfig } from "../../daemon/config/load.ts";
import { printConfig } from "../../daemon/config/print.ts";
import { startDaemon } from "../../daemon/daemon.ts";
import type { Daemon } from "../../daemon/daemon.ts";
import { SILENT } from "../../platform/logger.ts";
import { utf8 } from "../../platform/bytes.ts";
import { runCaptured, runJsonCaptured, type CapturedRun } from "./fixtures/captured-run.ts";
import { createFakeOverlay } from "./fixtures/fake-overlay.ts";
import { startFakeBridge, type FakeBridge } from "./fixtures/fake-bridge.ts";

const HOST = "a".repeat(52);
const MUSIC: ZeroconfService = {
  instance: "Tom's Music v1.2",
  type: "_daap._tcp",
  subtypes: [],
  host: ["toms-mac", "local"],
  port: 3689,
  txt: [utf8("Version=1"), new Uint8Array([0xff, 0x3d])],
  addresses: ["192.168.1.5", "fd00::5"],
};
const MUSIC_LINE =
  '{"event":"add","instance":"Tom\'s Music v1.2","type":"_daap._tcp","subtypes":[],"host":"toms-mac.local","port":3689,"txt":["Version=1",{"base64":"/z0="}],"addresses":["192.168.1.5","fd00::5"]}';

let directory: string;
let socket: string;
let file: string;
let daemon: Daemon;
let bridge: FakeBridge;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "causeway-bridge-"));
  socket = join(directory, "api.sock");
  file = join(directory, "causeway.yaml");
  daemon = await start();
});

afterEach(async () => {
  await daemon.stop("down");
  await daemon.stopped;
  rmSync(directory, { recursive: true });
});

function start(): Promise<Daemon> {
  const flags = { socket, state: join(directory, "state") };
  const reread = () => loadConfig({ file, isRequired: false, flags });
  return startDaemon(
    { config: reread(), token: null, reread },
    {
      log: { ...SILENT, setLevel: () => {} },
      startOverlay: () => Promise.resolve(createFakeOverlay("desk")),
      startBridge: async (...given) => (bridge = await startFakeBridge(...given)),
      forgetState: async () => {},
    },
  );
}

async function restart(): Promise<void> {
  await daemon.stop("down");
  await daemon.stopped;
  daemon = await start();
}

function runWith(
  stdin: AsyncIterable<Uint8Array> | undefined,
  args: readonly string[],
): Promise<CapturedRun> {
  return runCaptured([...args, "--socket", socket], stdin);
}

function run(...args: string[]): Promise<CapturedRun> {
  return runWith(undefined, args);
}

function runJson(...args: string[]): Promise<Record<string, unknown>> {
  return runJsonCaptured([...args, "--socket", socket]);
}

describe("causeway export", () => {
  it("sets, lists, replaces and removes rules", async () => {
    bridge.link.push(MUSIC);
    expect((await run("export")).text).toMatch(/no export rules; "causeway export --help"/);
    const added = await runJson(
      ...["export", "music", "--name", "Tom*", "--key", "office", "--key", "b", "--to", "desk"],
      "--unlisted",
    );
    expect(added).toMatchObject({
      change: "added",
      matches: 1,
      rule: {
        type: "export",
        serviceType: "_daap._tcp",
        name: "Tom*",
        keys: ["b", "office"],
        to: [{ type: "host", id: HOST, name: "desk" }],
        isUnlisted: true,
        isHere: false,
      },
    });
    const { text } = await run("export");
    expect(text).toMatch(/RULE +SELECTS +TO +HOW +OF +MATCHES/);
    expect(text).toMatch(
      /e-\w{8} +_daap._tcp "Tom\*" +desk +unlisted, key "b", key "office" +subnet +1/,
    );
    const replaced = await run("export", "_daap._tcp", "--name", "Tom*");
    expect(replaced.text).toMatch(
      /^replaced rule e-\w{8}: export _daap._tcp "Tom\*" to everybody; 1 service now$/,
    );
    expect((await run("export", "daap", "--name", "Tom*")).text).toMatch(/^unchanged/);
    expect((await run("export", "daap", "--name", "Tom*", "--remove")).text).toMatch(
      /^removed rule e-/,
    );
    expect((await runJson("export"))["rules"]).toEqual([]);
  });

  it("removes by id, and lists what there is when none fits", async () => {
    const { rule } = (await runJson("export", "http", "--here")) as { rule: { id: string } };
    const missed = await run("export", "http", "--remove");
    expect(missed.status).toBe(2);
    expect(missed.err).toMatch(`there are: ${rule.id} _http._tcp (this host's)`);
    expect((await run("export", rule.id, "--remove")).status).toBe(0);
    expect((await run("export", rule.id, "--remove")).err).toMatch(/there are none/);
  });

  it("notes a wider rule that stands beside", async () => {
    await run("export", "all");
    const { err, status } = await run("export", "http", "--to", "desk");
    expect(status).toBe(0);
    expect(err).toMatch(/note: rule e-\w{8} all lets every member have these too/);
  });

  it("tries a rule without setting it", async () => {
    bridge.link.push(MUSIC);
    const { text } = await run("export", "daap", "--key", "office", "--dry-run");
    expect(text).toMatch(
      /Tom's Music v1\.2 +_daap\._tcp +everybody +Tom's Music v1\.2, office, its type/,
    );
    expect((await run("export", "http", "--dry-run")).text).toMatch(/nothing on this link fits/);
    expect((await runJson("export"))["rules"]).toEqual([]);
  });

  it("writes the link's services as lines until ^C", async () => {
    bridge.link.push(MUSIC, { ...MUSIC, type: "_http._tcp" });
    const running = run("export", "music", "--to-stream");
    await expect.poll(() => bridge.link.length).toBe(2);
    await new Promise((resolve) => setTimeout(resolve, 100));
    bridge.tell({ event: "remove", id: MUSIC });
    await new Promise((resolve) => setTimeout(resolve, 100));
    process.emit("SIGINT");
    expect(await running).toEqual({
      status: 0,
      err: "",
      out: [MUSIC_LINE, '{"event":"remove","instance":"Tom\'s Music v1.2","type":"_daap._tcp"}'],
      text: expect.any(String),
    });
  });

  it.each([
    [["export", "_http._tc"], /type "_http\._tc": no service type/],
    [
      ["export", "http", "--to", "nobody"],
      /peer "nobody": no such host or subnet is known; there are/,
    ],
    [["export", "http", "--name", ""], /name "": is empty/],
    [["export", "--name", "x"], /TYPE: is missing: --name of what type\?/],
    [["export", "http", "--remove", "--to", "desk"], /--remove: does not go with --to/],
    [["export", "http", "--to-stream", "--unlisted"], /--to-stream: does not go with --unlisted/],
    [["import", "http"], /RULE: goes with --remove only; a type is given as "--type TYPE"/],
    [["import", "--from", "desk"], /an import needs a type or a key/],
    [["import", "http", "--remove"], /"http" is no rule's id/],
    [["import", "--type", "http", "--remove"], /no such rule; there are none/],
    [["import", "--from-stream", "--type", "http"], /--from-stream: does not go with --type/],
  ])("mistake %j ends with 2", async (args, message) => {
    const { status, err, out } = await run(...args);
    expect(err).toMatch(message);
    expect({ status, out, lines: err.split("\n").length }).toEqual({
      status: 2,
      out: [],
      lines: 1,
    });
  });
});

describe("causeway import", () => {
  it("sets, lists and removes rules", async () => {
    const set = await runJson(
      ...["import", "--type", "http", "--type", "ipp", "--key", "office", "--from", "desk"],
      ...["--local-only", "--direct"],
    );
    expect(set).toMatchObject({
      rule: {
        types: ["_http._tcp", "_ipp._tcp"],
        keys: ["office"],
        from: [{ name: "desk" }],
        isLocalOnly: true,
        isDirect: true,
      },
    });
    expect((await run("import")).text).toMatch(
      /i-\w{8} +_http\._tcp, _ipp\._tcp, key "office" +desk +direct, local-only +subnet +0/,
    );
    expect((await run("export")).text).toMatch(/no export rules/);
    const again = ["import", "--type", "ipp", "--type", "http", "--key", "office", "--remove"];
    expect((await run(...again)).text).toMatch(/^removed rule i-/);
  });

  it("keeps rules over a restart", async () => {
    await run("import", "--type", "http");
    await run("export", "http", "--here");
    await restart();
    const { rules } = (await runJson("import")) as { rules: readonly object[] };
    expect(rules).toMatchObject([{ source: "subnet", setBy: HOST }]);
    expect((await runJson("export"))["rules"]).toMatchObject([{ source: "here" }]);
  });
});

describe("causeway import --from-stream", () => {
  /** Lines, and then nothing until `end` resolves. */
  async function* lines(parts: readonly string[], end: Promise<void> = Promise.resolve()) {
    for (const part of parts) yield utf8(part);
    await end;
  }

  it("shows what comes and withdraws it at the end", async () => {
    const { promise: end, resolve } = Promise.withResolvers<void>();
    const other = MUSIC_LINE.replace("Tom's", "Ann's");
    const halves = [`${MUSIC_LINE}\n\n${other.slice(0, 30)}`, `${other.slice(30)}\n`];
    const running = runWith(lines(halves, end), ["import", "--from-stream"]);
    await expect.poll(() => bridge.fed.size).toBe(2);
    expect(bridge.fed.get(MUSIC.instance)).toEqual(MUSIC);
    resolve();
    const { status, out, err } = await running;
    expect({ status, err, out: out.toSorted() }).toEqual({
      status: 0,
      err: "",
      out: ["shown  Ann's Music v1.2", "shown  Tom's Music v1.2"],
    });
    expect(bridge.fed.size).toBe(0);
  });

  it("says which line is wrong and goes on", async () => {
    const text = [
      MUSIC_LINE,
      "nonsense",
      '{"event":"add","instance":"x","type":"_http._tcp","port":0,"addresses":["1.2.3.4"]}',
      MUSIC_LINE.replace("Tom's Music v1.2", "taken"),
      "x".repeat(70_000),
      '{"event":"remove","instance":"Tom\'s Music v1.2","type":"_daap._tcp"}',
      '{"event":"remove","instance":"Tom\'s Music v1.2","type":"_daap._tcp"}',
      MUSIC_LINE.replace("Tom's Music v1.2", "last"), // without a line end
    ].join("\n");
    const { status, out, err } = await runWith(lines([text]), ["import", "--from-stream"]);
    expect(status).toBe(1);
    expect(out.toSorted()).toEqual(["shown  Tom's Music v1.2", "shown  last", "withdrawn  line 6"]);
    expect(err.split("\n").toSorted()).toEqual([
      "causeway: line 2: it is not JSON",
      "causeway: line 3: port: allowed: 1 to 65535",
      "causeway: line 4: too many",
      "causeway: line 5: it has more than 65536 bytes",
      "causeway: line 7: nothing of that name and type was added",
    ]);
    expect(bridge.fed.size).toBe(0);
  });

  it("withdraws when the program that fed it is gone, and ends when the daemon stops", async () => {
    const aborting = new AbortController();
    const { signal } = aborting;
    const path = "/v1/service-feeds";
    const open = callApiLines<{ feed: string }>({ socket, method: "POST", path, signal });
    const { feed } = (await open.next()).value as { feed: string };
    const body = utf8(MUSIC_LINE);
    await callApi({ socket, method: "POST", path: `${path}/${feed}`, body });
    expect(bridge.fed.size).toBe(1);
    const ended = open.next();
    aborting.abort();
    await ended;
    await expect.poll(() => bridge.fed.size).toBe(0);
    await expect(
      callApi({ socket, method: "POST", path: `${path}/${feed}`, body }),
    ).rejects.toThrow(/no such stream of services is open/);

    const { promise: never } = Promise.withResolvers<void>();
    const running = runWith(lines([`${MUSIC_LINE}\n`], never), ["import", "--from-stream"]);
    await expect.poll(() => bridge.fed.size).toBe(1);
    await daemon.stop("down");
    expect(await running).toMatchObject({ status: 1, err: "causeway: the daemon stopped" });
    await daemon.stopped;
    expect(bridge).toMatchObject({ isStopped: true, fed: new Map() });
    daemon = await start();
  });
});

describe("causeway services", () => {
  it("lists local, exported and imported ones, and why one is not", async () => {
    expect((await run("services")).out).toEqual([
      "0 services on this link, 0 exported",
      "0 services of other subnets, 0 shown",
    ]);
    const local = {
      ...{ instance: "Tom's Music v1.2", type: "_daap._tcp", host: "mac.local", port: 3689 },
      addresses: ["192.168.1.5"],
    };
    const imported = {
      ...{ instance: "Printer", type: "_ipp._tcp", origin: "0".repeat(64), version: "3" },
      ...{ originSubnet: "b".repeat(52), originHost: "c".repeat(52), way: "relay" as const },
      ...{ isLocalOnly: false, rules: ["i-aaaaaaaa"], heardMsAgo: 2000, expiresInMs: 500_000 },
      traffic: { open: 0, bytes: 0 },
    };
    bridge.view = {
      local: [
        { ...local, isExported: true, rules: ["e-aaaaaaaa"], exporter: HOST, reason: "" },
        { ...local, instance: "B", isExported: false, rules: [], exporter: "", reason: "no rule" },
      ],
      imported: [
        {
          ...imported,
          shownAs: "Printer (2)",
          endpoint: "10.0.0.1:631",
          importer: HOST,
          reason: "",
        },
        {
          ...imported,
          instance: "X\u001b[2J",
          shownAs: null,
          endpoint: "",
          importer: "",
          reason: "hidden",
        },
      ],
    };
    const { text } = await run("services");
    expect(text).toMatch(/^2 services on this link, 1 exported$/m);
    expect(text).toMatch(
      /Tom's Music v1\.2 +_daap\._tcp +mac\.local:3689 +aaaaaaaaaaaa… +e-aaaaaaaa$/m,
    );
    expect(text).toMatch(/^B +_daap\._tcp +mac\.local:3689 +- +no rule$/m);
    expect(text).toMatch(/^2 services of other subnets, 1 shown$/m);
    expect(text).toMatch(
      /^Printer \(2\) +_ipp\._tcp +10\.0\.0\.1:631 +relay +bbbbbbbbbbbb… cccccccccccc… +2s ago +8m 20s +i-aaaaaaaa$/m,
    );
    expect(text).toMatch(/^\(X\?\[2J\).* hidden$/m);
    expect(await runJson("services")).toMatchObject({ bridge: { backend: "own" }, ...bridge.view });
  });

  it("is in what explain says", async () => {
    expect((await run("explain")).text).toMatch(/^ok +the bridge is a fake$/m);
  });
});

describe("the configuration", () => {
  const RULES = `bridge:\n  backend: own\n  exports:\n    - {type: http, name: "Tom*", keys: [k], to: ["host:${HOST}"], unlisted: true}\n  imports:\n    - types: [ipp]\n      localOnly: true\n`;

  it("has rules of this host, read at start and at reload", async () => {
    writeFileSync(file, RULES);
    await restart();
    expect(bridge.options.backend).toBe("own");
    expect((await runJson("export"))["rules"]).toMatchObject([
      {
        source: "config",
        rule: {
          serviceType: "_http._tcp",
          name: "Tom*",
          keys: ["k"],
          isUnlisted: true,
          isHere: true,
        },
      },
    ]);
    expect((await runJson("import"))["rules"]).toMatchObject([
      { source: "config", rule: { types: ["_ipp._tcp"], isLocalOnly: true, isDirect: false } },
    ]);
    expect((await run("export", "http", "--name", "Tom*", "--remove")).err).toMatch(
      /there are: e-/,
    );
    writeFileSync(file, "bridge: {backend: own, exports: [{type: ipp}]}\n");
    expect(daemon.reload()).toEqual({
      changed: ["bridge.exports", "bridge.imports"],
      needRestart: [],
    });
    expect(bridge.rules()).toMatchObject([{ rule: { serviceType: "_ipp._tcp" } }]);
    writeFileSync(file, "bridge: {backend: own, exports: [{type: i p p}]}\n");
    expect(() => daemon.reload()).toThrow(/bridge\.exports: type "i p p": no service type/);
    expect(bridge.rules()).toMatchObject([{ rule: { serviceType: "_ipp._tcp" } }]);
  });

  it("prints as it reads", () => {
    writeFileSync(file, RULES);
    const config = loadConfig({ file });
    const again = join(directory, "again.yaml");
    writeFileSync(again, printConfig(config));
    expect(loadConfig({ file: again })).toEqual(config);
  });

  it.each([
    ["exports: http", /bridge\.exports: allowed: a list of rules/],
    ["exports: [http]", /bridge\.exports: rule 1: not a mapping of type, name, keys, to, unlisted/],
    ["exports: [{name: x}]", /bridge\.exports: rule 1: "type" is missing/],
    [
      "exports: [{type: http}, {type: http, hidden: true}]",
      /rule 2: unknown key "hidden"; known: type/,
    ],
    ["imports: [{types: http}]", /bridge\.imports: rule 1: types: allowed: a list of texts/],
    ["imports: [{types: [http], direct: 1}]", /rule 1: direct: allowed: true or false/],
    ["backend: bonjour", /bridge\.backend: "bonjour" is not allowed; allowed: auto, avahi, own/],
  ])("refuses %s", (text, message) => {
    writeFileSync(file, `bridge: {${text}}\n`);
    expect(() => loadConfig({ file })).toThrow(message);
  });

  it.each([
    [`exports: [{type: http, to: [desk]}]`, /bridge\.exports: peer "desk": .*whole id/],
    [
      "exports: [{type: http}, {type: _http._tcp}]",
      /bridge\.exports: two rules .* select the same/,
    ],
    ["imports: [{from: []}]", /bridge\.imports: an import needs a type or a key/],
  ])("does not start with %s", async (text, message) => {
    await daemon.stop("down");
    await daemon.stopped;
    writeFileSync(file, `bridge: {${text}}\n`);
    await expect(start()).rejects.toThrow(message);
    writeFileSync(file, "");
    daemon = await start();
  });
});
