import { describe, expect, it } from "vitest";
import {
  CodedError,
  ConfigError,
  errorCode,
  errorMessage,
  WireError,
} from "../../platform/errors.ts";

class DoorError extends CodedError<"ERR_DOOR_SHUT"> {}

describe("CodedError", () => {
  it("carries code, message, cause and the name of its own class", () => {
    const cause = new Error("rust");
    const error = new DoorError("ERR_DOOR_SHUT", "the door is shut; push", { cause });
    expect(error).toBeInstanceOf(CodedError);
    expect([error.name, error.code, error.message]).toEqual([
      "DoorError",
      "ERR_DOOR_SHUT",
      "the door is shut; push",
    ]);
    expect(error.cause).toBe(cause);
  });

  it("says at which byte decoding stopped, when that is known", () => {
    expect(new WireError("too short", 7)).toMatchObject({
      code: "ERR_WIRE",
      offset: 7,
      message: "too short (at byte 7)",
    });
    expect(new WireError("not a frame")).toMatchObject({ offset: -1, message: "not a frame" });
    expect(new WireError("at the start", 0).message).toBe("at the start (at byte 0)");
  });

  it("names the setting that is wrong", () => {
    const error = new ConfigError("--ttl", '"x"; allowed: 1s..24h');
    expect(error).toMatchObject({ path: "--ttl", code: "ERR_CONFIG" });
    expect(error.message).toBe('--ttl: "x"; allowed: 1s..24h');
  });
});

describe("errorCode and errorMessage", () => {
  it("read whatever was thrown", () => {
    expect(errorCode(Object.assign(new Error("full"), { code: "ENOSPC" }))).toBe("ENOSPC");
    expect(errorCode(new DoorError("ERR_DOOR_SHUT", ""))).toBe("ERR_DOOR_SHUT");
    for (const thrown of [undefined, null, 7, "text", {}, { code: 7 }, new Error("plain")])
      expect(errorCode(thrown)).toBeUndefined();
    expect(errorMessage(new Error("why"))).toBe("why");
    expect(errorMessage("text")).toBe("text");
    expect(errorMessage(undefined)).toBe("undefined");
  });
});
