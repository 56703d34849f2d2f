/** What a stream is held against: plain TCP over the same links; and which host passes it on. */
import { once } from "node:events";
import { text } from "node:stream/consumers";
import type { Bed } from "../../bed.ts";
import { BenchError } from "../../errors.ts";

const PORT = 4999;
const PIECE_BYTES = 65_536;
/** Of a host's traffic, what it passes on. */
const PASSED_SHARE_MIN = 0.5;

const SERVER = `
require("node:net").createServer((socket) => {
  let bytes = 0;
  socket.on("error", () => {});
  socket.on("data", (part) => {
    bytes += part.length;
    if (bytes >= Number(process.argv[2])) socket.end("whole");
  });
}).listen(Number(process.argv[1]), "0.0.0.0", () => console.log("ready"));`;

/** Prints how long it took from the first byte to the answer, connecting left out. */
const CLIENT = `
const [port, address, bytes, piece] = process.argv.slice(1);
const socket = require("node:net").connect(Number(port), address);
const chunk = Buffer.alloc(Number(piece), 7);
let left = Number(bytes);
let startedMs = 0;
const pump = () => {
  while (left > 0) {
    left -= chunk.length;
    if (!socket.write(chunk)) return;
  }
};
socket.on("connect", () => { startedMs = performance.now(); pump(); });
socket.on("drain", pump);
socket.on("data", () => { console.log(performance.now() - startedMs); process.exit(0); });
socket.on("error", (error) => { console.error(error.message); process.exit(1); });`;

/** Time that one TCP connection takes to carry so many bytes. @throws {BenchError} */
export async function directTransferMs(
  bed: Bed,
  from: string,
  to: string,
  bytes: number,
): Promise<number> {
  const run = (host: string, script: string, ...args: (string | number)[]) =>
    bed.lab.spawn(host, [process.execPath, "-e", script, ...args.map(String)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
  const server = run(to, SERVER, PORT, bytes);
  try {
    await bed.guard(once(server.stdout!, "data"));
    const client = run(from, CLIENT, PORT, bed.lab.address(to), bytes, PIECE_BYTES);
    const tookMs = Number(await bed.guard(text(client.stdout!)));
    if (tookMs > 0) return tookMs;
    throw new BenchError("ERR_BENCH_PROGRAM", `no TCP transfer from ${from} to ${to}`);
  } finally {
    server.kill();
  }
}

/** Which of these hosts sends most while the work is done. @throws {BenchError} when none stands out */
export async function busiestHost(
  bed: Bed,
  hosts: readonly string[],
  work: () => Promise<unknown>,
): Promise<string> {
  const sent = () => Promise.all(hosts.map((host) => sentBytes(bed, host)));
  const before = await sent();
  await work();
  const after = await sent();
  const passed = after.map((bytes, i) => bytes - before[i]!);
  const most = Math.max(...passed);
  const all = passed.reduce((sum, bytes) => sum + bytes, 0);
  const host = hosts[passed.indexOf(most)];
  if (host !== undefined && most > all * PASSED_SHARE_MIN) return host;
  throw new BenchError("ERR_BENCH_PROGRAM", "no host passes the stream on by itself");
}

async function sentBytes(bed: Bed, host: string): Promise<number> {
  const file = "/sys/class/net/eth0/statistics/tx_bytes";
  const { stdout } = await bed.guard(bed.lab.exec(host, ["cat", file]));
  return Number(stdout.trim());
}
