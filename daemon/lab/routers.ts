/** Switching the routers of a lab's sites off and on, as a power cut does. */
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { homeRouterScript, isNated, startPortMapper, stopPortMapper } from "./home-router.ts";
import { labDirectory, type LabRecord, type SiteRecord } from "./record.ts";
import { labEnvironment, run } from "./run.ts";
import { inNamespace, ipBatch, untilUp } from "./shell-text.ts";
import { coreLines, innerEnd, outerEnd, uplinkPort } from "./wiring.ts";

/** It answers nobody any more; what it knew of connections and mapped ports is lost. */
export async function stopRouter(lab: LabRecord, site: SiteRecord): Promise<void> {
  const down = (namespace: string, devices: readonly string[]): string =>
    ipBatch(
      `-n ${namespace} `,
      devices.map((device) => `link set dev ${device} down`),
    );
  const script = isNated(site)
    ? down(site.router.namespace, ["lan", "wan"])
    : down(lab.coreNamespace, [site.name]);
  if (isNated(site)) await stopPortMapper(lab, site);
  await run(["sh", "-e", "-c", script], labEnvironment(labDirectory(lab.name)));
  writeFileSync(downMark(lab, site), "");
}

/** It is back, with the same hardware addresses; one that runs goes on running. */
export async function startRouter(lab: LabRecord, site: SiteRecord): Promise<void> {
  if (!isRouterDown(lab, site)) return;
  const env = labEnvironment(labDirectory(lab.name));
  const script = isNated(site)
    ? homeRouterScript(site)
    : ipBatch(`-n ${lab.coreNamespace} `, coreLines(site));
  await run(["sh", "-e", "-c", script], env);
  const near = isNated(site) ? [uplinkPort(site.name), innerEnd(site.name)] : [outerEnd(site.name)];
  await run(["sh", "-e", "-c", inNamespace(lab.switchNamespace, [untilUp(near)])], env);
  if (isNated(site)) await startPortMapper(lab, site, env);
  rmSync(downMark(lab, site));
}

export function isRouterDown(lab: LabRecord, site: SiteRecord): boolean {
  return existsSync(downMark(lab, site));
}

function downMark(lab: LabRecord, { name }: SiteRecord): string {
  return join(labDirectory(lab.name), `router-${name}.down`);
}
