/**
 * Every event of a run, as a 64-bit hash and, when it is to be read, as lines.
 *
 * Two runs of one seed have the same events in the same order, or the hash differs.
 */

/** Multipliers of murmur3's two lanes; any odd numbers with well-mixed bits would do. */
const LANES = [0xcc9e2d51, 0x1b873593] as const;

export class Trace {
  readonly lines: string[] = [];
  /** How many events there were. */
  count = 0;
  readonly #isKept: boolean;
  #a = 0x243f6a88;
  #b = 0x85a308d3;

  /** @param isKept whether lines are kept, for a replay */
  constructor(isKept: boolean) {
    this.#isKept = isKept;
  }

  /** @param bytes what was carried, if anything; hashed and not shown */
  note(nowMs: number, text: string, bytes?: Uint8Array): void {
    this.count++;
    const at = nowMs.toFixed(3);
    this.#mixText(at);
    this.#mixText(text);
    if (bytes !== undefined) for (const byte of bytes) this.#mix(byte);
    if (this.#isKept) this.lines.push(`${at.padStart(12)} ${text}`);
  }

  /** 16 hex digits. */
  get hash(): string {
    const hex = (lane: number): string => (lane >>> 0).toString(16).padStart(8, "0");
    return hex(this.#a) + hex(this.#b);
  }

  #mixText(text: string): void {
    for (let i = 0; i < text.length; i++) this.#mix(text.charCodeAt(i));
    this.#mix(0);
  }

  #mix(value: number): void {
    const a = Math.imul(this.#a ^ value, LANES[0]);
    const b = Math.imul(this.#b ^ value, LANES[1]);
    this.#a = ((a << 13) | (a >>> 19)) + (b | 0);
    this.#b = (((b << 17) | (b >>> 15)) ^ a) | 0;
  }
}
