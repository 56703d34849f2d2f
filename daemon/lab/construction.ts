/** Making a lab and taking it away. */
import { existsSync, mkdirSync, readdirSync, rmSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { errorCode } from "../../platform/errors.ts";
import { AVAHI_PROGRAMS, startAvahi } from "./avahi.ts";
import { writeClock } from "./clocks.ts";
import { mountDisks, unmountDisks } from "./disks.ts";
import { LabError } from "./errors.ts";
import { startTunnels } from "./extras.ts";
import { underLock } from "./file-lock.ts";
import { NAT_PROGRAMS, PORT_MAPPING_PROGRAMS, isNated, startPortMapper } from "./home-router.ts";
import { setFirstRates } from "./link.ts";
import { OVS_PROGRAMS, addSwitches, startOpenVSwitch } from "./open-vswitch.ts";
import { killLabProcesses, markProcess, processState } from "./processes.ts";
import {
  LABS_DIRECTORY,
  labDirectory,
  labHosts,
  labNamespaces,
  planLab,
  readRecord,
  writeRecord,
  type LabRecord,
} from "./record.ts";
import { labEnvironment, missingPrograms, run, type Environment } from "./run.ts";
import { RECEIVE_BUFFER, holdSetting, releaseSetting } from "./shared-setting.ts";
import type { LabSpec } from "./spec.ts";
import { startWire } from "./wire.ts";
import { networkScript } from "./wiring.ts";

const NAMESPACES_DIRECTORY = "/run/netns";
const PROGRAMS = ["ip", "tc", "ethtool", "unshare", "sh"] as const;
const LOCK = join(LABS_DIRECTORY, ".lock");

/**
 * Makes a lab; when that fails, what was made is taken away again.
 *
 * @throws {LabError}
 */
export async function buildLab(spec: LabSpec, name: string): Promise<LabRecord> {
  checkMachine(spec);
  const plan = planLab(spec, name, markProcess(process.pid)!);
  const usesSwitch = plan.sites.some((site) => site.switch === "ovs");
  await underLock(LOCK, () => {
    reserve(plan);
    // Before a port joins a switch: the buffer is taken when its socket opens.
    if (usesSwitch) holdSetting(LABS_DIRECTORY, RECEIVE_BUFFER, name);
  });
  try {
    for (const { clocks } of spec.sites)
      for (const [host, offsetMs] of Object.entries(clocks)) writeClock(name, host, offsetMs);
    await construct(plan, labEnvironment(labDirectory(name)));
    const ready: LabRecord = { ...plan, isReady: true };
    writeRecord(ready);
    return ready;
  } catch (error) {
    await removeLab(name);
    throw error;
  }
}

/**
 * Takes a lab away, whole or half made: its processes, namespaces, settings and files.
 *
 * @throws {LabError} ERR_LAB_ABSENT when there is none
 */
export async function removeLab(name: string): Promise<void> {
  checkSystem();
  const directory = labDirectory(name);
  if (!existsSync(directory))
    throw new LabError("ERR_LAB_ABSENT", `no lab called ${name}; see "causeway lab ls"`);
  const record = readRecord(name);
  if (record) {
    refuseWhileMade(record);
    await killLabProcesses({ namespaces: labNamespaces(record).map(pathOf), mark: directory });
    await unmountDisks(name, labEnvironment(directory));
    const left = labNamespaces(record).filter((one) => existsSync(pathOf(one)));
    // Each on its own, so that one that fails keeps no other.
    if (left.length > 0)
      await run(
        ["sh", "-c", `ip -force -batch - <<'LINES'\n${left.map(deletion).join("\n")}\nLINES\n`],
        labEnvironment(directory),
      );
  }
  await underLock(LOCK, () => {
    releaseSetting(LABS_DIRECTORY, RECEIVE_BUFFER, name);
    rmSync(directory, { recursive: true, force: true });
    removeIfLast();
  });
}

/** Everything at once that does not need each other. */
async function construct(lab: LabRecord, env: Environment): Promise<void> {
  const script = join(labDirectory(lab.name), "network.sh");
  writeFileSync(script, networkScript(lab));
  await run(["sh", "-e", script], env);
  await mountDisks(lab, env);
  const avahiHosts = lab.sites.flatMap((site) => (site.hasAvahi ? site.hosts : []));
  const parts = [
    startWire(lab, env),
    ...(lab.sites.some((site) => site.switch === "ovs") ? [switches(lab, env)] : []),
    setFirstRates(lab, env),
    startTunnels(lab, env),
    ...lab.sites.filter(isNated).map((site) => startPortMapper(lab, site, env)),
    ...avahiHosts.map((host) => startAvahi(lab.name, host, env)),
  ];
  // All of them, also when one fails: what still starts would slip through the cleaning.
  const failed = (await Promise.allSettled(parts)).find((part) => part.status === "rejected");
  if (failed) throw failed.reason;
}

async function switches(lab: LabRecord, env: Environment): Promise<void> {
  await startOpenVSwitch(lab, env);
  await addSwitches(lab, env);
}

/** Notes what will be made, before any of it is. */
function reserve(plan: LabRecord): void {
  const taken = labNamespaces(plan).find((one) => existsSync(pathOf(one)));
  const directory = labDirectory(plan.name);
  if (existsSync(directory)) {
    const flag = plan.name === "lab" ? "" : ` --name ${plan.name}`;
    throw new LabError(
      "ERR_LAB_EXISTS",
      `lab ${plan.name} is there; use "causeway lab down${flag}" first, or another --name`,
    );
  }
  if (taken !== undefined)
    throw new LabError(
      "ERR_LAB_TAKEN",
      `network namespace ${taken} is not this lab's; remove it, or use another --name`,
    );
  mkdirSync(directory, { recursive: true });
  writeRecord(plan);
  for (const { name } of labHosts(plan))
    mkdirSync(join(directory, "hosts", name), { recursive: true });
}

function checkSystem(): void {
  if (process.platform !== "linux" || process.getuid?.() !== 0)
    throw new LabError(
      "ERR_LAB_PLATFORM",
      "a lab needs Linux and root, for network namespaces; try with sudo",
    );
}

function checkMachine(spec: LabSpec): void {
  checkSystem();
  const missing = missingPrograms([
    ...PROGRAMS,
    ...(spec.sites.some((site) => site.switch === "ovs") ? OVS_PROGRAMS : []),
    ...(spec.sites.some((site) => site.hasAvahi) ? AVAHI_PROGRAMS : []),
    ...(spec.sites.some((site) => site.nat !== null) ? NAT_PROGRAMS : []),
    ...(spec.sites.some((site) => (site.nat?.portMapping ?? null) !== null)
      ? PORT_MAPPING_PROGRAMS
      : []),
  ]);
  if (missing.length > 0)
    throw new LabError(
      "ERR_LAB_TOOL",
      `${missing.join(", ")} not installed; on Debian and Ubuntu: ` +
        "apt-get install iproute2 ethtool nftables openvswitch-switch dbus avahi-daemon " +
        "miniupnpd-nftables",
    );
}

function refuseWhileMade({ name, isReady, maker }: LabRecord): void {
  if (isReady || maker.pid === process.pid || processState(maker) === "gone") return;
  throw new LabError(
    "ERR_LAB_BUSY",
    `process ${maker.pid} is making lab ${name}; wait for it, or end it first`,
  );
}

/** The directory of all labs goes with the last of them. */
function removeIfLast(): void {
  const settings = join(LABS_DIRECTORY, ".settings");
  try {
    if (existsSync(settings)) rmdirSync(settings);
    if (readdirSync(LABS_DIRECTORY).some((entry) => entry !== ".lock")) return;
    rmSync(LOCK, { force: true });
    rmdirSync(LABS_DIRECTORY);
  } catch (error) {
    if (errorCode(error) !== "ENOTEMPTY") throw error; // another lab holds a setting
  }
}

function pathOf(namespace: string): string {
  return join(NAMESPACES_DIRECTORY, namespace);
}

function deletion(namespace: string): string {
  return `netns delete ${namespace}`;
}
