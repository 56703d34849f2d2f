/**
 * Each promise of the design's "Threats" against somebody who breaks it on purpose.
 *
 * An attack first meets a build of the victim with only the check off that is to stop it, and
 * succeeds; then the real one, which refuses it, says why and is as it was before.
 */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { hash } from "node:crypto";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openBed, type Bed } from "../../daemon/bench/bed.ts";
import { fromBase32 } from "../../platform/base32.ts";
import { toHex } from "../../platform/bytes.ts";
import { LAB_MISSING, ownLabName } from "./lab-requirements.ts";
import { withArguments } from "./overlay-bed.ts";
import { buildVariant, type Patch } from "./fixtures/variant-build.ts";

const VICTIM = "alpha-1";
/** A sibling of the victim that went over, a host of another subnet, one of no overlay of ours. */
const SIBLING = "alpha-3";
const NEIGHBOUR = "beta-2";
/** Never in the overlay: one without keys on the other side of the world, one on the link. */
const STRANGER = "beta-3";
const FOREIGNER = "alpha-4";
const BLANK = "alpha-5";
const ADVERSARY = join(import.meta.dirname, "fixtures/adversary.ts");

interface Outcome {
  readonly outcome?: Record<string, unknown>;
  readonly refused?: string;
}

/** What an attack is to be about; the rest is the victim's. */
interface Aim {
  readonly key: string;
  readonly about: string;
  readonly record: string;
}

interface Case {
  readonly attack: string;
  readonly from: string;
  /** The check that is to stop it, taken out. */
  readonly patches: readonly Patch[];
  /** That check is also what lets other subnets in. */
  readonly isAlone?: boolean;
  /** What the attack is aimed at; also prepares it. */
  aim(bed: Bed): Promise<Partial<Aim>>;
  /** Whether the attacker has got what it wanted. */
  hasWon(bed: Bed, said: Outcome, aim: Partial<Aim>): Promise<boolean>;
  /** What the victim says of it, in its log or to the attacker. */
  readonly reason: RegExp;
}

const EVERYTHING = hash("sha256", "everything");

describe.skipIf(LAB_MISSING !== undefined)("an adversary", () => {
  let bed: Bed;
  let overlay = "";
  const stolen = new Map<string, string>();
  let removed = "";
  /** So that no attack meets what another one left. */
  let made = 0;

  beforeAll(async () => {
    const sites = [
      "{ name: alpha, hosts: 5, uplink: { delay: 2ms } }",
      "{ name: beta, hosts: 3, uplink: { delay: 2ms } }",
      "{ name: gamma, hosts: 1, uplink: { delay: 2ms } }",
    ];
    bed = await openBed({ name: ownLabName("adv"), sites });
    const strangers = [STRANGER, FOREIGNER, BLANK];
    await bed.start(bed.hosts().filter((host) => !strangers.includes(host)));
    await bed.settle(3, 6);
    overlay = (await bed.status(VICTIM)).overlay.id!;
    removed = (await bed.status(SIBLING)).host.id;
    for (const host of [SIBLING, NEIGHBOUR]) stolen.set(host, await steal(host));
    for (const host of [STRANGER, FOREIGNER, BLANK])
      stolen.set(host, join(bed.lab.paths(host).directory, "own"));
    const init = ["causeway", "init", "--name", "theirs", "--state", stolen.get(FOREIGNER)!];
    expect(await bed.lab.exec(FOREIGNER, init)).toMatchObject({ status: 0 });
    await bed.settle(3, 4);
  });

  afterAll(async () => {
    await bed?.close();
  });

  /** Takes a host's disk away and ends its daemon. */
  async function steal(host: string): Promise<string> {
    await bed.lab.stop([host]);
    const { directory, state } = bed.lab.paths(host);
    const copy = join(directory, "stolen");
    mkdirSync(copy, { recursive: true });
    cpSync(state, copy, { recursive: true });
    return copy;
  }

  async function attack(name: string, from: string, aim: Partial<Aim>): Promise<Outcome> {
    const address = bed.lab.address(VICTIM);
    const order = {
      subnetAddress: `${address}:4777`,
      hostAddress: `${address}:4778`,
      overlay: toHex(fromBase32(overlay)),
      key: "",
      about: "",
      record: "",
      ...aim,
    };
    const argv = [process.execPath, ADVERSARY, name, stolen.get(from)!, JSON.stringify(order)];
    const { stdout, stderr } = await bed.lab.exec(from, argv);
    expect(stderr).toBe("");
    return JSON.parse(stdout) as Outcome;
  }

  /** The real build unless another is given; it logs everything that it refuses. */
  async function restart(program?: readonly string[], isAlone = false): Promise<void> {
    const config = join(bed.lab.paths(VICTIM).directory, "victim.yaml");
    writeFileSync(config, "log: { level: debug, format: json }\n");
    await bed.lab.stop([VICTIM]);
    await bed.lab.start([VICTIM], { program: program ?? withArguments("--config", config) });
    if (!isAlone) return void (await bed.settle(3, 4));
    const hasSibling = async (): Promise<boolean> =>
      (await bed.status(VICTIM)).subnet.hosts.length === 2;
    await bed.need("its sibling is there", hasSibling, 30_000);
  }

  /** Whether the victim itself takes an honest host's record in; its siblings may all the same. */
  async function isTaken(key: string): Promise<boolean> {
    const { records } = await bed.status(VICTIM);
    const { answer } = await bed.put("gamma-1", key, "honest", { copies: "all" });
    const { subnet, records: after } = await bed.status(VICTIM);
    return answer.storedOn.includes(subnet.id!) && after.copies > records.copies;
  }

  function log(): string {
    return readFileSync(bed.lab.paths(VICTIM).log, "utf8");
  }

  /** A record of another host that everybody of the victim's subnet keeps. */
  async function putEverything(): Promise<Partial<Aim>> {
    await bed.put("alpha-2", "everything", "to be read", { copies: "all" });
    return { key: EVERYTHING };
  }

  const hasRead = async (_bed: Bed, said: Outcome): Promise<boolean> => said.outcome?.records === 1;
  const hasGained = async (_bed: Bed, said: Outcome): Promise<boolean> =>
    said.outcome?.gained === true;

  const cases: readonly Case[] = [
    {
      attack: "stranger-reads",
      from: STRANGER,
      patches: [
        off(
          "overlay/io/nodes.ts",
          "connectionProtector: preSharedKey({ psk: swarmKey(secret) }),",
          "",
        ),
        off("overlay/io/approval.ts", "if (!channel.isMember) throw", "if (false) throw"),
        off("overlay/io/approval.ts", "key === undefined || !isEqualBytes(key, subnet)", "false"),
        off("overlay/io/peer-channel.ts", "if (!this.isMember && !this.#mayAsk(method))"),
      ],
      isAlone: true,
      aim: putEverything,
      hasWon: hasRead,
      reason: /stranger refused/,
    },
    {
      attack: "stranger-joins",
      from: BLANK,
      patches: [
        off(
          "overlay/io/member-state.ts",
          "if (subnet === undefined || !this.isOpenAt(subnet))",
          "if (subnet === undefined)",
        ),
      ],
      aim: async () => ({}),
      hasWon: hasGained,
      reason: /is locked here/,
    },
    {
      attack: "forged-certificate",
      from: FOREIGNER,
      patches: [
        off(
          "overlay/identity/certificate.ts",
          "if (!isSignedBy(issuer, CERTIFICATE_DOMAIN, signed.body, signed.signature))",
        ),
      ],
      aim: async () => ({}),
      hasWon: hasGained,
      reason: /membership certificate refused: its signature does not verify/,
    },
    {
      attack: "forged-hello",
      from: NEIGHBOUR,
      patches: [
        off(
          "overlay/io/peer-channel.ts",
          "if (!isProven(this.greeting.host, ends, proof.signature))",
        ),
      ],
      aim: async () => ({
        ...(await putEverything()),
        about: (await bed.status("gamma-1")).host.id,
      }),
      hasWon: hasRead,
      reason: /the hello is not proven/,
    },
    {
      attack: "forged-leave",
      from: SIBLING,
      patches: [
        off(
          "overlay/subnet/host-set-keeper.ts",
          "isSignedBy(host, LEAVE_DOMAIN, signed.body, signed.signature)",
          "true",
        ),
        off("overlay/subnet/host-set-keeper.ts", "isEqualBytes(host, from)", "true"),
      ],
      aim: async () => ({ about: (await bed.status("alpha-2")).host.id }),
      hasWon: async (_bed, _said, { about }) =>
        !(await bed.status(VICTIM)).subnet.hosts.some(({ id }) => id === about),
      reason: /leave refused/,
    },
    {
      attack: "forged-host-set",
      from: NEIGHBOUR,
      patches: [
        off(
          "overlay/subnet/host-set.ts",
          "if (!isSignedBy(body.subnet, HOST_SET_DOMAIN, signed.body, signed.signature))",
        ),
        off("overlay/peers/host-set-exchange.ts", "if (!mayTell(set, from.subnetId, subnetId))"),
      ],
      aim: async () => ({ about: (await bed.status("gamma-1")).subnet.id! }),
      hasWon: async (_bed, _said, { about }) =>
        !(await bed.status(VICTIM)).routing.entries.some(({ subnet }) => subnet === about),
      reason: /host set refused.*the subnet's signature does not verify/,
    },
    {
      attack: "version-leap",
      from: SIBLING,
      patches: [
        off("overlay/subnet/host-set.ts", "if (body.version >> COUNTER_SHIFT > COUNTER_MAX)"),
        off(
          "overlay/subnet/host-set-keeper.ts",
          "if (isLeap(known, set.version) && (this.#isAgreed || !mayLeapTo(set.version)))",
        ),
      ],
      aim: async () => ({}),
      hasWon: async () => BigInt((await bed.status(VICTIM)).subnet.hostSetVersion) >= 2n ** 63n,
      reason: /host set refused.*its version is absurd/,
    },
    {
      attack: "replayed-record",
      from: NEIGHBOUR,
      patches: [
        off("overlay/records/refusal.ts", "if (compareRecords(offered.record, record) <= 0)"),
        off("overlay/records/refusal.ts", "if (record.version < floor.version || isBehind)"),
      ],
      aim: async () => {
        const key = `mortal ${++made}`;
        const aim = { key: hash("sha256", key) };
        await bed.put(VICTIM, key, "a secret", { copies: "one" });
        const { outcome } = await attack("take-record", NEIGHBOUR, aim);
        expect(await bed.remove(VICTIM, key)).toMatchObject({ removed: true });
        return { ...aim, record: String(outcome?.record) };
      },
      hasWon: async (_bed, said) => said.outcome?.isBack === true,
      reason: /not newer than version.*record refused/,
    },
    {
      attack: "flooded-key",
      from: NEIGHBOUR,
      patches: [
        off(
          "overlay/records/quota-tally.ts",
          "if (this.#of(keyAndSubnetName(keyHex, from)) >= limits.recordsPerKeyAndSubnetMax)",
        ),
        off("overlay/records/quota-tally.ts", "if (this.#isHostOverKey(share))"),
      ],
      aim: async () => ({ key: hash("sha256", `popular ${++made}`) }),
      hasWon: async () => !(await isTaken(`popular ${made}`)),
      reason: /quota.*record refused/,
    },
    {
      // The last: its subnet has another key afterwards.
      attack: "removed-host",
      from: SIBLING,
      patches: [
        off("overlay/identity/certificate.ts", "if (removal !== undefined)"),
        off("overlay/identity/hello.ts", "if (revoked.refusalOf(chain.hosts) !== undefined)"),
      ],
      aim: async () => {
        const argv = ["causeway", "revoke", removed];
        expect(await bed.lab.exec("alpha-2", argv)).toMatchObject({ status: 0 });
        await bed.settle(3, 4);
        return {};
      },
      hasWon: hasGained,
      reason: /only a member may ask that/,
    },
  ];

  it.each(cases)("$attack: wins without the check, and is refused", async (given) => {
    const { attack: name, from, patches, aim, hasWon, reason } = given;
    await restart(await buildVariant(name, patches), given.isAlone);
    const first = await aim(bed);
    const done = await attack(name, from, first);
    expect(await hasWon(bed, done, first), JSON.stringify(done)).toBe(true);

    await restart();
    const knowsAll = async (): Promise<boolean> => (await viewOf(bed)).subnets.length === 2;
    await bed.need("the victim's table is whole", knowsAll, 60_000);
    const before = await viewOf(bed);
    const second = await aim(bed);
    const said = await attack(name, from, second);
    expect(await hasWon(bed, said, second)).toBe(false);
    expect(`${said.refused ?? ""}\n${log()}`).toMatch(reason);
    expect(await viewOf(bed)).toEqual(before);
  });
});

/** A condition that is never met, or another expression in its place. */
function off(file: string, from: string, to = "if (false)"): Patch {
  return { file, from, to };
}

/** What must be the same after an attack that failed. */
interface View {
  readonly subnet: string | null;
  readonly hosts: readonly string[];
  readonly isLocked: boolean;
  readonly subnets: readonly string[];
}

async function viewOf(bed: Bed): Promise<View> {
  const { subnet, overlay, routing } = await bed.status(VICTIM);
  return {
    subnet: subnet.id,
    hosts: subnet.hosts.map(({ id }) => id),
    isLocked: overlay.isLocked,
    subnets: routing.entries.map(({ subnet: id }) => id).toSorted(),
  };
}
