/** What daemons cost that have nothing to do. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { bedOf, withBed, type Bed } from "../bed.ts";
import { createFigure, type BenchRun, type SectionResult } from "../figure.ts";
import { maximum } from "../statistics.ts";
import { sitesOf } from "./sites.ts";

const SECTION = "idle";
const SITES = 4;
const HOSTS = 3;
const SETTLE_MS = 10_000;
/** `/proc/PID/stat` counts in hundredths of a second. */
const TICK_MS = 10;

export interface IdleCost {
  /** Of the host that sends most. */
  readonly multicastPerSecond: number;
  /** Of the host that takes most, per cent of a core. */
  readonly cpuPercent: number;
  /** Of the host that takes most. */
  readonly residentMb: number;
  readonly hosts: number;
}

export async function runIdle(run: BenchRun): Promise<SectionResult> {
  return withBed({ ...bedOf(run, SECTION), sites: sitesOf(SITES, HOSTS) }, async (bed) => {
    await bed.start();
    await bed.settle(SITES, SITES * HOSTS);
    await bed.pause(SETTLE_MS);
    const forMs = run.isQuick ? 10_000 : 30_000;
    run.progress(`idle for ${forMs / 1000} s`);
    const { multicastPerSecond, cpuPercent, residentMb, hosts } = await measureIdle(bed, forMs);
    const bare = { what: "node that waits", value: await bareNodeMb() };
    const shared = { section: SECTION, n: hosts } as const;
    return {
      figures: [
        createFigure({
          ...shared,
          name: "multicast packets sent, most of any host",
          unit: "per s",
          bar: 1,
          measured: multicastPerSecond,
        }),
        createFigure({
          ...shared,
          name: "processor time, most of any daemon, share of a core",
          unit: "%",
          bar: 2,
          measured: cpuPercent,
        }),
        createFigure({
          ...shared,
          name: "resident memory, most of any daemon",
          unit: "MB",
          bar: 150,
          measured: residentMb,
          baseline: bare,
        }),
      ],
      tables: [],
    };
  });
}

export async function measureIdle(bed: Bed, forMs: number): Promise<IdleCost> {
  const hosts = bed.running();
  const before = await Promise.all(hosts.map((host) => readCost(bed, host)));
  const startedMs = performance.now();
  await bed.pause(forMs);
  const after = await Promise.all(hosts.map((host) => readCost(bed, host)));
  const tookMs = performance.now() - startedMs;
  const growth = (field: "multicast" | "cpuMs"): number =>
    maximum(after.map((cost, i) => cost[field] - before[i]![field]));
  return {
    multicastPerSecond: (growth("multicast") * 1000) / tookMs,
    cpuPercent: (growth("cpuMs") * 100) / tookMs,
    residentMb: maximum(after.map((cost) => cost.residentMb)),
    hosts: hosts.length,
  };
}

async function readCost(bed: Bed, host: string) {
  const { pid } = bed.lab.daemonProcess(host)!;
  const { link } = await bed.status(host);
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return {
    multicast: link.multicastPacketsSent,
    cpuMs: (Number(fields[11]) + Number(fields[12])) * TICK_MS,
    residentMb: residentMb(pid),
  };
}

function residentMb(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
}

/** A Node that does nothing but wait, as what any program of this runtime costs. */
async function bareNodeMb(): Promise<number> {
  const program = "console.log(1); setTimeout(() => {}, 60_000)";
  const child = spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "ignore"] });
  try {
    await once(child.stdout, "data");
    return residentMb(child.pid!);
  } finally {
    child.kill("SIGKILL");
  }
}
