/** All sections of `causeway bench bridge`, in the order they run. */
import type { Section } from "../figure.ts";
import { runRelay } from "./relay.ts";

export const BRIDGE_SECTIONS: readonly Section[] = [
  { name: "relay", summary: "what the relay costs against direct TCP and socat", run: runRelay },
];
