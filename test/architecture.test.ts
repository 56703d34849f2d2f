/** Holds the layering of the house, so that a wrong import fails a test and not a review. */
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** Which folder may import which others. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  platform: [],
  packets: ["platform"],
  overlay: ["platform"],
  switching: ["platform", "packets"],
  bridge: ["platform", "overlay"],
  services: ["platform", "overlay"],
  replication: ["platform", "packets", "overlay"],
  modules: ["platform", "packets", "overlay"],
  sim: ["platform", "overlay", "replication", "services"],
  daemon: [
    "platform",
    "packets",
    "overlay",
    "switching",
    "bridge",
    "services",
    "replication",
    "modules",
  ],
};

/** Node modules that touch sockets, timers, disk or the machine. */
const OUTSIDE_MODULES =
  /^(?:node:)?(?:child_process|cluster|dgram|dns|fs|http|http2|https|inspector|net|os|process|readline|repl|sqlite|timers|tls|tty|vm|worker_threads)(?:\/|$)/;

/** Globals that are the wall clock, dice, timers or the environment. */
const OUTSIDE_GLOBALS: readonly (readonly [string, RegExp])[] = [
  ["Date.now", /\bDate\.now\b/],
  ["new Date()", /\bnew Date\(\)/],
  ["performance.now", /\bperformance\.now\b/],
  ["Math.random", /\bMath\.random\b/],
  ["a timer", /(?<![.\w#])(?:setTimeout|setInterval|setImmediate)\(/],
  ["process", /(?<![.\w])process\.(?:env|argv|exit|cwd|hrtime|on|once|kill|stdout|stderr)\b/],
];

const BAD_NAMES = /(?:^|[/-])(?:utils?|helpers?|manager|common)(?:[-./]|$)/;

interface Import {
  readonly specifier: string;
  readonly isType: boolean;
}

interface Source {
  readonly path: string;
  readonly folder: string;
  /** Without comments and the text of strings. */
  readonly code: string;
  readonly lines: number;
  readonly imports: readonly Import[];
}

const sources = Object.keys(MAY_IMPORT).flatMap((folder) => readFolder(folder));

function readFolder(folder: string): readonly Source[] {
  if (!existsSync(join(ROOT, folder))) return [];
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => readSource(join(folder, name), folder));
}

function readSource(path: string, folder: string): Source {
  const text = readFileSync(join(ROOT, path), "utf8");
  return {
    path,
    folder,
    code: blank(text),
    lines: text.trimEnd().split("\n").length,
    imports: importsOf(text),
  };
}

/** Comments and the insides of strings become spaces; enough to look for names. */
function blank(text: string): string {
  return text.replace(
    /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'/g,
    (part) => part.replace(/[^\n]/g, " "),
  );
}

function importsOf(text: string): readonly Import[] {
  const code = text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/[^\n]*/gm, "");
  const fixed = code.matchAll(
    /^\s*(?:import|export)\s+(type\s)?(?:[\w*{}\s,$]+?\sfrom\s+)?"([^"]+)"/gm,
  );
  const lazy = code.matchAll(/(?<!typeof )\bimport\(\s*"([^"]+)"\s*\)/g);
  return [
    ...[...fixed].map((match) => ({ specifier: match[2]!, isType: match[1] !== undefined })),
    ...[...lazy].map((match) => ({ specifier: match[1]!, isType: false })),
  ];
}

function targetOf(source: Source, specifier: string): string | undefined {
  if (!specifier.startsWith(".")) return undefined;
  return normalize(join(dirname(source.path), specifier));
}

function folderOf(path: string): string {
  return path.split("/")[0] ?? "";
}

/** Files that stand between the program and the machine. */
function isAdapter({ path, folder }: Source): boolean {
  return folder === "daemon" || path.split("/").includes("io") || path === "sim/main.ts";
}

function violations(check: (source: Source) => readonly string[]): readonly string[] {
  return sources.flatMap((source) => check(source).map((problem) => `${source.path}: ${problem}`));
}

describe("the test itself", () => {
  it("finds the sources and reads imports of every form", () => {
    expect(sources.map(({ path }) => path)).toContain("platform/io/driver.ts");
    const text = [
      'import { a,\n  b } from "./a.ts";',
      'import type { C } from "./c.ts";',
      'export * from "./d.ts";',
      'import "./e.ts";',
      'const f = await import("./f.ts");',
      '// import { g } from "./g.ts";',
      'import * as net from "node:net";',
    ].join("\n");
    expect(importsOf(text).map(({ specifier }) => specifier)).toEqual([
      "./a.ts",
      "./c.ts",
      "./d.ts",
      "./e.ts",
      "node:net",
      "./f.ts",
    ]);
    expect(blank('const a = "Date.now"; // Math.random\n/* x */ b')).not.toMatch(/Date|Math|x/);
  });
});

describe("layers", () => {
  it("import only the folders that the table allows", () => {
    const found = violations((source) =>
      source.imports.flatMap(({ specifier }) => {
        const target = targetOf(source, specifier);
        if (target === undefined || folderOf(target) === source.folder) return [];
        return MAY_IMPORT[source.folder]?.includes(folderOf(target)) === true
          ? []
          : [`imports ${target}`];
      }),
    );
    expect(found).toEqual([]);
  });

  it("meet at each other's index.ts, sim at their cores.ts; platform's files aside", () => {
    const found = violations((source) =>
      source.imports.flatMap(({ specifier }) => {
        const target = targetOf(source, specifier);
        if (target === undefined || folderOf(target) === source.folder) return [];
        const folder = folderOf(target);
        const door = source.folder === "sim" ? join(folder, "cores.ts") : join(folder, "index.ts");
        return folder === "platform" || target === door ? [] : [`imports ${target}, not ${door}`];
      }),
    );
    expect(found).toEqual([]);
  });

  it("have cores that come from no io/, but for the text of the schema", () => {
    const byPath = new Map(sources.map((source) => [source.path, source]));
    const reached = new Set<string>();
    const visit = (path: string): void => {
      const source = byPath.get(path);
      if (source === undefined || reached.has(path)) return;
      reached.add(path);
      for (const { specifier, isType } of source.imports)
        if (!isType) visit(targetOf(source, specifier) ?? "");
    };
    for (const { path } of sources) if (/^[^/]+\/cores\.ts$/.test(path)) visit(path);
    expect(reached.size).toBeGreaterThan(20);
    const adapters = [...reached].filter((path) => path.split("/").includes("io"));
    expect(adapters).toEqual(["overlay/schema/io/schema-file.ts"]);
  });

  it("have an index.ts of at most 40 lines", () => {
    const found = violations(({ path, lines }) =>
      /^[^/]+\/index\.ts$/.test(path) && lines > 40 ? [`${lines} lines`] : [],
    );
    expect(found).toEqual([]);
  });

  it("import files that exist, with their extension", () => {
    const found = violations((source) =>
      source.imports.flatMap(({ specifier }) => {
        const target = targetOf(source, specifier);
        return target === undefined || existsSync(join(ROOT, target)) ? [] : [`no file ${target}`];
      }),
    );
    expect(found).toEqual([]);
  });

  it("have no import cycle", () => {
    expect(findCycle()).toEqual([]);
  });
});

/** The files of one cycle of imports that exist at run time; empty when there is none. */
function findCycle(): readonly string[] {
  const graph = new Map(
    sources.map((source) => [
      source.path,
      source.imports
        .filter(({ isType }) => !isType)
        .map(({ specifier }) => targetOf(source, specifier))
        .filter((target) => target !== undefined),
    ]),
  );
  // A command table is loaded lazily by what it lists, which is no cycle at run time.
  graph.set("daemon/cli/commands.ts", []);
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): readonly string[] => {
    const at = trail.indexOf(path);
    if (at >= 0) return [...trail.slice(at), path];
    if (done.has(path)) return [];
    for (const next of graph.get(path) ?? []) {
      const cycle = visit(next, [...trail, path]);
      if (cycle.length > 0) return cycle;
    }
    done.add(path);
    return [];
  };
  for (const path of graph.keys()) {
    const cycle = visit(path, []);
    if (cycle.length > 0) return cycle;
  }
  return [];
}

describe("pure cores", () => {
  const cores = sources.filter((source) => !isAdapter(source));

  it("import nothing that touches the machine", () => {
    const found = cores.flatMap(({ path, imports }) =>
      imports
        .filter(({ specifier, isType }) => !isType && OUTSIDE_MODULES.test(specifier))
        .map(({ specifier }) => `${path}: imports ${specifier}`),
    );
    expect(found).toEqual([]);
  });

  it("use no clock, dice, timer or environment of the process", () => {
    const found = cores.flatMap(({ path, code }) =>
      OUTSIDE_GLOBALS.filter(([, pattern]) => pattern.test(code)).map(
        ([name]) => `${path}: uses ${name}`,
      ),
    );
    expect(found).toEqual([]);
  });
});

describe("code", () => {
  it("has files of at most 400 lines", () => {
    expect(violations(({ lines }) => (lines > 400 ? [`${lines} lines`] : []))).toEqual([]);
  });

  it("has no enum, namespace, default export or private field", () => {
    const patterns: readonly (readonly [string, RegExp])[] = [
      ["enum", /^\s*(?:export\s+)?(?:declare\s+)?(?:const\s+)?enum\s+\w/m],
      ["namespace", /^\s*(?:export\s+)?namespace\s+\w/m],
      ["default export", /^export default\b/m],
      ["private keyword", /^\s+private\s+(?!constructor\b)\w/m],
    ];
    const found = violations(({ code }) =>
      patterns.filter(([, pattern]) => pattern.test(code)).map(([name]) => name),
    );
    expect(found).toEqual([]);
  });

  it("names files in kebab-case, and none after nothing in particular", () => {
    const found = violations(({ path }) =>
      /^[a-z0-9/.-]+$/.test(path) && !BAD_NAMES.test(path) ? [] : ["bad name"],
    );
    expect(found).toEqual([]);
  });

  it("ends each destructuring with a rest by `rest satisfies Record<string, never>`", () => {
    const found = violations(({ code }) => {
      const rests = code.match(/\.\.\.rest\s*,?\s*\}\s*(?::[^=;]+)?=/g)?.length ?? 0;
      const checks = code.match(/\brest satisfies Record<string,\s*never>/g)?.length ?? 0;
      // A rest that is handed on is no leftover.
      const spreads = (code.match(/\.\.\.rest\b/g)?.length ?? 0) - rests;
      return rests <= checks + spreads ? [] : [`${rests} rests, ${checks} checks`];
    });
    expect(found).toEqual([]);
  });

  it("checks somewhere in its folder every option type that a function takes", () => {
    const found = violations(({ code, folder }) => {
      const names = [...code.matchAll(/^export interface (\w+Options)\b/gm)].map(
        ([, name]) => name,
      );
      return names
        .filter((name) => new RegExp(`\\w: (?:Readonly<|Partial<)*${name}\\b[^;]*[,)]`).test(code))
        .filter(
          (name) =>
            !sources.some(
              (other) =>
                other.folder === folder &&
                other.code.includes(name ?? "") &&
                /\brest satisfies Record</.test(other.code),
            ),
        )
        .map((name) => `${name} has no rest check`);
    });
    expect(found).toEqual([]);
  });
});

describe("tools", () => {
  it("run on Node 26, however the tests were started", () => {
    expect(process.versions.node.split(".")[0]).toBe("26");
  });

  it("know every folder: the types, the tests and the format see the same files", () => {
    const config = JSON.parse(readFileSync(join(ROOT, "tsconfig.json"), "utf8")) as {
      readonly include: readonly string[];
    };
    const folders = readdirSync(ROOT, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith("."))
      .map(({ name }) => name)
      .filter((name) => readdirSync(join(ROOT, name)).some((file) => file.endsWith(".ts")));
    expect(folders.filter((name) => !config.include.includes(name))).toEqual([]);
  });

  it("have a launcher that both a shell and Node can read", () => {
    const text = readFileSync(join(ROOT, "bin/causeway"), "utf8");
    expect(text.startsWith("#!/bin/sh\n':' /*;")).toBe(true);
  });
});
