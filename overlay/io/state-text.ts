/**
 * The JSON files of the state directory: what is written, and what is not taken for it.
 *
 * A value of another form is refused here, where the file is known, and not when it is used.
 */
import { fromHex, toHex } from "../../platform/bytes.ts";
import { WireError } from "../../platform/errors.ts";
import { KEY_BYTES } from "../identity/keys.ts";
import { MembershipCodec, SignedCodec, SubnetClaimCodec } from "../schema/messages.ts";
import type { OverlayState, SubnetState } from "./state.ts";

type Json = Readonly<Record<string, unknown>>;

export function formatOverlay(overlay: OverlayState): string {
  return formatJson({
    id: toHex(overlay.id),
    name: overlay.name,
    secret: toHex(overlay.secret),
    membership: toHex(MembershipCodec.encode(overlay.membership)),
    madeMs: overlay.madeMs,
    isLone: overlay.isLone,
    isLocked: overlay.isLocked,
    authoritySeed: overlay.authoritySeed === null ? null : toHex(overlay.authoritySeed),
    homeSubnet: overlay.homeSubnet === null ? null : toHex(overlay.homeSubnet),
    backedUpAtMs: overlay.backedUpAtMs,
  });
}

export function parseOverlay(bytes: Buffer): OverlayState {
  const json = parseJson(bytes);
  const { name, madeMs, authoritySeed, homeSubnet } = json;
  if (typeof name !== "string") throw new WireError("name is not text");
  if (!isTime(madeMs)) throw new WireError("madeMs is not a time");
  return {
    id: parseKey(json, "id"),
    name,
    secret: parseKey(json, "secret"),
    membership: MembershipCodec.decode(fromHex(String(json.membership))),
    madeMs,
    isLone: json.isLone === true,
    isLocked: json.isLocked === true,
    authoritySeed: isAbsent(authoritySeed) ? null : parseKey(json, "authoritySeed"),
    homeSubnet: isAbsent(homeSubnet) ? null : parseKey(json, "homeSubnet"),
    backedUpAtMs: isTime(json.backedUpAtMs) ? json.backedUpAtMs : null,
  };
}

function subnetJson(subnet: SubnetState): Json {
  return {
    seed: toHex(subnet.seed),
    claim: toHex(SubnetClaimCodec.encode(subnet.claim)),
    version: String(subnet.version),
    prefixes: subnet.prefixes,
    gatewayMac: subnet.gatewayMac,
    lastSet: subnet.lastSet === null ? null : toHex(SignedCodec.encode(subnet.lastSet)),
  };
}

export function formatSubnet(subnet: SubnetState): string {
  return formatJson(subnetJson(subnet));
}

export function formatFormer(subnets: readonly SubnetState[]): string {
  return formatJson({ subnets: subnets.map(subnetJson) });
}

export function parseFormer(bytes: Buffer): readonly SubnetState[] {
  const { subnets } = parseJson(bytes);
  if (!Array.isArray(subnets)) throw new WireError("subnets is not a list");
  return subnets.map((subnet: unknown) => toSubnet(toJson(subnet)));
}

export function parseSubnet(bytes: Buffer): SubnetState {
  return toSubnet(parseJson(bytes));
}

function toSubnet(json: Json): SubnetState {
  const version = String(json.version);
  if (!VERSION.test(version)) throw new WireError("version is not a number");
  return {
    seed: parseKey(json, "seed"),
    claim: SubnetClaimCodec.decode(fromHex(String(json.claim))),
    version: BigInt(version),
    prefixes: Array.isArray(json.prefixes) ? json.prefixes.map(String) : [],
    gatewayMac: typeof json.gatewayMac === "string" ? json.gatewayMac : null,
    lastSet: typeof json.lastSet === "string" ? SignedCodec.decode(fromHex(json.lastSet)) : null,
  };
}

/** A host-set version has 64 bits. */
const VERSION = /^\d{1,20}$/;

function parseJson(bytes: Buffer): Json {
  return toJson(JSON.parse(bytes.toString()));
}

function toJson(value: unknown): Json {
  if (typeof value !== "object" || value === null) throw new WireError("not a JSON object");
  return value as Json;
}

/** A key or a seed: one of another length would fail far from here, and long after. */
function parseKey(json: Json, name: string): Uint8Array {
  const key = fromHex(String(json[name]));
  if (key.length === KEY_BYTES) return key;
  throw new WireError(`${name} has ${key.length} bytes, not ${KEY_BYTES}`);
}

function isAbsent(value: unknown): boolean {
  return value === null || value === undefined;
}

function isTime(ms: unknown): ms is number {
  return Number.isSafeInteger(ms) && (ms as number) >= 0;
}

function formatJson(value: Json): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
