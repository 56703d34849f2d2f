/** Runs one input and says what is wrong with what the decoder did, if anything. */
import { getHeapStatistics } from "node:v8";
import { isRefusal, type FuzzTarget } from "./target.ts";

export interface Finding {
  readonly target: string;
  readonly type: "error" | "slow" | "memory" | "hang" | "crash";
  readonly message: string;
  readonly stack: string;
  readonly input: Uint8Array;
}

/** An input may take so long; a busy machine gets three more tries. */
const SLOW_MS = 200;
const TRIES = 3;
/** Below, an input cannot have filled much memory with objects. */
const LOOK_MS = 10;
const GROWTH_BYTES_MAX = 64 * 1024 ** 2;

/** Where the present input stands, so that it outlives a worker that does not return from it. */
export class InputSlot {
  readonly #head: Int32Array;
  readonly #bytes: Uint8Array;

  constructor(shared: SharedArrayBuffer) {
    this.#head = new Int32Array(shared, 0, 3);
    this.#bytes = new Uint8Array(shared, 12);
  }

  static size(bytesMax: number): number {
    return 12 + bytesMax;
  }

  begin(input: Uint8Array): void {
    this.#bytes.set(input);
    Atomics.store(this.#head, 1, input.length);
    Atomics.add(this.#head, 0, 1);
    Atomics.store(this.#head, 2, 1);
  }

  end(): void {
    Atomics.store(this.#head, 2, 0);
  }

  /** How many inputs have begun; `undefined` while none is under way. */
  get running(): number | undefined {
    return Atomics.load(this.#head, 2) === 1 ? Atomics.load(this.#head, 0) : undefined;
  }

  /** A copy of the last input. */
  get input(): Uint8Array {
    return new Uint8Array(this.#bytes.subarray(0, Atomics.load(this.#head, 1)));
  }
}

export interface Verdict {
  /** Absent when all is as it should be. */
  readonly finding: Finding | undefined;
  /** It took so long that time and memory are to be measured by themselves. */
  readonly isHeavy: boolean;
}

export class Judge {
  readonly #target: FuzzTarget;
  readonly #slot: InputSlot;

  constructor(target: FuzzTarget, slot: InputSlot) {
    this.#target = target;
    this.#slot = slot;
  }

  /** Runs an input once; what takes long is to be weighed. */
  async judge(input: Uint8Array): Promise<Verdict> {
    this.#slot.begin(input);
    const startedAtMs = performance.now();
    const before = getHeapStatistics().external_memory;
    let finding: Finding | undefined;
    try {
      // A copy, since decoders return views and the input is mutated further.
      const running = this.#target.run(new Uint8Array(input));
      if (running !== undefined) await running;
    } catch (error) {
      if (!isRefusal(error, this.#target)) finding = this.#finding("error", input, error);
    }
    const tookMs = performance.now() - startedAtMs;
    // A buffer that is asked for and not filled takes no time.
    const growth = getHeapStatistics().external_memory - before;
    const isHeavy = tookMs > LOOK_MS || growth > GROWTH_BYTES_MAX;
    this.#slot.end();
    return { finding, isHeavy: finding === undefined && isHeavy };
  }

  /** Measures again what took long: time, and memory that is not yet collected. */
  async weigh(input: Uint8Array): Promise<Finding | undefined> {
    this.#slot.begin(input);
    const finding = await this.#weighed(input);
    this.#slot.end();
    return finding;
  }

  async #weighed(input: Uint8Array): Promise<Finding | undefined> {
    let leastMs = Infinity;
    let leastGrowth = Infinity;
    for (let i = 0; i < TRIES; i++) {
      const before = memoryBytes();
      const startedAtMs = performance.now();
      await this.#runQuietly(input);
      leastMs = Math.min(leastMs, performance.now() - startedAtMs);
      leastGrowth = Math.min(leastGrowth, memoryBytes() - before);
      if (leastMs <= SLOW_MS && leastGrowth <= GROWTH_BYTES_MAX) return undefined;
    }
    if (leastMs > SLOW_MS)
      return this.#finding("slow", input, `${Math.round(leastMs)} ms for ${input.length} bytes`);
    const mebibytes = Math.round(leastGrowth / 1024 ** 2);
    return this.#finding("memory", input, `${mebibytes} MiB for ${input.length} bytes`);
  }

  async #runQuietly(input: Uint8Array): Promise<void> {
    try {
      await this.#target.run(new Uint8Array(input));
    } catch {
      // judged at the first run
    }
  }

  #finding(type: Finding["type"], input: Uint8Array, error: unknown): Finding {
    return findingOf(this.#target.name, type, input, error);
  }
}

export function findingOf(
  target: string,
  type: Finding["type"],
  input: Uint8Array,
  error: unknown,
): Finding {
  const isError = error instanceof Error;
  const message = isError ? `${error.name}: ${error.message}` : String(error);
  const causes: string[] = [];
  for (let at = error; at instanceof Error; at = at.cause) causes.push(at.stack ?? at.message);
  return { target, type, message: message.slice(0, 500), stack: causes.join("\n\n"), input };
}

/** The same for all inputs that run into one mistake: what an error says of its input is left out. */
export function findingKey({ target, type, message, stack }: Finding): string {
  if (type !== "error") return `${target}|${type}`;
  const place = /at .*\/(?:overlay|daemon|platform|packets)\/\S+/.exec(stack)?.[0];
  const [name = "", words = ""] = message.split(": ");
  const isOwnWord = place === undefined || name === "Violation";
  const shape = isOwnWord ? words.replace(/".*"/s, '""').replace(/\d+/g, "0").slice(0, 80) : "";
  return [target, name, shape, place ?? ""].join("|");
}

function memoryBytes(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
