/** The part of the schema that is about nodes that are subnets of several hosts. */
import { choice, integer, optionalInteger } from "../../platform/setting.ts";
import { VIRTUAL_NODES_MAX } from "../engine/subnets.ts";
import { number } from "./kinds.ts";
import { TIME_MAX_MS } from "./times.ts";

export const HOSTS = {
  "hosts.perSubnet": optionalInteger(
    {
      doc: "Hosts of a node, which is a subnet then; churn is that of hosts. 1: nodes are hosts, and the rest of `hosts` means nothing.",
      initial: null,
      defaultDoc: "1; with `kind: mdht` and `load` 4",
    },
    1,
    16,
  ),
  "hosts.sizes": choice(
    {
      doc: "`equal`: all subnets have as many hosts. `skewed`: 1 to 16, most of them few (shifted Pareto of shape 1.5; with `perSubnet` 4 they are 2.5 on average).",
      initial: "equal",
      defaultDoc: "`equal`; with `kind: load` `skewed`",
    },
    ["equal", "skewed"],
  ),
  "hosts.virtualNodes": number(
    {
      doc: "Nodes as which a subnet takes part, for each of its hosts: so many times its size, rounded, but at least one; 0: one, whatever its size. How many hosts are there at the moment makes no difference.",
      initial: 0,
    },
    0,
    VIRTUAL_NODES_MAX,
  ),
  "hosts.noticeMs": number(
    { doc: "Until its siblings notice that a host is gone, or has come.", initial: 1200 },
    0,
    TIME_MAX_MS,
  ),
  "hosts.questionMs": number(
    {
      doc: "A host that asks its siblings for a record which none of them has waits so long for an answer.",
      initial: 100,
    },
    0,
    TIME_MAX_MS,
  ),
  "hosts.staggerMs": number(
    {
      doc: "When a host has not answered for so long, another one of its subnet is asked too.",
      initial: 300,
    },
    1,
    TIME_MAX_MS,
  ),
  "hosts.told": integer(
    { doc: "Contacts that are told of a change of the host set at once.", initial: 8 },
    0,
    1000,
  ),
} as const;
