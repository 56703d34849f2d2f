/** Keys as people write them. */
import { ConfigError } from "../../platform/errors.ts";

/** Longer texts are hashed here; a request line has its bound. */
const TEXT_CHARS_MAX = 4096;

/**
 * What stands for a key in a path of the local API.
 *
 * `0x` and 64 digits are the key itself. Any other text is hashed with SHA-256, by the daemon where
 * that is possible: importing `node:crypto` takes a fifth of a command's time.
 */
export async function keyPath(text: string): Promise<string> {
  if (text === "") throw new ConfigError("KEY", "is empty");
  if (!text.isWellFormed()) throw new ConfigError("KEY", "is not valid Unicode");
  const raw = /^0x([0-9a-f]{64})$/i.exec(text);
  if (raw) return raw[1]!.toLowerCase();
  const path = `text:${encodeURIComponent(text)}`;
  if (path.length <= TEXT_CHARS_MAX) return path;
  const { hash } = await import("node:crypto");
  return hash("sha256", text);
}
