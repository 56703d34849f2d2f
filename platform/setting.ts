/** Kinds of settings: how a value is checked, and what the documentation says of it. */

/** One key of the configuration. */
export interface Setting<T> {
  /** What the key means, as sentences for people. */
  readonly doc: string;
  /** What a value may be, as the errors and the documentation say it. */
  readonly allowed: string;
  /** What holds when the key is absent, in words, where the value depends on the machine. */
  readonly defaultDoc: string | undefined;
  /** The value when nobody gives one. */
  readonly initial: T;
  /** Takes effect on SIGHUP; the others need a restart. */
  readonly isReloadable: boolean;
  /** The value; `undefined`, or the problem where one word says more, when it is not allowed. */
  readonly parse: Parse<T>;
}

/** What every kind of setting is described by. */
export interface About<T> {
  readonly doc: string;
  readonly initial: T;
  readonly defaultDoc?: string;
  readonly isReloadable?: boolean;
}

type Parsed<T> = { readonly value: T } | { readonly problem: string } | undefined;
type Parse<T> = (value: unknown) => Parsed<T>;

/** A setting of a kind of its own. */
export function setting<T>(about: About<T>, allowed: string, parse: Parse<T>): Setting<T> {
  const { doc, initial, defaultDoc, isReloadable = false } = about;
  return { doc, allowed, defaultDoc, initial, isReloadable, parse };
}

export function flag(about: About<boolean>): Setting<boolean> {
  return setting(about, "true or false", (value) =>
    typeof value === "boolean" ? { value } : undefined,
  );
}

export function integer(about: About<number>, min: number, max: number): Setting<number> {
  return setting(about, `a whole number from ${min} to ${max}`, (value) =>
    Number.isInteger(value) && (value as number) >= min && (value as number) <= max
      ? { value: value as number }
      : undefined,
  );
}

/** The same, where `null` says that the daemon is to decide. */
export function optionalInteger(
  about: About<number | null>,
  min: number,
  max: number,
): Setting<number | null> {
  const { allowed, parse } = integer({ doc: about.doc, initial: min }, min, max);
  return setting(about, `${allowed}; or null`, (value) =>
    value === null ? { value } : parse(value),
  );
}

const SIZE = /^(\d{1,9})\s*([KMGT]i?B|B)?$/;
const SIZE_POWERS = ["B", "K", "M", "G", "T"];

/** Bytes as a number, or as text with a unit: `512MiB`. Units are powers of 1024. */
export function size(about: About<number>, min: number, max: number): Setting<number> {
  const allowed = `a number of bytes from ${min} to ${max}, or one with a unit, such as 512MiB`;
  return setting(about, allowed, (given) => {
    const match = typeof given === "string" ? SIZE.exec(given) : undefined;
    const value = match
      ? Number(match[1]) * 1024 ** SIZE_POWERS.indexOf((match[2] ?? "B").charAt(0))
      : given;
    return Number.isInteger(value) && (value as number) >= min && (value as number) <= max
      ? { value: value as number }
      : undefined;
  });
}

export function choice<const T extends string>(about: About<T>, choices: readonly T[]): Setting<T> {
  return setting(about, choices.join(", "), (value) => {
    const found = choices.find((one) => one === value);
    return found === undefined ? undefined : { value: found };
  });
}

/** Text that matches `pattern`. */
export function text(about: About<string>, allowed: string, pattern: RegExp): Setting<string> {
  return setting(about, allowed, (value) =>
    typeof value === "string" && pattern.test(value) ? { value } : undefined,
  );
}

/** The same, where `null` says that the daemon is to decide. */
export function optionalText(
  about: About<string | null>,
  allowed: string,
  pattern: RegExp,
): Setting<string | null> {
  return setting(about, `${allowed}; or null`, (value) =>
    value === null || (typeof value === "string" && pattern.test(value)) ? { value } : undefined,
  );
}
