/** Recording all frames of a site to a file. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { LabError } from "./errors.ts";
import { exitStatus } from "./enter.ts";
import { openVSwitchControl } from "./open-vswitch.ts";
import { labDirectory, type LabRecord, type SiteRecord } from "./record.ts";
import { labEnvironment, missingPrograms, type Environment } from "./run.ts";

/**
 * Records until `signal` aborts.
 *
 * A Linux bridge shows its frames itself; on Open vSwitch a mirror copies them to the bridge's
 * own interface. Hosts that are split off a Linux bridge are not seen.
 *
 * @param file  pcap, written frame by frame
 * @param said  told what tcpdump says
 */
export async function captureSite(
  lab: LabRecord,
  site: SiteRecord,
  file: string,
  signal: AbortSignal,
  said: (line: string) => void,
): Promise<void> {
  if (missingPrograms(["tcpdump"]).length > 0)
    throw new LabError(
      "ERR_LAB_TOOL",
      "tcpdump is not installed; on Debian: apt-get install tcpdump",
    );
  const env = labEnvironment(labDirectory(lab.name));
  const isMirrored = site.switch === "ovs";
  if (isMirrored) await startMirror(lab, site, env);
  try {
    await runTcpdump(lab, site, resolve(file), signal, env, said);
  } finally {
    if (isMirrored)
      await openVSwitchControl(lab.name, ["clear", "bridge", site.name, "mirrors"], env);
  }
}

/** A mirror that a killed capture left is replaced. */
async function startMirror(lab: LabRecord, site: SiteRecord, env: Environment): Promise<void> {
  const { name } = site;
  await openVSwitchControl(
    lab.name,
    [
      ...["--id=@port", "get", "port", name, "--", "--id=@mirror", "create", "mirror"],
      ...[`name=${name}`, "select-all=true", "output-port=@port"],
      ...["--", "set", "bridge", name, "mirrors=@mirror"],
    ],
    env,
  );
}

async function runTcpdump(
  lab: LabRecord,
  site: SiteRecord,
  file: string,
  signal: AbortSignal,
  env: Environment,
  said: (line: string) => void,
): Promise<void> {
  const enter = ["netns", "exec", lab.switchNamespace, "sh", "-ec"];
  // The interface of an Open vSwitch bridge is down until somebody wants it. Immediate, or frames
  // of the last second are lost at the end.
  const script =
    'ip link set dev "$1" up; exec tcpdump --immediate-mode -i "$1" -n -U -Z root -w "$2"';
  const child = spawn("ip", [...enter, script, "capture", site.name, file], {
    env,
    stdio: ["ignore", "ignore", "pipe"],
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => said(text.trim()));
  const stop = (): void => void child.kill("SIGINT");
  signal.addEventListener("abort", stop);
  if (signal.aborted) stop();
  const ended = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
  signal.removeEventListener("abort", stop);
  const status = exitStatus(...ended);
  if (status !== 0 && !signal.aborted)
    throw new LabError("ERR_LAB_COMMAND", `tcpdump failed (${status}) on site ${site.name}`);
}
