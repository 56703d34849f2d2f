/** What happens to nodes at times that the scenario names. */
import type { ChurnScenario } from "../scenario/scenario.ts";
import { NS_PER_S } from "./delay.ts";

export type ScriptStep =
  | { readonly timeNs: number; readonly type: "up" | "down"; readonly node: number }
  | {
      readonly timeNs: number;
      /** `reboot`: who fails is back within `spreadNs`. */
      readonly type: "fail" | "reboot";
      readonly share: number;
      readonly spreadNs: number;
      /** Which of the steps it is: each chooses its nodes anew. */
      readonly number: number;
    };

/** A line of a trace of churn. */
export interface TraceLine {
  readonly timeS: number;
  readonly node: number;
  readonly isUp: boolean;
}

/** In the order of time. */
export function scriptOf(churn: ChurnScenario, trace: readonly TraceLine[]): readonly ScriptStep[] {
  const { massFailure, reboot } = churn;
  const steps: ScriptStep[] = trace.map(({ timeS, node, isUp }) => ({
    timeNs: Math.floor(timeS * NS_PER_S),
    type: isUp ? "up" : "down",
    node,
  }));
  if (massFailure !== null) {
    const { atS, share } = massFailure;
    steps.push({ timeNs: atS * NS_PER_S, type: "fail", share, spreadNs: 0, number: 0 });
  }
  if (reboot !== null) {
    const { atS, share, spreadS } = reboot;
    const spreadNs = spreadS * NS_PER_S;
    steps.push({ timeNs: atS * NS_PER_S, type: "reboot", share, spreadNs, number: 2 });
  }
  return steps.toSorted((a, b) => a.timeNs - b.timeNs);
}
