/**
 * Kernel settings of the whole machine that labs change together.
 *
 * The first lab to want a setting notes its old value, the last to go restores it. Each step is
 * noted on disk before it is done, so a lab that was killed half way is still undone.
 */
import {
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

export interface SharedSetting {
  /** Dotted name, such as `net.core.rmem_default`. */
  readonly name: string;
  readonly value: string;
}

/** Without it, Open vSwitch's sockets lose a fifth of 50 000 full frames a second. */
export const RECEIVE_BUFFER: SharedSetting = { name: "net.core.rmem_default", value: "16777216" };

/** @param directory shared by all labs; callers hold its lock */
export function holdSetting(directory: string, setting: SharedSetting, lab: string): void {
  const { holders, before } = places(directory, setting);
  mkdirSync(holders, { recursive: true });
  writeFileSync(join(holders, lab), "");
  if (!existsSync(before)) {
    const draft = `${before}.new`;
    writeFileSync(draft, readFileSync(kernelFile(setting), "utf8").trim());
    linkSync(draft, before); // whole or not at all
    rmSync(draft);
  }
  writeFileSync(kernelFile(setting), setting.value);
}

/** Gives up a hold, if there is one; the last one restores the old value. */
export function releaseSetting(directory: string, setting: SharedSetting, lab: string): void {
  const { own, holders, before } = places(directory, setting);
  if (!existsSync(own)) return;
  rmSync(join(holders, lab), { force: true });
  if (existsSync(holders) && readdirSync(holders).length > 0) return;
  if (existsSync(before)) writeFileSync(kernelFile(setting), readFileSync(before, "utf8"));
  rmSync(own, { recursive: true });
}

function places(directory: string, { name }: SharedSetting) {
  const own = join(directory, ".settings", name);
  return { own, holders: join(own, "holders"), before: join(own, "before") };
}

function kernelFile({ name }: SharedSetting): string {
  return `/proc/sys/${name.replaceAll(".", "/")}`;
}
