import { expect, it } from "vitest";
import { decodeNames, encodeNames } from "../../../bridge/importer/remembered-names.ts";
import { idOf } from "../exchange/samples.ts";

it("forgets the link that was left longest ago, also after a restart", () => {
  let names = decodeNames(Buffer.from("{}"));
  const origin = idOf("music");
  names.set(idOf("home"), origin, "Music (2)");
  for (let i = 0; i < 40; i++) {
    names.set(idOf(`away ${i}`), origin, "Music");
    expect(names.of(idOf("home")).get(origin)).toBe("Music (2)");
    names = decodeNames(Buffer.from(encodeNames(names)));
  }
  expect(names.links.size).toBe(16);
});
