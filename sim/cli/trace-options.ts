/** The options of a trace of a run's events. */
import type { ParsedArguments } from "../../platform/cli/arguments.ts";
import type { OptionSpec } from "../../platform/cli/command.ts";
import { ConfigError } from "../../platform/errors.ts";
import type { Trace } from "../engine/trace-hash.ts";
import { EventTrace } from "../io/event-trace.ts";
import { typeNamesOf } from "../protocols.ts";
import {
  ALL_TIMES,
  parseEventTypes,
  parseNodeRanges,
  parseTimeRange,
} from "../results/event-filter.ts";
import { eventName, eventNames } from "../results/event-names.ts";
import type { Scenario } from "../scenario/scenario.ts";

const FILTERS = ["trace-node", "trace-type", "trace-time"] as const;

export const TRACE_OPTIONS: readonly OptionSpec[] = [
  {
    name: "trace",
    value: "FILE",
    doc: "write events as CSV: time, type, receiver, sender, contents",
    isPath: true,
  },
  { name: "trace-node", value: "NODES", doc: "only those to or from these nodes: 0..9 or 1,5..7" },
  { name: "trace-type", value: "TYPES", doc: "only these types, such as find-node,deliver" },
  { name: "trace-time", value: "FROM..TO", doc: "only those of these simulated seconds: 10..12.5" },
];

export interface OpenTrace {
  readonly file: EventTrace;
  readonly write: Trace;
}

/** @throws {ConfigError} for a filter that is none, and one without a trace */
export function openTrace(args: ParsedArguments, scenario: Scenario): OpenTrace | null {
  const path = args.value("trace");
  if (path === undefined) {
    const filter = FILTERS.find((name) => args.value(name) !== undefined);
    if (filter !== undefined) throw new ConfigError(`--${filter}`, "needs --trace FILE");
    return null;
  }
  const [nodes, types, times] = FILTERS.map((name) => args.value(name));
  const names = typeNamesOf(scenario);
  const filter = {
    nodes: nodes === undefined ? null : parseNodeRanges(nodes),
    types: types === undefined ? null : parseEventTypes(types, eventNames(names)),
    times: times === undefined ? ALL_TIMES : parseTimeRange(times),
  };
  const file = new EventTrace(path);
  return { file, write: file.writerFor(filter, (type) => eventName(type, names)) };
}
