/** Steady puts and gets at whatever hosts are there, each answer checked. */
import { errorMessage } from "../../../../platform/errors.ts";
import { createRandom, type Random } from "../../../../platform/random.ts";
import type { Bed } from "../../bed.ts";

const GET_EVERY_MS = 100;
const PUTS_EVERY_GETS = 5;
/** Records asked for, the latest; what is older has had its chance. */
const RECORDS_MAX = 200;
const UNDER_WAY_MAX = 64;

export class SteadyLoad {
  readonly times: number[] = [];
  /** `HOST KEY: REASON` of each get that did not bring its value. */
  readonly lost: string[] = [];
  readonly refused: string[] = [];
  puts = 0;
  readonly #bed: Bed;
  readonly #copies: string;
  readonly #askable: () => readonly string[];
  readonly #random: Random;
  readonly #records: { readonly key: string; readonly value: string }[] = [];
  readonly #underWay = new Set<Promise<void>>();

  /** @param askable hosts, by their names in the lab, that stay for the moment */
  constructor(bed: Bed, copies: string, seed: number, askable: () => readonly string[]) {
    this.#bed = bed;
    this.#copies = copies;
    this.#askable = askable;
    this.#random = createRandom(seed);
  }

  get gets(): number {
    return this.times.length + this.lost.length;
  }

  /** Some records to begin with. */
  async seed(count: number): Promise<void> {
    for (let i = 0; i < count; i++) await this.#put(this.#pick());
  }

  /** Goes on until `ending` aborts and all that was asked is answered. */
  async run(ending: AbortSignal): Promise<void> {
    for (let i = 0; !ending.aborted; i++) {
      if (this.#underWay.size < UNDER_WAY_MAX) {
        const host = this.#pick();
        this.#begin(i % PUTS_EVERY_GETS === 0 ? this.#put(host) : this.#get(host));
      }
      await this.#bed.pause(GET_EVERY_MS);
    }
    await Promise.all(this.#underWay);
  }

  #begin(work: Promise<void>): void {
    const settled = work.finally(() => this.#underWay.delete(settled));
    this.#underWay.add(settled);
  }

  #pick(): string {
    return this.#random.pick(this.#askable())!;
  }

  async #put(host: string): Promise<void> {
    const key = `churn ${this.puts++}`;
    const value = `value of ${key}`;
    try {
      await this.#bed.put(host, key, value, { copies: this.#copies });
      this.#records.push({ key, value });
      if (this.#records.length > RECORDS_MAX) this.#records.shift();
    } catch (error) {
      if (this.#isThere(host)) this.refused.push(`${host} ${key}: ${errorMessage(error)}`);
    }
  }

  async #get(host: string): Promise<void> {
    const record = this.#random.pick(this.#records);
    if (record === undefined) return;
    const { key, value } = record;
    try {
      const { answer, wallMs } = await this.#bed.get(host, key);
      if (answer.records.some((one) => one.value === value)) this.times.push(wallMs);
      else this.lost.push(`${host} ${key}: not found`);
    } catch (error) {
      if (this.#isThere(host)) this.lost.push(`${host} ${key}: ${errorMessage(error)}`);
    }
  }

  /** An asker that was taken away meanwhile says nothing of the overlay. */
  #isThere(host: string): boolean {
    return this.#askable().includes(host);
  }
}
