/** Small files that a crash leaves as they were or as they are to be, never in between. */
import { open, rename } from "node:fs/promises";

/** Writes beside it, flushes to disk, and renames into place. One writer a path at a time. */
export async function writeWhole(path: string, data: string | Uint8Array): Promise<void> {
  const temporary = await open(`${path}.new`, "w", 0o600);
  try {
    await temporary.writeFile(data);
    await temporary.sync();
  } finally {
    await temporary.close();
  }
  await rename(`${path}.new`, path);
}
