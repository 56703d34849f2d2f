import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { SilenceWatch, type AskedChannel } from "../../../overlay/peers/silence-watch.ts";
import { SYSTEM_TIMERS } from "../../../platform/io/system-timers.ts";
import { createSystemClock } from "../../../platform/io/system-clock.ts";

const clock = createSystemClock();

class Channel implements AskedChannel {
  readonly subnetId = "pier";
  lastHeardMs = -Infinity;
  pings = 0;
  readonly #answersPing: boolean;

  constructor(answersPing: boolean) {
    this.#answersPing = answersPing;
  }

  ping(): void {
    this.pings++;
    if (this.#answersPing) this.hear();
  }

  hear(): void {
    this.lastHeardMs = clock.monotonicMs();
  }
}

describe("a subnet", () => {
  it("is silent when a call waits and not even a ping is answered", async () => {
    const watch = new SilenceWatch(clock, SYSTEM_TIMERS);
    const channel = new Channel(false);
    watch.asked(channel);
    expect(watch.isSilent("pier", [channel])).toBe(false);
    await sleep(900);
    expect(channel.pings).toBe(1);
    expect(watch.isSilent("pier", [channel])).toBe(true);
    expect(watch.isSilent("quay", [])).toBe(false);
  });

  it("is not silent while it only answers slowly", async () => {
    const watch = new SilenceWatch(clock, SYSTEM_TIMERS);
    const channel = new Channel(true);
    watch.asked(channel);
    await sleep(900);
    expect(channel.pings).toBe(1);
    expect(watch.isSilent("pier", [channel])).toBe(false);
  });

  it("costs no ping when it answers soon", async () => {
    const watch = new SilenceWatch(clock, SYSTEM_TIMERS);
    const channel = new Channel(false);
    const answered = watch.asked(channel);
    await sleep(50);
    answered();
    await sleep(400);
    expect(channel.pings).toBe(0);
  });

  it("is heard of again by any frame of any of its hosts", async () => {
    const watch = new SilenceWatch(clock, SYSTEM_TIMERS);
    const [hung, other] = [new Channel(false), new Channel(false)];
    watch.asked(hung);
    await sleep(900);
    expect(watch.isSilent("pier", [hung, other])).toBe(true);
    other.hear();
    expect(watch.isSilent("pier", [hung, other])).toBe(false);
  });
});
