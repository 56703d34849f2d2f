/** Kademlia's core with a bug in it: a copy of its sources with some lines changed, imported. */
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Closest } from "../../../sim/kademlia/closest.ts";
import type { KADEMLIA } from "../../../sim/kademlia/kademlia.ts";
import type { RoutingTable } from "../../../sim/kademlia/routing-table.ts";

const SIM = join(import.meta.dirname, "../../../sim");

/** One place of a file in `sim/kademlia` that is another. */
export interface Patch {
  readonly file: string;
  /** Text that stands there exactly once. */
  readonly from: string;
  readonly to: string;
}

/** What the checkers look at. */
export interface Core {
  readonly KADEMLIA: typeof KADEMLIA;
  readonly RoutingTable: typeof RoutingTable;
  readonly Closest: typeof Closest;
}

/** @throws {Error} when a patch does not fit exactly once */
export async function loadCore(patches: readonly Patch[]): Promise<Core> {
  const folder = mkdtempSync(join(tmpdir(), "kademlia-"));
  try {
    cpSync(join(SIM, "kademlia"), join(folder, "kademlia"), { recursive: true });
    symlinkSync(join(SIM, "engine"), join(folder, "engine"));
    for (const { file, from, to } of patches) {
      const path = join(folder, "kademlia", file);
      const text = readFileSync(path, "utf8");
      const times = text.split(from).length - 1;
      if (times !== 1) throw new Error(`${file} has ${times} times, not once: ${from}`);
      writeFileSync(
        path,
        text.replace(from, () => to),
      );
    }
    const load = (file: string): Promise<Partial<Core>> =>
      import(join(folder, "kademlia", file)) as Promise<Partial<Core>>;
    const parts = await Promise.all(["kademlia.ts", "routing-table.ts", "closest.ts"].map(load));
    return Object.assign({}, ...parts) as Core;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
