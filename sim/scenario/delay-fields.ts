/** The part of the schema that is about how long messages are under way. */
import { choice, flag, optionalInteger, optionalText } from "../../platform/setting.ts";
import { number, rows } from "./kinds.ts";
import { TIME_MAX_S } from "./times.ts";

const PATH = /^[^\0]{1,4096}$/;

const TIME = { min: 0, max: TIME_MAX_S };

export const DELAY = {
  "delay.model": choice(
    {
      doc: "How long a message is under way: `jittered` the same base between any two, `coordinates` by the distance of two points of a plane, `matrix` by a file, `classes` short inside a site and long between two.",
      initial: "jittered",
    },
    ["jittered", "coordinates", "matrix", "classes"],
  ),
  "delay.baseMs": number(
    {
      doc: "One way, in milliseconds, without jitter; with `coordinates` that between the farthest two, with `classes` that between two sites.",
      initial: 50,
    },
    0.001,
    60_000,
  ),
  "delay.jitter": number(
    {
      doc: "Standard deviation of the normal jitter as a share of the base; only added, never taken off.",
      initial: 0.1,
    },
    0,
    10,
  ),
  "delay.isStable": flag({
    doc: "One jitter for each ordered pair of nodes, instead of one for each message.",
    initial: false,
  }),
  "delay.asymmetry": number(
    { doc: "Share by which the two ways between a pair may differ from their mean.", initial: 0 },
    0,
    0.99,
  ),
  "delay.loss": number({ doc: "Share of the messages that are lost.", initial: 0 }, 0, 1),
  "delay.matrixFile": optionalText(
    {
      doc: "Of `matrix`: a CSV file with a row of one-way milliseconds for each place; nodes take places in turn.",
      initial: null,
    },
    "a path",
    PATH,
  ),
  "delay.perSite": optionalInteger(
    {
      doc: "Of `classes`: nodes of a site, which share a LAN; they are in sites by turns. Loss, asymmetry, changes and partitions are those between sites.",
      initial: null,
      defaultDoc: "4; where nodes are subnets 1, for each is a LAN of its own",
    },
    1,
    100_000_000,
  ),
  "delay.slowShare": number(
    { doc: "Of `classes`: share of the sites that are behind a slow access line.", initial: 0 },
    0,
    1,
  ),
  "delay.slowMs": number(
    { doc: "What such a line adds to every message in and out, in milliseconds.", initial: 30 },
    0,
    60_000,
  ),
  "delay.lanMs": number(
    {
      doc: "One way in a LAN, in milliseconds, without jitter: between nodes of a site, with `classes`, and between hosts of a subnet, with any model.",
      initial: 0.3,
    },
    0.001,
    60_000,
  ),
  "delay.lanLoss": number(
    { doc: "Of `classes`: share of the messages inside a site that are lost.", initial: 0 },
    0,
    1,
  ),
  "delay.changes": rows(
    {
      doc: "From `atS` on every delay is `factor` times as long as at first. In order of time.",
      initial: [],
    },
    { atS: TIME, factor: { min: 0.001, max: 1000 } },
  ),
  "delay.partitions": rows(
    {
      doc: "Between the times, the first `share` of the nodes and the others do not hear each other.",
      initial: [],
    },
    { fromS: TIME, toS: TIME, share: { min: 0, max: 1 } },
  ),
} as const;
