import { describe, expect, it } from "vitest";
import { LinkWatch } from "../../../overlay/io/link-watch.ts";
import type { LinkAddressing } from "../../../platform/address.ts";
import { linkOf } from "./fake-link.ts";

const EVERY_MS = 3_600_000; // looked at by hand

function watched() {
  const state = {
    link: linkOf("10.0.0.1") as LinkAddressing | undefined,
    plug: "1",
    gateway: "aa" as string | null,
    wallMs: 0,
    monotonicMs: 0,
  };
  const seen: string[] = [];
  const watch = new LinkWatch({
    read: () => state.link,
    readPlug: () => state.plug,
    readGateway: () => state.gateway,
    clock: { monotonicMs: () => state.monotonicMs, wallMs: () => state.wallMs },
    everyMs: EVERY_MS,
    onChange: (link, reason) => seen.push(`${reason} ${link?.addresses[0]?.address ?? "down"}`),
  });
  const look = (): boolean => {
    const before = seen.length;
    const isChanged = watch.look();
    expect(isChanged).toBe(seen.length > before);
    return isChanged;
  };
  return { state, seen, look, watch };
}

describe("a watched link", () => {
  it("tells nothing while nothing changes", () => {
    const { look, watch } = watched();
    for (let i = 0; i < 5; i++) expect(look()).toBe(false);
    watch.stop();
  });

  it("tells other addresses, a pulled cable and one that is back with the same address", () => {
    const { state, seen, look, watch } = watched();
    state.link = linkOf("10.0.0.2");
    look();
    state.link = undefined;
    look();
    state.link = linkOf("10.0.0.2");
    state.plug = "3";
    look();
    state.plug = "5"; // pulled and put back between two looks
    look();
    watch.stop();
    expect(seen).toEqual(["addresses 10.0.0.2", "plug down", "plug 10.0.0.2", "plug 10.0.0.2"]);
  });

  it("tells another gateway, and takes an unknown one for no change", () => {
    const { state, seen, look, watch } = watched();
    for (const gateway of [null, "aa", null, "bb"]) {
      state.gateway = gateway;
      look();
    }
    watch.stop();
    expect(seen).toEqual(["gateway 10.0.0.1"]);
  });

  it("tells a wake-up: the wall clock ran alone, or this process did not run", () => {
    const { state, seen, look, watch } = watched();
    state.wallMs = 60_000;
    look();
    state.wallMs = 3_600_000 + 63_000;
    state.monotonicMs = EVERY_MS + 3_000;
    look();
    watch.stop();
    expect(seen).toEqual(["wake 10.0.0.1", "wake 10.0.0.1"]);
  });

  it("takes neither drift nor a late timer for a sleep", () => {
    const { state, seen, look, watch } = watched();
    state.wallMs = EVERY_MS + 1_500;
    state.monotonicMs = EVERY_MS + 1_000;
    look();
    watch.stop();
    expect(seen).toEqual([]);
  });
});
