/**
 * Entry of the process that carries all uplinks of a lab: `wire-process CONFIG SOCKET`.
 *
 * It runs in the namespace of the switches and answers one JSON line with another on a unix
 * socket: `{"site","settings"}` sets a line, `{"site"}` alone asks; both give its counters.
 */
import { readFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { setPriority } from "node:os";
import { createInterface } from "node:readline";
import { DelayLines, type DelayLineOptions, type DelaySettings } from "../../packets/index.ts";
import { errorCode, errorMessage } from "../../platform/errors.ts";

/** A wire that waits for a turn is a longer wire. */
const NICE = -10;

const [config = "", socketPath = ""] = process.argv.slice(2);
setPriority(NICE);
const lines = await DelayLines.open(
  JSON.parse(readFileSync(config, "utf8")) as readonly DelayLineOptions[],
);
createServer((socket) => void serve(socket)).listen(socketPath);

async function serve(socket: Socket): Promise<void> {
  socket.on("error", () => {}); // a client that went away
  for await (const line of createInterface(socket)) socket.write(`${await answer(line)}\n`);
  socket.end();
}

async function answer(line: string): Promise<string> {
  try {
    const { site, settings } = JSON.parse(line) as { site: string; settings?: DelaySettings };
    if (settings) await lines.change(site, settings);
    const [out, back] = lines.counters(site);
    return JSON.stringify({ counters: { out, back } });
  } catch (error) {
    return JSON.stringify({ error: { code: errorCode(error), message: errorMessage(error) } });
  }
}
