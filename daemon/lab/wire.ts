/** The process that carries a lab's uplinks, as seen by who starts and asks it. */
import { readFileSync } from "node:fs";
import { createConnection } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import type { DelayCounters, DelayLineOptions, DelaySettings } from "../../packets/index.ts";
import { errorMessage } from "../../platform/errors.ts";
import { LabError } from "./errors.ts";
import { processState } from "./processes.ts";
import { labDirectory, readLink, writeJson, type LabRecord } from "./record.ts";
import { startDetached, type Environment } from "./run.ts";
import { innerEnd, outerEnd } from "./wiring.ts";

export interface LinkCounters {
  /** From the site to the core. */
  readonly out: DelayCounters;
  readonly back: DelayCounters;
}

const START_MS = 15_000;
const ANSWER_MS = 5000;

/** Starts carrying all uplinks of a lab whose interfaces are there and up. */
export async function startWire(lab: LabRecord, env: Environment): Promise<void> {
  const directory = labDirectory(lab.name);
  const [config, log] = [join(directory, "wire.json"), join(directory, "wire.log")];
  writeJson(
    config,
    lab.sites.map((site) => lineOptions(lab, site.name)),
  );
  const suffix = import.meta.filename.endsWith(".ts") ? "ts" : "js";
  const program = join(import.meta.dirname, `wire-process.${suffix}`);
  const enter = ["ip", "netns", "exec", lab.switchNamespace];
  const argv = [...enter, process.execPath, program, config, socketPath(lab.name)];
  const started = await startDetached(argv, env, log);
  const until = performance.now() + START_MS;
  for (;;) {
    try {
      await readCounters(lab.name, lab.sites[0]!.name);
      return;
    } catch (error) {
      const isGone = processState(started) === "gone";
      if (isGone || performance.now() > until) {
        const said = readFileSync(log, "utf8").trim() || errorMessage(error);
        const what = isGone ? "their process ended" : `no answer in ${START_MS / 1000} s`;
        throw new LabError("ERR_LAB_WIRE", `the uplinks do not start, ${what}: ${said}`, {
          cause: error,
        });
      }
      await sleep(10);
    }
  }
}

/** Sets the line of a site; returns when it holds. */
export async function changeWire(
  lab: string,
  site: string,
  settings: DelaySettings,
): Promise<void> {
  const { delayMs, jitterMs, lossRatio, isCut } = settings;
  await ask(lab, { site, settings: { delayMs, jitterMs, lossRatio, isCut } });
}

export async function readCounters(lab: string, site: string): Promise<LinkCounters> {
  return (await ask(lab, { site })) as LinkCounters;
}

function lineOptions(lab: LabRecord, name: string): DelayLineOptions {
  const site = lab.sites.find((one) => one.name === name)!;
  const { delayMs, jitterMs, lossRatio, isCut } = readLink(lab.name, site);
  return {
    name,
    from: innerEnd(name),
    to: outerEnd(name),
    settings: { delayMs, jitterMs, lossRatio, isCut },
  };
}

function socketPath(lab: string): string {
  return join(labDirectory(lab), "wire.sock");
}

async function ask(lab: string, request: unknown): Promise<unknown> {
  const socket = createConnection(socketPath(lab));
  try {
    const answer = await new Promise<string>((resolve, reject) => {
      socket.once("error", reject);
      socket.setTimeout(ANSWER_MS, () => reject(new Error("no answer in time")));
      const lines = createInterface(socket);
      lines.once("line", resolve);
      lines.once("close", () => reject(new Error("it hung up")));
      lines.on("error", reject);
      socket.write(`${JSON.stringify(request)}\n`);
    });
    const { counters, error } = JSON.parse(answer) as {
      counters?: unknown;
      error?: { readonly message: string };
    };
    if (error) throw new Error(error.message);
    return counters;
  } catch (error) {
    throw new LabError(
      "ERR_LAB_WIRE",
      `the uplinks of lab ${lab} do not answer: ${errorMessage(error)}; take it down and up again`,
      { cause: error },
    );
  } finally {
    socket.destroy();
  }
}
