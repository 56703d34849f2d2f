import { COPIES_MAX as API_COPIES_MAX } from "../../daemon/api/api-types.ts";
import { COPIES_MAX } from "../../overlay/records/copy-policy.ts";
import { writeFileSync } from "node:fs";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { keyPath } from "../../daemon/cli/key.ts";
import { parseArguments } from "../../platform/cli/arguments.ts";
import {
  formatDuration,
  formatRemaining,
  parseDuration,
  readToken,
  readValue,
} from "../../daemon/cli/values.ts";
import { renderTable } from "../../platform/cli/text-table.ts";
import { parseCopies } from "../../daemon/copies.ts";
import { nearestNames } from "../../platform/nearest.ts";

const directory = mkdtempSync(join(tmpdir(), "causeway-values-"));
afterAll(() => rmSync(directory, { recursive: true }));

function file(content: string | Uint8Array): string {
  const path = join(directory, "value");
  writeFileSync(path, content);
  return path;
}

describe("durations", () => {
  it.each([
    ["500ms", 500],
    ["30s", 30_000],
    ["5m", 300_000],
    ["2h", 7_200_000],
    ["1d", 86_400_000],
  ])("reads %s", (text, ms) => {
    expect(parseDuration("--ttl", text, 1, 86_400_000)).toBe(ms);
    expect(formatDuration(ms)).toBe(text);
  });

  it.each(["", "5", "m", "-1s", "1.5h", "1 h", "2d", "0s", "1e3s", "9".repeat(400) + "s"])(
    "refuses %j with what is allowed",
    (text) => {
      expect(() => parseDuration("--ttl", text, 1000, 86_400_000)).toThrow(
        /--ttl: .* allowed: 1s to 1d/,
      );
    },
  );

  it("shows what is left in at most two units", () => {
    expect(formatRemaining(59_400)).toBe("59s");
    expect(formatRemaining(299_000)).toBe("4m 59s");
    expect(formatRemaining(86_400_000)).toBe("24h 0m");
  });
});

describe("keys", () => {
  it("takes 0x and 64 digits as they are and leaves the hash of all else to the daemon", async () => {
    expect(await keyPath(`0x${"Ab".repeat(32)}`)).toBe("ab".repeat(32));
    expect(await keyPath("a/b ?ü")).toBe("text:a%2Fb%20%3F%C3%BC");
    expect(await keyPath(`0x${"a".repeat(63)}`)).toBe(`text:0x${"a".repeat(63)}`);
  });

  it("hashes what is too long for a request", async () => {
    // SHA-256 of a million times "a": FIPS 180-2, appendix B.3.
    expect(await keyPath("a".repeat(1_000_000))).toBe(
      "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
    );
  });

  it("refuses an empty one", async () => {
    await expect(keyPath("")).rejects.toThrow(/KEY: is empty/);
  });
});

describe("values", () => {
  it("reads text, a file, and @@ for a leading @", () => {
    expect(Buffer.from(readValue("héllo")).toString()).toBe("héllo");
    expect(readValue(`@${file(new Uint8Array([0, 255]))}`)).toEqual(Buffer.from([0, 255]));
    expect(Buffer.from(readValue("@@home")).toString()).toBe("@home");
    expect(readValue("")).toHaveLength(0);
  });

  it("takes 4096 bytes and refuses one more", () => {
    expect(readValue("x".repeat(4096))).toHaveLength(4096);
    expect(() => readValue("x".repeat(4097))).toThrow(/VALUE: has 4097 bytes.*4096/);
    expect(() => readValue("é".repeat(2049))).toThrow(/VALUE: has 4098 bytes/);
  });

  it("names the file that cannot be read", () => {
    expect(() => readValue("@/no/such/file")).toThrow(/VALUE: \/no\/such\/file cannot be read/);
  });
});

describe("tokens", () => {
  it("comes from a file, never from the command line", () => {
    expect(readToken(`@${file(" abc \n")}`)).toBe("abc");
    expect(() => readToken("abc")).toThrow(/--join: takes the token from @FILE or -/);
    expect(() => readToken(`@${file("")}`)).toThrow(/no token/);
    expect(() => readToken(`@${file("two words")}`)).toThrow(/is not a token/);
  });
});

describe("copy policies", () => {
  it("reads the three names and counts from 1 to 16, as many as a record may ask for", () => {
    expect(parseCopies("one")).toEqual({ type: "one" });
    expect(parseCopies("16")).toEqual({ type: "copies", count: 16 });
    // The command line does not load the overlay, so it has its own number.
    expect(API_COPIES_MAX).toBe(COPIES_MAX);
    for (const text of ["", "0", "17", "2.0", "-1", "two", "copies"])
      expect(parseCopies(text)).toBeUndefined();
  });
});

describe("arguments", () => {
  const options = [
    { name: "ttl", value: "DURATION", doc: "" },
    { name: "json", doc: "" },
    { name: "mode", value: "MODE", doc: "", choices: ["a", "b"] },
  ];
  const operands = [
    { name: "KEY", doc: "the key" },
    { name: "VALUE", doc: "the value", isOptional: true },
  ];
  const parse = (...args: string[]) => parseArguments(args, options, operands);

  it("reads options before, between and after operands", () => {
    const args = parse("--ttl", "5m", "k", "--json", "v");
    expect(args.operands).toEqual(["k", "v"]);
    expect(args.value("ttl")).toBe("5m");
    expect(args.has("json")).toBe(true);
    expect(parse("--ttl=1s", "k").value("ttl")).toBe("1s");
    expect(parse("k", "-").operands).toEqual(["k", "-"]);
    expect(parse("--", "--json").operands).toEqual(["--json"]);
  });

  it.each([
    [["k", "--tll", "1s"], /--tll: unknown option; did you mean --ttl\?/],
    [["k", "--wonderful"], /--wonderful: unknown option; known are --ttl, --json/],
    [["k", "-j"], /-j: unknown option/],
    [["k", "--ttl"], /--ttl: needs a value: --ttl DURATION/],
    [["k", "--ttl", "--json"], /--ttl: needs a value/],
    [["k", "--json=yes"], /--json: takes no value/],
    [["k", "--mode", "c"], /--mode: "c" is not allowed; allowed: a, b/],
    [[], /KEY: is missing: the key/],
    [["a", "b", "c"], /"c": one argument too many/],
  ])("refuses %j", (args, message) => {
    expect(() => parse(...args)).toThrow(message);
  });
});

it("suggests names that differ by a letter or two, and none that are far", () => {
  expect(nearestNames("stats", ["status", "hosts"])[0]).toBe("status");
  expect(nearestNames("frobnicate", ["status", "hosts"])).toEqual([]);
});

it("keeps what peers sent from steering the terminal", () => {
  expect(renderTable(["name"], [["evil\u001b[2J\n"]])).toEqual(["NAME", "evil?[2J?"]);
});
