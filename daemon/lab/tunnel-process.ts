/**
 * Entry of the process that keeps the tunnel devices of a lab: `tunnel-process READY NAME ...`.
 *
 * It makes them in its own network namespace, from where they are moved to their hosts, writes
 * READY and stays: a tunnel without a program behind it has no carrier, and is ignored too easily.
 */
import { writeFileSync } from "node:fs";
import { openTunnel } from "../../packets/index.ts";

const FOREVER_MS = 2 ** 31 - 1;

const [ready = "", ...names] = process.argv.slice(2);
for (const name of names) openTunnel(name);
writeFileSync(ready, "");
setInterval(() => {}, FOREVER_MS);
