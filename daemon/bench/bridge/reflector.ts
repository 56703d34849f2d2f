/** What people use today: a host with a leg on each of two links, whose Avahi reflects between them. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { labDirectory } from "../../lab/record.ts";
import { labEnvironment, run } from "../../lab/run.ts";
import type { Bed } from "../bed.ts";
import { BenchError } from "../errors.ts";

/** No host of a site has this number. */
const LEG_NUMBER = 200;
const END_MS = 5_000;

/** Gives a host, which has an Avahi, a leg at another site, and has its Avahi reflect. */
export async function startReflector(bed: Bed, host: string, site: string): Promise<void> {
  await addLeg(bed, host, site);
  const { directory } = bed.lab.paths(host);
  const file = join(directory, "avahi", "avahi.conf");
  const text = readFileSync(file, "utf8")
    .replace("allow-interfaces=eth0", "allow-interfaces=eth0,eth1")
    .replace("enable-reflector=no", "enable-reflector=yes");
  writeFileSync(file, text);
  await shell(bed, host, "kill $(cat /run/avahi-daemon/pid)");
  const isGone = async (): Promise<boolean> =>
    (await bed.lab.exec(host, ["test", "-e", "/run/avahi-daemon/pid"])).status !== 0;
  await bed.need(`Avahi on ${host} ends`, isGone, END_MS);
  const options = "--daemonize --no-drop-root --no-chroot --no-rlimits";
  await shell(bed, host, `avahi-daemon -f ${file} ${options}`);
}

/** It goes with the lab's namespaces. */
async function addLeg({ lab }: Bed, host: string, site: string): Promise<void> {
  const { switchNamespace, sites, name } = lab.record;
  const { networks, number } = sites.find((one) => one.name === site)!;
  const { namespace } = lab.host(host);
  const port = `leg-${number}`;
  const address = networks[0]!.replace(/\.0\/(\d+)$/, `.${LEG_NUMBER}/$1`);
  const env = labEnvironment(labDirectory(name));
  const ip = (line: string): Promise<string> => run(["ip", ...line.split(" ")], env);
  await ip(
    `link add name ${port} netns ${switchNamespace} type veth peer name eth1 netns ${namespace}`,
  );
  await ip(`-n ${switchNamespace} link set dev ${port} master ${site} up`);
  await ip(`-n ${namespace} address add ${address} dev eth1`);
  await ip(`-n ${namespace} link set dev eth1 up`);
}

async function shell({ lab }: Bed, host: string, command: string): Promise<void> {
  const { status, stderr } = await lab.exec(host, ["sh", "-c", command]);
  if (status !== 0)
    throw new BenchError("ERR_BENCH_PROGRAM", `${command} on ${host} failed: ${stderr.trim()}`);
}
