/** What miniupnpd answers, by name. */
import { readGolden } from "../../golden/read-golden.ts";

export function golden(name: string): Uint8Array {
  const bytes = readGolden("mapping/miniupnpd-2.3.1.txt").get(name);
  if (bytes === undefined) throw new Error(`no golden answer ${name}`);
  return bytes;
}
