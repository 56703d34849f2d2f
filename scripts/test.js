/**
 * `npm test`: installs what is missing, then all checks and tests. `--long` has those that take
 * longer than CI may, `--checks` only format, types and lint.
 *
 * Every stage runs whatever came before it. The last line is `N passed, N failed`; a check counts
 * as one.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT, environment, installPackages } from "./install.js";
import { installSystemPackages } from "./system-packages.js";

const OXLINT = ["--yes", "-p", "oxlint@1.94.0", "-p", "oxlint-tsgolint@7.0.2007", "oxlint"];

/** Stages of type `check` pass or fail as one, those of type `tests` report by vitest. */
const STAGES = {
  format: { type: "check", args: ["npx", "prettier", "--check", "--log-level=warn", "."] },
  types: { type: "check", args: ["npx", "tsc"] },
  lint: { type: "check", args: ["npx", ...OXLINT, "--deny-warnings"] },
  // What `bin/causeway up` runs, and so what the system tests are to test.
  bundle: { type: "check", args: ["node", "scripts/bundle.js"] },
  unit: {
    type: "tests",
    args: ["npx", "vitest", "run", "--exclude=test/system/**", "--exclude=test/long/**"],
  },
  system: {
    type: "tests",
    args: ["npx", "vitest", "run", "--config=vitest.system.config.ts", "test/system/"],
  },
  long: {
    type: "tests",
    args: ["npx", "vitest", "run", "--config=vitest.system.config.ts", "test/long/"],
  },
};

function stagesFor(args) {
  if (args.includes("--checks")) return ["format", "types", "lint"];
  if (args.includes("--long")) return ["bundle", "long"];
  return ["format", "types", "lint", "bundle", "unit", "system"];
}

function run(args) {
  const [program, ...rest] = args;
  const { status, error } = spawnSync(program, rest, {
    cwd: ROOT,
    env: environment(true),
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (error !== undefined) process.stdout.write(`${program}: ${error.message}\n`);
  return status === 0;
}

function runCheck(args) {
  return run(args) ? { passed: 1, failed: 0, skipped: 0 } : { passed: 0, failed: 1, skipped: 0 };
}

/** A test file that cannot even be loaded has no failing test, but fails all the same. */
function runTests(args) {
  const directory = mkdtempSync(join(tmpdir(), "causeway-test-"));
  const file = join(directory, "report.json");
  const reporters = ["--passWithNoTests", "--reporter=default", "--reporter=json"];
  const isDone = run([...args, ...reporters, `--outputFile.json=${file}`]);
  try {
    const report = JSON.parse(readFileSync(file, "utf8"));
    const broken = report.testResults.filter(
      (one) => one.status === "failed" && one.assertionResults.length === 0,
    ).length;
    const failed = report.numFailedTests + broken;
    return {
      passed: report.numPassedTests,
      failed: isDone ? failed : Math.max(1, failed),
      skipped: report.numPendingTests + report.numTodoTests,
    };
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function main(args) {
  if (!installPackages()) {
    process.stdout.write("0 passed, 1 failed\n");
    return 1;
  }
  const note = args.includes("--checks") ? "" : installSystemPackages(args.includes("--long"));
  const results = stagesFor(args).map((name) => {
    process.stdout.write(`\n== ${name}\n`);
    const startedAtMs = performance.now();
    const { type, args: command } = STAGES[name];
    const result = type === "check" ? runCheck(command) : runTests(command);
    return { name, seconds: Math.round((performance.now() - startedAtMs) / 1000), ...result };
  });
  process.stdout.write("\n");
  for (const { name, seconds, passed, failed, skipped } of results)
    process.stdout.write(
      `${name.padEnd(8)} ${passed} passed, ${failed} failed, ${skipped} skipped, ${seconds} s\n`,
    );
  if (note !== "") process.stdout.write(`${note}\n`);
  const sum = (field) => results.reduce((total, result) => total + result[field], 0);
  process.stdout.write(`${sum("passed")} passed, ${sum("failed")} failed\n`);
  return sum("failed") === 0 ? 0 : 1;
}

process.exitCode = main(process.argv.slice(2));
