/** Sites that nobody can dial find the one public site again, however both came to stop. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openBed, type Bed } from "../../daemon/bench/bed.ts";
import { LAB_MISSING, ownLabName } from "./lab-requirements.ts";

const BACK_MS = 45_000;

describe.skipIf(LAB_MISSING !== undefined)("two sites behind NAT and one public host", () => {
  let bed: Bed;

  beforeAll(async () => {
    const sites = [
      "{ name: pub, hosts: 1, uplink: { delay: 5ms } }",
      "{ name: homea, hosts: 1, nat: true, uplink: { delay: 5ms } }",
      "{ name: homeb, hosts: 1, nat: true, uplink: { delay: 5ms } }",
    ];
    bed = await openBed({ name: ownLabName("outage"), sites });
    await bed.start();
    await expectWhole("at first");
  });

  afterAll(async () => {
    await bed?.close();
  });

  /** What one home puts is found at the other. */
  async function expectWhole(what: string): Promise<void> {
    const isWhole = async (): Promise<boolean> => {
      await bed.put("homea-1", what, "here", { copies: "all" });
      return bed.finds("homeb-1", what, "here");
    };
    expect(await bed.until(isWhole, BACK_MS, 500), what).toBeLessThan(BACK_MS);
  }

  it("are together again after the public host was stopped for a while", async () => {
    await bed.lab.stop(["pub-1"]);
    await bed.pause(3000);
    expect((await bed.status("homea-1")).health).toBe("healthy"); // it departed in good order
    await bed.start(["pub-1"]);
    await expectWhole("after its restart");
  }, 120_000);

  it.each(["stop", "kill"] as const)(
    "are together again after a %s of all",
    async (how) => {
      await bed.lab[how]();
      await bed.start();
      await expectWhole(`after a ${how} of all`);
    },
    120_000,
  );
});
