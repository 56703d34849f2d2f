import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openBed, type Bed } from "../../daemon/bench/bed.ts";
import { isWhole, measureHeal, measureRace } from "../../daemon/bench/overlay/merge.ts";
import { keyQuestions } from "../../daemon/bench/overlay/policies.ts";
import { labelsOf } from "./link-labels.ts";
import { LAB_MISSING, ownLabName } from "./lab-requirements.ts";
import { endDaemon, runDaemon } from "./overlay-bed.ts";

const HOLDERS = ["alpha-1", "alpha-2", "alpha-3", "alpha-4"];

describe.skipIf(LAB_MISSING !== undefined)("hosts of one link", () => {
  let bed: Bed;

  beforeAll(async () => {
    const sites = [
      "{ name: alpha, hosts: 4, switch: ovs, uplink: { delay: 5ms } }",
      "{ name: beta, hosts: 2, uplink: { delay: 5ms } }",
    ];
    bed = await openBed({ name: ownLabName("link"), sites });
    await bed.start(HOLDERS);
  });

  afterAll(async () => {
    await bed?.close();
  });

  it("end in one subnet when two start on an empty link at once", async () => {
    for (let race = 0; race < 2; race++) {
      expect(await measureRace(bed, ["beta-1", "beta-2"])).toBeLessThan(30_000);
      await bed.settle(2, 6);
      if (race === 1) return;
      await bed.lab.stop(["beta-1", "beta-2"]);
      for (const host of ["beta-1", "beta-2"]) bed.wipe(host);
      await bed.settle(1, 4, 60_000);
    }
  });

  it("find a record that only one keeps by asking the link, as lookup and a capture show", async () => {
    const capture = await bed.capture("alpha");
    const own = (await bed.status("alpha-1")).subnet.id;
    const resolved: string[] = [];
    for (let i = 0; i < 8; i++) {
      const key = `one ${i}`;
      await bed.put("beta-1", key, key, { copies: "one" });
      for (const host of HOLDERS) {
        const { answer } = await bed.lookup(host, key);
        expect(answer.records).toBe(1);
        const step = answer.path.find(({ subnet }) => subnet === own);
        if (step !== undefined) resolved.push(step.resolvedBy);
      }
    }
    const questions = keyQuestions(await capture.stop());
    expect(resolved.filter((how) => how === "multicast").length).toBeGreaterThan(0);
    expect(resolved).not.toContain("none");
    expect(questions.length).toBeGreaterThan(0);
    // The label is 32 bytes in base32; which key it stands for is not to be read from it.
    for (const name of questions) expect(name).toMatch(/^[a-z2-7]{52}\._key\._causeway\._tcp/);
  });

  it("ask the link for nothing that all of them keep", async () => {
    const capture = await bed.capture("alpha");
    for (let i = 0; i < 4; i++) {
      await bed.put("beta-1", `all ${i}`, "kept", { copies: "all" });
      for (const host of HOLDERS) expect(await bed.finds(host, `all ${i}`, "kept")).toBe(true);
    }
    // Records of other tests may be looked for meanwhile: those that only one host keeps.
    const labels = labelsOf(bed, "alpha-1", ["all 0", "all 1", "all 2", "all 3"]);
    const asked = keyQuestions(await capture.stop()).map((name) => name.split(".")[0]!);
    expect(asked.filter((label) => labels.includes(label))).toEqual([]);
  });

  it("are one subnet again after a cut of their link, and lose nothing", async () => {
    const { wholeMs, lost, asked } = await measureHeal(bed, "alpha", ["alpha-3", "alpha-4"], 6);
    expect(wholeMs).toBeLessThan(60_000);
    expect(asked).toBe(18 * 6);
    expect(lost).toEqual([]);
    expect(await isWhole(bed, HOLDERS)).toBe(true);
  });

  it("reach the others again after their uplink was cut", async () => {
    await bed.put("alpha-1", "before the cut", "kept");
    await bed.lab.link("beta", { isCut: true });
    const isAlone = async (): Promise<boolean> =>
      (await bed.status("beta-1")).health === "isolated";
    expect(await bed.until(isAlone, 60_000, 250)).toBeLessThan(60_000);
    expect(await bed.finds("beta-2", "before the cut", "kept")).toBe(true); // both hold it
    expect((await bed.explain("beta-1")).map(({ code }) => code)).toContain("isolated");
    await bed.lab.heal("beta");
    const isBack = async (): Promise<boolean> =>
      (await Promise.all(["beta-1", "beta-2"].map((host) => bed.status(host)))).every(
        ({ health }) => health === "healthy",
      );
    expect(await bed.until(isBack, 60_000, 250)).toBeLessThan(60_000);
    expect(await bed.settle(2, 6, 60_000)).toBeLessThan(60_000);
  });
});

describe.skipIf(LAB_MISSING !== undefined)("a link whose router does not answer", () => {
  let bed: Bed;

  beforeAll(async () => {
    bed = await openBed({ name: ownLabName("mute"), sites: ["{ name: alpha, hosts: 2 }"] });
    await bed.lab.stopRouter("alpha");
  });

  afterAll(async () => {
    await bed?.close();
  });

  it("has one overlay of two hosts that are started at once, and neither waits to be let in", async () => {
    const hosts = bed.hosts();
    const daemons = hosts.map((host) => runDaemon(bed, host));
    const areTogether = async (): Promise<boolean> => {
      const all = await Promise.all(hosts.map((host) => bed.status(host)));
      return all.every(({ subnet }) => subnet.hosts.length === 2);
    };
    expect(await bed.until(areTogether, 30_000, 200)).toBeLessThan(30_000);
    for (const { log } of daemons) expect(log()).not.toContain("waits for admission");
    await Promise.all(daemons.map(endDaemon));
  });
});
