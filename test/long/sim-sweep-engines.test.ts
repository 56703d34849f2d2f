/** Sweeps on machines of others: over ssh, and on a Slurm cluster of one node. */
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { SSH_MISSING, withSsh } from "../system/fixtures/ssh-bed.ts";
import { SLURM_MISSING, withSlurm } from "../system/fixtures/slurm-bed.ts";
import {
  directory,
  FILE,
  found,
  LAUNCHER,
  POINTS,
  SEEDS,
  undisturbed,
} from "../system/fixtures/sweeps.ts";

describe.skipIf(SSH_MISSING !== undefined)("through GNU parallel and ssh", () => {
  it("finds the same on another host, which shares no files", () => {
    const bed = mkdtempSync(join(directory, "ssh-"));
    const out = join(directory, "ssh-out");
    writeFileSync(join(bed, "hosts"), "2/away\n");
    const engine = `--engine parallel --hosts ${bed}/hosts --command ${LAUNCHER}`;
    const command = `${LAUNCHER} sim sweep ${FILE} ${SEEDS.join(" ")} --out ${out} ${engine} --json`;
    const run = withSsh(bed, command);
    expect({ status: run.status, stderr: run.stderr }).toEqual({ status: 0, stderr: "" });
    expect(JSON.parse(run.stdout)).toMatchObject({ finished: POINTS, left: 0 });
    expect(readFileSync(join(bed, "sshd.log"), "utf8")).toContain("Accepted publickey");
    expect(found(out)).toBe(undisturbed());
  });
});

describe.skipIf(SLURM_MISSING !== undefined)("as an array of Slurm jobs", () => {
  it("finds the same, and only what is left is submitted again", () => {
    const cluster = mkdtempSync(join(directory, "slurm-"));
    const out = join(directory, "slurm-out");
    const command = `${LAUNCHER} sim sweep ${FILE} --jobs 2 --out ${out} --engine slurm --json`;
    const run = withSlurm(
      cluster,
      [
        `${command} --seed 1..2`,
        `${command} --seed 1..${POINTS / 2}`,
        "squeue --noheader | wc -l",
      ].join("\n"),
    );
    const [first = "", second = "", left] = run.stdout.trim().split("\n");
    expect({ status: run.status, left }, run.stderr).toEqual({ status: 0, left: "0" });
    expect(JSON.parse(first)).toMatchObject({ points: 4, before: 0, finished: 4, left: 0 });
    expect(JSON.parse(second)).toMatchObject({ points: POINTS, before: 4, finished: 8, left: 0 });
    expect(run.stderr).toMatch(/^Slurm job 1: 4 of its tasks/m);
    expect(run.stderr).toMatch(/: 8 of its tasks/);
    expect(found(out)).toBe(undisturbed());
  });
});
