import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { format } from "prettier";
import fc from "fast-check";
import { afterAll, expect, it } from "vitest";
import { compareConfigs } from "../../daemon/config/compare.ts";
import { loadConfig, parseConfigText } from "../../daemon/config/load.ts";
import { printConfig, renderReference } from "../../daemon/config/print.ts";
import { createSettings } from "../../daemon/config/settings.ts";
import { ConfigError } from "../../platform/errors.ts";

const directory = mkdtempSync(join(tmpdir(), "causeway-config-"));
afterAll(() => rmSync(directory, { recursive: true }));

const settings = createSettings({ env: {}, userId: 0 });

function load(content: string, flags = {}) {
  const file = join(directory, "causeway.yaml");
  writeFileSync(file, content);
  return loadConfig({ file, flags, settings });
}

it("has the usual places of root when nobody says anything", () => {
  const config = loadConfig({ settings });
  expect(config.state).toBe("/var/lib/causeway");
  expect(config.socket).toBe("/run/causeway/causeway.sock");
  expect(config).toMatchObject({ port: 4777, replicas: 3, wan: true, open: false, metrics: true });
});

it("has the usual places of another user", () => {
  const env = { HOME: "/home/a", XDG_RUNTIME_DIR: "/run/user/7" };
  const config = loadConfig({ settings: createSettings({ env, userId: 7 }) });
  expect(config.state).toBe("/home/a/.local/state/causeway");
  expect(config.socket).toBe("/run/user/7/causeway.sock");
  const bare = loadConfig({ settings: createSettings({ env: { HOME: "/home/a" }, userId: 7 }) });
  expect(bare.socket).toBe("/home/a/.local/state/causeway/causeway.sock");
});

it("reads nested and dotted keys, units and nulls", () => {
  const config = load(
    "port: 0\nlog:\n  level: debug\nlog.format: text\nstorage: {maxBytes: 2GiB}\ninterface: null\n",
  );
  expect(config.port).toBe(0);
  expect(config["log.level"]).toBe("debug");
  expect(config["log.format"]).toBe("text");
  expect(config["storage.maxBytes"]).toBe(2 * 1024 ** 3);
  expect(config.interface).toBeNull();
});

it("lets flags win over the file", () => {
  expect(load("port: 5000\nwan: true\n", { wan: false })).toMatchObject({ port: 5000, wan: false });
});

it("takes an empty file for no settings", () => {
  expect(load("# nothing\n").port).toBe(4777);
});

it("takes a token file's path from the configuration file's directory", () => {
  expect(load("join: token.txt\n").join).toBe(join(directory, "token.txt"));
});

it.each([
  ["prot: 1", /prot: unknown key; did you mean port/],
  ["level: debug", /level: unknown key; did you mean log\.level/],
  ["log: {levle: debug}", /log\.levle: unknown key; did you mean log\.level/],
  ["log: debug", /log: unknown key/],
  ["port: 65535", /port: 65535 is not allowed; allowed: a whole number from 0 to 65534/],
  ["port: '80'", /port: "80" is not allowed/],
  ["port: null", /port: null is not allowed/],
  ["wan: yes please", /wan: "yes please" is not allowed; allowed: true or false/],
  ["log: {level: loud}", /log\.level: "loud" is not allowed; allowed: debug, info/],
  ["interface: a/b", /interface: "a\/b" is not allowed/],
  ["name: ''", /name: "" is not allowed/],
  ["storage: {maxBytes: 1KiB}", /storage\.maxBytes: "1KiB" is not allowed/],
  ["- a\n- b", /is not a mapping/],
  ["port: [", /causeway\.yaml:1:\d+: not valid YAML/],
  ["port: 1\nport: 2", /causeway\.yaml:2:1: not valid YAML/],
  [`socket: /${"s".repeat(200)}`, /a socket's path may have 107/],
  [`a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [${"*a,".repeat(9)}]\nc: [${"*b,".repeat(99)}]`, /YAML/],
  [`name: ${"#".padEnd(70_000, "x")}`, /at most 65536 are read/],
])("refuses bad file %#", (content, message) => {
  expect(() => load(content)).toThrow(ConfigError);
  expect(() => load(content)).toThrow(message);
});

it("tells a missing file that was asked for from one that need not exist", () => {
  const file = join(directory, "absent.yaml");
  expect(() => loadConfig({ file, settings })).toThrow(/absent\.yaml: cannot be read/);
  expect(loadConfig({ file, isRequired: false, settings }).port).toBe(4777);
});

it("throws nothing but ConfigError, whatever the file holds", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 200, unit: "binary" }), (content) => {
      try {
        parseConfigText(content, "f");
      } catch (error) {
        expect(error).toBeInstanceOf(ConfigError);
      }
    }),
    { numRuns: 300 },
  );
});

it("prints a configuration that loads to the same", () => {
  const config = load('name: "a: #b"\nlog: {level: warn}\ninterface: eth0\n');
  const text = printConfig(config, settings);
  expect(text).toContain("log:\n  # Least severe level");
  expect(load(text)).toEqual(config);
});

it("says which changes hold now and which need a restart", () => {
  const old = load("port: 1\nlog: {level: info}\n");
  const next = load("port: 2\nlog: {level: debug}\n");
  const { merged, changed, needRestart } = compareConfigs(old, next, settings);
  expect(changed).toEqual(["log.level"]);
  expect(needRestart).toEqual(["port"]);
  expect(merged).toMatchObject({ port: 1, "log.level": "debug" });
});

it("documents every key in docs/configuration.md", async () => {
  const text = await format(renderReference(settings), { parser: "markdown", printWidth: 100 });
  await expect(text).toMatchFileSnapshot("../../docs/configuration.md");
});

it("refuses keys that are not text at once, however deep they nest", () => {
  const startedAtMs = performance.now();
  expect(() => load(`${"?  ".repeat(500)}a`)).toThrow(ConfigError);
  expect(performance.now() - startedAtMs).toBeLessThan(5000);
});

it("refuses a value that holds itself, with the key", () => {
  expect(() => load("name: &a [*a]")).toThrow(ConfigError);
  expect(() => load("name: &a [*a]")).toThrow(/name: a value that holds itself is not allowed/);
});
