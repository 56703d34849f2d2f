import { expect, it } from "vitest";
import { ensureServiceType, serviceIdOf } from "../../../bridge/mdns/own-records.ts";

it("takes the types that devices announce, as the rules do", () => {
  for (const type of ["_http._tcp", "_androidtvremote2._tcp", "_nvstream_dbd._tcp"]) {
    expect(() => ensureServiceType(type)).not.toThrow();
    expect(serviceIdOf(["TV", ...type.split("."), "local"])).toEqual({ instance: "TV", type });
  }
  for (const type of ["_http", "http._tcp", "_._tcp", "_ht tp._tcp", "_http._sctp"])
    expect(() => ensureServiceType(type)).toThrow(/is no service type/);
});
