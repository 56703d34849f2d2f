/** What a command costs against a Node that does nothing. */
import { join } from "node:path";
import { BARE_NODE, runTimeMs } from "../baseline.ts";
import { bedOf, withBed } from "../bed.ts";
import { createFigure, type BenchRun, type SectionResult } from "../figure.ts";
import { BIN_DIRECTORY } from "../../lab/enter.ts";
import { median } from "../statistics.ts";
import { sitesOf } from "./sites.ts";

const SECTION = "cli";
const WARM_UP = 2;

export interface CommandTimes {
  readonly command: string;
  readonly commandMs: number;
  readonly bareMs: number;
}

export async function runCli(run: BenchRun): Promise<SectionResult> {
  return withBed({ ...bedOf(run, SECTION), sites: sitesOf(1, 1) }, async (bed) => {
    const [host = ""] = bed.hosts();
    await bed.start([host]);
    await bed.put(host, "cli", "value");
    const runs = run.isQuick ? 7 : 15;
    const times = await measureCommands(bed.lab.paths(host).socket, runs);
    return {
      figures: times.map(({ command, commandMs, bareMs }) =>
        createFigure({
          section: SECTION,
          name: `causeway ${command}, against node -e 0, medians`,
          unit: "x",
          bar: 2.5,
          measured: commandMs / bareMs,
          n: runs,
          note: `${Math.round(commandMs)} ms against ${Math.round(bareMs)} ms`,
        }),
      ),
      tables: [],
    };
  });
}

/** Runs each command and the bare Node in turn, so that both meet the same machine. */
export async function measureCommands(socket: string, runs: number): Promise<CommandTimes[]> {
  const env = { ...process.env, CAUSEWAY_SOCKET: socket };
  const program = join(BIN_DIRECTORY, "causeway");
  const commands = [["status"], ["get", "cli"], ["put", "cli", "value"]];
  const times: CommandTimes[] = [];
  for (const command of commands) {
    const own: number[] = [];
    const bare: number[] = [];
    for (let i = -WARM_UP; i < runs; i++) {
      const ownMs = await runTimeMs([program, ...command], env);
      const bareMs = await runTimeMs(BARE_NODE);
      if (i < 0) continue;
      own.push(ownMs);
      bare.push(bareMs);
    }
    times.push({ command: command[0]!, commandMs: median(own), bareMs: median(bare) });
  }
  return times;
}
