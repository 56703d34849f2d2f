/** Which name each service got on each link, so that it has the same one again (RFC 6763 appendix D). */
import { utf8 } from "../../platform/bytes.ts";
import { WireError } from "../../platform/errors.ts";

const LINKS_MAX = 16;
const NAMES_MAX = 4096;
const FILE_BYTES_MAX = 8 * 2 ** 20;
const ID = /^[a-z2-7]{52}$/;
const LABEL_BYTES_MAX = 63;

export class LinkNames {
  /** By subnet id; the one used last last. */
  readonly links: Map<string, Map<string, string>>;

  constructor(links: Map<string, Map<string, string>>) {
    this.links = links;
  }

  /** Origin ids to names; the map stays the same one. */
  of(subnetId: string): ReadonlyMap<string, string> {
    return this.#of(subnetId);
  }

  /** @returns whether that is news */
  set(subnetId: string, originId: string, instance: string): boolean {
    const names = this.#of(subnetId);
    if (names.get(originId) === instance) return false;
    names.delete(originId);
    names.set(originId, instance);
    const oldest = names.keys().next().value;
    if (names.size > NAMES_MAX && oldest !== undefined) names.delete(oldest);
    return true;
  }

  #of(subnetId: string): Map<string, string> {
    const names = this.links.get(subnetId) ?? new Map<string, string>();
    this.links.delete(subnetId);
    this.links.set(subnetId, names);
    const oldest = this.links.keys().next().value;
    if (this.links.size > LINKS_MAX && oldest !== undefined) this.links.delete(oldest);
    return names;
  }
}

export function encodeNames({ links }: LinkNames): string {
  const object = Object.fromEntries(
    [...links].map(([subnetId, names]) => [subnetId, Object.fromEntries(names)]),
  );
  return `${JSON.stringify(object)}\n`;
}

/** @throws {WireError} when it is no such file */
export function decodeNames(bytes: Uint8Array): LinkNames {
  if (bytes.length > FILE_BYTES_MAX) throw new WireError(`it has ${bytes.length} bytes`);
  const links = entriesOf(parseJson(bytes), LINKS_MAX).map(([subnetId, names]) => {
    const checked = entriesOf(names, NAMES_MAX).map(([originId, instance]) => {
      if (typeof instance !== "string" || instance === "")
        throw new WireError("a name that is none");
      if (utf8(instance).length > LABEL_BYTES_MAX) throw new WireError("a name that is too long");
      return [originId, instance] as const;
    });
    return [subnetId, new Map(checked)] as const;
  });
  return new LinkNames(new Map(links));
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new WireError("it is not JSON", -1, { cause });
  }
}

function entriesOf(value: unknown, max: number): readonly (readonly [string, unknown])[] {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new WireError("no object");
  const entries = Object.entries(value);
  if (entries.length > max) throw new WireError(`${entries.length} entries`);
  const wrong = entries.find(([id]) => !ID.test(id));
  if (wrong !== undefined) throw new WireError("an entry without an id");
  return entries;
}
