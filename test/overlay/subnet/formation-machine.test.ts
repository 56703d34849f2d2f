import { describe, expect, it } from "vitest";
import {
  FormationMachine,
  type FormationAction,
  type FormationEvent,
  type FormationOptions,
  type FormationPeer,
  type JoinFailure,
} from "../../../overlay/subnet/formation-machine.ts";

const LISTEN_MS = 500;
const NEWCOMER: FormationOptions = {
  overlayTag: undefined,
  isMember: false,
  hasToken: false,
  stay: null,
  listenMs: LISTEN_MS,
  jitter: () => 0,
};
const MEMBER: FormationOptions = { ...NEWCOMER, overlayTag: "harbour", isMember: true };
const WITH_TOKEN: FormationOptions = { ...NEWCOMER, overlayTag: "harbour", hasToken: true };

const peer = (tag: string, overlayTag = "harbour", subnetTag = "quay"): FormationPeer => ({
  tag,
  overlayTag,
  subnetTag,
  freshStampMs: null,
});

/** Feeds a machine in virtual time and writes down what it wants, in short words. */
class Host {
  nowMs = 0;
  readonly machine: FormationMachine;

  constructor(options: FormationOptions) {
    this.machine = new FormationMachine(options);
  }

  feed(event: FormationEvent): string[] {
    return this.machine.step(event, this.nowMs).map(inWords);
  }

  /** Lets time pass; what the machine does on its own, each with its time. */
  pass(ms: number): string[] {
    const untilMs = this.nowMs + ms;
    const words: string[] = [];
    while (this.machine.wakeAtMs <= untilMs) {
      this.nowMs = Math.max(this.nowMs, this.machine.wakeAtMs);
      for (const action of this.machine.step({ type: "tick" }, this.nowMs))
        words.push(`${this.nowMs} ${inWords(action)}`);
    }
    this.nowMs = untilMs;
    return words;
  }

  see(...peers: readonly FormationPeer[]): string[] {
    return peers.flatMap((one) => this.feed({ type: "peer", peer: one }));
  }

  settle(subnetTag: string, overlayTag = "harbour"): string[] {
    return this.feed({ type: "settled", subnetTag, overlayTag });
  }

  fail(tag: string, failure: JoinFailure): string[] {
    return this.feed({ type: "join-failed", tag, failure });
  }
}

function inWords(action: FormationAction): string {
  return "tag" in action ? `${action.type} ${action.tag}` : action.type;
}

function started(options: FormationOptions): Host {
  const host = new Host(options);
  expect(host.feed({ type: "start" })).toEqual([]);
  return host;
}

describe("a newcomer without anything", () => {
  it("listens, then makes an overlay", () => {
    const host = started(NEWCOMER);
    expect(host.pass(LISTEN_MS - 1)).toEqual([]);
    expect(host.pass(1)).toEqual(["500 create-overlay"]);
    expect(host.settle("own")).toEqual([]);
    expect(host.pass(3_600_000)).toEqual([]);
  });

  it("joins a host of the link as soon as it sees one", () => {
    const host = started(NEWCOMER);
    expect(host.see(peer("a"))).toEqual(["join a"]);
    expect(host.pass(60_000)).toEqual([]); // the answer comes when it comes
    expect(host.settle("quay")).toEqual([]);
  });

  it("joins whom it saw before it was started", () => {
    const host = new Host(NEWCOMER);
    expect(host.see(peer("a"))).toEqual([]);
    expect(host.feed({ type: "start" })).toEqual(["join a"]);
  });

  it("does not join a host that has no subnet yet", () => {
    const host = started(NEWCOMER);
    expect(host.see(peer("a", "harbour", ""))).toEqual([]);
    expect(host.see(peer("a", "harbour", "quay"))).toEqual(["join a"]);
  });

  it("tries the next host when one fails, an unreachable one twice, then acts alone", () => {
    const host = started(NEWCOMER);
    expect(host.see(peer("a"), peer("b"))).toEqual(["join a"]);
    expect(host.fail("a", "unreachable")).toEqual(["join a"]);
    expect(host.fail("a", "unreachable")).toEqual(["join b"]);
    expect(host.fail("b", "unreachable")).toEqual(["join b"]);
    expect(host.fail("b", "unreachable")).toEqual([]);
    expect(host.pass(0)).toEqual(["0 create-overlay"]);
  });

  it("tries a host afresh that announces itself again", () => {
    const host = started(NEWCOMER);
    host.see(peer("a"));
    host.fail("a", "unreachable");
    host.fail("a", "unreachable");
    expect(host.see(peer("a"))).toEqual(["join a"]);
  });

  it("does not try a host that has gone", () => {
    const host = started(NEWCOMER);
    host.see(peer("a"), peer("b"));
    host.feed({ type: "peer-gone", tag: "b" });
    host.fail("a", "unreachable");
    expect(host.fail("a", "unreachable")).toEqual([]);
  });
});

describe("at a locked link", () => {
  it("an unconfigured host waits and makes no overlay", () => {
    const host = started(NEWCOMER);
    host.see(peer("a"));
    expect(host.fail("a", "locked")).toEqual([]);
    expect(host.pass(0)).toEqual(["0 pending"]);
    expect(host.machine.isPending).toBe(true);
    expect(host.pass(14_999)).toEqual([]);
    expect(host.pass(1)).toEqual(["15000 join a"]); // it may have been unlocked
    host.fail("a", "locked");
    expect(host.pass(0)).toEqual(["15000 pending"]);
  });

  it("a pending host asks again at once when it hears that it was let in, and no other does", () => {
    const host = new Host(NEWCOMER);
    host.feed({ type: "start" });
    expect(host.see(peer("a"))).toEqual(["join a"]);
    expect(host.feed({ type: "approved" })).toEqual([]); // the first question is still out
    host.feed({ type: "join-failed", tag: "a", failure: "locked" });
    expect(host.pass(LISTEN_MS)).toEqual([expect.stringContaining("pending")]);
    expect(host.feed({ type: "approved" })).toEqual(["join a"]);
    host.settle("quay");
    expect(host.feed({ type: "approved" })).toEqual([]);
  });

  it("a pending host joins whoever takes it in later", () => {
    const host = started(NEWCOMER);
    host.see(peer("a"));
    host.fail("a", "locked");
    host.pass(0);
    expect(host.see(peer("b"))).toEqual(["join b"]);
    expect(host.settle("quay")).toEqual([]);
    expect(host.machine.isPending).toBe(false);
    expect(host.pass(60_000)).toEqual([]);
  });

  it("a refusal counts as locked: no second overlay on the link", () => {
    const host = started(NEWCOMER);
    host.see(peer("a"));
    host.fail("a", "refused");
    expect(host.pass(0)).toEqual(["0 pending"]);
  });
});

describe("a host with a token", () => {
  it("redeems it when nobody of the overlay is on the link, then makes its subnet", () => {
    const host = started(WITH_TOKEN);
    expect(host.pass(LISTEN_MS)).toEqual(["500 redeem-token"]);
    expect(host.feed({ type: "redeemed" })).toEqual(["create-subnet"]);
  });

  it("goes to the link first, whose hosts redeem as well", () => {
    const host = started(WITH_TOKEN);
    expect(host.see(peer("a"))).toEqual(["join a"]);
  });

  it("ignores hosts of other overlays", () => {
    const host = started(WITH_TOKEN);
    expect(host.see(peer("x", "foreign"))).toEqual([]);
    expect(host.pass(LISTEN_MS)).toEqual(["500 redeem-token"]);
  });

  it("joins a host that appeared while the token was redeemed elsewhere", () => {
    const host = started(WITH_TOKEN);
    host.pass(LISTEN_MS);
    expect(host.see(peer("a"))).toEqual([]); // one thing at a time
    expect(host.feed({ type: "redeemed" })).toEqual(["join a"]);
  });

  it("joins, once a member by a host elsewhere, the one of its link that may not admit", () => {
    const host = started(WITH_TOKEN);
    expect(host.see(peer("a"))).toEqual(["join a"]);
    host.fail("a", "refused");
    expect(host.pass(LISTEN_MS).join(" ")).toContain("redeem-token");
    expect(host.feed({ type: "redeemed" })).toEqual(["join a"]);
  });

  it("tries again with growing waits while no contact answers", () => {
    const host = started(WITH_TOKEN);
    const times: number[] = [];
    let words = host.pass(LISTEN_MS);
    for (let i = 0; i < 8; i++) {
      expect(words).toHaveLength(1);
      times.push(Number(words[0]!.split(" ")[0]));
      expect(host.feed({ type: "redeem-failed", isFinal: false })).toEqual([]);
      const waitMs = host.machine.wakeAtMs - host.nowMs;
      words = host.pass(waitMs);
    }
    const waits = times.slice(1).map((time, i) => time - times[i]!);
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  });

  it("waits up to half as long by chance, so that hosts started together come apart", () => {
    const host = started({ ...WITH_TOKEN, jitter: () => 0.5 });
    host.pass(LISTEN_MS);
    host.feed({ type: "redeem-failed", isFinal: false });
    expect(host.pass(1_000)).toEqual(["1250 redeem-token"]);
  });

  it("joins a host that appears between two tries", () => {
    const host = started(WITH_TOKEN);
    host.pass(LISTEN_MS);
    host.feed({ type: "redeem-failed", isFinal: false });
    expect(host.see(peer("a"))).toEqual(["join a"]);
  });

  it("tries a refused token again on another link, and else now and then", () => {
    const host = new Host(WITH_TOKEN);
    host.feed({ type: "start" });
    expect(host.pass(LISTEN_MS)).toEqual(["500 redeem-token"]);
    host.feed({ type: "redeem-failed", isFinal: true });
    expect(host.pass(4 * 60_000)).toEqual([]);
    expect(host.pass(2 * 60_000)).toEqual([expect.stringContaining("redeem-token")]);
    host.feed({ type: "redeem-failed", isFinal: true });
    host.feed({ type: "link-changed" });
    expect(host.pass(LISTEN_MS)).toEqual([expect.stringContaining("redeem-token")]);
  });

  it("waits as pending when the token is refused for good", () => {
    const host = started(WITH_TOKEN);
    host.pass(LISTEN_MS);
    expect(host.feed({ type: "redeem-failed", isFinal: true })).toEqual(["pending"]);
    expect(host.machine.isPending).toBe(true);
    expect(host.pass(60_000)).toEqual([]);
    expect(host.see(peer("a"))).toEqual(["join a"]);
  });
});

describe("a member that starts again", () => {
  const RETURNING = { ...MEMBER, stay: { subnetTag: "old-quay", stampMs: 1_000 } };

  it("makes a subnet when it has none stored", () => {
    const host = started(MEMBER);
    expect(host.pass(LISTEN_MS)).toEqual(["500 create-subnet"]);
  });

  it("resumes its stored subnet when nobody is here and none lives elsewhere", () => {
    const host = started(RETURNING);
    expect(host.pass(LISTEN_MS)).toEqual(["500 probe-stored"]);
    expect(host.pass(60_000)).toEqual([]);
    expect(host.feed({ type: "probed", livesElsewhere: false })).toEqual(["resume"]);
  });

  it("makes a new one when the stored one lives on elsewhere", () => {
    const host = started(RETURNING);
    host.pass(LISTEN_MS);
    expect(host.feed({ type: "probed", livesElsewhere: true })).toEqual(["create-subnet"]);
  });

  it("joins the subnet of the link rather than resume its own", () => {
    const host = started(RETURNING);
    expect(host.see(peer("a", "harbour", "another"))).toEqual(["join a"]);
  });

  it("joins a host that appears while it probes", () => {
    const host = started(RETURNING);
    host.pass(LISTEN_MS);
    expect(host.see(peer("a"))).toEqual([]);
    expect(host.feed({ type: "probed", livesElsewhere: false })).toEqual(["join a"]);
    host.fail("a", "unreachable");
    host.fail("a", "unreachable");
    expect(host.pass(0)).toEqual([`${LISTEN_MS} probe-stored`]);
  });

  it("ignores the answer of a probe that nothing waits for", () => {
    const host = started(RETURNING);
    expect(host.feed({ type: "probed", livesElsewhere: true })).toEqual([]);
    expect(host.pass(LISTEN_MS)).toEqual(["500 probe-stored"]);
  });

  it("leaves foreign overlays on its link alone", () => {
    const host = started(MEMBER);
    expect(host.see(peer("x", "foreign"))).toEqual([]);
    expect(host.pass(LISTEN_MS)).toEqual(["500 create-subnet"]);
  });
});

describe("two that make a subnet at the same time", () => {
  it("meet, and neither joins the other before claims are compared", () => {
    const [left, right] = [started(NEWCOMER), started(NEWCOMER)];
    expect(left.pass(LISTEN_MS)).toEqual(["500 create-overlay"]);
    expect(right.pass(LISTEN_MS)).toEqual(["500 create-overlay"]);
    // Left is first with its announcement, while right still makes its own.
    expect(left.settle("left-quay", "left")).toEqual([]);
    expect(right.see(peer("left", "left", "left-quay"))).toEqual([]);
    expect(right.settle("right-quay", "right")).toEqual(["meet left"]);
    expect(left.see(peer("right", "right", "right-quay"))).toEqual(["meet right"]);
  });

  it("also when they resume or make one as members", () => {
    const host = started({ ...MEMBER, stay: { subnetTag: "own", stampMs: 1_000 } });
    host.pass(LISTEN_MS);
    host.feed({ type: "probed", livesElsewhere: false });
    expect(host.see(peer("a", "harbour", "other"))).toEqual([]);
    expect(host.settle("own")).toEqual(["meet a"]);
  });

  it("are not disturbed by a change of the link while they make it", () => {
    const host = started(NEWCOMER);
    host.pass(LISTEN_MS);
    expect(host.feed({ type: "link-changed" })).toEqual([]);
    expect(host.pass(10_000)).toEqual([]); // no second overlay
  });

  it("try again later when making it failed", () => {
    const host = started(NEWCOMER);
    host.pass(LISTEN_MS);
    expect(host.feed({ type: "step-failed", hasSubnet: false })).toEqual([]);
    expect(host.pass(10_000)).toEqual(["5500 create-overlay"]);
  });
});

describe("a host in a subnet", () => {
  function inSubnet(): Host {
    const host = started(MEMBER);
    host.pass(LISTEN_MS);
    host.settle("quay");
    return host;
  }

  it("has nothing to do with hosts of its own subnet, or of none", () => {
    const host = inSubnet();
    expect(host.see(peer("a"), peer("b", "harbour", ""))).toEqual([]);
    expect(host.pass(60_000)).toEqual([]);
  });

  it("meets another subnet at once, after 3 s, and ever more rarely while both stay", () => {
    const host = inSubnet();
    expect(host.see(peer("a", "harbour", "other"))).toEqual(["meet a"]);
    expect(host.see(peer("a", "harbour", "other"))).toEqual([]);
    expect(host.pass(9_500)).toEqual(["3500 meet a", "9500 meet a"]);
    expect(host.see(peer("a"))).toEqual([]); // it has come over
    expect(host.pass(60_000)).toEqual([]);
  });

  it("does not meet one again that refused, until it announces itself anew", () => {
    const host = inSubnet();
    host.see(peer("a", "harbour", "other"));
    host.fail("a", "refused");
    expect(host.pass(60_000)).toEqual([]);
    expect(host.see(peer("a", "harbour", "other"))).toEqual(["meet a"]);
  });

  it("no longer meets who is gone", () => {
    const host = inSubnet();
    host.see(peer("a", "harbour", "other"));
    host.feed({ type: "peer-gone", tag: "a" });
    expect(host.pass(60_000)).toEqual([]);
  });

  it("meets the rest of its former subnet after it merged into another", () => {
    const host = inSubnet();
    expect(host.see(peer("a"))).toEqual([]);
    expect(host.settle("other")).toEqual(["meet a"]);
  });

  it("stays where it is on a change of the link and after steps that failed", () => {
    const host = inSubnet();
    expect(host.feed({ type: "link-changed" })).toEqual([]);
    expect(host.feed({ type: "step-failed", hasSubnet: true })).toEqual([]);
    expect(host.pass(60_000)).toEqual([]);
  });
});

describe("a subnet made a moment ago", () => {
  const STAY = { subnetTag: "old-quay", stampMs: 1_000 };
  const fresh = (subnetTag: string, freshStampMs: number): FormationPeer => ({
    ...peer("a", "harbour", subnetTag),
    freshStampMs,
  });

  it("is not joined by a host that has the link's older one: that is resumed, and wins", () => {
    const host = started({ ...MEMBER, stay: STAY });
    expect(host.see(fresh("new-quay", 9_000))).toEqual([]);
    expect(host.pass(LISTEN_MS)).toEqual(["500 probe-stored"]);
    expect(host.feed({ type: "probed", livesElsewhere: false })).toEqual(["resume"]);
    expect(host.settle("old-quay")).toEqual(["meet a"]);
  });

  it("is joined when the stored one lives elsewhere, is younger, or is the same", () => {
    const host = started({ ...MEMBER, stay: STAY });
    host.see(fresh("new-quay", 9_000));
    host.pass(LISTEN_MS);
    expect(host.feed({ type: "probed", livesElsewhere: true })).toEqual(["join a"]);
    expect(started({ ...MEMBER, stay: STAY }).see(fresh("new-quay", 500))).toEqual(["join a"]);
    expect(started({ ...MEMBER, stay: STAY }).see(fresh("old-quay", 9_000))).toEqual(["join a"]);
  });
});

describe("a host whose link may be another one", () => {
  function doubtful(): Host {
    const host = started(MEMBER);
    host.pass(LISTEN_MS);
    host.settle("quay");
    expect(host.feed({ type: "link-doubted" })).toEqual([]);
    return host;
  }

  it("meets nobody until it knows", () => {
    const host = doubtful();
    expect(host.see(peer("a", "harbour", "other"))).toEqual([]);
    expect(host.pass(60_000)).toEqual([]);
  });

  it("meets them when it is the same link after all", () => {
    const host = doubtful();
    host.see(peer("a", "harbour", "other"));
    expect(host.feed({ type: "link-kept" })).toEqual(["meet a"]);
  });

  it("joins the subnet of another link and never compares the two", () => {
    const host = doubtful();
    host.see(peer("old-neighbour"));
    expect(host.feed({ type: "moved", stay: null, listenMs: LISTEN_MS })).toEqual([]);
    expect(host.see(peer("a", "harbour", "other"))).toEqual(["join a"]);
    expect(host.settle("other")).toEqual([]);
    expect(host.pass(60_000)).toEqual([]); // the old neighbour is forgotten
  });

  it("resumes what it has stored for the new link, else makes a subnet there", () => {
    const back = doubtful();
    back.feed({ type: "moved", stay: { subnetTag: "old", stampMs: 1 }, listenMs: LISTEN_MS });
    expect(back.pass(LISTEN_MS)).toEqual(["1000 probe-stored"]);
    const abroad = doubtful();
    abroad.feed({ type: "moved", stay: null, listenMs: LISTEN_MS });
    expect(abroad.pass(LISTEN_MS)).toEqual(["1000 create-subnet"]);
  });

  it("waits as pending where its membership does not hold", () => {
    const host = doubtful();
    host.feed({ type: "moved", stay: null, listenMs: LISTEN_MS });
    host.pass(LISTEN_MS);
    expect(host.feed({ type: "homebound" })).toEqual(["pending"]);
    expect(host.machine.isPending).toBe(true);
    expect(host.pass(60_000)).toEqual([]);
  });
});

describe("a change of the link", () => {
  it("makes a waiting host look around anew", () => {
    const host = started(NEWCOMER);
    host.pass(400);
    expect(host.feed({ type: "link-changed" })).toEqual([]);
    expect(host.pass(LISTEN_MS)).toEqual(["900 create-overlay"]);
  });

  it("does not begin a second join while one is under way", () => {
    const host = started(NEWCOMER);
    host.see(peer("a"));
    expect(host.feed({ type: "link-changed" })).toEqual([]);
    expect(host.settle("quay")).toEqual([]);
  });
});

describe("hosts of the link that speak other wire versions", () => {
  it("are waited for by a newcomer, which makes no overlay beside theirs", () => {
    const host = started(NEWCOMER);
    expect(host.see(peer("bert"))).toEqual(["join bert"]);
    expect(host.fail("bert", "version")).toEqual([]);
    expect(host.pass(LISTEN_MS)).toEqual(["0 pending"]);
    expect(host.pass(15_000)).toEqual(["15000 join bert"]);
  });

  it("are waited for by a member, which resumes no second subnet beside theirs", () => {
    const host = started({ ...MEMBER, stay: { subnetTag: "old", stampMs: 1 } });
    expect(host.see(peer("bert"))).toEqual(["join bert"]);
    host.fail("bert", "version");
    expect(host.pass(LISTEN_MS)).toEqual(["0 pending"]);
    expect(host.machine.isPending).toBe(true);
    host.feed({ type: "peer-gone", tag: "bert" });
    expect(host.pass(15_000)).toEqual(["15000 probe-stored"]);
  });

  it("do not hold up whom another host of the link takes in", () => {
    const host = started(MEMBER);
    expect(host.see(peer("bert"))).toEqual(["join bert"]);
    host.see(peer("carla"));
    expect(host.fail("bert", "version")).toEqual(["join carla"]);
  });

  it("are no reason to wait when they are of another overlay", () => {
    const host = started(MEMBER);
    host.see(peer("bert", "elsewhere"));
    expect(host.pass(LISTEN_MS)).toEqual(["500 create-subnet"]);
  });

  it("are not met again by a subnet beside them", () => {
    const host = started(MEMBER);
    host.pass(LISTEN_MS);
    host.settle("mine");
    expect(host.see(peer("bert"))).toEqual(["meet bert"]);
    host.fail("bert", "version");
    expect(host.pass(300_000)).toEqual([]);
  });
});
