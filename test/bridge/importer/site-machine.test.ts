import { describe, expect, it } from "vitest";
import { SiteMachine, type SiteAction } from "../../../bridge/importer/site-machine.ts";

/** Runs a machine against a site that can be cut off. */
function watchSite(hosts: readonly string[], up = hosts) {
  const machine = new SiteMachine(0);
  const site = { up: new Set(up), isMute: false };
  const log: { readonly atMs: number; readonly what: string }[] = [];
  let nowMs = 0;
  let open: string | undefined;
  const perform = (actions: readonly SiteAction[]): void => {
    for (const action of actions) {
      if (action.type === "alive") log.push({ atMs: nowMs, what: `alive ${action.isAlive}` });
      if (action.type === "dial") {
        log.push({ atMs: nowMs, what: `dial ${action.host}` });
        const isUp = site.up.has(action.host);
        open = isUp ? action.host : undefined;
        perform(machine.step({ type: isUp ? "opened" : "broke" }, nowMs));
      }
      if (action.type === "ping" && open !== undefined && site.up.has(open) && !site.isMute)
        perform(machine.step({ type: "heard" }, nowMs));
    }
  };
  perform(machine.step({ type: "hosts", hosts }, 0));
  const run = (untilMs: number): void => {
    for (; nowMs < untilMs; nowMs += 100)
      if (machine.wakeAtMs <= nowMs) perform(machine.step({ type: "tick" }, nowMs));
  };
  return { machine, site, log, run };
}

const ofKind = (log: readonly { readonly what: string }[], kind: string): readonly string[] =>
  log.map(({ what }) => what).filter((what) => what.startsWith(kind));

describe("a site", () => {
  it("is asked every 5 s on one stream as long as it answers", () => {
    const { machine, log, run } = watchSite(["x", "y"]);
    run(60_000);
    expect(ofKind(log, "dial")).toEqual(["dial x"]);
    expect(machine.isAlive).toBe(true);
    expect(machine.heardMs).toBeGreaterThan(54_000);
  });

  it("is silent 30 s after its last word, and alive within 5 s of answering again", () => {
    const { site, log, run } = watchSite(["x", "y"]);
    run(20_000);
    site.up.clear();
    run(100_000);
    const [silent] = log.filter(({ what }) => what === "alive false");
    expect(silent!.atMs).toBeGreaterThan(44_000);
    expect(silent!.atMs).toBeLessThanOrEqual(50_100);
    site.up.add("y");
    run(110_000);
    const [back] = log.filter(({ what }) => what === "alive true");
    expect(back!.atMs - 100_000).toBeLessThanOrEqual(5000);
  });

  it("is reached through another of its hosts when one is dead, and never seems silent then", () => {
    const { site, log, run } = watchSite(["x", "y"]);
    run(10_000);
    site.up.delete("x");
    run(60_000);
    expect(ofKind(log, "dial")).toContain("dial y");
    expect(ofKind(log, "alive")).toEqual([]);
  });

  it("is silent too when its stream stands and nothing comes", () => {
    const { site, log, run } = watchSite(["x"]);
    run(10_000);
    site.isMute = true;
    run(60_000);
    expect(ofKind(log, "alive")).toEqual(["alive false"]);
  });

  it("that was never heard is given 15 s", () => {
    const { log, run } = watchSite(["x"], []);
    run(20_000);
    expect(ofKind(log, "alive")).toEqual(["alive false"]);
  });
});
