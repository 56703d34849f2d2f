/** What each word behind `causeway lab` does. */
import { ConfigError } from "../../platform/errors.ts";
import {
  DEFAULT_LAB,
  downLab,
  labNames,
  openLab,
  readRecord,
  upLab,
  type HostRecord,
  type Lab,
  type LinkChange,
} from "./lab.ts";
import { daemonWord, labLines, labObject, linkLine, linkObject, wayLine } from "./listing.ts";
import {
  COMMON_OPTIONS,
  DISK_OPTIONS,
  LINK_OPTIONS,
  MOVE_OPTIONS,
  PLUG_OPTIONS,
  exactly,
  linkChange,
  readWords,
  waysChange,
  type LabWords,
} from "./options.ts";

import { formatShift, formatSize, parseShiftMs } from "./units.ts";

export interface VerbIo {
  stdout(line: string): void;
  stderr(line: string): void;
  readonly usage: string;
}

interface Call extends LabWords {
  /** `lab link`, for messages. */
  readonly path: string;
  readonly verb: string;
  readonly name: string;
  /** Prints a line for people, or an object for programs. */
  readonly print: (object: unknown, ...lines: readonly string[]) => void;
  readonly io: VerbIo;
}

/** @returns the exit code */
export async function runVerb(verb: string, args: readonly string[], io: VerbIo): Promise<number> {
  const path = `lab ${verb}`;
  const end = verb === "exec" ? args.indexOf("--") : -1;
  const own = end < 0 ? args : args.slice(0, end);
  // A shift such as -90s is no option.
  const isWord = (arg: string): boolean => verb === "clock" && /^-\d/.test(arg);
  const rest = own.filter((arg) => !isWord(arg));
  const read = readWords(path, rest, OPTIONS[verb] ?? COMMON_OPTIONS);
  const given = { ...read, words: [...read.words, ...own.filter(isWord)] };
  if (given.values["help"] === true) {
    io.stdout(io.usage.trimEnd());
    return 0;
  }
  const name = (given.values["name"] as string | undefined) ?? DEFAULT_LAB;
  const print: Call["print"] = (object, ...lines) => {
    if (given.values["json"] === true) io.stdout(JSON.stringify(object));
    else for (const line of lines) io.stdout(line);
  };
  const call: Call = { ...given, path, verb, name, print, io };
  if (verb === "exec") return execVerb(call, end < 0 ? undefined : args.slice(end + 1));
  await VERBS[verb]!(call);
  return 0;
}

const OPTIONS: Readonly<Record<string, Parameters<typeof readWords>[2]>> = {
  link: LINK_OPTIONS,
  move: MOVE_OPTIONS,
  disk: DISK_OPTIONS,
};

const VERBS: Readonly<Record<string, (call: Call) => Promise<void> | void>> = {
  up: upVerb,
  down: downVerb,
  ls: listVerb,
  link: linkVerb,
  move: moveVerb,
  readdress: readdressVerb,
  clock: clockVerb,
  disk: diskVerb,
  "stop-router": (call) => routerVerb(call, (lab, site) => lab.stopRouter(site)),
  "start-router": (call) => routerVerb(call, (lab, site) => lab.startRouter(site)),
  start: startVerb,
  stop: (call) => daemonVerb(call, (lab, hosts) => lab.stop(hosts)),
  kill: (call) => daemonVerb(call, (lab, hosts) => lab.kill(hosts)),
  pause: (call) => daemonVerb(call, (lab, hosts) => lab.pause(hosts)),
  resume: (call) => daemonVerb(call, (lab, hosts) => lab.resume(hosts)),
  capture: captureVerb,
};

async function upVerb({ path, words, name, print }: Call): Promise<void> {
  exactly(path, words, ["FILE"]);
  const lab = await upLab(words[0]!, name);
  print(labObject(lab), ...labLines(lab));
}

async function downVerb({ path, words, name, print }: Call): Promise<void> {
  exactly(path, words, []);
  await downLab(name);
  print({ name, isUp: false }, `lab ${name} is down`);
}

function listVerb({ path, words, values, name, print }: Call): void {
  exactly(path, words, []);
  const names = values["name"] === undefined ? labNames() : [openLab(name).name];
  const isReady = (one: string): boolean => readRecord(one)?.isReady === true;
  const labs = names.filter(isReady).map((one) => openLab(one));
  const partial = names.filter((one) => !isReady(one));
  const lines = [
    ...labs.flatMap(labLines),
    ...partial.map((one) => `lab ${one}: not complete; remove it with lab down --name ${one}`),
  ];
  print({ labs: labs.map(labObject), partial }, ...(lines.length > 0 ? lines : ["no labs"]));
}

async function linkVerb(call: Call): Promise<void> {
  const { path, words, values, name, print } = call;
  const lab = openLab(name);
  if (words.length === 2) return waysVerb(call, lab);
  exactly(path, words, ["SITE"]);
  const site = words[0]!;
  if (values["plug"] === true || values["unplug"] === true) return plugVerb(call, lab);
  const change: LinkChange = linkChange(values);
  const isAsking = Object.keys(change).length === 0;
  const state = isAsking ? lab.linkState(site) : await lab.link(site, change);
  const counters = await lab.linkCounters(site);
  print({ site, ...linkObject(state), counters }, `${site}: ${linkLine(state)}`);
}

async function waysVerb({ words, values, print }: Call, lab: Lab): Promise<void> {
  const [site = "", other = ""] = words;
  const change = waysChange(values);
  const isAsking = [change.to, change.from].every((way) => Object.keys(way ?? {}).length === 0);
  const ways = isAsking ? lab.ways(site, other) : await lab.changeWays(site, other, change);
  print(
    { site, other, ...ways },
    `${site} to ${other}: ${wayLine(ways.to)}`,
    `${other} to ${site}: ${wayLine(ways.from)}`,
  );
}

async function plugVerb({ words, values, print }: Call, lab: Lab): Promise<void> {
  const others = Object.keys(values).filter((key) => key in LINK_OPTIONS && !(key in PLUG_OPTIONS));
  if (others.length > 0 || (values["plug"] === true && values["unplug"] === true))
    throw new ConfigError("--plug", "and --unplug are of a host, and each stands alone");
  const host = words[0]!;
  printHost(print, await (values["plug"] === true ? lab.plug(host) : lab.unplug(host)));
}

async function moveVerb({ path, words, values, name, print }: Call): Promise<void> {
  const isOut = values["out"] === true;
  exactly(path, words, isOut ? ["HOST"] : ["HOST", "SITE"]);
  printHost(print, await openLab(name).move(words[0]!, isOut ? null : words[1]!));
}

async function readdressVerb({ path, words, name, print }: Call): Promise<void> {
  exactly(path, words, ["HOST", "ADDRESS"]);
  const [host = "", address = ""] = words;
  printHost(print, await openLab(name).readdress(host, address));
}

async function clockVerb({ path, words, name, print }: Call): Promise<void> {
  exactly(path, words, words.length === 1 ? ["HOST"] : ["HOST", "SHIFT"]);
  const [host = "", shift] = words;
  const lab = openLab(name);
  if (shift !== undefined) await lab.setClock(host, parseShiftMs("SHIFT", shift));
  const offsetMs = lab.clock(host);
  print({ host, offsetMs }, `${host}: clock ${formatShift(offsetMs)}`);
}

function diskVerb({ path, words, values, name, print }: Call): void {
  exactly(path, words, ["HOST"]);
  const { full, free } = values;
  if (full === true && free === true)
    throw new ConfigError("--free", "undoes --full; give one or the other");
  const [host = ""] = words;
  const lab = openLab(name);
  const use =
    full === true ? lab.fillDisk(host) : free === true ? lab.freeDisk(host) : lab.disk(host);
  const { sizeBytes, freeBytes } = use;
  print({ host, ...use }, `${host}: ${formatSize(freeBytes)} of ${formatSize(sizeBytes)} free`);
}

async function routerVerb(
  { path, words, name, print }: Call,
  act: (lab: Lab, site: string) => Promise<void>,
): Promise<void> {
  exactly(path, words, ["SITE"]);
  const [site = ""] = words;
  const lab = openLab(name);
  await act(lab, site);
  const isDown = lab.isRouterDown(site);
  print({ site, router: isDown ? "down" : "up" }, `${site}: router ${isDown ? "down" : "up"}`);
}

function printHost(print: Call["print"], host: HostRecord): void {
  const { name, site = null, addresses } = host;
  print(
    { host: name, site, addresses },
    `${name}: ${site === null ? "unplugged" : `at ${site}, ${addresses.join(" ")}`}`,
  );
}

async function startVerb({ words, name, print, io }: Call): Promise<void> {
  const lab = openLab(name);
  const hosts = words.length > 0 ? words : undefined;
  await lab.start(hosts, { progress: io.stderr });
  const started = hosts ?? lab.hosts.map((host) => host.name);
  print({ joined: started }, `${started.length} joined`);
}

async function daemonVerb(
  { path, verb, words, name, print }: Call,
  act: (lab: Lab, hosts: readonly string[]) => Promise<void>,
): Promise<void> {
  if (words.length === 0)
    throw new ConfigError(path, `takes HOST ...; see "lab ls --name ${name}" for the hosts`);
  const lab = openLab(name);
  await act(lab, words);
  const hosts = words.map((host) => ({ host, daemon: daemonWord(lab, host) }));
  print({ verb, hosts }, ...hosts.map(({ host, daemon }) => `${host}: ${daemon}`));
}

async function captureVerb({ path, words, name, print, io }: Call): Promise<void> {
  exactly(path, words, ["SITE", "FILE"]);
  const [site = "", file = ""] = words;
  const ended = new AbortController();
  const end = (): void => ended.abort();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, end);
  await openLab(name).capture(site, file, ended.signal, io.stderr);
  print({ site, file }, `${site} recorded to ${file}`);
}

async function execVerb(
  { path, words, name }: Call,
  argv: readonly string[] | undefined,
): Promise<number> {
  exactly(path, words, ["HOST"]);
  if (argv === undefined || argv.length === 0)
    throw new ConfigError(
      path,
      `takes HOST -- CMD ..., as in "causeway lab exec ${words[0]} -- ip a"`,
    );
  return openLab(name).attach(words[0]!, argv);
}
