import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openBed, type Bed } from "../../daemon/bench/bed.ts";
import { keyQuestions } from "../../daemon/bench/overlay/policies.ts";
import type { Packet } from "../../daemon/bench/capture.ts";
import { hostTagOf, overlayTagOf, subnetTagOf } from "../../overlay/identity/tags.ts";
import { SubnetClaimCodec } from "../../overlay/schema/messages.ts";
import { fromBase32, toBase32 } from "../../platform/base32.ts";
import { fromHex } from "../../platform/bytes.ts";
import { labelsOf, overlayFile } from "./link-labels.ts";
import { LAB_MISSING, ownLabName } from "./lab-requirements.ts";

const HOSTS = ["alpha-1", "alpha-2", "alpha-3"];
const DAY_MS = 24 * 3_600_000;
const MDNS_PORT = 5353;

/** A name, key or id as it might stand in a frame: what it is, and its forms. */
interface Telltale {
  readonly what: string;
  readonly forms: readonly (string | Uint8Array)[];
}

describe.skipIf(LAB_MISSING !== undefined)("a capture on the link of a locked overlay", () => {
  let bed: Bed;

  beforeAll(async () => {
    bed = await openBed({ name: ownLabName("hide"), sites: ["{ name: alpha, hosts: 3 }"] });
  });

  afterAll(async () => {
    await bed?.close();
  });

  /** Everything that is not to be read, of hosts that have joined. */
  async function telltales(keys: readonly string[]): Promise<Telltale[]> {
    const found: Telltale[] = [];
    for (const name of bed.running()) {
      const { host, subnet, overlay } = await bed.status(name);
      const [subnetKey, overlayKey] = [fromBase32(subnet.id!), fromBase32(overlay.id!)];
      const file = readFileSync(join(bed.lab.paths(name).state, "subnet.json"), "utf8");
      const { claim } = JSON.parse(file) as { readonly claim: string };
      const { stampMs } = SubnetClaimCodec.decode(fromHex(claim));
      found.push(
        { what: `the id of ${name}`, forms: [hostTagOf(host.id), fromBase32(host.id)] },
        { what: `the name of ${name}`, forms: [name] },
        { what: "the subnet's id", forms: [subnet.id!, subnetTagOf(subnetKey), subnetKey] },
        { what: "the overlay's id", forms: [overlay.id!, overlayTagOf(overlayKey), overlayKey] },
        { what: "the overlay's name", forms: [overlay.name!] },
        { what: "the subnet's stamp", forms: [String(stampMs), "stamp=", "gen="] },
      );
    }
    for (const key of keys) {
      const digest = createHash("sha256").update(key).digest();
      const forms = [key, digest, digest.toString("hex"), toBase32(digest)];
      found.push({ what: `the key "${key}"`, forms });
    }
    return found;
  }

  /** Hosts come and go, records are put and sought: what is on the link meanwhile. */
  async function busyLink(prefix: string): Promise<readonly Packet[]> {
    const capture = await bed.capture("alpha");
    await bed.lab.stop(["alpha-3"]);
    await bed.start(["alpha-3"]);
    await bed.settle(1, 3);
    for (const i of [0, 1, 2, 3, 4, 5]) {
      const key = `${prefix} ${i}`;
      await bed.put(HOSTS[i % 3]!, key, "a secret value", { copies: "one" });
      for (const host of HOSTS) expect(await bed.finds(host, key, "a secret value")).toBe(true);
    }
    return capture.stop();
  }

  it("shows ids while the overlay is open, and none from when a token is made", async () => {
    const open = await bed.capture("alpha");
    await bed.start(["alpha-1"]);
    await bed.pause(1_500);
    const before = readable(await open.stop(), await telltales([]));
    for (const what of ["the id of alpha-1", "the subnet's id", "the overlay's id"])
      expect(before).toContain(what);
    expect(before).toContain("the subnet's stamp");

    expect((await bed.lab.exec("alpha-1", ["causeway", "token"])).status).toBe(0);
    await bed.pause(1_500); // its goodbye names what it was called before
    const locked = await bed.capture("alpha");
    await bed.start(["alpha-2"]);
    await bed.settle(1, 2);
    const packets = await locked.stop();
    expect(announced(packets).length).toBeGreaterThan(0);
    expect(readable(packets, await telltales([]))).toEqual([]);
  });

  const repeating = "shows no name, no key and no id, and no label that is there the next day";
  it(repeating, { timeout: 400_000 }, async () => {
    await bed.start(["alpha-3"]);
    await bed.settle(1, 3);
    const today = await busyLink("record of today");
    const keys = [0, 1, 2, 3, 4, 5].map((i) => `record of today ${i}`);
    expect(readable(today, await telltales([...keys, "a secret value"]))).toEqual([]);
    const asked = keyQuestions(today).map((name) => name.split(".")[0]!);
    const labels = labelsOf(bed, "alpha-1", keys);
    expect(labels.filter((label) => asked.includes(label))).not.toEqual([]);

    for (const host of HOSTS) await bed.lab.setClock(host, DAY_MS);
    await bed.pause(3_000);
    let later = await busyLink("record of tomorrow");
    // Whoever missed a goodbye asks for that host by its former tag until SRV ends, after 120 s.
    for (let i = 0; i < 4 && sharedWords(today, later).length > 0; i++) {
      await bed.pause(35_000);
      later = await busyLink("record of tomorrow");
    }
    for (const host of HOSTS) {
      const read = async (): Promise<boolean> => bed.finds(host, keys[0]!, "a secret value");
      expect(await bed.until(read, 10_000, 200)).toBeLessThan(10_000);
    }
    expect(words(today).size).toBeGreaterThan(HOSTS.length);
    expect(words(later).size).toBeGreaterThan(HOSTS.length);
    expect(sharedWords(today, later)).toEqual([]);
    expect(overlayFile(bed, "alpha-2").isLocked).toBe(true);
  });

  it("is understood by hosts whose clocks are a day apart", async () => {
    await bed.lab.setClock("alpha-2", 0);
    await bed.pause(3_000);
    await bed.lab.stop(["alpha-2"]);
    await bed.start(["alpha-2"]);
    await bed.settle(1, 3);
    expect((await bed.status("alpha-2")).subnet.hosts).toHaveLength(3);
    for (const host of HOSTS)
      expect((await bed.explain(host)).map(({ code }) => code)).not.toContain("foreign-overlay");
    for (const [i, host] of HOSTS.entries()) {
      const key = `a day apart ${i}`;
      await bed.put(host, key, "found", { copies: "one" });
      for (const asker of HOSTS) expect(await bed.finds(asker, key, "found")).toBe(true);
    }
  });
});

/** Which telltales can be read in the payloads, upper and lower case alike. */
function readable(packets: readonly Packet[], telltales: readonly Telltale[]): string[] {
  const payloads = packets.map(({ payload }) => Buffer.from(payload));
  const texts = payloads.map((payload) => payload.toString("latin1").toLowerCase());
  const isRead = (form: string | Uint8Array): boolean =>
    typeof form === "string"
      ? texts.some((text) => text.includes(form.toLowerCase()))
      : payloads.some((payload) => payload.includes(form));
  return telltales.filter(({ forms }) => forms.some(isRead)).map(({ what }) => what);
}

function announced(packets: readonly Packet[]): readonly Packet[] {
  return packets.filter((one) => one.type === "udp" && one.destinationPort === MDNS_PORT);
}

function sharedWords(a: readonly Packet[], b: readonly Packet[]): string[] {
  const known = words(a);
  return [...words(b)].filter((word) => known.has(word));
}

/** All tags and labels in what is said to the link. */
function words(packets: readonly Packet[]): ReadonlySet<string> {
  const texts = announced(packets).map(({ payload }) => Buffer.from(payload).toString("latin1"));
  return new Set(texts.flatMap((text) => text.match(/[a-z2-7]{20,}/g) ?? []));
}
