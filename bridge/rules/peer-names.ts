/**
 * From what people write to the hosts and subnets they mean.
 *
 * A rule keeps ids, never names: anybody may call itself anything, and a name that is looked up
 * again later may be somebody else's by then.
 */
import type { SubnetView } from "../../overlay/index.ts";
import { BridgeError } from "../errors.ts";
import type { Peer } from "./rule.ts";

const ID = /^[a-z2-7]{52}$/;
/** Shorter ones are mistyped sooner than meant. */
const PREFIX_CHARACTERS_MIN = 4;
const NAMES_SHOWN_MAX = 8;

interface Candidate extends Peer {
  /** A host's; a subnet has none. */
  readonly name: string;
}

/**
 * The peer that is meant: a host by name, a host or subnet by id or its beginning, either with
 * `host:` or `subnet:` before it, or a whole id of one that is not known here with that word.
 *
 * @throws {BridgeError} ERR_BRIDGE_RULE that lists what fits, or what there is
 */
export function findPeer(text: string, subnets: readonly SubnetView[]): Peer {
  const [, kind, rest] = /^(host|subnet):(.*)$/s.exec(text) ?? [];
  const meant = rest ?? text;
  const known = candidates(subnets).filter(({ type }) => kind === undefined || type === kind);
  const exact = known.filter(({ id }) => id === meant);
  const isMeant = ({ id, name }: Candidate): boolean =>
    name === meant || (meant.length >= PREFIX_CHARACTERS_MIN && id.startsWith(meant));
  const found = exact.length > 0 ? exact : known.filter((one) => meant !== "" && isMeant(one));
  if (found.length === 1) return { type: found[0]!.type, id: found[0]!.id };
  if (found.length > 1) throw badPeer(text, `means several: ${listOf(found)}; give more of the id`);
  if (kind !== undefined && ID.test(meant)) return { type: kind as Peer["type"], id: meant };
  const advice = ID.test(meant)
    ? `not known here; write host:${meant} or subnet:${meant}`
    : `no such host or subnet is known; there are: ${listOf(known)}`;
  throw badPeer(text, advice);
}

/**
 * A peer written in full, as the configuration file has it.
 *
 * @throws {BridgeError} ERR_BRIDGE_RULE
 */
export function parseWholePeer(text: string): Peer {
  const [, type, id] = /^(host|subnet):([a-z2-7]{52})$/.exec(text) ?? [];
  if (type === undefined || id === undefined)
    throw badPeer(
      text,
      'a configuration names peers as host:ID or subnet:ID with the whole id, because names may change hands; "causeway hosts" shows them',
    );
  return { type: type as Peer["type"], id };
}

/** `host:ID`, as the configuration and `--json` have it. */
export function formatPeer({ type, id }: Peer): string {
  return `${type}:${id}`;
}

function candidates(subnets: readonly SubnetView[]): readonly Candidate[] {
  const all = subnets.flatMap(({ id, hosts }): Candidate[] => [
    { type: "subnet", id, name: "" },
    ...hosts.map((host): Candidate => ({ type: "host", id: host.id, name: host.name })),
  ]);
  // A host that has just changed its subnet stands in two sets.
  return [...new Map(all.map((one) => [formatPeer(one), one])).values()];
}

function listOf(peers: readonly Candidate[]): string {
  const shown = peers
    .slice(0, NAMES_SHOWN_MAX)
    .map(({ type, id, name }) =>
      type === "host" ? `${name} (host:${id.slice(0, 12)})` : `subnet:${id.slice(0, 12)}`,
    );
  const more = peers.length - shown.length;
  return [...shown, ...(more > 0 ? [`${more} more`] : [])].join(", ") || "none";
}

function badPeer(text: string, problem: string): BridgeError {
  return new BridgeError("ERR_BRIDGE_RULE", `peer "${text.slice(0, 80)}": ${problem}`);
}
