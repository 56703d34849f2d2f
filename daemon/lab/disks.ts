/**
 * Disks of their own for hosts of a lab, to be filled: a tmpfs under each one's state directory.
 *
 * Hosts without one have their state on the machine's own disk, which no test may fill.
 */
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { ConfigError, errorCode } from "../../platform/errors.ts";
import { hostDirectory, labDirectory, type LabRecord } from "./record.ts";
import { run, type Environment } from "./run.ts";

export interface DiskUse {
  readonly sizeBytes: number;
  readonly freeBytes: number;
}

const FILLER = "filler";
const CHUNK_SIZES = [1 << 20, 4096, 1] as const;

/** Makes the disks that the file asks for. */
export async function mountDisks(lab: LabRecord, env: Environment): Promise<void> {
  const mounts = lab.sites.flatMap(({ diskBytes, hosts }) =>
    hosts.flatMap(({ name }) => {
      if (diskBytes === null) return [];
      const disk = diskDirectory(lab.name, name);
      mkdirSync(disk, { recursive: true });
      return [`mount -t tmpfs -o size=${diskBytes},mode=755 causeway-lab ${disk}`];
    }),
  );
  if (mounts.length > 0) await run(["sh", "-e", "-c", mounts.join("\n")], env);
}

/** Takes all disks of a lab away; the processes that used them are gone. */
export async function unmountDisks(lab: string, env: Environment): Promise<void> {
  const directory = `${labDirectory(lab)}/`;
  const mounted = readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "")
    .filter((path) => path.startsWith(directory));
  if (mounted.length > 0) await run(["umount", "-l", ...mounted], env);
}

/** Writes to a disk until nothing more goes on it. @throws {ConfigError} if the host has none */
export function fillDisk(lab: string, host: string): DiskUse {
  const disk = requireDisk(lab, host);
  const file = openSync(join(disk, FILLER), "a");
  try {
    for (const size of CHUNK_SIZES) writeUntilFull(file, new Uint8Array(size));
  } finally {
    closeSync(file);
  }
  return diskUse(lab, host);
}

/** Undoes `fillDisk`. */
export function freeDisk(lab: string, host: string): DiskUse {
  rmSync(join(requireDisk(lab, host), FILLER), { force: true });
  return diskUse(lab, host);
}

export function diskUse(lab: string, host: string): DiskUse {
  const { bsize, blocks, bavail } = statfsSync(requireDisk(lab, host));
  return { sizeBytes: bsize * blocks, freeBytes: bsize * bavail };
}

/** Where the disk of a host is, if it has one. */
export function diskDirectory(lab: string, host: string): string {
  return join(hostDirectory(lab, host), "disk");
}

function writeUntilFull(file: number, chunk: Uint8Array): void {
  try {
    while (writeSync(file, chunk) > 0);
  } catch (error) {
    if (errorCode(error) !== "ENOSPC") throw error;
  }
}

function requireDisk(lab: string, host: string): string {
  const disk = diskDirectory(lab, host);
  if (existsSync(disk)) return disk;
  throw new ConfigError(
    "HOST",
    `${host} has no disk of its own; give its site one in the file, such as disk: 64MiB`,
  );
}
