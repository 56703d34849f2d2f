/**
 * What a host keeps between starts, apart from records: keys, membership, subnet, contacts.
 *
 * Small files, each written whole and renamed into place, so that a crash leaves the old or the
 * new one. Keys lie apart from the record store, which may be damaged without losing them.
 */
import { randomBytes } from "node:crypto";
import { mkdir, readFile, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { errorCode, errorMessage } from "../../platform/errors.ts";
import { fromHex, isEqualBytes, toHex } from "../../platform/bytes.ts";
import { writeWhole } from "../../platform/io/whole-file.ts";
import { OverlayError } from "../errors.ts";
import { createKeyPair, type KeyPair } from "../identity/keys.ts";
import { rememberSubnet } from "../subnet/stored-subnets.ts";
import { createCodec } from "../schema/codec.ts";
import {
  HostSetBodyCodec,
  HostSetsCodec,
  type Membership,
  type Revocations,
  type Signed,
  type SubnetClaim,
} from "../schema/messages.ts";
import {
  formatFormer,
  formatOverlay,
  formatSubnet,
  parseFormer,
  parseOverlay,
  parseSubnet,
} from "./state-text.ts";

export const STATE_VERSION = 1;
export const STATE_FILES = {
  version: "state-version",
  host: "host.key",
  overlay: "overlay.json",
  subnet: "subnet.json",
  former: "former-subnets.json",
  contacts: "contacts.bin",
  departed: "departed.bin",
  revocations: "revocations.bin",
} as const;

/** As many revocations as a host keeps, each as large as may be. */
const RevocationFileCodec = createCodec<Revocations>("Revocations", 64 * 2 ** 20);

/** Directory of the record store inside the state directory. */
export const RECORDS_DIRECTORY = "records";

export interface OverlayState {
  readonly id: Uint8Array;
  readonly name: string;
  /** Pre-shared key of the private network. */
  readonly secret: Uint8Array;
  readonly membership: Membership;
  readonly madeMs: number;
  /** Never admitted a host elsewhere nor issued a token. */
  readonly isLone: boolean;
  readonly isLocked: boolean;
  /** Seed of the authority's key, at the host that made the overlay. */
  readonly authoritySeed: Uint8Array | null;
  /** The subnet where an unlocked overlay takes newcomers in. */
  readonly homeSubnet: Uint8Array | null;
  /** Wall clock of the last backup of the authority's key; null: none was made. */
  readonly backedUpAtMs: number | null;
}

export interface SubnetState {
  readonly seed: Uint8Array;
  readonly claim: SubnetClaim;
  /** Greatest host-set version known. */
  readonly version: bigint;
  /** Prefixes of the link on which the subnet lived, and its gateway's hardware address. */
  readonly prefixes: readonly string[];
  readonly gatewayMac: string | null;
  /** The last host set known of it: whom to ask whether it lives on elsewhere. */
  readonly lastSet: Signed | null;
}

export class StateDirectory {
  readonly path: string;
  readonly hostKey: KeyPair;
  overlay: OverlayState | null;
  subnet: SubnetState | null;
  /** Subnets of other links that this host was in, newest first. */
  former: readonly SubnetState[];
  contacts: readonly Signed[];
  /** Last sets of subnets that have departed in good order. */
  departed: readonly Signed[];
  revocations: readonly Signed[];
  /** Told of each new state of the overlay. */
  onOverlay: () => void = () => {};
  /** Writes go one after the other, or two would share a temporary file. */
  #writing: Promise<unknown> = Promise.resolve();

  private constructor(path: string, hostKey: KeyPair) {
    this.path = path;
    this.hostKey = hostKey;
    this.overlay = null;
    this.subnet = null;
    this.former = [];
    this.contacts = [];
    this.departed = [];
    this.revocations = [];
  }

  /** @throws {OverlayError} ERR_OVERLAY_STORAGE naming the file and what to do */
  static async open(path: string): Promise<StateDirectory> {
    await mkdir(path, { recursive: true, mode: 0o750 }).catch((error: unknown) => {
      throw storageError(path, error);
    });
    await checkVersion(path);
    const state = new StateDirectory(path, await loadHostKey(path));
    state.overlay = await readState(path, STATE_FILES.overlay, parseOverlay);
    state.subnet = await readState(path, STATE_FILES.subnet, parseSubnet);
    // These are found out again; a start is never refused over them.
    state.former = (await readState(path, STATE_FILES.former, parseFormer).catch(() => [])) ?? [];
    const readSets = async (file: string): Promise<readonly Signed[]> =>
      (await readState(path, file, parseContacts).catch(() => [])) ?? [];
    state.contacts = await readSets(STATE_FILES.contacts);
    state.departed = await readSets(STATE_FILES.departed);
    state.revocations = (await readState(path, STATE_FILES.revocations, parseRevocations)) ?? [];
    return state;
  }

  async saveOverlay(overlay: OverlayState): Promise<void> {
    await this.#write(STATE_FILES.overlay, formatOverlay(overlay));
    this.overlay = overlay;
    this.onOverlay();
  }

  /** The present subnet, then those of other links, newest first. */
  get subnets(): readonly SubnetState[] {
    return this.subnet === null ? this.former : [this.subnet, ...this.former];
  }

  /** The subnet that this host is in from now on; the one before is remembered with its link. */
  async saveSubnet(subnet: SubnetState): Promise<void> {
    const known = this.subnets.map((one) => ({ ...one, lastSet: this.#setOf(one) }));
    const [present, ...former] = rememberSubnet(known, subnet);
    // The former ones first: between the two writes one stands in both files, and none is lost.
    await this.#write(STATE_FILES.former, formatFormer(former));
    await this.#write(STATE_FILES.subnet, formatSubnet(present!));
    this.former = former;
    this.subnet = subnet;
  }

  /** Those of an overlay that this host leaves for another. */
  async forgetSubnets(): Promise<void> {
    this.subnet = null;
    this.former = [];
    for (const file of [STATE_FILES.subnet, STATE_FILES.former])
      await rm(join(this.path, file), { force: true });
  }

  /** The newest set of a subnet: among the contacts, or kept with it. */
  #setOf({ claim, lastSet }: SubnetState): Signed | null {
    const isOf = ({ body }: Signed): boolean => {
      try {
        return isEqualBytes(HostSetBodyCodec.decode(body).subnet, claim.subnet);
      } catch {
        return false; // a contact of no use
      }
    };
    return this.contacts.find(isOf) ?? lastSet;
  }

  async saveContacts(sets: readonly Signed[]): Promise<void> {
    await this.#write(STATE_FILES.contacts, HostSetsCodec.encode({ sets: [...sets] }));
    this.contacts = sets;
  }

  async saveDeparted(sets: readonly Signed[]): Promise<void> {
    if (sets.length === 0 && this.departed.length === 0) return;
    await this.#write(STATE_FILES.departed, HostSetsCodec.encode({ sets: [...sets] }));
    this.departed = sets;
  }

  async saveRevocations(items: readonly Signed[]): Promise<void> {
    const bytes = RevocationFileCodec.encode({ items: [...items], isMore: false });
    await this.#write(STATE_FILES.revocations, bytes);
    this.revocations = items;
  }

  /** Membership, subnet and contacts go; the host key stays, so that the host keeps its id. */
  async resign(): Promise<void> {
    const { overlay, subnet, former, contacts, departed, revocations } = STATE_FILES;
    for (const file of [overlay, subnet, former, contacts, departed, revocations])
      await rm(join(this.path, file), { force: true });
    this.overlay = null;
    this.subnet = null;
    this.former = [];
    this.contacts = [];
    this.departed = [];
    this.revocations = [];
  }

  #write(file: string, data: string | Uint8Array): Promise<void> {
    const write = this.#writing.then(() => writeState(this.path, file, data));
    this.#writing = write.catch(() => {}); // the caller has the error
    return write;
  }
}

/** Wipes a state directory, after making sure that it is one. */
export async function forgetState(path: string): Promise<void> {
  const files: readonly string[] = await readdir(path).catch((error: unknown) => {
    if (errorCode(error) === "ENOENT") return [];
    throw error;
  });
  if (files.length > 0 && !files.includes(STATE_FILES.version))
    throw new OverlayError(
      "ERR_OVERLAY_STORAGE",
      `${path} is no state directory of causeway (no "${STATE_FILES.version}" in it); nothing was removed`,
    );
  await rm(path, { recursive: true, force: true });
}

async function checkVersion(path: string): Promise<void> {
  const text = await readIfThere(join(path, STATE_FILES.version));
  if (text === undefined) return writeState(path, STATE_FILES.version, `${STATE_VERSION}\n`);
  const version = Number(text.toString().trim());
  if (version === STATE_VERSION) return;
  throw new OverlayError(
    "ERR_OVERLAY_STORAGE",
    `${path} was written by a ${version > STATE_VERSION ? "newer" : "different"} causeway ` +
      `(state version ${text.toString().trim().slice(0, 20)}, this one knows ${STATE_VERSION}); ` +
      `run that version, or use another --state`,
  );
}

async function loadHostKey(path: string): Promise<KeyPair> {
  const text = await readIfThere(join(path, STATE_FILES.host));
  if (text !== undefined) {
    try {
      const seed = fromHex(text.toString().trim());
      if (seed.length === 32) return createKeyPair(seed);
    } catch {
      // told below, with what to do
    }
    throw damaged(join(path, STATE_FILES.host), "it does not hold 64 hexadecimal digits");
  }
  const seed = new Uint8Array(randomBytes(32));
  await writeState(path, STATE_FILES.host, `${toHex(seed)}\n`);
  return createKeyPair(seed);
}

async function readState<T>(
  directory: string,
  file: string,
  parse: (bytes: Buffer) => T,
): Promise<T | null> {
  const path = join(directory, file);
  const bytes = await readIfThere(path);
  if (bytes === undefined) return null;
  try {
    return parse(bytes);
  } catch (cause) {
    throw damaged(path, errorMessage(cause), cause);
  }
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw storageError(path, error);
  }
}

async function writeState(
  directory: string,
  file: string,
  data: string | Uint8Array,
): Promise<void> {
  const path = join(directory, file);
  try {
    await writeWhole(path, data);
  } catch (error) {
    throw storageError(path, error);
  }
}

function storageError(path: string, cause: unknown): OverlayError {
  const advice = errorCode(cause) === "ENOSPC" ? "free some space and start again" : "check it";
  const message = `${path}: ${errorMessage(cause)}; ${advice}`;
  return new OverlayError("ERR_OVERLAY_STORAGE", message, { cause });
}

function damaged(path: string, problem: string, cause?: unknown): OverlayError {
  return new OverlayError(
    "ERR_OVERLAY_STORAGE",
    `${path} is damaged (${problem}); restore it from a backup, or move it away to start without it`,
    { cause },
  );
}

function parseContacts(bytes: Buffer): readonly Signed[] {
  return HostSetsCodec.decode(bytes).sets;
}

function parseRevocations(bytes: Buffer): readonly Signed[] {
  return RevocationFileCodec.decode(bytes).items;
}
