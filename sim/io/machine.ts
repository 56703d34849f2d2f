/** What commands ask of this machine. */
import { resolve } from "node:path";

/** Memory that this process may still take, within what its container is allowed. */
export function freeBytes(): number {
  return process.availableMemory();
}

export function absolutePath(path: string): string {
  return resolve(path);
}
