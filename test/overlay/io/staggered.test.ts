import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { tryStaggered } from "../../../overlay/io/staggered.ts";

type Plan = Readonly<Record<string, { readonly afterMs: number; readonly fails?: boolean }>>;

/** Runs candidates by plan; when each began, and what came of it. */
async function race(plan: Plan, staggerMs: number, isFinal?: (error: unknown) => boolean) {
  const startedMs = performance.now();
  const began = new Map<string, number>();
  const attempt = async (name: string): Promise<string> => {
    began.set(name, performance.now() - startedMs);
    await sleep(plan[name]!.afterMs);
    if (plan[name]!.fails === true) throw new Error(`${name} failed`);
    return name;
  };
  const result = await tryStaggered(Object.keys(plan), attempt, staggerMs, isFinal).catch(
    (error: Error) => error.message,
  );
  return { result, began, tookMs: performance.now() - startedMs };
}

describe("tryStaggered", () => {
  it("asks nobody else while the first is quick", async () => {
    const { result, began } = await race({ a: { afterMs: 5 }, b: { afterMs: 0 } }, 200);
    expect(result).toBe("a");
    expect([...began.keys()]).toEqual(["a"]);
  });

  it("asks the next at once when one fails", async () => {
    const { result, began, tookMs } = await race(
      { a: { afterMs: 1, fails: true }, b: { afterMs: 1, fails: true }, c: { afterMs: 1 } },
      5_000,
    );
    expect(result).toBe("c");
    expect([...began.keys()]).toEqual(["a", "b", "c"]);
    expect(tookMs).toBeLessThan(1_000);
  });

  it("gives a slow one company and takes whoever is first", async () => {
    const { result, began } = await race({ a: { afterMs: 2_000 }, b: { afterMs: 5 } }, 50);
    expect(result).toBe("b");
    expect(began.get("b")).toBeGreaterThanOrEqual(45);
    expect(began.get("b")).toBeLessThan(1_000);
  });

  it("lets the slow one win all the same", async () => {
    const { result } = await race({ a: { afterMs: 80 }, b: { afterMs: 5, fails: true } }, 20);
    expect(result).toBe("a");
  });

  it("fails with the last error when all have failed, the slow ones too", async () => {
    const { result } = await race(
      { a: { afterMs: 80, fails: true }, b: { afterMs: 1, fails: true } },
      20,
    );
    expect(result).toBe("a failed");
  });

  it("ends at an error that no other would mend", async () => {
    const { result, began } = await race(
      { a: { afterMs: 1, fails: true }, b: { afterMs: 1 } },
      1_000,
      () => true,
    );
    expect(result).toBe("a failed");
    expect([...began.keys()]).toEqual(["a"]);
  });

  it("begins nothing more once it is settled", async () => {
    const { began } = await race({ a: { afterMs: 30 }, b: { afterMs: 1 }, c: { afterMs: 1 } }, 20);
    await sleep(60);
    expect([...began.keys()]).toEqual(["a", "b"]);
  });

  it("says that nobody is known when there is no candidate", async () => {
    await expect(tryStaggered([], async () => 1, 10)).rejects.toMatchObject({
      code: "ERR_OVERLAY_UNREACHABLE",
    });
  });
});
