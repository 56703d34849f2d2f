/**
 * The wall clocks of a lab's hosts, as their daemons see them.
 *
 * The machine has one clock. A daemon on a host adds what stands in a file that its environment
 * names; nothing else on the host knows of it, and time goes on at the same pace.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { hostDirectory } from "./record.ts";

/** Names the file; only a lab sets it. */
export const CLOCK_VARIABLE = "CAUSEWAY_LAB_CLOCK";
/** Daemons look at the file once a second. */
const SEEN_MS = 1050;

/** Sets how far a clock is off; returns when a daemon on the host has it. */
export async function setClock(lab: string, host: string, offsetMs: number): Promise<void> {
  writeClock(lab, host, offsetMs);
  await sleep(SEEN_MS);
}

export function writeClock(lab: string, host: string, offsetMs: number): void {
  const file = clockFile(lab, host);
  writeFileSync(`${file}.new`, `${offsetMs}\n`);
  renameSync(`${file}.new`, file);
}

/** How far the clock of a host is ahead, in ms. */
export function readClock(lab: string, host: string): number {
  const file = clockFile(lab, host);
  return existsSync(file) ? Number(readFileSync(file, "utf8")) : 0;
}

export function clockFile(lab: string, host: string): string {
  return join(hostDirectory(lab, host), "clock");
}
