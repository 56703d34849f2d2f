/** Who comes and goes, and when: the same for the same seed, whatever the machine does. */
import { createRandom } from "../../../../platform/random.ts";

export interface ChurnSubnet {
  readonly name: string;
  readonly hosts: readonly string[];
}

export type HostStep = {
  /** In good order, by SIGKILL, and back again. */
  readonly type: "leave" | "kill" | "join";
  readonly host: string;
};

export type ChurnStep =
  | HostStep
  /** SIGKILL for all hosts of `lost` at once, the cable of `cut`'s uplink, and all of `lost` back. */
  | { readonly type: "lose" }
  | { readonly type: "cut" }
  | { readonly type: "return" };

export interface ChurnPlan {
  /** Subnets whose hosts come and go; each always keeps one. */
  readonly churning: readonly ChurnSubnet[];
  /** Killed whole, and back towards the end. */
  readonly lost: ChurnSubnet;
  /** Cut off, and not healed. */
  readonly cut: ChurnSubnet;
  readonly steps: readonly ChurnStep[];
}

/** When, as a share of the host events, whole subnets go and come. */
const LOSE_AT = 0.25;
const CUT_AT = 0.5;
const RETURN_AT = 0.75;
/** A host that is out is this much likelier to be next than one that is in. */
const JOIN_WEIGHT = 2;

/** @param events leaves, kills and joins of hosts; whole subnets come on top */
export function planChurn(
  shape: Pick<ChurnPlan, "churning" | "lost" | "cut">,
  events: number,
  seed: number,
): ChurnPlan {
  const { churning, lost, cut } = shape;
  const random = createRandom(seed);
  const out = new Set<string>();
  const steps: ChurnStep[] = [];
  for (let i = 0; i < events; i++) {
    if (i === Math.floor(events * LOSE_AT)) steps.push({ type: "lose" });
    if (i === Math.floor(events * CUT_AT)) steps.push({ type: "cut" });
    if (i === Math.floor(events * RETURN_AT)) steps.push({ type: "return" });
    const mayGo = churning.flatMap(({ hosts }) => {
      const there = hosts.filter((host) => !out.has(host));
      return there.length > 1 ? there : [];
    });
    const mayCome = Array.from({ length: JOIN_WEIGHT }, () => [...out]).flat();
    const host = random.pick([...mayGo, ...mayCome])!;
    if (out.delete(host)) steps.push({ type: "join", host });
    else {
      out.add(host);
      steps.push({ type: random.below(2) === 0 ? "leave" : "kill", host });
    }
  }
  return { churning, lost, cut, steps };
}
