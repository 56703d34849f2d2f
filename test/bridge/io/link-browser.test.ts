import { afterEach, expect, it } from "vitest";
import { LinkBrowser } from "../../../bridge/io/link-browser.ts";
import type { TypeEvent, ZeroconfBackend } from "../../../bridge/zeroconf/backend.ts";
import { EventQueue } from "../../../platform/event-queue.ts";
import { SILENT } from "../../../platform/logger.ts";

const browsers: LinkBrowser[] = [];

afterEach(() => {
  for (const browser of browsers.splice(0)) browser.stop();
});

/** Browses all types of a link that lists what it is told. */
function browseAll() {
  const clock = { atMs: 10_000, monotonicMs: () => clock.atMs, wallMs: () => 0 };
  const types = new EventQueue<TypeEvent>();
  const browsed = new Set<string>();
  const backend: Pick<ZeroconfBackend, "browse" | "browseTypes"> = {
    browseTypes: (signal) => types.read(signal),
    async *browse(type, signal) {
      browsed.add(type);
      yield* new EventQueue<never>().read(signal);
      browsed.delete(type);
    },
  };
  const browser = new LinkBrowser({
    ...{ clock, log: SILENT },
    backend: backend as ZeroconfBackend,
    isBridgeable: () => true,
    onEvent: () => {},
  });
  browsers.push(browser);
  browser.set(true, new Set());
  return {
    browser,
    clock,
    browsed,
    async tell(type: TypeEvent["type"], serviceTypes: readonly string[]): Promise<void> {
      for (const serviceType of serviceTypes) types.push({ type, serviceType });
      await new Promise((done) => setTimeout(done, 50));
    },
  };
}

it("goes on browsing a type that is gone, until its place is needed by one that is there", async () => {
  const { browser, browsed, tell } = browseAll();
  const junk = Array.from({ length: 256 }, (_, i) => `_junk${i}._tcp`);
  await tell("found", junk);
  await tell("gone", junk);
  expect(browsed.size).toBe(256);
  await tell("found", ["_http._tcp"]);
  expect([browsed.has("_http._tcp"), browsed.has(junk[0]!), browsed.size]).toEqual([
    true,
    false,
    256,
  ]);
  expect(browser.listed.size).toBe(256);
});

it("knows what a link has of a type some time after the type was listed, or could have been", async () => {
  const { browser, clock, tell } = browseAll();
  expect(browser.isKnownFromMs("_http._tcp")).toBe(11_500);
  clock.atMs += 5000;
  expect(browser.isKnownFromMs("_http._tcp")).toBe(11_500);
  await tell("found", ["_http._tcp"]);
  expect(browser.isKnownFromMs("_HTTP._tcp")).toBe(16_500);
  browser.stop();
  expect(browser.isKnownFromMs("_http._tcp")).toBe(0);
});
