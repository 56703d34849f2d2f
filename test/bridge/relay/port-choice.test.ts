import { randomBytes } from "node:crypto";
import { expect, it } from "vitest";
import { choosePorts } from "../../../bridge/relay/port-choice.ts";

it("begins with the origin's number, goes on with what follows from the origin id, never twice", () => {
  const origin = new Uint8Array(randomBytes(32));
  const ports = choosePorts(origin, 3689);
  expect(ports[0]).toBe(3689);
  expect(ports).toEqual(choosePorts(origin, 3689));
  expect(choosePorts(origin, 80).slice(1)).toEqual(ports.slice(1));
  expect(new Set(ports).size).toBe(ports.length);
  expect(choosePorts(origin, ports[3]!).filter((port) => port === ports[3])).toHaveLength(1);
});

it("stays under the ports that the kernel gives to outgoing connections", () => {
  for (let i = 0; i < 200; i++)
    for (const port of choosePorts(new Uint8Array(randomBytes(32)), 1).slice(1)) {
      expect(port).toBeGreaterThanOrEqual(20_000);
      expect(port).toBeLessThan(32_768);
    }
});
