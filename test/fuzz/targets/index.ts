/** All that is fuzzed. */
import type { FuzzTarget } from "../engine/target.ts";
import { AVAHI_TARGETS } from "./avahi.ts";
import { BACKUP_TARGETS } from "./backup.ts";
import { BRIDGE_EXCHANGE_TARGETS } from "./bridge-exchange.ts";
import { BRIDGE_RULE_TARGETS } from "./bridge-rules.ts";
import { IDENTITY_TARGETS } from "./identity.ts";
import { LINK_TARGETS } from "./link.ts";
import { MAPPING_TARGETS } from "./mapping.ts";
import { MDNS_TARGETS } from "./mdns.ts";
import { MESSAGE_TARGETS } from "./messages.ts";
import { RECORD_TARGETS } from "./records.ts";
import { RELAY_TARGETS } from "./relay.ts";
import { SHELL_TARGETS } from "./shell.ts";
import { SIMULATION_TARGETS } from "./simulation.ts";
import { STATE_TARGETS } from "./state.ts";
import { STREAM_TARGETS } from "./streams.ts";

export const TARGETS: readonly FuzzTarget[] = [
  ...LINK_TARGETS,
  ...MDNS_TARGETS,
  ...AVAHI_TARGETS,
  ...STREAM_TARGETS,
  ...MAPPING_TARGETS,
  ...MESSAGE_TARGETS,
  ...IDENTITY_TARGETS,
  ...RECORD_TARGETS,
  ...STATE_TARGETS,
  ...BACKUP_TARGETS,
  ...RELAY_TARGETS,
  ...BRIDGE_RULE_TARGETS,
  ...BRIDGE_EXCHANGE_TARGETS,
  ...SHELL_TARGETS,
  ...SIMULATION_TARGETS,
];
