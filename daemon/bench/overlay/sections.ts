/** All sections of `causeway bench overlay`, in the order they run. */
import type { Section } from "../figure.ts";
import { runChurn } from "./churn.ts";
import { runCli } from "./cli.ts";
import { runConverge } from "./converge.ts";
import { runCrash } from "./crash.ts";
import { runIdle } from "./idle.ts";
import { runJoin } from "./join.ts";
import { runLookup } from "./lookup.ts";
import { runMass } from "./mass.ts";
import { runMerge } from "./merge.ts";
import { runNat } from "./nat.ts";
import { runPolicies } from "./policies.ts";
import { runRoam } from "./roam.ts";
import { runWatch } from "./watch.ts";

export const OVERLAY_SECTIONS: readonly Section[] = [
  { name: "join", summary: "how soon a new host is part of the overlay", run: runJoin },
  { name: "mass", summary: "twenty subnets started at once", run: runMass },
  { name: "lookup", summary: "put anywhere, get everywhere, against ping", run: runLookup },
  { name: "watch", summary: "how soon a watcher hears of a change", run: runWatch },
  { name: "crash", summary: "what crashes and leaves lose", run: runCrash },
  { name: "churn", summary: "what hosts that come and go cost all others", run: runChurn },
  { name: "converge", summary: "how soon all name the same hosts", run: runConverge },
  { name: "policies", summary: "what each copy policy costs", run: runPolicies },
  { name: "merge", summary: "races, and links cut and healed", run: runMerge },
  { name: "roam", summary: "a laptop carried, readdressed, asleep", run: runRoam },
  { name: "nat", summary: "two sites behind NAT and a public one", run: runNat },
  { name: "idle", summary: "what idle daemons cost", run: runIdle },
  { name: "cli", summary: "what a command costs against a bare node", run: runCli },
];
