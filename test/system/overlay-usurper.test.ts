/** A member that makes a subnet of its own and says it is the older one, so that others yield to it. */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openBed, type Bed } from "../../daemon/bench/bed.ts";
import { STATE_FILES } from "../../overlay/io/state.ts";
import { LAB_MISSING, ownLabName } from "./lab-requirements.ts";
import { withArguments } from "./overlay-bed.ts";
import { buildVariant } from "./fixtures/variant-build.ts";

const VICTIM = "alpha-1";
const USURPER = "alpha-3";
const CLAIM = "overlay/subnet/claim.ts";
/** The only check that an honest daemon makes of the stamp. */
const CHECK_OFF = {
  file: CLAIM,
  from: "if (generation === 1 && claim.stampMs < claim.makerAdmittedMs)",
  to: "if (false)",
};
const OLDEST = {
  file: CLAIM,
  from: "stampMs: BigInt(Math.max(wallMs, makerAdmittedMs)),",
  to: "stampMs: BigInt(Math.min(1, wallMs, makerAdmittedMs)),",
};

describe.skipIf(LAB_MISSING !== undefined)("a member that claims an older subnet", () => {
  let bed: Bed;
  let home = "";
  let config = "";

  beforeAll(async () => {
    const sites = [
      "{ name: alpha, hosts: 3, uplink: { delay: 2ms } }",
      "{ name: beta, hosts: 1, uplink: { delay: 2ms } }",
    ];
    bed = await openBed({ name: ownLabName("usurp"), sites });
    await bed.start(bed.hosts());
    await bed.settle(2, 4);
    home = (await bed.status(VICTIM)).subnet.id!;
    config = join(bed.lab.paths(VICTIM).directory, "victim.yaml");
    writeFileSync(config, "log: { level: debug, format: json }\n");
    await bed.lab.stop([USURPER]);
  }, 120_000);

  afterAll(async () => {
    await bed?.close();
  });

  /** Starts it cut off its link, where it makes a subnet of its own, and then lets it meet the others. */
  async function usurp(): Promise<string> {
    const { state } = bed.lab.paths(USURPER);
    for (const file of [STATE_FILES.subnet, STATE_FILES.former])
      rmSync(join(state, file), { force: true });
    await bed.lab.link("alpha", { split: [USURPER] });
    const program = await buildVariant("usurper", [CHECK_OFF, OLDEST]);
    // Alone it never counts as joined.
    await bed.lab.start([USURPER], { program, waitMs: 1_000 }).catch(() => {});
    let own = "";
    const isAlone = async (): Promise<boolean> => {
      own = (await bed.status(USURPER)).subnet.id ?? "";
      return own !== "" && own !== home;
    };
    await bed.need("the usurper has a subnet of its own", isAlone, 60_000);
    await bed.lab.heal("alpha");
    return own;
  }

  async function restartVictim(program: readonly string[]): Promise<void> {
    await bed.lab.stop([VICTIM, USURPER].filter((host) => bed.running().includes(host)));
    await bed.lab.start([VICTIM], { program });
    await bed.need(
      "the victim is at home",
      async () => (await bed.status(VICTIM)).subnet.id === home,
      60_000,
    );
  }

  it("takes the hosts of its link over when nobody looks at the stamp", async () => {
    await restartVictim(await buildVariant("credulous", [CHECK_OFF]));
    const own = await usurp();
    const isWon = async (): Promise<boolean> => (await bed.status(VICTIM)).subnet.id === own;
    await bed.need("the victim yields", isWon, 60_000);
  });

  it("is refused, and the victim stays where it is", async () => {
    await restartVictim(withArguments("--config", config));
    await usurp();
    const log = (): string => readFileSync(bed.lab.paths(VICTIM).log, "utf8");
    const isRefused = async (): Promise<boolean> => log().includes("it is older than its maker");
    await bed.need("the claim is refused", isRefused, 60_000);
    const { subnet } = await bed.status(VICTIM);
    expect(subnet.id).toBe(home);
    expect(subnet.hosts).toHaveLength(2);
    expect((await bed.status("alpha-2")).subnet.id).toBe(home);
  });
});
