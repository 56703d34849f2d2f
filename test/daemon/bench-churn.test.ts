import { describe, expect, it } from "vitest";
import { drawChurn } from "../../daemon/bench/overlay/churn/chart.ts";
import { createFleet, subnetsOf } from "../../daemon/bench/overlay/churn/fleet.ts";
import { planChurn } from "../../daemon/bench/overlay/churn/plan.ts";
import { countTable } from "../../daemon/bench/overlay/churn/tables.ts";

const churning = subnetsOf(["alpha", "beta"], 3);
const [lost] = subnetsOf(["lost"], 2);
const [cut] = subnetsOf(["cut"], 2);
const shape = { churning, lost, cut };

describe("a churn plan", () => {
  it("is the same for the same seed, and another for another", () => {
    expect(planChurn(shape, 50, 7)).toEqual(planChurn(shape, 50, 7));
    expect(planChurn(shape, 50, 7).steps).not.toEqual(planChurn(shape, 50, 8).steps);
  });

  it("leaves each subnet a host, and lets nobody go twice or come while there", () => {
    for (let seed = 0; seed < 20; seed++) {
      const there = new Set(churning.flatMap(({ hosts }) => hosts));
      const { steps } = planChurn(shape, 200, seed);
      for (const step of steps) {
        if (!("host" in step)) continue;
        expect(there.has(step.host)).toBe(step.type !== "join");
        if (step.type === "join") there.add(step.host);
        else there.delete(step.host);
        for (const { hosts } of churning) expect(hosts.some((host) => there.has(host))).toBe(true);
      }
      const types = steps.map(({ type }) => type);
      expect(types.filter((type) => ["leave", "kill", "join"].includes(type))).toHaveLength(200);
      expect(types.filter((type) => ["lose", "cut", "return"].includes(type))).toEqual([
        "lose",
        "cut",
        "return",
      ]);
      for (const type of ["leave", "kill", "join"])
        expect(types.filter((one) => one === type).length).toBeGreaterThan(20);
    }
  });
});

describe("changes of a routing table", () => {
  const life = { others: 5, reading: { changes: 5, entries: 5 }, went: 0, came: 0 };

  it("are none while it fills for the first time", () => {
    expect(countTable(life)).toEqual({ changes: 0, unexplained: 0, missing: 0 });
    const half = { ...life, reading: { changes: 2, entries: 2 } };
    expect(countTable(half)).toEqual({ changes: 0, unexplained: 0, missing: 0 });
  });

  it("are explained by a subnet that went, and by one that came", () => {
    const gone = { ...life, reading: { changes: 6, entries: 4 }, went: 1 };
    expect(countTable(gone)).toEqual({ changes: 1, unexplained: 0, missing: 0 });
    const back = { ...life, reading: { changes: 7, entries: 5 }, went: 1, came: 1 };
    expect(countTable(back)).toEqual({ changes: 2, unexplained: 0, missing: 0 });
  });

  it("are not explained when a host's leave takes an entry away and brings it back", () => {
    const flapped = { ...life, reading: { changes: 7, entries: 5 } };
    expect(countTable(flapped)).toEqual({ changes: 2, unexplained: 2, missing: 0 });
  });

  it("are missed when a dead subnet stays", () => {
    expect(countTable({ ...life, went: 1 })).toEqual({ changes: 0, unexplained: 0, missing: 1 });
  });
});

describe("a fleet", () => {
  it("has the same hosts in both shapes, with as many copies in all", () => {
    const subnets = createFleet("subnets", churning, 1);
    const flat = createFleet("flat", churning, 1);
    try {
      expect(subnets.sites).toHaveLength(2);
      expect(subnets.inLab("beta-3")).toBe("beta-3");
      expect(subnets.sitesOf(churning[0])).toEqual(["alpha"]);
      expect(flat.sites).toHaveLength(6);
      expect(flat.inLab("beta-3")).toBe("beta3-1");
      expect(flat.sitesOf(churning[0])).toEqual(["alpha1", "alpha2", "alpha3"]);
      expect([subnets.copies, flat.copies]).toEqual(["2", "1"]);
    } finally {
      subnets.remove();
      flat.remove();
    }
  });
});

it("is drawn with both shapes' lines, and with one alone", () => {
  const point = (events: number) => ({
    events,
    changes: events,
    unexplained: 0,
    failedCalls: 0,
    gets: 1,
    repairBytes: 0,
    failedGets: 0,
  });
  const points = [point(0), point(10)];
  expect(drawChurn("t", points, points).match(/<polyline/g)).toHaveLength(8);
  const alone = drawChurn("t", points, undefined);
  expect(alone.match(/<polyline/g)).toHaveLength(4);
  expect(alone).not.toMatch(/NaN|undefined/);
});
