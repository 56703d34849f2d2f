import { afterEach, expect, it } from "vitest";
import type { ExportedVersion } from "../../../bridge/crew/crew-frame.ts";
import { Crew, type News } from "../../../bridge/io/crew.ts";
import { createSystemClock } from "../../../platform/io/system-clock.ts";
import { SILENT } from "../../../platform/logger.ts";
import { idOf } from "../exchange/samples.ts";
import { eventually } from "./bridge-bed.ts";
import { MemorySubnets } from "./memory-subnets.ts";

const [HERE, ELSEWHERE] = [idOf("subnet a"), idOf("subnet b")];
const [ANNA, BERTA] = [idOf("anna"), idOf("berta")];
const crews: Crew[] = [];

afterEach(() => {
  for (const crew of crews.splice(0)) crew.stop();
});

/** A host of a crew, and what its colleagues told it. */
function join(
  subnets: MemorySubnets,
  id: string,
  exported: readonly ExportedVersion[] = [],
  sleptMs = () => 0,
) {
  const system = createSystemClock({ wallOffsetFile: null });
  const news: Required<News>[] = [];
  const crew = new Crew({
    overlay: subnets.add(id, HERE),
    clock: {
      monotonicMs: () => system.monotonicMs(),
      wallMs: () => system.wallMs() + sleptMs(),
    },
    log: SILENT,
    onDuty: () => {},
    onNews: (_, frame) => void news.push(frame),
    greeting: () => ({ shown: [], exported }),
  });
  crews.push(crew);
  return { crew, news, heard: () => news.flatMap((frame) => frame.exported) };
}

const versions = (count: number): readonly ExportedVersion[] =>
  Array.from({ length: count }, (_, i) => ({ originId: idOf(`service ${i}`), version: 7n }));

it("tells a new colleague of more services than one frame has room for", async () => {
  const subnets = new MemorySubnets();
  const anna = join(subnets, ANNA, versions(2048));
  const berta = join(subnets, BERTA);
  for (const { crew } of [anna, berta]) crew.refresh();
  await eventually(() => berta.heard().length === 2048);
  expect(berta.heard()).toEqual(versions(2048));
});

it("neither tells a host that has left the subnet anything, nor hears it", async () => {
  const subnets = new MemorySubnets();
  const [anna, berta] = [join(subnets, ANNA), join(subnets, BERTA)];
  for (const { crew } of [anna, berta]) crew.refresh();
  await eventually(() => {
    berta.crew.tell({ exported: versions(1) });
    return anna.news.length > 0;
  });
  // The subnet is told of it, and the crew is not yet.
  subnets.move(BERTA, ELSEWHERE);
  anna.news.length = 0;
  berta.crew.tell({ exported: versions(1) });
  await new Promise((done) => setTimeout(done, 50));
  expect(anna.news).toEqual([]);
});

it("takes its colleague's slots when the stream to it breaks, but not as it wakes from a sleep", async () => {
  const subnets = new MemorySubnets();
  let sleptMs = 0;
  const anna = join(subnets, ANNA, [], () => sleptMs);
  const berta = join(subnets, BERTA);
  for (const { crew } of [anna, berta]) {
    crew.refresh();
    crew.setAble(true);
  }
  const held = (who: typeof anna, id: string): number =>
    who.crew.duty.slots.filter((host) => host === id).length;
  await eventually(() => held(anna, ANNA) > 0 && held(anna, BERTA) === 4 - held(anna, ANNA));
  await eventually(() => held(berta, BERTA) === held(anna, BERTA));
  const own = held(anna, ANNA);
  sleptMs = 3_600_000;
  subnets.part(ANNA, BERTA);
  await eventually(() => held(berta, BERTA) === 4);
  expect(held(anna, ANNA)).toBe(own);
  await new Promise((done) => setTimeout(done, 500));
  expect(held(anna, ANNA)).toBe(own);
});
