/** The part of the schema that is about nodes that lie. */
import { choice, integer } from "../../platform/setting.ts";
import { number } from "./kinds.ts";
import { TIME_MAX_S } from "./times.ts";

export const ADVERSARY = {
  "adversary.kind": choice(
    {
      doc: "Nodes that lie in lookups, all in one hand: `sybil` ones name nobody but each other, and the one of them nearest to a key (Chord: next after it) as its owner; `eclipse` ones do so for keys near the id of a victim, and choose ids near it.",
      initial: "none",
    },
    ["none", "sybil", "eclipse"],
  ),
  "adversary.share": number(
    { doc: "Share of the nodes that lie. They send no queries.", initial: 0.1 },
    0,
    1,
  ),
  "adversary.fromS": number(
    { doc: "They begin to lie then; before it they are as the others.", initial: 0 },
    0,
    TIME_MAX_S,
  ),
  "adversary.victim": integer(
    {
      doc: "Of `eclipse`: the victim's number; nodes count from 0 in the order of arrival.",
      initial: 1,
    },
    0,
    100_000_000,
  ),
  "adversary.prefixBits": integer(
    { doc: "Of `eclipse`: bits that a liar's id has in common with the victim's.", initial: 16 },
    0,
    32,
  ),
} as const;
