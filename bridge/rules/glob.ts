/**
 * Globs over instance names: `*` is any run, `?` one character, `\` takes the next as it is.
 *
 * Whatever the case, as people mean names. Matched without regular expressions, whose time a
 * pattern such as `*a*a*a*b` would drive up without bound.
 */
import { BridgeError } from "../errors.ts";

const CHARACTERS_MAX = 128;

/** A character to be met, or what `*` and `?` stand for. */
type Part = { readonly type: "one"; readonly text: string } | { readonly type: "any" | "run" };

/** @throws {BridgeError} ERR_BRIDGE_RULE when it is empty, too long, or ends in the middle */
export function parseGlob(text: string): string {
  const glob = text.normalize("NFC");
  const { length } = Array.from(glob);
  if (length === 0) throw badGlob(text, 'is empty; "*" is every name');
  if (length > CHARACTERS_MAX) throw badGlob(text, `has more than ${CHARACTERS_MAX} characters`);
  if (/\p{Cc}/u.test(glob)) throw badGlob(text, "holds a control character, which no name does");
  if (!glob.isWellFormed()) throw badGlob(text, "is not text");
  if (/(?<!\\)(?:\\\\)*\\$/.test(glob))
    throw badGlob(text, 'ends with "\\"; write "\\\\" for that character');
  return glob;
}

/** @param glob one that `parseGlob` accepted */
export function matchesGlob(glob: string, name: string): boolean {
  const parts = partsOf(fold(glob));
  const characters = Array.from(fold(name));
  let at = 0;
  let star = -1; // the last `*` met, and how far it reaches
  let reach = 0;
  for (let i = 0; i < characters.length;) {
    const part = parts[at];
    if (part?.type === "run") {
      star = at++;
      reach = i;
    } else if (part?.type === "any" || (part?.type === "one" && part.text === characters[i])) {
      at++;
      i++;
    } else if (star >= 0) {
      at = star + 1;
      i = ++reach;
    } else return false;
  }
  return parts.slice(at).every(({ type }) => type === "run");
}

function fold(text: string): string {
  return text.normalize("NFC").toLowerCase();
}

function partsOf(glob: string): readonly Part[] {
  const parts: Part[] = [];
  let isTaken = false;
  for (const text of glob) {
    if (!isTaken && text === "\\") {
      isTaken = true;
      continue;
    }
    if (isTaken || (text !== "*" && text !== "?")) parts.push({ type: "one", text });
    else parts.push({ type: text === "*" ? "run" : "any" });
    isTaken = false;
  }
  return parts;
}

function badGlob(text: string, problem: string): BridgeError {
  return new BridgeError("ERR_BRIDGE_RULE", `name "${text.slice(0, 80)}": ${problem}`);
}
