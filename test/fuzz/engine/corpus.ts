/** Inputs and findings on disk: one file each, named after what is in it. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Finding } from "./judge.ts";

/** What is committed: minimised, and replayed in every unit run. */
export const CORPUS = fileURLToPath(new URL("../corpus", import.meta.url));
/** What long runs find, kept between them; not committed. */
export const LONG_CORPUS = fileURLToPath(new URL("../../../coverage/fuzz/corpus", import.meta.url));
export const FINDINGS = fileURLToPath(new URL("../../../coverage/fuzz/findings", import.meta.url));

/** In order of name, so that a run over it can be repeated. */
export function readCorpus(root: string, target: string): Uint8Array[] {
  const folder = join(root, target);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .toSorted()
    .map((name) => new Uint8Array(readFileSync(join(folder, name))));
}

/** Puts a new corpus in place of the old one. */
export function writeCorpus(root: string, target: string, inputs: readonly Uint8Array[]): void {
  const folder = join(root, target);
  rmSync(folder, { recursive: true, force: true });
  if (inputs.length === 0) return;
  mkdirSync(folder, { recursive: true });
  for (const input of inputs) writeFileSync(join(folder, `${nameOf(input)}.bin`), input);
}

/**
 * Keeps a finding with all that is known of it.
 *
 * @returns what to tell people, with the command that runs it again
 */
export function saveFinding(finding: Finding, root = FINDINGS): string {
  const { target, type, message, stack, input } = finding;
  const folder = join(root, target);
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${type}-${nameOf(input)}.bin`);
  const command = `npm run fuzz -- ${target} --replay ${file}`;
  writeFileSync(file, input);
  writeFileSync(`${file}.txt`, `${message}\n\n${stack}\n\nAgain: ${command}\n`);
  return `${target}: ${type}: ${message}\n  ${input.length} bytes; again: ${command}`;
}

function nameOf(input: Uint8Array): string {
  return createHash("sha256").update(input).digest("hex").slice(0, 16);
}
