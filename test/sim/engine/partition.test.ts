import { describe, expect, it } from "vitest";
import {
  Simulation,
  type ProtocolFactory,
  type ProtocolParts,
} from "../../../sim/engine/simulation.ts";
import { KADEMLIA } from "../../../sim/kademlia/kademlia.ts";
import { PROTOCOL_TYPE, type Protocol } from "../../../sim/engine/protocol.ts";
import { scenarioOf } from "../scenarios.ts";

/** Nodes that do nothing but tick ten times a second; notes those that tick while they are not there. */
class Clocks implements Protocol {
  readonly changes = 0;
  readonly typeBytes = new Map<number, number>();
  readonly #up = new Set<number>();
  readonly #parts: ProtocolParts;
  readonly #ticks: { present: number; absent: number };

  constructor(parts: ProtocolParts, ticks: { present: number; absent: number }) {
    this.#parts = parts;
    this.#ticks = ticks;
  }

  start(node: number): void {
    this.#up.add(node);
    this.#parts.outbox.joined(node);
    this.#parts.outbox.after(node, 100_000_000, PROTOCOL_TYPE, 0);
  }

  stop(node: number): void {
    this.#up.delete(node);
  }

  onTimer(node: number): void {
    if (this.#up.has(node)) this.#ticks.present++;
    else this.#ticks.absent++;
    this.#parts.outbox.after(node, 100_000_000, PROTOCOL_TYPE, 0);
  }

  onMessage(): void {}
  onAnswer(): void {}
  onTimeout(): void {}
  lookup(): void {}
  isResponsible(): boolean {
    return false;
  }
  isOwner(): boolean {
    return false;
  }
  isAccurate(): boolean {
    return false;
  }
  neighbours(): number {
    return 0;
  }
  contacts(): readonly number[] {
    return [];
  }
}

describe("samples", () => {
  it.each([
    [2.1, 0.3, 7],
    [2.7, 0.3, 9],
    [10, 3, 4],
    [10, 5, 2],
    [1, 2, 1],
  ])("of %d s by %d s are as many as there are times for", (durationS, sampleS, count) => {
    const scenario = scenarioOf({ nodes: 1, durationS, sampleS });
    const parts = { scenario, protocol: KADEMLIA, matrix: [], churnTrace: [], trace: undefined };
    const simulation = new Simulation(parts);
    for (const _ of simulation.run());
    const times = simulation.outcome().samples.map(({ timeS }) => timeS);
    expect(times).toHaveLength(count);
    expect(times.at(-1)).toBe(durationS);
    expect(times).toEqual([...new Set(times)]);
  });
});

describe("timers of a protocol", () => {
  it("come while their node is there, and never when it went", () => {
    const ticks = { present: 0, absent: 0 };
    const protocol: ProtocolFactory = {
      typeNames: new Map(),
      listMax: () => 1,
      create: (parts) => new Clocks(parts, ticks),
    };
    const { churn } = scenarioOf();
    const scenario = scenarioOf({
      ...{ nodes: 20, durationS: 20 },
      churn: { ...churn, model: "exponential", sessionS: 3, absenceS: 3 },
    });
    const parts = { scenario, protocol, matrix: [], churnTrace: [], trace: undefined };
    for (const _ of new Simulation(parts).run());
    expect(ticks.present).toBeGreaterThan(1000);
    expect(ticks.absent).toBe(0);
  });
});
