/**
 * The simulation with a mutant's patches applied to the sources as they are loaded.
 *
 * Every module of the repository that a mutant loads carries its name in the address, so that the
 * mutant's modules and the real ones live side by side in one process.
 */
import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";
import { ConfigError } from "../../../platform/errors.ts";
import type { Mutant, Patch } from "../mutants.ts";
import type { runScenario } from "../simulation.ts";

const ROOT = new URL("../../../", import.meta.url).href;
const QUERY = "?mutant=";

/** Patches of each mutant in use, by name. */
const inUse = new Map<string, readonly Patch[]>();
let areHooksSet = false;

/** @throws {ConfigError} when this is no clone of the sources, or a patch does not fit them */
export async function loadMutated(
  { name, patches }: Mutant,
  settle: () => Promise<void>,
): Promise<typeof runScenario> {
  if (!import.meta.url.endsWith(".ts"))
    throw new ConfigError("--mutant", "needs a clone of the sources; this is the built package");
  for (const patch of patches) patched(patch, readFileSync(new URL(patch.file, ROOT), "utf8"));
  inUse.set(name, patches);
  setHooks();
  await settle();
  const address = new URL(`../simulation.ts${QUERY}${name}`, import.meta.url).href;
  const module = (await import(address)) as { readonly runScenario: typeof runScenario };
  return module.runScenario;
}

function setHooks(): void {
  if (areHooksSet) return;
  areHooksSet = true;
  registerHooks({
    resolve(specifier, context, next) {
      const resolved = next(specifier, context);
      const mutant = mutantOf(context.parentURL ?? "");
      const isOurs = resolved.url.startsWith(ROOT) && !resolved.url.includes("/node_modules/");
      if (mutant === undefined || !isOurs || mutantOf(resolved.url) !== undefined) return resolved;
      return { ...resolved, url: `${resolved.url}${QUERY}${mutant}` };
    },
    load(url, context, next) {
      const mutant = mutantOf(url);
      if (mutant === undefined) return next(url, context);
      const path = url.slice(ROOT.length, url.indexOf(QUERY));
      const text = readFileSync(fileURLToPath(new URL(path, ROOT)), "utf8");
      const patches = inUse.get(mutant)!.filter(({ file }) => file === path);
      const source = patches.reduce((changed, patch) => patched(patch, changed), text);
      return { format: "module-typescript", source, shortCircuit: true };
    },
  });
}

function mutantOf(url: string): string | undefined {
  const at = url.indexOf(QUERY);
  return at < 0 ? undefined : url.slice(at + QUERY.length);
}

/** @throws {ConfigError} */
function patched({ file, from, to }: Patch, text: string): string {
  const times = text.split(from).length - 1;
  if (times !== 1)
    throw new ConfigError("--mutant", `${file} has ${times} times, not once: ${from}`);
  return text.replace(from, () => to);
}
