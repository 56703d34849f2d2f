import { describe, expect, it } from "vitest";
import { WireError } from "../../../platform/errors.ts";
import { HOSTS_REMEMBERED_MAX, SubnetMemory } from "../../../overlay/subnet/subnet-memory.ts";
import { pairOf } from "../identity/members.ts";

const keyOf = (name: string): Uint8Array => pairOf(name).publicKey;

describe("SubnetMemory", () => {
  it("remembers each host once, by its last chain", () => {
    const memory = new SubnetMemory(keyOf("a subnet"));
    expect(memory.note([keyOf("bert"), keyOf("anna")])).toBe(true);
    expect(memory.note([keyOf("bert"), keyOf("anna")])).toBe(false);
    expect(memory.note([keyOf("bert")])).toBe(true);
    expect(memory.note([])).toBe(false);
    expect(memory.chains).toEqual([[keyOf("bert")]]);
  });

  it("starts anew under the next key, and knows the line of keys before", () => {
    const memory = new SubnetMemory(keyOf("first"));
    memory.note([keyOf("anna")]);
    const third = memory.succeed(keyOf("second")).succeed(keyOf("third"));
    expect(third.chains).toEqual([]);
    expect(third.formers).toEqual([keyOf("second"), keyOf("first")]);
  });

  it("comes back from its bytes, and throws WireError on any others", () => {
    const memory = new SubnetMemory(keyOf("first")).succeed(keyOf("second"));
    memory.note([keyOf("bert"), keyOf("anna")]);
    memory.note([keyOf("cora")]);
    const bytes = memory.encode();
    const back = SubnetMemory.decode(bytes);
    expect(back.encode()).toEqual(bytes);
    expect(back.formers).toEqual(memory.formers);
    expect(() => SubnetMemory.decode(bytes.subarray(0, -1))).toThrow(WireError);
    expect(() => SubnetMemory.decode(new Uint8Array(5))).toThrow(WireError);
  });

  it("forgets the longest known host when full", () => {
    const memory = new SubnetMemory(keyOf("a subnet"));
    for (let i = 0; i <= HOSTS_REMEMBERED_MAX; i++)
      memory.note([new Uint8Array(32).fill(i % 256, 0, 16).fill(i >> 8, 16)]);
    expect(memory.chains).toHaveLength(HOSTS_REMEMBERED_MAX);
    expect(memory.chains[0]![0]![0]).toBe(1);
  });
});
