/** Which of a few hosts does a thing, so that all who know the same hosts agree (Thaler & Ravishankar 1998). */
import { createHash } from "node:crypto";
import { utf8 } from "../../platform/bytes.ts";

/** @returns the hosts, best first, whatever their order was */
export function rankHosts(thing: string, hosts: readonly string[]): readonly string[] {
  return hosts
    .map((host) => ({ host, score: scoreOf(thing, host) }))
    .toSorted((a, b) => compareText(b.score, a.score) || compareText(a.host, b.host))
    .map(({ host }) => host);
}

function scoreOf(thing: string, host: string): string {
  return createHash("sha256")
    .update(utf8(`${thing}\0${host}`))
    .digest("hex");
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
