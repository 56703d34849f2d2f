import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Worker } from "node:worker_threads";
import { once } from "node:events";

const LAUNCHER = fileURLToPath(new URL("../../bin/causeway", import.meta.url));
const ROUNDS = 15;

const directory = mkdtempSync(join(tmpdir(), "causeway-speed-"));
const socket = join(directory, "api.sock");
let server: Worker;

/** Answers everything at once, so that what is measured is the command. */
const SERVER = `
  const { createServer } = require("node:http");
  const { parentPort, workerData } = require("node:worker_threads");
  createServer((request, response) => {
    request.resume();
    response.end(JSON.stringify({ key: "k", records: [], path: [], hosts: [], tookMs: 1 }));
  }).listen(workerData, () => parentPort.postMessage("ready"));
`;

beforeAll(async () => {
  server = new Worker(SERVER, { eval: true, workerData: socket });
  await once(server, "message");
});

afterAll(async () => {
  await server.terminate();
  rmSync(directory, { recursive: true });
});

function timeMs(program: string, args: readonly string[]): number {
  const startedAtMs = performance.now();
  const { status, stderr } = spawnSync(program, args, { encoding: "utf8" });
  const tookMs = performance.now() - startedAtMs;
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return tookMs;
}

// The fastest of several, in turn: other work on the machine only ever adds.
it.each([["status"], ["get", "k"], ["hosts"]])(
  "%s takes at most 2.5 times as long as a bare Node",
  { retry: 2 },
  (...command) => {
    const args = [...command, "--json", "--socket", socket];
    let bareMs = Infinity;
    let commandMs = Infinity;
    timeMs(LAUNCHER, args); // fills the compile cache
    for (let i = 0; i < ROUNDS; i++) {
      bareMs = Math.min(bareMs, timeMs(process.execPath, ["-e", "0"]));
      commandMs = Math.min(commandMs, timeMs(LAUNCHER, args));
    }
    expect(commandMs / bareMs).toBeLessThan(2.5);
  },
);
