/** What a scenario may say of each protocol. */
import { choice, flag, integer } from "../../platform/setting.ts";
import { number, span } from "./kinds.ts";
import { TIME_MAX_MS } from "./times.ts";

export const CHORD = {
  "chord.isAggressive": flag({
    doc: "Aggressive join: the owner tells the joiner's predecessor at once (thesis §2.3.2).",
    initial: true,
  }),
  "chord.routing": choice({ doc: "Who forwards a lookup.", initial: "iterative" }, [
    "iterative",
    "recursive",
  ]),
  "chord.successors": integer({ doc: "Length of the successor list.", initial: 8 }, 1, 64),
  "chord.stabilizeMs": span(
    {
      doc: "Time between two rounds of STABILIZE; of two numbers each time is drawn anew between them.",
      initial: [5000, 5000],
    },
    1,
    TIME_MAX_MS,
  ),
  "chord.fixFingersMs": span(
    { doc: "The same for FIXFINGERS.", initial: [10_000, 10_000] },
    1,
    TIME_MAX_MS,
  ),
  "chord.joinDelayMs": number(
    { doc: "A JOIN without an answer is sent again after so long.", initial: 5000 },
    1,
    TIME_MAX_MS,
  ),
  "chord.joinRetries": integer(
    { doc: "Failed JOINs after which another contact is fetched.", initial: 1 },
    0,
    1000,
  ),
} as const;

export const KADEMLIA = {
  "kademlia.k": integer({ doc: "Contacts in a bucket.", initial: 16 }, 1, 255),
  "kademlia.alpha": integer(
    { doc: "Requests of one lookup under way at once.", initial: 1 },
    1,
    32,
  ),
  "kademlia.b": integer({ doc: "Bits a digit.", initial: 1 }, 1, 8),
  "kademlia.siblings": integer({ doc: "Nodes that are responsible for a key.", initial: 8 }, 1, 64),
  "kademlia.siblingFactor": integer(
    {
      doc: "Nodes kept beside the buckets as neighbours: this many times `siblings`.",
      initial: 5,
    },
    1,
    16,
  ),
  "kademlia.replacements": integer(
    { doc: "Contacts kept for when one in the bucket fails; 0: none.", initial: 0 },
    0,
    255,
  ),
  "kademlia.isExhaustive": flag({
    doc: "A joining node's lookups go on until all of the closest have answered.",
    initial: false,
  }),
  "kademlia.disjointPaths": integer(
    {
      doc: "Paths of a query that share no node.",
      initial: 1,
    },
    1,
    16,
  ),
  "kademlia.pathVerdict": choice(
    {
      doc: "Whose answer counts of several paths: whom most of them name (`frequent`), or the `nearest` to the key that any of them names.",
      initial: "frequent",
    },
    ["frequent", "nearest"],
  ),
  "kademlia.redundantNodes": integer(
    { doc: "Contacts that one answer names.", initial: 16 },
    1,
    64,
  ),
  "kademlia.refreshMs": number(
    {
      doc: "A bucket in which nothing was looked up for so long is refreshed.",
      initial: 1_000_000,
    },
    1,
    TIME_MAX_MS,
  ),
  "kademlia.siblingPingMs": number(
    { doc: "A node pings its nearest `siblings` so often; 0: never.", initial: 0 },
    0,
    TIME_MAX_MS,
  ),
} as const;
