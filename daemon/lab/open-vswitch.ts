/**
 * A private Open vSwitch for a lab: its own database and switch daemon, userspace datapath.
 *
 * Needs neither the kernel module nor DPDK. `lab down` kills both; the datapath goes with them.
 */
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { LabError } from "./errors.ts";
import { labDirectory, type LabRecord } from "./record.ts";
import { run, type Environment } from "./run.ts";
import { openVSwitchArguments } from "./wiring.ts";

/** Where distributions and a build from source put it. */
const SCHEMAS = [
  "/usr/share/openvswitch/vswitch.ovsschema",
  "/usr/local/share/openvswitch/vswitch.ovsschema",
];

export const OVS_PROGRAMS = ["ovsdb-tool", "ovsdb-server", "ovs-vswitchd", "ovs-vsctl"] as const;

/** Starts database and switch daemon; the switch namespace must be there. */
export async function startOpenVSwitch(lab: LabRecord, env: Environment): Promise<void> {
  const schema = SCHEMAS.find((path) => existsSync(path));
  if (schema === undefined)
    throw new LabError("ERR_LAB_TOOL", `Open vSwitch has no schema at ${SCHEMAS.join(" or ")}`);
  const directory = ovsDirectory(lab.name);
  mkdirSync(directory, { recursive: true });
  const at = (file: string): string => join(directory, file);
  const own = ovsEnvironment(lab.name, env);
  const enter = ["ip", "netns", "exec", lab.switchNamespace];
  const detach = ["-vconsole:off", "--detach", "--no-chdir"];
  await run(["ovsdb-tool", "create", at("conf.db"), schema], own);
  await run(
    [
      ...[...enter, "ovsdb-server", at("conf.db"), `--remote=punix:${at("db.sock")}`],
      ...[`--unixctl=${at("db.ctl")}`, `--pidfile=${at("db.pid")}`],
      ...[`--log-file=${at("db.log")}`, ...detach],
    ],
    own,
  );
  await openVSwitchControl(lab.name, ["--no-wait", "init"], env);
  await run(
    [
      ...[...enter, "ovs-vswitchd", `unix:${at("db.sock")}`, `--unixctl=${at("vs.ctl")}`],
      ...[`--pidfile=${at("vs.pid")}`, `--log-file=${at("vs.log")}`, ...detach],
    ],
    own,
  );
}

/** Makes the bridges of all sites that want one; their ports must be there. */
export async function addSwitches(lab: LabRecord, env: Environment): Promise<void> {
  const sites = lab.sites.filter((site) => site.switch === "ovs");
  await openVSwitchControl(lab.name, openVSwitchArguments(sites), env);
}

/** One `ovs-vsctl` call, which returns when the switch has done what it says. */
export async function openVSwitchControl(
  lab: string,
  args: readonly string[],
  env: Environment,
): Promise<string> {
  const database = `--db=unix:${join(ovsDirectory(lab), "db.sock")}`;
  return run(["ovs-vsctl", "--timeout=15", database, ...args], ovsEnvironment(lab, env));
}

export function ovsDirectory(lab: string): string {
  return join(labDirectory(lab), "ovs");
}

function ovsEnvironment(lab: string, env: Environment): Environment {
  const directory = ovsDirectory(lab);
  return {
    ...env,
    OVS_RUNDIR: directory,
    OVS_LOGDIR: directory,
    OVS_DBDIR: directory,
    OVS_SYSCONFDIR: directory,
  };
}
