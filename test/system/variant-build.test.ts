import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { buildVariant } from "./fixtures/variant-build.ts";

const VERSION = { file: "platform/io/version.ts", from: 'return "unknown";', to: 'return "v2";' };
const SCHEMA = {
  file: "overlay/schema/peer.proto",
  from: "message Goodbye {",
  to: "message Bye {",
};

describe("a variant build", () => {
  it("runs what was patched, its schema too, and leaves ours alone", async () => {
    const [node = "", ...args] = await buildVariant("tversion", [VERSION, SCHEMA]);
    expect(execFileSync(node, [...args, "--version"]).toString()).toContain("v2");
    const schema = join(dirname(args.at(-1)!), "../peer.proto");
    expect(readFileSync(schema, "utf8")).toContain(SCHEMA.to);
    expect(execFileSync("bin/causeway", ["--version"]).toString()).not.toContain("v2");
  });

  it.each([
    ["is not there", "no such text", 0],
    ["is there twice", "manifest.version", 2],
  ])("is refused when the text to patch %s", async (_, from, times) => {
    const refused = buildVariant("tmisfit", [{ ...VERSION, from }]);
    await expect(refused).rejects.toThrow(`${VERSION.file} has ${times} times, not once`);
  });

  it("is refused when the daemon has no such file", async () => {
    const patch = { file: "scripts/install.js", from: "export const ROOT", to: "export const TOP" };
    await expect(buildVariant("tforeign", [patch])).rejects.toThrow(/no scripts\/install\.js/);
  });
});
