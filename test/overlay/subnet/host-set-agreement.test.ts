/** Siblings agree on one set (mDHT §3.3.3-3.3.4): machines on a virtual link, over many seeds. */
import { describe, expect, it } from "vitest";
import { createRandom } from "../../../platform/random.ts";
import { STATEMENT_GOOD_FOR_MS } from "../../../overlay/subnet/host-set-machine.ts";
import { VirtualLink, type Trouble } from "./virtual-link.ts";

const SEEDS = Array.from({ length: 30 }, (_, seed) => seed + 1);
const STATEMENT_EVERY_MS = STATEMENT_GOOD_FOR_MS * 0.4;

function settled(seed: number, hosts: number, trouble: Partial<Trouble> = {}): VirtualLink {
  const link = new VirtualLink(seed, trouble);
  link.start(hosts);
  link.pass(100);
  for (let index = hosts - 1; index >= 1; index--) {
    link.start(index, index + 1);
    link.pass(300);
  }
  link.pass(30_000);
  return link;
}

/** Every live host of a side serves one and the same set, and it names exactly them. */
function expectAgreement(link: VirtualLink, seed: number, expected = link.live()): void {
  const views = expected.map((index) => link.view(index));
  const names = (text: string): number[] =>
    text.split(" ").map((part) => Number(part.split("/")[0]));
  for (const view of views) {
    expect(names(view.served), `seed ${seed}`).toEqual(expected.toSorted((a, b) => a - b));
    expect(view.served, `seed ${seed}`).toBe(views[0]!.served);
    expect(view.machine, `seed ${seed}`).toBe(view.served);
    expect(view.version, `seed ${seed}`).toBe(views[0]!.version);
  }
}

describe("siblings", () => {
  it("end with one set that names them all, and then are silent", () => {
    for (const seed of SEEDS) {
      const link = settled(seed, 1 + (seed % 6));
      expectAgreement(link, seed);
      const count = link.publications.length;
      link.pass(600_000);
      expect(link.publications.length, `seed ${seed}`).toBe(count);
    }
  });

  it("agree again after messages broke channels and hosts crashed", () => {
    for (const seed of SEEDS) {
      const link = settled(seed, 6);
      const random = createRandom(seed);
      const rough = new VirtualLink(seed, { delayMaxMs: 400, breakShare: 0.15 });
      for (let index = 1; index <= 6; index++) rough.after(index * 50, () => rough.start(index));
      rough.pass(5_000);
      for (let i = 0; i < 20; i++) {
        const [index] = random.shuffle(rough.live());
        if (random.next() < 0.1 && rough.live().length > 2) rough.crash(index!);
        else rough.restate(index!);
        rough.pass(random.between(10, 3_000));
      }
      rough.calm();
      rough.pass(120_000);
      expectAgreement(rough, seed);
      link.crash(1);
      link.pass(10_000);
      expectAgreement(link, seed);
    }
  });

  it("leave publishing to the smallest live key", () => {
    for (const seed of SEEDS) {
      const link = settled(seed, 5);
      const before = link.publications.length;
      link.restate(4);
      link.pass(900);
      link.crash(5);
      link.pass(900);
      link.start(9, 3);
      link.pass(900);
      const since = link.publications.slice(before);
      expect(since.length, `seed ${seed}`).toBeGreaterThanOrEqual(3);
      expect(new Set(since.map(({ by }) => by)), `seed ${seed}`).toEqual(new Set([1]));
    }
  });

  it("replace a hung publisher after its rank's delay", () => {
    for (const seed of SEEDS) {
      const link = settled(seed, 4);
      link.hang(1);
      const before = link.publications.length;
      const atMs = link.nowMs;
      link.restate(3);
      link.pass(900);
      expect(link.publications.length).toBe(before);
      link.pass(400);
      const [first] = link.publications.slice(before);
      expect(first?.by, `seed ${seed}`).toBe(2);
      expect(first!.atMs - atMs).toBeLessThan(1_100);
      link.pass(5_000);
      expect(link.publications.length, `seed ${seed}`).toBe(before + 1); // and no third one
      expect(link.view(4).served).toContain("3/2");
    }
  });

  it("never lose siblings to a newcomer with a handed-over set", () => {
    for (const seed of SEEDS)
      for (const newcomer of [0, 9]) {
        const link = settled(seed, 5, { delayMaxMs: 300 });
        const before = link.publications.length;
        const siblings = link.live();
        link.start(newcomer, 2);
        link.pass(20_000);
        for (const { hosts } of link.publications.slice(before)) {
          const named = new Set(hosts.map((host) => host.key[0]));
          for (const index of siblings)
            expect(named.has(index), `seed ${seed}: ${index} in ${[...named].join()}`).toBe(true);
        }
        expectAgreement(link, seed);
      }
  });
});

describe("two halves of a cut link that hear each other through other subnets only", () => {
  function cut(seed: number): VirtualLink {
    const link = settled(seed, 6, { relaysSets: true, delayMaxMs: 20 });
    link.setSides((index) => (index <= 2 ? 0 : 1));
    return link;
  }

  it("converge to the union and stop publishing", () => {
    for (const seed of SEEDS) {
      const link = cut(seed);
      const before = link.publications.length;
      // As in life: each host renews its statement from time to time.
      for (let i = 1; i <= 6; i++)
        for (let atMs = 7_000 * i; atMs < 600_000; atMs += STATEMENT_EVERY_MS)
          link.after(atMs, () => link.restate(i));
      link.pass(600_000);
      const renewals = 6 * Math.ceil(600_000 / STATEMENT_EVERY_MS);
      expect(link.publications.length - before, `seed ${seed}`).toBeLessThan(20 + 3 * renewals);
      link.pass(60_000);
      expectAgreement(link, seed);
    }
  });

  it("publish a handful of times, not for ever, when nothing else changes", () => {
    for (const seed of SEEDS) {
      const link = cut(seed);
      const before = link.publications.length;
      link.pass(STATEMENT_GOOD_FOR_MS - 10_000);
      expect(link.publications.length - before, `seed ${seed}`).toBeLessThan(25);
      expectAgreement(link, seed);
    }
  });

  it("are one again when the link heals", () => {
    for (const seed of SEEDS) {
      const link = cut(seed);
      link.pass(120_000);
      link.crash(6);
      link.pass(30_000);
      link.setSides(() => 0);
      link.pass(120_000);
      expectAgreement(link, seed);
    }
  });
});

describe("a link of 24 hosts", () => {
  it("changes its set once a minute, by one host's word, and all follow", () => {
    for (const seed of SEEDS.slice(0, 6)) {
      const link = settled(seed, 24);
      const before = link.publications.length;
      link.pass(10 * 60_000);
      const since = link.publications.slice(before);
      expect(since.length, `seed ${seed}`).toBeGreaterThanOrEqual(9);
      expect(since.length, `seed ${seed}`).toBeLessThanOrEqual(12);
      const versions = new Set(link.live().map((index) => link.view(index).version));
      expect(versions.size, `seed ${seed}`).toBe(1);
    }
  });
});
