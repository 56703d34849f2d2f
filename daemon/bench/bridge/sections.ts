/** All sections of `causeway bench bridge`, in the order they run. */
import type { Section } from "../figure.ts";
import { runMulticast } from "./multicast.ts";
import { runRelay } from "./relay.ts";
import { runVisibility } from "./visibility.ts";

export const BRIDGE_SECTIONS: readonly Section[] = [
  {
    name: "visibility",
    summary: "how soon a service is seen at another site, and gone there",
    run: runVisibility,
  },
  {
    name: "traffic",
    summary: "multicast of many imported services, against an Avahi that reflects them",
    run: runMulticast,
  },
  { name: "relay", summary: "what the relay costs against direct TCP and socat", run: runRelay },
];
