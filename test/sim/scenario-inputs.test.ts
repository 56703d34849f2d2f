import { describe, expect, it } from "vitest";
import { parseChurnTrace } from "../../sim/scenario/churn-trace.ts";
import { parseDelayMatrix } from "../../sim/scenario/delay-matrix.ts";

describe("a trace of churn", () => {
  it("has who comes and goes, without comments and empty lines", () => {
    const trace = parseChurnTrace("# a\n0,0,up\n\n1.5, 1, up\r\n2,0,down\n2,0,up\n", "t.csv", 2);
    expect(trace).toEqual([
      { timeS: 0, node: 0, isUp: true },
      { timeS: 1.5, node: 1, isUp: true },
      { timeS: 2, node: 0, isUp: false },
      { timeS: 2, node: 0, isUp: true },
    ]);
  });

  it.each([
    ["", "t.csv: holds no line"],
    ["0,0,up\n0;1;up", 't.csv:2: "0;1;up" is not a line'],
    ["0,0,on", 't.csv:1: "0,0,on" is not a line'],
    ["-1,0,up", "t.csv:1: "],
    ["5,0,up\n4,1,up", "t.csv:2: 4 s is before the line above, 5 s"],
    ["0,2,up", "t.csv:1: node 2 is not one of the scenario's 2, 0 to 1"],
    ["0,0,down", "t.csv:1: node 0 is down already"],
    ["0,0,up\n1,0,up", "t.csv:2: node 0 is up already"],
    ["999999999,0,up", "t.csv:1: 999999999 s is over"],
  ])("refuses %j", (text, message) => {
    expect(() => parseChurnTrace(text, "t.csv", 2)).toThrow(message);
  });
});

describe("a matrix of delays", () => {
  it("has a row of milliseconds for each place", () => {
    const matrix = parseDelayMatrix("1, 10.5\n# between\n20,0.1\n", "m.csv");
    expect(matrix.map((row) => [...row])).toEqual([
      [1, 10.5],
      [20, 0.1],
    ]);
  });

  it.each([
    ["", "m.csv: holds no row"],
    ["1,1\n1", "m.csv: row 2 has 1 delays, and there are 2 rows; it must be square"],
    ["1,0\n1,1", 'm.csv:1: "0" in column 2 is not allowed; allowed: milliseconds from 0.001'],
    ["1,x\n1,0", 'm.csv:1: "x" in column 2'],
    ["1,-1\n1,0", 'm.csv:1: "-1" in column 2'],
    ["1,99999\n1,0", 'm.csv:1: "99999" in column 2'],
  ])("refuses %j", (text, message) => {
    expect(() => parseDelayMatrix(text, "m.csv")).toThrow(message);
  });
});
