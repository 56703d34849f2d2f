/** The lab that tests of programs on a link share. */
import { afterAll, afterEach, beforeAll } from "vitest";
import { downLab, parseLabSpec, upLab, type Lab } from "../../daemon/lab/lab.ts";
import type { LineProcess } from "./fixtures/line-process.ts";

export interface SharedLab {
  /** There from the first test on. */
  readonly lab: Lab;
  /** Has the program killed after the test. */
  started<P extends LineProcess>(program: P): P;
  /** That too, once it says that it is open. */
  opened<P extends LineProcess>(program: P): Promise<P>;
}

/** Within a `describe`: makes a lab before its tests, and takes it away after them. */
export function useLab(name: string, sites: string): SharedLab {
  let lab: Lab | undefined;
  const running: LineProcess[] = [];

  beforeAll(async () => {
    await downLab(name).catch(() => {});
    lab = await upLab(parseLabSpec(sites, "test"), name);
  }, 120_000);

  afterEach(() => {
    for (const program of running.splice(0)) program.kill();
  });

  afterAll(async () => {
    await lab?.down();
  });

  return {
    get lab() {
      if (lab === undefined) throw new Error(`the lab ${name} is there in tests only`);
      return lab;
    },
    started(program) {
      running.push(program);
      return program;
    },
    async opened(program) {
      running.push(program);
      await program.need("open", ({ type }) => type === "open", 20_000);
      return program;
    },
  };
}
