import { expect, it } from "vitest";
import { movingServices } from "../../../bridge/io/moving-browse.ts";
import type { BrowseEvent, ZeroconfBackend } from "../../../bridge/zeroconf/backend.ts";
import { InMemoryLink } from "../in-memory-link.ts";
import { aService, eventually } from "./bridge-bed.ts";

it("goes on to the next back end when one does not browse such a type", async () => {
  const link = new InMemoryLink();
  const backend = link.open();
  const registration = { service: aService(), isShared: false, isTakeover: true };
  await link.open().register(registration, []);
  const events: BrowseEvent[] = [];
  const unheard: unknown[] = [];
  const note = (error: unknown): void => void unheard.push(error);
  process.on("unhandledRejection", note);
  const browse = movingServices("_daap._tcp", (event) => events.push(event));
  try {
    const refusing: Pick<ZeroconfBackend, "browse"> = {
      // oxlint-disable-next-line require-yield -- it has nothing to give
      async *browse() {
        throw new Error("no such type here");
      },
    };
    browse.follow(refusing as ZeroconfBackend);
    await new Promise((done) => setTimeout(done, 20));
    browse.follow(backend);
    await eventually(() => events.length === 1);
    expect(unheard).toEqual([]);
  } finally {
    browse.close();
    process.off("unhandledRejection", note);
  }
});
