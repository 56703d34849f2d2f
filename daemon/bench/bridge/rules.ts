/** Rules set and services asked for as the commands do, without the start of a program each time. */
import type { RuleRequest } from "../../../bridge/index.ts";
import type { ServicesAnswer } from "../../api/bridge-types.ts";
import type { Bed } from "../bed.ts";

/** `causeway export TYPE` on that host. */
export async function exportRule(bed: Bed, host: string, serviceType: string): Promise<void> {
  await setRule(bed, host, { type: "export", serviceType });
}

/** `causeway import --type TYPE…` on that host. */
export async function importRule(bed: Bed, host: string, types: readonly string[]): Promise<void> {
  await setRule(bed, host, { type: "import", types });
}

async function servicesOf(bed: Bed, host: string): Promise<ServicesAnswer> {
  return (await bed.guard(bed.lab.api(host, "GET", "/v1/services"))) as ServicesAnswer;
}

/** Waits until the bridges of these hosts work, with so many hosts in the crew of each. */
export async function needBridges(bed: Bed, hosts: readonly string[], crew: number): Promise<void> {
  await bed.need(
    "every bridge works",
    async () => {
      const answers = await Promise.all(hosts.map((host) => servicesOf(bed, host)));
      return answers.every(
        ({ bridge }) => bridge.backend === "avahi" && bridge.crew.length === crew,
      );
    },
    30_000,
  );
}

async function setRule(bed: Bed, host: string, rule: RuleRequest): Promise<void> {
  await bed.guard(bed.lab.api(host, "POST", "/v1/rules", rule));
}
