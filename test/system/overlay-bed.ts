/** What the overlay's system tests do beside a bed's own: daemons started in unusual ways. */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import type { Bed } from "../../daemon/bench/bed.ts";
import { exitStatus } from "../../daemon/lab/enter.ts";

export interface RunningDaemon {
  readonly child: ChildProcess;
  /** What it wrote to standard error so far. */
  log(): string;
  /** Its exit status. */
  readonly ended: Promise<number>;
}

/** `causeway up` on a host, not looked after by the lab but for its taking down. */
export function runDaemon(
  bed: Bed,
  host: string,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): RunningDaemon {
  const child = bed.lab.spawn(host, ["causeway", "up", "--interface", "eth0", ...args], {
    stdio: ["ignore", "ignore", "pipe"],
    env,
  });
  let text = "";
  child.stderr!.setEncoding("utf8").on("data", (part: string) => (text += part));
  const ended = once(child, "exit").then(([code, signal]) =>
    exitStatus(code as number | null, signal as NodeJS.Signals | null),
  );
  return { child, log: () => text, ended };
}

/** Ends a daemon in good order. */
export async function endDaemon({ child, ended }: RunningDaemon): Promise<number> {
  child.kill("SIGTERM");
  return ended;
}

/** Waits until `explain` has a finding, for at most 30 s. */
export async function explains(bed: Bed, host: string, code: string): Promise<boolean> {
  const has = async (): Promise<boolean> =>
    (await bed.explain(host)).some((finding) => finding.code === code && finding.advice !== "");
  return (await bed.until(has, 30_000, 200)) < Infinity;
}

/** A program for `Lab.start` that runs `causeway` with more arguments behind its own. */
export function withArguments(...args: readonly string[]): readonly string[] {
  return ["sh", "-c", `exec causeway "$@" ${args.join(" ")}`, "causeway"];
}
