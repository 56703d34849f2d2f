/** The files of the state directory: damaged ones are refused with words, and none is half read. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { OverlayError } from "../../../overlay/errors.ts";
import { STATE_VERSION, StateDirectory, type SubnetState } from "../../../overlay/io/state.ts";
import { createRevocation } from "../../../overlay/identity/revocation.ts";
import { KEY_BYTES } from "../../../overlay/identity/keys.ts";
import { createClaim } from "../../../overlay/subnet/claim.ts";
import { toHex } from "../../../platform/bytes.ts";
import { membershipOf, OVERLAY, pairOf, WALL_MS } from "../../overlay/identity/members.ts";
import { overlayStateOf } from "../../overlay/io/overlay-states.ts";
import { signedStatementOf, SUBNET } from "../../overlay/subnet/statements.ts";
import { scratchDirectory } from "../engine/scratch.ts";
import { isSameValue, Violation, type FuzzTarget } from "../engine/target.ts";
import { PROTOBUF_CODE } from "./messages.ts";

const OVERLAY_STATE = overlayStateOf("a", {
  authoritySeed: pairOf("authority").seed,
  homeSubnet: SUBNET.publicKey,
  backedUpAtMs: WALL_MS,
});

const CLAIM = {
  subnet: SUBNET,
  maker: pairOf("a"),
  makerMembership: membershipOf("a"),
  makerAdmittedMs: WALL_MS,
  wallMs: WALL_MS,
};

const REVOCATION = createRevocation(pairOf("authority"), null, {
  overlay: OVERLAY,
  host: pairOf("b").publicKey,
  wallMs: WALL_MS,
  kept: [],
});

const SUBNET_STATE: SubnetState = {
  seed: SUBNET.seed,
  claim: createClaim(CLAIM),
  version: 7n << 16n,
  prefixes: ["192.168.1.0/24"],
  gatewayMac: "02:00:00:00:00:01",
  lastSet: null,
};

const JSON_WORDS = ["null", "true", "false", "{}", "[]", '""', "-1", "1e400", '":', ",", "\\u0000"];
const NAMES = [
  ...["id", "name", "secret", "membership", "madeMs", "isLone", "isLocked", "authoritySeed"],
  ...[
    "homeSubnet",
    "backedUpAtMs",
    "lastSet",
    "subnets",
    "seed",
    "claim",
    "version",
    "prefixes",
    "gatewayMac",
    "__proto__",
  ],
];

/** What a state directory must have. */
const NEEDED: Readonly<Record<string, string>> = {
  "state-version": `${STATE_VERSION}\n`,
  "host.key": `${toHex(pairOf("a").seed)}\n`,
};

/** A directory, one per file, with what is needed and with this file; as it should be if not given. */
function directoryWith(file: string, bytes?: Uint8Array): string {
  const path = join(scratchDirectory(), `state-of-${file}`);
  if (bytes === undefined) {
    rmSync(path, { recursive: true, force: true });
    mkdirSync(path);
    for (const [name, text] of Object.entries(NEEDED)) writeFileSync(join(path, name), text);
  } else writeFileSync(join(path, file), bytes);
  return path;
}

/** What was read, apart from how it was written. */
function contentsOf({ hostKey, overlay, subnets, contacts, revocations }: StateDirectory): object {
  return { host: hostKey.seed, overlay, subnets, contacts, revocations };
}

interface StateFile {
  readonly name: string;
  readonly file: string;
  readonly format: FuzzTarget["format"];
  /** Writes the file anew from what was read. */
  save(state: StateDirectory): Promise<void>;
}

const FILES: readonly StateFile[] = [
  {
    name: "state-overlay",
    file: "overlay.json",
    format: "text",
    save: (state) => state.saveOverlay(state.overlay ?? OVERLAY_STATE),
  },
  {
    name: "state-subnet",
    file: "subnet.json",
    format: "text",
    save: (state) => state.saveSubnet(state.subnet ?? SUBNET_STATE),
  },
  {
    name: "state-former",
    file: "former-subnets.json",
    format: "text",
    async save(state) {
      const other = createClaim({ ...CLAIM, subnet: pairOf("other") });
      if (state.former.length === 0)
        await state.saveSubnet({ ...SUBNET_STATE, claim: other, seed: pairOf("other").seed });
      await state.saveSubnet(SUBNET_STATE);
    },
  },
  {
    name: "state-contacts",
    file: "contacts.bin",
    format: "protobuf",
    save: (state) =>
      state.saveContacts(state.contacts.length > 0 ? state.contacts : [signedStatementOf("a")]),
  },
  {
    name: "state-revocations",
    file: "revocations.bin",
    format: "protobuf",
    async save(state) {
      const { revocations } = state;
      await state.saveRevocations(revocations.length > 0 ? revocations : [REVOCATION]);
    },
  },
  { name: "state-host-key", file: "host.key", format: "text", save: async () => {} },
  { name: "state-version", file: "state-version", format: "text", save: async () => {} },
];

/** What the program relies on once a state has been read. */
function checkState({ overlay, subnets }: StateDirectory): void {
  const keys = overlay === null ? [] : [overlay.id, overlay.secret];
  for (const seed of [
    overlay?.authoritySeed,
    overlay?.homeSubnet,
    ...subnets.map((one) => one.seed),
  ])
    if (seed !== null && seed !== undefined) keys.push(seed);
  if (keys.some((key) => key.length !== KEY_BYTES)) throw new Violation("a key of another length");
  if (overlay !== null && !Number.isSafeInteger(overlay.madeMs))
    throw new Violation(`an overlay made at ${overlay.madeMs}`);
  if (subnets.some(({ version }) => version < 0n)) throw new Violation("a version below 0");
}

const PARSERS: Readonly<Record<string, string>> = {
  "overlay.json": "parseOverlay",
  "subnet.json": "parseSubnet",
  "former-subnets.json": "parseFormer",
};

export const STATE_TARGETS: readonly FuzzTarget[] = FILES.map(({ name, file, format, save }) => ({
  name,
  covers: PARSERS[file] === undefined ? [] : [`overlay/io/state-text.ts ${PARSERS[file]}`],
  format,
  bytesMax: 8192,
  dictionary: [...JSON_WORDS, ...NAMES.map((one) => `"${one}"`)],
  counts: PROTOBUF_CODE,
  refusals: [OverlayError],
  async seeds() {
    const path = directoryWith(file);
    await save(await StateDirectory.open(path));
    return [new Uint8Array(readFileSync(join(path, file)))];
  },
  async run(bytes) {
    const path = directoryWith(file, bytes);
    const state = await StateDirectory.open(path);
    checkState(state);
    try {
      await save(state);
      const again = contentsOf(await StateDirectory.open(path));
      if (!isSameValue(contentsOf(state), again)) throw new Error("read again, it differs");
    } catch (cause) {
      throw new Violation(`what was read from ${file} cannot be kept`, {
        cause,
      });
    }
  },
}));
