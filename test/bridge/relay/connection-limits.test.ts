import { expect, it } from "vitest";
import { ConnectionLimits } from "../../../bridge/relay/connection-limits.ts";

it("counts in all, by service and by peer, and what is released may be taken again", () => {
  const limits = new ConnectionLimits({ totalMax: 4, perServiceMax: 3, perPeerMax: 2 });
  expect(limits.take("web", "ann")).toBeUndefined();
  expect(limits.take("web", "ann")).toBeUndefined();
  expect(limits.take("print", "ann")).toBe("2 connections of ann are open already");
  expect(limits.take("web", "bob")).toBeUndefined();
  expect(limits.take("web", "bob")).toBe("3 connections to this service are open already");
  expect(limits.take("print", "bob")).toBeUndefined();
  expect(limits.take("print", "eve")).toMatch(/4 connections through this host/);
  limits.release("web", "ann");
  expect(limits.take("print", "ann")).toBeUndefined();
});
