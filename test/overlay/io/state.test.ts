import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { StateDirectory, type SubnetState } from "../../../overlay/io/state.ts";
import { createClaim } from "../../../overlay/subnet/claim.ts";
import { membershipOf, pairOf, WALL_MS } from "../identity/members.ts";
import { overlayStateOf } from "./overlay-states.ts";

const OVERLAY_STATE = overlayStateOf("a", { homeSubnet: pairOf("home").publicKey });

const SUBNET_STATE: SubnetState = {
  seed: pairOf("subnet").seed,
  claim: createClaim({
    subnet: pairOf("subnet"),
    maker: pairOf("a"),
    makerMembership: membershipOf("a"),
    makerAdmittedMs: WALL_MS,
    wallMs: WALL_MS,
  }),
  version: 2n ** 64n - 1n,
  prefixes: ["192.168.1.0/24"],
  gatewayMac: null,
  lastSet: null,
};

/** Node buffers and plain arrays count as the same bytes. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return [...value];
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, plain(item)]));
}

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "causeway-state-"));
});
afterEach(() => rm(directory, { recursive: true }));

/** Opens again after one value of a file was changed; `undefined` takes it out. */
async function openChanged(file: string, name: string, value: unknown): Promise<StateDirectory> {
  const state = await StateDirectory.open(directory);
  await state.saveOverlay(OVERLAY_STATE);
  await state.saveSubnet(SUBNET_STATE);
  const path = join(directory, file);
  const json = JSON.parse(await readFile(path, "utf8")) as object;
  await writeFile(path, JSON.stringify({ ...json, [name]: value }));
  return StateDirectory.open(directory);
}

describe("the state directory", () => {
  it("gives back what was saved", async () => {
    const { overlay, subnet } = await openChanged("overlay.json", "later", "version's field");
    expect(plain(overlay)).toEqual(plain(OVERLAY_STATE));
    expect(plain(subnet)).toEqual(plain(SUBNET_STATE));
  });

  it.each([
    ["overlay.json", "id", "00".repeat(31), /id has 31 bytes/],
    ["overlay.json", "secret", "", /secret has 0 bytes/],
    ["overlay.json", "authoritySeed", "00", /authoritySeed has 1 bytes/],
    ["overlay.json", "homeSubnet", 5, /not hexadecimal/],
    ["overlay.json", "madeMs", "soon", /madeMs is not a time/],
    ["overlay.json", "madeMs", undefined, /madeMs is not a time/],
    ["overlay.json", "name", undefined, /name is not text/],
    ["subnet.json", "seed", "00".repeat(33), /seed has 33 bytes/],
    ["subnet.json", "version", "-5", /version is not a number/],
    ["subnet.json", "version", "", /version is not a number/],
  ])("refuses %s whose %s is %j, and says so", async (file, name, value, words) => {
    const opening = openChanged(file, name, value);
    await expect(opening).rejects.toMatchObject({ code: "ERR_OVERLAY_STORAGE" });
    await expect(opening).rejects.toThrow(words);
    await expect(opening).rejects.toThrow(new RegExp(`${file} is damaged`));
  });

  it("refuses a file that is JSON and no object", async () => {
    await StateDirectory.open(directory);
    await writeFile(join(directory, "overlay.json"), "null");
    await expect(StateDirectory.open(directory)).rejects.toThrow(/not a JSON object/);
  });
});
