import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Files that hold what they do against a clock, or load the machine; each has it for itself. */
const ALONE = [
  "test/long/**/*.test.ts",
  "test/system/bridge-crew.test.ts",
  "test/system/cli-*.test.ts",
  "test/system/lab-{faults,nat,network,ways}.test.ts",
  "test/system/mdns-link.test.ts",
  "test/system/overlay-{avahi,crash,join,life,roam,trouble,wide}.test.ts",
];

/** Takes minutes: begun last, it would keep one worker busy while the other has nothing left. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLong = ({ moduleId }: TestSpecification): boolean =>
      moduleId.endsWith("/system/chaos.test.ts");
    return (await super.sort(files)).toSorted((a, b) => Number(isLong(b)) - Number(isLong(a)));
  }
}

/**
 * Tests with real daemons, switches and network namespaces, with long limits: first those that need
 * the machine for themselves, then the others two at a time, since they wait most of the time.
 */
export default defineConfig({
  test: {
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Real networks on a shared machine: once more, and the report says which needed it.
    retry: 1,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        extends: true,
        test: {
          name: "alone",
          include: ALONE,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: "together",
          include: ["test/system/**/*.test.ts"],
          exclude: ALONE,
          maxWorkers: 2,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
