/** Programs that make traffic on hosts of a lab, and what they measure. */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { Bed } from "../bed.ts";
import { BenchError } from "../errors.ts";

const START_MS = 10_000;
/** What a server may take to end after its client. */
const END_MS = 2_000;

/** Where a client connects to. */
export interface Way {
  readonly name: string;
  readonly address: string;
}

/** Starts a server and waits until it listens. */
export async function startServer(
  bed: Bed,
  host: string,
  port: number,
  argv: readonly string[],
): Promise<ChildProcess> {
  const server = bed.lab.spawn(host, argv, { stdio: ["ignore", "ignore", "ignore"] });
  await once(server, "spawn");
  const probe = ["ss", "-Htln", `sport = :${port}`];
  const limitMs = performance.now() + START_MS;
  while ((await bed.lab.exec(host, probe)).stdout.trim() === "") {
    if (server.exitCode !== null || performance.now() > limitMs)
      throw new BenchError(
        "ERR_BENCH_PROGRAM",
        `${argv[0]} does not listen at port ${port} of ${host}; is it installed?`,
      );
    await sleep(50);
  }
  return server;
}

/** Passes connections on from a port to an address and port, as a user without a relay would. */
export function socat(port: number, to: string, toPort: number): readonly string[] {
  return [
    "socat",
    `TCP-LISTEN:${port},fork,reuseaddr,nodelay,backlog=64`,
    `TCP:${to}:${toPort},nodelay`,
  ];
}

export interface Download {
  readonly server: string;
  readonly serverPort: number;
  readonly client: string;
  readonly way: Way;
  /** Where the way begins; the server's own unless something stands between. */
  readonly port: number;
  readonly seconds: number;
}

/** Mbit/s that a client takes in; the first second is left out. */
export async function downloadRate(bed: Bed, download: Download): Promise<number> {
  const { server, serverPort, client, way, port, seconds } = download;
  // One for each run: it is busy for a while after the last.
  const bulk = ["iperf3", "-s", "-1", "-p", String(serverPort)];
  const serving = await startServer(bed, server, serverPort, bulk);
  try {
    const argv = ["iperf3", "-c", way.address, "-p", String(port), "-R", "-J"];
    const times = ["-t", String(seconds), "-O", "1"];
    const { stdout } = await bed.guard(bed.lab.exec(client, [...argv, ...times]));
    const { error, end } = JSON.parse(stdout === "" ? "{}" : stdout) as BulkReport;
    const rate = end?.sum_received?.bits_per_second;
    if (error === undefined && rate !== undefined) return rate / 1e6;
    throw new BenchError("ERR_BENCH_PROGRAM", `iperf3, ${way.name}: ${error ?? "no result"}`);
  } finally {
    await ended(serving);
  }
}

async function ended(program: ChildProcess): Promise<void> {
  if (program.exitCode !== null || program.signalCode !== null) return;
  const timer = setTimeout(() => program.kill("SIGKILL"), END_MS);
  await once(program, "exit");
  clearTimeout(timer);
}

interface BulkReport {
  readonly error?: string;
  readonly end?: { readonly sum_received?: { readonly bits_per_second: number } };
}

export interface EchoTimes {
  /** Question to answer on a connection that is there, ms. */
  readonly kept: readonly number[];
  /** From before a connection is made to its first answer, ms. */
  readonly fresh: readonly number[];
}

/** Round trips of 64 bytes, in ms. */
export async function echoTimes(
  bed: Bed,
  client: string,
  { name, address }: Way,
  port: number,
  count: number,
): Promise<EchoTimes> {
  const argv = [process.execPath, "-e", ECHO_CLIENT, address, String(port), String(count)];
  const { status, stdout, stderr } = await bed.guard(bed.lab.exec(client, argv));
  if (status === 0) return JSON.parse(stdout) as EchoTimes;
  throw new BenchError("ERR_BENCH_PROGRAM", `echoes, ${name}: ${stderr.trim().slice(-200)}`);
}

export function echoServer(port: number): readonly string[] {
  return [process.execPath, "-e", ECHO_SERVER, String(port)];
}

const ECHO_SERVER = `
require("node:net")
  .createServer({ noDelay: true }, (socket) => socket.on("error", () => {}).pipe(socket))
  .listen(Number(process.argv[1]));
`;

const ECHO_CLIENT = `
const { connect } = require("node:net");
const { once } = require("node:events");
const [host, port, count] = process.argv.slice(1);
const question = Buffer.alloc(64, 1);
async function ask(socket) {
  socket.write(question);
  let left = question.length;
  while (left > 0) left -= (await once(socket, "data"))[0].length;
}
async function open() {
  const socket = connect({ host, port: Number(port), noDelay: true });
  await once(socket, "connect");
  return socket;
}
async function timed(times, work) {
  const fromMs = performance.now();
  await work();
  times.push(performance.now() - fromMs);
}
(async () => {
  const kept = [];
  const fresh = [];
  const socket = await open();
  for (let i = 0; i < 50; i++) await ask(socket);
  for (let i = 0; i < Number(count); i++) await timed(kept, () => ask(socket));
  socket.destroy();
  for (let i = 0; i < Number(count) / 4 + 5; i++) {
    let one;
    await timed(fresh, async () => ask((one = await open())));
    one.destroy();
    await new Promise((resolve) => setTimeout(resolve, 20)); // people do not connect without end
  }
  console.log(JSON.stringify({ kept, fresh: fresh.slice(5) }));
  process.exit(0);
})();
`;
