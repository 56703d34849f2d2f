/** The faults of a chaos run: what each does, how often and for how long. */

export interface FaultKind {
  /** One line for the help. */
  readonly doc: string;
  /** How often it is drawn, relative to the others. */
  readonly weight: number;
  readonly secondsMin: number;
  readonly secondsMax: number;
  /** What it strikes. */
  readonly scope: "host" | "link" | "way" | "site" | "all";
  /**
   * How long before and after nothing else is going on at that site, since what is promised needs
   * that: a hand-over, or that no second copy is away. 0: it strikes beside others.
   */
  readonly calmMs: number;
  /** Least time between two of them in a run. */
  readonly everyMs: number;
}

const HOST = { scope: "host", calmMs: 0, everyMs: 0 } as const;
const LINK = { scope: "link", calmMs: 0, everyMs: 0 } as const;

export const FAULTS = {
  kill: { ...HOST, doc: "SIGKILL, started again", weight: 4, secondsMin: 1, secondsMax: 15 },
  stop: { ...HOST, doc: "a good-bye, started again", weight: 3, secondsMin: 1, secondsMax: 15 },
  pause: { ...HOST, doc: "SIGSTOP: it hangs", weight: 3, secondsMin: 2, secondsMax: 20 },
  cut: { ...LINK, doc: "a site's uplink drops all", weight: 2, secondsMin: 4, secondsMax: 25 },
  split: {
    ...LINK,
    doc: "hosts cut from their own link",
    weight: 2,
    secondsMin: 4,
    secondsMax: 20,
  },
  loss: { ...LINK, doc: "an uplink loses 30 %", weight: 1, secondsMin: 5, secondsMax: 20 },
  "one-way": {
    doc: "all or half is lost from one site to another, nothing back",
    weight: 2,
    secondsMin: 5,
    secondsMax: 25,
    scope: "way",
    calmMs: 0,
    everyMs: 0,
  },
  part: {
    doc: "two sites cut from each other, both still in touch with the rest",
    weight: 1,
    secondsMin: 5,
    secondsMax: 25,
    scope: "way",
    calmMs: 0,
    everyMs: 0,
  },
  move: {
    ...HOST,
    doc: "a host carried to another site and back",
    weight: 1,
    secondsMin: 5,
    secondsMax: 20,
  },
  clock: {
    ...HOST,
    doc: "a wall clock an hour ahead or behind",
    weight: 1,
    secondsMin: 5,
    secondsMax: 40,
  },
  "disk-full": {
    ...HOST,
    doc: "no room on a host's disk",
    weight: 1,
    secondsMin: 3,
    secondsMax: 15,
  },
  router: {
    ...LINK,
    doc: "a site's router switched off",
    weight: 1,
    secondsMin: 4,
    secondsMax: 25,
  },
  replace: {
    doc: "a host leaves, its disk is wiped, it comes as a new one",
    weight: 2,
    secondsMin: 1,
    secondsMax: 5,
    scope: "host",
    calmMs: 4_000,
    everyMs: 0,
  },
  "disk-loss": {
    doc: "SIGKILL and the disk wiped",
    weight: 1,
    secondsMin: 1,
    secondsMax: 10,
    scope: "host",
    calmMs: 8_000,
    everyMs: 60_000,
  },
  "power-cut": {
    doc: "SIGKILL of a whole site, its hosts started in any order",
    weight: 1,
    secondsMin: 1,
    secondsMax: 25,
    scope: "site",
    calmMs: 0,
    everyMs: 0,
  },
  "site-loss": {
    doc: "a whole site dead and its disks wiped; new hosts in its place",
    weight: 1,
    secondsMin: 5,
    secondsMax: 20,
    scope: "site",
    calmMs: 8_000,
    everyMs: 150_000,
  },
  blackout: {
    doc: "SIGKILL of every host everywhere, started in any order",
    weight: 1,
    secondsMin: 1,
    secondsMax: 5,
    scope: "all",
    calmMs: 0,
    everyMs: 90_000,
  },
} as const satisfies Readonly<Record<string, FaultKind>>;

export type FaultType = keyof typeof FAULTS;

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the keys of the table above
export const FAULT_TYPES = Object.keys(FAULTS) as FaultType[];
