/** Times, rates and shares as people write them: `20ms`, `100mbit`, `1%`. */
import { ConfigError } from "../../platform/errors.ts";
import { shown } from "./fields.ts";

const TIME = /^(\d+(?:\.\d+)?)(us|ms|s)$/;
const TIME_UNIT_MS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000 };
const DELAY_MAX_MS = 10_000;

const RATE = /^(\d+(?:\.\d+)?)(kbit|mbit|gbit)$/;
const RATE_UNIT: Readonly<Record<string, number>> = { kbit: 1e3, mbit: 1e6, gbit: 1e9 };
const RATE_MIN = 8_000;
const RATE_MAX = 100e9;

const SHARE = /^(\d+(?:\.\d+)?)%$/;

const SIZE = /^(\d+)(KiB|MiB|GiB)$/;
const SIZE_UNIT: Readonly<Record<string, number>> = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

const SHIFT = /^([+-])(\d+(?:\.\d+)?)(ms|s|m|h|d)$/;
const SHIFT_UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const SHIFT_MAX_MS = 36_500 * 86_400_000;

/** @throws {ConfigError} unless it is 0 to 10 s with its unit */
export function parseTimeMs(path: string, text: string): number {
  const [, digits, unit = ""] = TIME.exec(text) ?? [];
  const ms = digits === undefined ? NaN : Number(digits) * TIME_UNIT_MS[unit]!;
  if (ms >= 0 && ms <= DELAY_MAX_MS) return ms;
  throw new ConfigError(path, `"${text}" is no time; write 20ms, 500us or 1s, 10s at most`);
}

/**
 * @returns bits a second; `null` for `none`
 * @throws {ConfigError} unless it is `none` or 8kbit to 100gbit
 */
export function parseRate(path: string, text: string): number | null {
  if (text === "none") return null;
  const [, digits, unit = ""] = RATE.exec(text) ?? [];
  const rate = digits === undefined ? NaN : Number(digits) * RATE_UNIT[unit]!;
  if (rate >= RATE_MIN && rate <= RATE_MAX) return rate;
  throw new ConfigError(
    path,
    `"${text}" is no rate; write 100mbit, 512kbit or 1gbit (8kbit to 100gbit), or none`,
  );
}

/** @throws {ConfigError} unless it is 0% to 100% */
export function parseShare(path: string, text: string): number {
  const [, digits] = SHARE.exec(text) ?? [];
  const share = digits === undefined ? NaN : Number(digits) / 100;
  if (share >= 0 && share <= 1) return share;
  throw new ConfigError(path, `"${text}" is no share; write 1% or 0.5%, 0% to 100%`);
}

/** @throws {ConfigError} unless it is a size of 1MiB to 16GiB with its unit */
export function parseSize(path: string, given: unknown): number {
  const text = textOf(given);
  const [, digits, unit = ""] = SIZE.exec(text) ?? [];
  const bytes = digits === undefined ? NaN : Number(digits) * SIZE_UNIT[unit]!;
  if (bytes >= SIZE_UNIT["MiB"]! && bytes <= 16 * SIZE_UNIT["GiB"]!) return bytes;
  throw new ConfigError(path, `"${text}" is no size; write 64MiB (1MiB to 16GiB)`);
}

/** @throws {ConfigError} unless it is 0, or a signed time with its unit, 100 years at most */
export function parseShiftMs(path: string, given: unknown): number {
  const text = textOf(given);
  if (text === "0") return 0;
  const [, sign, digits, unit = ""] = SHIFT.exec(text) ?? [];
  const ms = digits === undefined ? NaN : Number(digits) * SHIFT_UNIT_MS[unit]!;
  if (ms <= SHIFT_MAX_MS) return sign === "-" ? 0 - ms : ms;
  throw new ConfigError(
    path,
    `"${text}" is no shift of a clock; write +1h, -90s, +61d, +500ms, or 0 for none`,
  );
}

/** YAML may hold anything, also what has no text of its own: `{toString: 1}`. */
function textOf(given: unknown): string {
  return typeof given === "string" ? given : shown(given);
}

/** `+90s`, in the largest unit that leaves no fraction. */
export function formatShift(ms: number): string {
  const [unit, unitMs] = Object.entries(SHIFT_UNIT_MS)
    .toReversed()
    .find(([, one]) => ms % one === 0) ?? ["ms", 1];
  return ms === 0 ? "0" : `${ms > 0 ? "+" : ""}${ms / unitMs}${unit}`;
}

export function formatSize(bytes: number): string {
  return `${Number((bytes / SIZE_UNIT["MiB"]!).toFixed(1))}MiB`;
}

export function formatTime(ms: number): string {
  return `${Number(ms.toFixed(3))}ms`;
}

export function formatRate(bitsPerSecond: number | null): string {
  if (bitsPerSecond === null) return "none";
  const unit = bitsPerSecond >= 1e9 ? "gbit" : bitsPerSecond >= 1e6 ? "mbit" : "kbit";
  return `${Number((bitsPerSecond / RATE_UNIT[unit]!).toFixed(3))}${unit}`;
}

export function formatShare(ratio: number): string {
  return `${Number((ratio * 100).toFixed(4))}%`;
}
