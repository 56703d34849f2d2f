/** A host as people name it: its id, the beginning of its id, or its name. */
import { OverlayError } from "../errors.ts";

const ID_CHARACTERS = 52;
/** Shorter ones are mistyped sooner than meant. */
const PREFIX_CHARACTERS_MIN = 4;

export interface NamedHost {
  readonly id: string;
  readonly name: string;
}

/** Whether that is the whole id of some host. */
export function isHostId(text: string): boolean {
  return text.length === ID_CHARACTERS && /^[a-z2-7]*$/.test(text);
}

/**
 * @param among what the hosts are, for the error: "waiting" or "known"
 * @returns the host meant; `undefined` when it is none of these
 * @throws {OverlayError} ERR_OVERLAY_REFUSED when several are
 */
export function findHost<Host extends NamedHost>(
  text: string,
  hosts: readonly Host[],
  among: string,
): Host | undefined {
  const byId = new Map(hosts.map((host) => [host.id, host]));
  const exact = byId.get(text);
  if (exact !== undefined) return exact;
  const isMeant = ({ id, name }: Host): boolean =>
    name === text || (text.length >= PREFIX_CHARACTERS_MIN && id.startsWith(text));
  const found = [...byId.values()].filter(isMeant);
  if (found.length < 2) return found[0];
  const list = found.map(({ id, name }) => `${id.slice(0, 12)} (${name})`).join(", ");
  throw new OverlayError(
    "ERR_OVERLAY_REFUSED",
    `"${text.slice(0, 64)}" means several ${among} hosts: ${list}; give more of the id`,
  );
}
