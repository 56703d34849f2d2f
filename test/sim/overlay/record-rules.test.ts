import { describe, expect, it } from "vitest";
import { RecordRules } from "../../../sim/overlay/checkers/record-rules.ts";
import {
  History,
  type FinalRead,
  type PutOperation,
  type RemoveOperation,
} from "../../../sim/overlay/history.ts";

const HOUR_MS = 3_600_000;
const END_MS = 200_000;

function put(value: string, atMs: number, given: Partial<PutOperation> = {}): PutOperation {
  return {
    ...{ type: "put", key: "a", slot: "", host: "h0", value, ttlMs: HOUR_MS, policy: "two" },
    ...{ invokedMs: atMs, returnedMs: atMs + 100, outcome: "acknowledged", error: "" },
    version: BigInt(Math.round(atMs)),
    ...given,
  };
}

function remove(atMs: number, given: Partial<RemoveOperation> = {}): RemoveOperation {
  return {
    ...{ type: "remove", key: "a", slot: "", host: "h0", hasRemoved: true, version: 0n },
    ...{ invokedMs: atMs, returnedMs: atMs + 100, outcome: "acknowledged" },
    ...given,
  };
}

function rulesOf(...writes: (PutOperation | RemoveOperation)[]): RecordRules {
  const history = new History();
  history.writes.push(...writes);
  return new RecordRules(history);
}

function broken(rules: RecordRules, ...values: string[]): string[] {
  const read: FinalRead = { key: "a", reader: "h9", atMs: END_MS, values, error: "" };
  return rules.atTheEnd([read]).map(({ promise }) => promise);
}

describe("of a record that was acknowledged", () => {
  it("is asked that it is found until it is over, overwritten or removed", () => {
    const rules = rulesOf(put("x", 1_000));
    expect(broken(rules, "x")).toEqual([]);
    expect(broken(rules)).toEqual(["lost"]);
    expect(broken(rulesOf(put("x", 1_000, { ttlMs: 10_000 })))).toEqual([]);
    expect(broken(rulesOf(put("x", 1_000), put("y", 2_000)))).toEqual(["lost"]);
    expect(broken(rulesOf(put("x", 1_000), remove(2_000)))).toEqual([]);
  });

  it("is asked that it does not come back", () => {
    expect(broken(rulesOf(put("x", 1_000), remove(2_000)), "x")).toEqual(["resurrected"]);
    expect(broken(rulesOf(put("x", 1_000), put("y", 2_000)), "x", "y")).toEqual(["resurrected"]);
  });

  it("is asked that it ends, some seconds late at most", () => {
    expect(broken(rulesOf(put("x", 170_000, { ttlMs: 20_000 })), "x")).toEqual([]);
    expect(broken(rulesOf(put("x", 150_000, { ttlMs: 20_000 })), "x")).toEqual(["expired"]);
  });

  it("is asked nothing where something shorter lived in its place", () => {
    const rules = rulesOf(put("x", 1_000), put("y", 2_000, { ttlMs: 10_000 }));
    expect(broken(rules)).toEqual([]);
    expect(broken(rules, "x")).toEqual([]);
  });
});

describe("of a call without an answer", () => {
  it("either outcome is right", () => {
    const unknown = { outcome: "unknown", returnedMs: Infinity, version: 0n } as const;
    const rules = rulesOf(put("x", 1_000), put("y", 2_000, unknown));
    expect(broken(rules, "x")).toEqual([]);
    expect(broken(rules, "y")).toEqual([]);
    expect(broken(rules)).toEqual(["lost"]);
    expect(broken(rulesOf(put("x", 1_000), remove(2_000, unknown)))).toEqual([]);
  });
});

describe("of what is read", () => {
  it("is asked that somebody put it, in that version", () => {
    const history = new History();
    history.writes.push(put("x", 1_000));
    const seen = { key: "a", reader: "h1", fromMs: 5_000, toMs: 5_010 };
    history.sightings.push({ ...seen, value: "x", version: 1_000n });
    expect(new RecordRules(history).duringRun()).toEqual([]);
    history.sightings.push({ ...seen, value: "x", version: 7n });
    history.sightings.push({ ...seen, value: "z", version: 1n });
    const found = new RecordRules(history).duringRun();
    expect(found.map(({ promise }) => promise)).toEqual(["invented", "invented"]);
  });

  it("is asked that no version is used twice", () => {
    const twice = rulesOf(put("x", 1_000), put("y", 2_000, { version: 1_000n }));
    expect(twice.duringRun().map(({ promise }) => promise)).toEqual(["version-reused"]);
  });
});
