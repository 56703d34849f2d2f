import { afterEach, describe, expect, it } from "vitest";
import { SILENT } from "../../../platform/logger.ts";
import { CALL, NOTICE } from "../../../overlay/schema/methods.ts";
import { PEER_RATES, PeerLimits, type PeerRates } from "../../../overlay/io/peer-limits.ts";
import { SetClock } from "../records/fixture.ts";
import { dial, startPeer, stopAll, until } from "./loopback.ts";

afterEach(stopAll);

const RATES: PeerRates = { ...PEER_RATES, get: { perSecond: 2, burst: 3 } };
const QUOTA = { code: "ERR_OVERLAY_QUOTA" };
const NONE = new Uint8Array();

function tries(limits: PeerLimits, host: string, method: string, count: number): number {
  let allowed = 0;
  for (let i = 0; i < count; i++)
    try {
      limits.checkCall(host, method, NONE);
      allowed++;
    } catch (error) {
      expect(error).toMatchObject(QUOTA);
    }
  return allowed;
}

describe("PeerLimits", () => {
  it("let a peer ask as fast as its rate, and no other pay for it", () => {
    const clock = new SetClock();
    const limits = new PeerLimits(clock, SILENT, RATES);
    expect(tries(limits, "anna", CALL.get, 9)).toBe(3);
    expect(tries(limits, "anna", CALL.watch, 9)).toBe(0); // of the same kind
    expect(tries(limits, "anna", CALL.put, 9)).toBe(9);
    expect(tries(limits, "bert", CALL.get, 9)).toBe(3);
    clock.pass(1_000);
    expect(tries(limits, "anna", CALL.get, 9)).toBe(2);
    expect(limits.refused).toBe(6 + 9 + 6 + 7);
  });

  it("count a put by what it weighs", () => {
    const rates = { ...PEER_RATES, put: { perSecond: 1, burst: 10 } };
    const limits = new PeerLimits(new SetClock(), SILENT, rates);
    limits.checkCall("anna", CALL.put, new Uint8Array(8 * 4096));
    limits.checkCall("anna", CALL.put, NONE);
    expect(() => limits.checkCall("anna", CALL.put, NONE)).toThrow(/too many questions \(put\)/);
  });

  it("have a bound for calls and notices that nobody has heard of", () => {
    const limits = new PeerLimits(new SetClock(), SILENT);
    expect(tries(limits, "anna", "made-up", 1_000)).toBe(PEER_RATES.other.burst);
    expect(limits.allowsNotice("anna", "made-up-too")).toBe(false);
    expect(limits.allowsNotice("anna", NOTICE.watchEvent)).toBe(true);
  });

  it("count strangers by address, and those of one IPv6 network together", () => {
    const rates = { ...PEER_RATES, stranger: { perSecond: 1, burst: 2 } };
    const limits = new PeerLimits(new SetClock(), SILENT, rates);
    for (const address of ["192.0.2.1", "192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"])
      limits.checkStranger(address);
    expect(() => limits.checkStranger("192.0.2.1")).toThrow(/newcomers from this address/);
    expect(() => limits.checkStranger("2001:db8::3")).toThrow(/newcomers from this address/);
    limits.checkStranger("2001:db8:0:1::3");
    limits.checkStranger("192.0.2.2");
  });

  it("remember a bounded number of peers", () => {
    const limits = new PeerLimits(new SetClock(), SILENT, RATES);
    expect(tries(limits, "anna", CALL.get, 9)).toBe(3);
    for (let i = 0; i < 4_095; i++) limits.allowsNotice(`peer ${i}`, NOTICE.changed);
    expect(tries(limits, "anna", CALL.get, 9)).toBe(0);
    for (let i = 0; i < 4_096; i++) limits.allowsNotice(`other ${i}`, NOTICE.changed);
    expect(tries(limits, "anna", CALL.get, 9)).toBe(3);
  });
});

describe("a channel", () => {
  it("refuses calls and passes over notices that are too many, also after a new dial", async () => {
    const limits = new PeerLimits(new SetClock(), SILENT, {
      ...RATES,
      notice: { perSecond: 1, burst: 2 },
    });
    const anna = await startPeer("anna");
    const bert = await startPeer("bert", { limits });
    const channel = await dial(anna, bert);
    for (let i = 0; i < 3; i++) await channel.call(CALL.get, NONE);
    await expect(channel.call(CALL.get, NONE)).rejects.toMatchObject(QUOTA);
    for (let i = 0; i < 5; i++) channel.notify(NOTICE.changed, NONE);
    await channel.call(CALL.put, NONE); // behind them
    expect(bert.notices).toHaveLength(2);
    channel.cut("ERR_OVERLAY_UNREACHABLE", "again");
    await until("closed", () => bert.closed.length === 1);
    const again = await dial(anna, bert);
    await expect(again.call(CALL.get, NONE)).rejects.toMatchObject(QUOTA);
  });
});
