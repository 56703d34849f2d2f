import { describe, expect, it } from "vitest";
import { Network, NS_PER_MS } from "../../../sim/engine/delay.ts";
import { scenarioOf } from "../scenarios.ts";

describe("the network of a matrix", () => {
  it("has the least of all delays as its own, however many places there are", () => {
    const delay = { ...scenarioOf().delay, model: "matrix" as const, jitter: 0 };
    const matrix = Array.from({ length: 600 }, () => new Float64Array(600).fill(20));
    matrix[17]![4] = 3;
    const network = new Network(delay, 1, 600, matrix);
    expect(network.leastNs).toBe(3 * NS_PER_MS);
    expect(network.delayNs(17, 4, 0, 0)).toBe(3 * NS_PER_MS);
    expect(network.delayNs(4, 17, 0, 0)).toBe(20 * NS_PER_MS);
  });
});
