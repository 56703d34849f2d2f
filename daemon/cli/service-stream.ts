/** `causeway import --from-stream`: lines of services from standard input to the daemon. */
import { errorMessage } from "../../platform/errors.ts";
import type { FedAnswer, FeedLine } from "../api/bridge-types.ts";
import { callApi, callApiLines } from "../api/client.ts";
import { DaemonError, RemoteError } from "../errors.ts";
import type { ParsedArguments } from "../../platform/cli/arguments.ts";
import type { CommandIo } from "../../platform/cli/command.ts";
import { printable } from "../../platform/cli/text-table.ts";

/** As much as the daemon takes in one request. */
const LINE_BYTES_MAX = 64 * 1024;
/** A name is probed for before it is shown, so lines of different services go side by side. */
const LINES_UNDER_WAY_MAX = 32;

/** Shows what the lines say until they end, then withdraws it. @returns the exit status */
export async function feedFromStream(
  args: ParsedArguments,
  io: CommandIo,
  socket: string,
): Promise<number> {
  const ending = new AbortController();
  const end = (): void => ending.abort();
  process.once("SIGINT", end).once("SIGTERM", end);
  const open = callApiLines<FeedLine>({
    socket,
    method: "POST",
    path: "/v1/service-feeds",
    signal: ending.signal,
  });
  try {
    const first = await open.next();
    if (first.done === true)
      throw new DaemonError("ERR_DAEMON_ANSWER", "the daemon opened no stream");
    const path = `/v1/service-feeds/${first.value.feed}`;
    const lines = readLines(io.stdin ?? process.stdin, ending.signal);
    // The daemon ends its side only when it stops.
    const stopped = open.next().then(() => "stopped" as const);
    const feeder = new Feeder(args, io, socket, path);
    const done = feeder.feed(lines).then(() => "done" as const);
    if ((await Promise.race([done, stopped])) === "stopped" && !ending.signal.aborted)
      throw new DaemonError("ERR_DAEMON_ABSENT", "the daemon stopped");
    await done;
    await callApi({ socket, method: "DELETE", path });
    return feeder.refused > 0 ? 1 : 0;
  } finally {
    ending.abort();
    // An input that is still open would keep the process.
    if (io.stdin === undefined) process.stdin.destroy();
    process.off("SIGINT", end).off("SIGTERM", end);
  }
}

class Feeder {
  /** Lines that were not taken. */
  refused = 0;
  readonly #args: ParsedArguments;
  readonly #io: CommandIo;
  readonly #socket: string;
  readonly #path: string;
  /** The last line under way of each service, since their order matters. */
  readonly #chains = new Map<string, Promise<void>>();

  constructor(args: ParsedArguments, io: CommandIo, socket: string, path: string) {
    this.#args = args;
    this.#io = io;
    this.#socket = socket;
    this.#path = path;
  }

  async feed(lines: AsyncIterable<string | undefined>): Promise<void> {
    let number = 0;
    for await (const line of lines) {
      number++;
      if (line === undefined) this.#refuse(number, `it has more than ${LINE_BYTES_MAX} bytes`);
      else if (line.trim() !== "") this.#start(number, line);
      while (this.#chains.size >= LINES_UNDER_WAY_MAX) await Promise.race(this.#chains.values());
    }
    await Promise.all(this.#chains.values());
  }

  #start(number: number, line: string): void {
    const service = serviceOf(line);
    const before = this.#chains.get(service) ?? Promise.resolve();
    const chain = before
      .then(() => this.#send(number, line))
      .then(() => {
        if (this.#chains.get(service) === chain) this.#chains.delete(service);
      });
    chain.catch(() => {}); // thrown where all are waited for
    this.#chains.set(service, chain);
  }

  async #send(number: number, line: string): Promise<void> {
    const [socket, path] = [this.#socket, this.#path];
    try {
      const body = Buffer.from(line);
      const answer = await callApi<FedAnswer>({ socket, method: "POST", path, body });
      this.#tell(number, answer);
    } catch (error) {
      if (!(error instanceof RemoteError)) throw error;
      this.#refuse(number, errorMessage(error));
    }
  }

  #tell(number: number, answer: FedAnswer): void {
    if (this.#args.has("json")) this.#io.stdout(JSON.stringify({ line: number, ...answer }));
    else if (answer.event === "add") this.#io.stdout(`shown  ${printable(answer.shownAs)}`);
    else if (answer.removed) this.#io.stdout(`withdrawn  line ${number}`);
    else this.#io.stderr(`causeway: line ${number}: nothing of that name and type was added`);
  }

  #refuse(number: number, problem: string): void {
    this.refused++;
    this.#io.stderr(`causeway: line ${number}: ${printable(problem)}`);
  }
}

/** Which service a line is about, as far as order matters; what is no JSON is of none. */
function serviceOf(line: string): string {
  try {
    const value = JSON.parse(line) as Readonly<Record<string, unknown>> | null;
    return JSON.stringify([value?.["instance"], value?.["type"]]).toLowerCase();
  } catch {
    return "";
  }
}

/** Lines without their ends; `undefined` for one that is too long. Ends early on `signal`. */
async function* readLines(
  input: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<string | undefined> {
  const { promise: ended, resolve } = Promise.withResolvers<{ done: true; value: undefined }>();
  signal.addEventListener("abort", () => resolve({ done: true, value: undefined }), { once: true });
  const parts = input[Symbol.asyncIterator]();
  let pending: Uint8Array[] = [];
  let pendingBytes = 0;
  const take = (): string | undefined => {
    const line =
      pendingBytes > LINE_BYTES_MAX ? undefined : Buffer.concat(pending).toString("utf8");
    pending = [];
    pendingBytes = 0;
    return line;
  };
  const keep = (part: Uint8Array): void => {
    pendingBytes += part.length;
    if (pendingBytes <= LINE_BYTES_MAX) pending.push(part);
  };
  for (;;) {
    const next = await Promise.race([parts.next(), ended]);
    if (next.done === true) break;
    const part = Buffer.from(next.value);
    let from = 0;
    for (let end = part.indexOf(10); end >= 0; end = part.indexOf(10, from)) {
      keep(part.subarray(from, end));
      yield take();
      from = end + 1;
    }
    keep(part.subarray(from));
  }
  if (pendingBytes > 0 && !signal.aborted) yield take();
}
