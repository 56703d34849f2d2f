/** Avahi's own programs on the hosts of a lab: they browse and publish as people's programs do. */
import type { ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import type { Lab } from "../../lab/lab.ts";
import { missingPrograms } from "../../lab/run.ts";
import { BenchError } from "../errors.ts";

/** @throws {BenchError} ERR_BENCH_PROGRAM when they are not installed */
export function needAvahiPrograms(): void {
  const missing = missingPrograms(["avahi-browse", "avahi-publish"]);
  if (missing.length > 0)
    throw new BenchError(
      "ERR_BENCH_PROGRAM",
      `${missing.join(" and ")} not installed; on Debian: apt-get install avahi-utils`,
    );
}

/** One resolved line of `avahi-browse -rp`. */
export interface Browsed {
  readonly family: "IPv4" | "IPv6";
  readonly instance: string;
  readonly type: string;
  readonly host: string;
  readonly address: string;
  readonly port: number;
  /** In the order of the wire, which is not that of the program's output. */
  readonly txt: readonly string[];
}

/** `=;eth0;IPv4;Tom\039s\032Music;_daap._tcp;local;host.local;203.0.113.7;3689;"b=2" "a=1"` */
export function parseAvahiLine(
  line: string,
): { readonly sign: "+" | "-" | "="; readonly browsed: Browsed } | undefined {
  const [sign, , family, instance, type, , host, address, port, ...txt] = line.split(";");
  if (sign !== "+" && sign !== "-" && sign !== "=") return undefined;
  if (family !== "IPv4" && family !== "IPv6") return undefined;
  const strings = [...txt.join(";").matchAll(/"((?:[^"\\]|\\.)*)"/gs)].map(([, text]) =>
    unescape(text!),
  );
  return {
    sign,
    browsed: {
      family,
      instance: unescape(instance ?? ""),
      type: type ?? "",
      host: host ?? "",
      address: address ?? "",
      port: Number(port),
      txt: strings.toReversed(),
    },
  };
}

/** `\039` is a byte in decimal, `\.` a character. */
function unescape(text: string): string {
  const bytes: number[] = [];
  const encoder = new TextEncoder();
  for (const [part, decimal, escaped] of text.matchAll(/\\(\d{3})|\\(.)|[^\\]/gsu))
    if (decimal !== undefined) bytes.push(Number(decimal));
    else bytes.push(...encoder.encode(escaped ?? part));
  return new TextDecoder().decode(Uint8Array.from(bytes));
}

/** `avahi-browse` that runs on, and what it has seen so far. */
export class AvahiObserver {
  readonly #process: ChildProcess;
  readonly #seen: { readonly sign: string; readonly atMs: number; readonly browsed: Browsed }[] =
    [];
  #isClosed = false;

  constructor(lab: Lab, host: string, type: string) {
    const argv = ["avahi-browse", "--parsable", "--resolve", "--no-db-lookup", type];
    this.#process = lab.spawn(host, argv, { stdio: ["ignore", "pipe", "inherit"] });
    createInterface(this.#process.stdout!).on("line", (line) => {
      const parsed = parseAvahiLine(line);
      if (parsed !== undefined) this.#seen.push({ atMs: Date.now(), ...parsed });
    });
  }

  /** Removals of an instance, by either family; those of its records do not show. */
  removals(instance: string): number {
    return this.#seen.filter((one) => one.sign === "-" && one.browsed.instance === instance).length;
  }

  /** Names present now. */
  present(): string[] {
    const families = new Map<string, Set<string>>();
    for (const { sign, browsed } of this.#seen) {
      const known = families.get(browsed.instance) ?? new Set();
      families.set(browsed.instance, known);
      if (sign === "+") known.add(browsed.family);
      if (sign === "-") known.delete(browsed.family);
    }
    return [...families].filter(([, set]) => set.size > 0).map(([instance]) => instance);
  }

  /**
   * A resolved line that fits, which may still have to come, and when it came, as `Date.now` tells.
   *
   * @throws {BenchError} ERR_BENCH_TIMEOUT, as all that wait here
   */
  async needResolved(
    what: string,
    fits: (browsed: Browsed) => boolean,
    limitMs = 10_000,
  ): Promise<Browsed & { readonly atMs: number }> {
    return await this.#until(what, limitMs, () => {
      const line = this.#seen.find(({ sign, browsed }) => sign === "=" && fits(browsed));
      return line && { ...line.browsed, atMs: line.atMs };
    });
  }

  /** @returns when it was gone from both families, as `Date.now` tells */
  async needGone(instance: string, limitMs = 10_000): Promise<number> {
    return await this.#until(`${instance} gone`, limitMs, () =>
      this.present().includes(instance)
        ? undefined
        : this.#seen.findLast((one) => one.sign === "-" && one.browsed.instance === instance)?.atMs,
    );
  }

  async needCount(count: number, limitMs = 10_000): Promise<void> {
    await this.#until(`${count} services`, limitMs, () =>
      this.present().length === count ? true : undefined,
    );
  }

  /** Ends it, and all that still wait for a line. */
  close(): void {
    this.#isClosed = true;
    this.#process.kill("SIGKILL");
  }

  async #until<T>(what: string, limitMs: number, look: () => T | undefined): Promise<T> {
    const endMs = Date.now() + limitMs;
    for (;;) {
      const value = look();
      if (value !== undefined) return value;
      if (Date.now() > endMs || this.#isClosed)
        throw new BenchError(
          "ERR_BENCH_TIMEOUT",
          `no ${what} within ${limitMs} ms; seen: ${JSON.stringify(this.#seen.slice(-20))}`,
        );
      await sleep(10);
    }
  }
}

/** `avahi-publish -s`; end the process to withdraw. Returns when it is established. */
export async function avahiPublish(
  lab: Lab,
  host: string,
  {
    instance,
    type,
    port,
    txt = [],
    subtypes = [],
    target,
  }: {
    readonly instance: string;
    readonly type: string;
    readonly port: number;
    readonly txt?: readonly string[];
    readonly subtypes?: readonly string[];
    /** A host name of another machine. */
    readonly target?: string;
  },
): Promise<ChildProcess> {
  const options = [
    ...subtypes.map((subtype) => `--subtype=${subtype}._sub.${type}`),
    ...(target === undefined ? [] : [`--host=${target}`]),
  ];
  const argv = ["avahi-publish", "-s", ...options, instance, type, String(port), ...txt];
  const published = lab.spawn(host, argv, { stdio: ["ignore", "ignore", "pipe"] });
  await new Promise<void>((resolve, reject) => {
    const lines = createInterface(published.stderr!);
    let last = "";
    lines.on("line", (line) => {
      last = line;
      if (line.startsWith("Established under name")) resolve();
    });
    published.once("exit", () =>
      reject(new BenchError("ERR_BENCH_PROGRAM", `avahi-publish ended: ${last}`)),
    );
  });
  return published;
}
