import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { CHAOS_BUGS } from "../system/fixtures/chaos-bugs.ts";

const ROOT = join(import.meta.dirname, "../..");

it.each(CHAOS_BUGS)("$name is a change of code that stands there once", ({ patches }) => {
  for (const { file, from } of patches)
    expect(readFileSync(join(ROOT, file), "utf8").split(from).length - 1, file).toBe(1);
});
