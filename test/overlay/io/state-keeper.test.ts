import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { SYSTEM_TIMERS } from "../../../platform/io/system-timers.ts";
import { SILENT } from "../../../platform/logger.ts";
import { createRandom } from "../../../platform/random.ts";
import { Neighbours } from "../../../overlay/peers/neighbours.ts";
import { StateKeeper } from "../../../overlay/io/state-keeper.ts";
import { StateDirectory } from "../../../overlay/io/state.ts";
import { SubnetBook } from "../../../overlay/subnet/subnet-book.ts";
import { SetClock } from "../records/fixture.ts";
import { setAt } from "./dialled-set.ts";
import { startPeer, stopAll } from "./loopback.ts";
import { ListedRouting } from "./site.ts";

/** Longer than any statement of theirs holds. */
const LONG_MS = 1_200_000;

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "causeway-keeper-"));
});

afterEach(async () => {
  await stopAll();
  await rm(directory, { recursive: true });
});

it("keeps whom to contact, however long they are not heard, and who departed apart from them", async () => {
  const clock = new SetClock();
  const book = new SubnetBook();
  const { pool } = await startPeer("anna");
  const neighbours = new Neighbours(pool, {
    routing: new ListedRouting("quay"),
    ...{ book, clock, timers: SYSTEM_TIMERS, random: createRandom(1), log: SILENT },
    addressesOf: async () => [],
    isOnLink: () => false,
    allowsDials: true,
  });
  const state = await StateDirectory.open(directory);
  const keeper = new StateKeeper(state, () => ({ hostSet: undefined, book, neighbours }), SILENT);
  const [pier, moor] = [setAt("pier"), setAt("moor")];
  for (const set of [pier, moor]) book.consider(set, clock.monotonicMs());
  neighbours.remember(pier, "lost");
  await neighbours.onResigned(moor.subnetId, moor);
  clock.pass(LONG_MS);
  book.expire(clock.monotonicMs());
  expect(book.all()).toEqual([]);
  await keeper.save();
  const names = ({ contacts, departed }: StateDirectory): string[][] =>
    [contacts, departed].map((sets) => sets.map(({ body }) => Buffer.from(body).toString()));
  const after = await StateDirectory.open(directory);
  expect(names(after)).toEqual([["pier"], ["moor"]]);
  await after.resign();
  expect(names(await StateDirectory.open(directory))).toEqual([[], []]);
});
