/**
 * Where state, socket and configuration are when nobody says otherwise.
 *
 * Every client command reads this file, so it imports nothing dear.
 */
import { existsSync, readFileSync } from "node:fs";

/** The parts of the process that decide on paths; a test passes its own. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** `undefined` where the system has no users. */
  readonly userId: number | undefined;
}

export function ownSurroundings(): Surroundings {
  return { env: process.env, userId: process.getuid?.() };
}

/** Directory of keys, certificates and records: `CAUSEWAY_STATE`, or the user's usual place. */
export function defaultState({ env, userId }: Surroundings): string {
  if (isGiven(env["CAUSEWAY_STATE"])) return env["CAUSEWAY_STATE"];
  if (userId === 0) return "/var/lib/causeway";
  const base = isGiven(env["XDG_STATE_HOME"]) ? env["XDG_STATE_HOME"] : `${home(env)}/.local/state`;
  return `${base}/causeway`;
}

/** Socket of the local API: `CAUSEWAY_SOCKET`, or the user's usual place. */
export function defaultSocket(surroundings: Surroundings): string {
  const { env, userId } = surroundings;
  if (isGiven(env["CAUSEWAY_SOCKET"])) return env["CAUSEWAY_SOCKET"];
  if (userId === 0) return "/run/causeway/causeway.sock";
  return isGiven(env["XDG_RUNTIME_DIR"])
    ? `${env["XDG_RUNTIME_DIR"]}/causeway.sock`
    : `${defaultState(surroundings)}/causeway.sock`;
}

/** Configuration file: `CAUSEWAY_CONFIG`, or the user's usual place, which need not exist. */
export function defaultConfigFile({ env, userId }: Surroundings): {
  readonly path: string;
  /** Somebody asked for this file, so its absence is an error. */
  readonly isRequired: boolean;
} {
  if (isGiven(env["CAUSEWAY_CONFIG"])) return { path: env["CAUSEWAY_CONFIG"], isRequired: true };
  if (userId === 0) return { path: "/etc/causeway/causeway.yaml", isRequired: false };
  const base = isGiven(env["XDG_CONFIG_HOME"]) ? env["XDG_CONFIG_HOME"] : `${home(env)}/.config`;
  return { path: `${base}/causeway/causeway.yaml`, isRequired: false };
}

/**
 * Whether the configuration file may move the socket.
 *
 * A client wants the socket's path only, and reading YAML would double its running time; so it
 * looks for the bare word first, and parses only if that occurs.
 */
export function mentionsSocket(file: string): boolean {
  try {
    return existsSync(file) && readFileSync(file, "utf8").includes("socket");
  } catch {
    return false;
  }
}

function home(env: Surroundings["env"]): string {
  return isGiven(env["HOME"]) ? env["HOME"] : "/";
}

function isGiven(value: string | undefined): value is string {
  return value !== undefined && value !== "";
}
