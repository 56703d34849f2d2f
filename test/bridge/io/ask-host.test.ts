import { describe, expect, it } from "vitest";
import { askHost } from "../../../bridge/io/ask-host.ts";
import { RECORD_CODE } from "../../../platform/dns/message.ts";
import { createRandom } from "../../../platform/random.ts";

describe("a question to one host", () => {
  it("counts a host that cannot be sent to as silent, at once", async () => {
    const link = { name: "lo", addresses: [{ address: "255.255.255.1", prefixBits: 24 }] };
    const question = { name: ["printer", "local"], code: RECORD_CODE.a };
    // The kernel refuses to connect to it (EACCES), as to any address while the link is down.
    const given = { address: "255.255.255.255", question, timeoutMs: 60_000 };
    expect(await askHost(link, createRandom(1), given)).toBe("silent");
  });
});
