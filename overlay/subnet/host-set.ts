/**
 * The host set: the live hosts of a subnet as one versioned record, the same bytes from every host.
 *
 * Its entries are statements that the hosts sign themselves, each with its membership, so that
 * holding the subnet key is not enough to put a stranger in. mDHT §3.3.3; design, "Host churn is
 * invisible".
 */
import { createHash } from "node:crypto";
import { compareBytes, concatBytes, isEqualBytes, utf8 } from "../../platform/bytes.ts";
import { parseAddress } from "../address.ts";
import { OverlayError } from "../errors.ts";
import { toBase32 } from "../../platform/base32.ts";
import { checkMembership } from "../identity/certificate.ts";
import type { Reach } from "./reachability-machine.ts";
import { isSignedBy, KEY_BYTES, type KeyPair } from "../identity/keys.ts";
import { NOBODY_REVOKED, type Revoked } from "../identity/revoked.ts";
import {
  HostSetBodyCodec,
  HostStatementCodec,
  type HostSetBody,
  type HostStatement,
  type Membership,
  type Signed,
} from "../schema/messages.ts";

const STATEMENT_DOMAIN = "causeway-host-1";
export const HOST_SET_DOMAIN = "causeway-host-set-1";
/** Hosts that a set names at most; identify messages end at 8 KiB. */
export const HOSTS_ANNOUNCED_MAX = 16;
export const ADDRESSES_MAX = 8;
export const RELAYS_MAX = 4;
/** As a statement says it. */
const REACHES: readonly Reach[] = ["unknown", "reachable", "unreachable"];
const NAME_BYTES_MAX = 64;
const COUNTER_SHIFT = 16n;
/** A change every millisecond for thirty years; beyond it lies only mischief. */
const COUNTER_MAX = 2n ** 40n;
const LEAP_MAX = 2n ** 16n;
/** A change a second for 136 years: a leap to here leaves room to go on from. */
const LEAP_TO_MAX = 2n ** 32n;

/** A host that passes connections on to one that cannot be dialled. */
export interface RelayAt {
  /** Its host key. */
  readonly host: Uint8Array;
  readonly address: string;
}

/** One live host, its statement checked. */
export interface SetHost {
  readonly id: string;
  readonly key: Uint8Array;
  readonly name: string;
  /** Where the subnet key answers at this host. */
  readonly subnetAddresses: readonly string[];
  readonly hostAddresses: readonly string[];
  readonly sequence: number;
  /** How long its statement counts after receipt. */
  readonly goodForMs: number;
  /** It may admit hosts to the whole overlay. */
  readonly mayAdmit: boolean;
  /** Whether other subnets can dial it, as it found out. */
  readonly reach: Reach;
  readonly relays: readonly RelayAt[];
  readonly signed: Signed;
}

/** A host set, every signature checked. */
export interface HostSet {
  readonly subnet: Uint8Array;
  readonly subnetId: string;
  readonly generation: number;
  readonly version: bigint;
  /** By host key, ascending; empty when the last host has left. */
  readonly hosts: readonly SetHost[];
  /** libp2p peer-record envelope of the same set. */
  readonly peerRecord: Uint8Array;
  readonly signed: Signed;
}

export function signStatement(host: KeyPair, statement: HostStatement): Signed {
  const body = HostStatementCodec.encode(statement);
  return { body, signature: host.sign(STATEMENT_DOMAIN, body) };
}

/** @throws {OverlayError} or {WireError} saying what is wrong with the statement */
export function checkStatement(
  signed: Signed,
  overlay: Uint8Array,
  wallMs: number | null,
  revoked: Revoked = NOBODY_REVOKED,
): SetHost & {
  readonly subnet: Uint8Array;
} {
  const statement = HostStatementCodec.decode(signed.body);
  if (!isSignedBy(statement.host, STATEMENT_DOMAIN, signed.body, signed.signature))
    throw refused("a host's signature does not verify");
  const chain = statement.membership ?? { chain: [] };
  const membership = checkMembership(chain, overlay, wallMs, revoked);
  if (!isEqualBytes(membership.host, statement.host)) throw refused("a certificate is another's");
  if (membership.linkSubnet !== null && !isEqualBytes(membership.linkSubnet, statement.subnet))
    throw refused("a host admitted on an open link holds no membership beyond it");
  const addresses = [...statement.subnetAddresses, ...statement.hostAddresses];
  if (addresses.length > 2 * ADDRESSES_MAX || utf8(statement.name).length > NAME_BYTES_MAX)
    throw refused("a host states too much");
  if (statement.relays.length > RELAYS_MAX) throw refused("a host states too many relays");
  for (const address of addresses) parseAddress(address);
  for (const { host, address } of statement.relays) {
    if (host.length !== KEY_BYTES) throw refused("a relay's key is not 32 bytes");
    parseAddress(address);
  }
  return {
    id: toBase32(statement.host),
    key: statement.host,
    name: statement.name,
    subnetAddresses: statement.subnetAddresses,
    hostAddresses: statement.hostAddresses,
    sequence: statement.sequence,
    goodForMs: statement.goodForMs,
    mayAdmit: membership.mayAdmit && membership.linkSubnet === null,
    reach: REACHES[statement.reach] ?? "unknown",
    relays: statement.relays,
    signed,
    subnet: statement.subnet,
  };
}

/** The membership that a host's own statement carries. */
export function membershipOf({ signed }: SetHost): Membership {
  return HostStatementCodec.decode(signed.body).membership ?? { chain: [] };
}

/** A reach as a statement carries it. */
export function reachCode(reach: Reach): number {
  return REACHES.indexOf(reach);
}

/** Whether a subnet only asks the DHT: it has found out that none of its hosts can be dialled. */
export function isClient(hosts: readonly SetHost[]): boolean {
  return hosts.length > 0 && hosts.every(({ reach }) => reach === "unreachable");
}

/** Whether other subnets have dialled one of these hosts. */
export function isServing(hosts: readonly SetHost[]): boolean {
  return hosts.some(({ reach }) => reach === "reachable");
}

/** What a version is made of: a counter agreed on the link, and the set's digest against ties. */
export function nextVersion(known: bigint, hosts: readonly SetHost[]): bigint {
  const counter = (known >> COUNTER_SHIFT) + 1n;
  return (counter << COUNTER_SHIFT) | BigInt(digestHosts(hosts).readUInt16BE(0));
}

/** Whether a version is further ahead than missed changes explain. */
export function isLeap(known: bigint, version: bigint): boolean {
  return known > 0n && (version >> COUNTER_SHIFT) - (known >> COUNTER_SHIFT) > LEAP_MAX;
}

/** Whether a leap may be believed, where nothing that holds speaks against it. */
export function mayLeapTo(version: bigint): boolean {
  return version >> COUNTER_SHIFT <= LEAP_TO_MAX;
}

/** The version of a subnet's last set, which names nobody. */
export function emptiedVersion(known: bigint): bigint {
  return ((known >> COUNTER_SHIFT) + 1n) << COUNTER_SHIFT;
}

/** Digest of who is where by which statement, whatever the order. */
export function digestHosts(hosts: readonly SetHost[]): Buffer {
  const hash = createHash("sha256");
  for (const host of sortHosts(hosts)) {
    hash.update(host.key);
    hash.update(`${host.sequence}\n${host.subnetAddresses.join("\n")}\n`);
  }
  return hash.digest();
}

export function sortHosts(hosts: readonly SetHost[]): SetHost[] {
  return [...hosts].sort((a, b) => compareBytes(a.key, b.key));
}

export interface HostSetRequest {
  readonly subnet: KeyPair;
  readonly generation: number;
  readonly version: bigint;
  readonly hosts: readonly SetHost[];
  readonly peerRecord: Uint8Array;
}

export function signHostSet(request: HostSetRequest): HostSet {
  const { subnet, generation, version, peerRecord } = request;
  const hosts = sortHosts(request.hosts);
  const body = HostSetBodyCodec.encode({
    subnet: subnet.publicKey,
    generation,
    version,
    statements: hosts.map((host) => host.signed),
    peerRecord,
  });
  const signed = { body, signature: subnet.sign(HOST_SET_DOMAIN, body) };
  const subnetId = toBase32(subnet.publicKey);
  return { subnet: subnet.publicKey, subnetId, generation, version, hosts, peerRecord, signed };
}

/**
 * @param overlay the overlay that every named host must be a member of
 * @param wallMs  now; null for a set kept from before, whose certificates may have ended
 * @throws {OverlayError} or {WireError} saying what is wrong with the set
 */
export function checkHostSet(
  signed: Signed,
  overlay: Uint8Array,
  wallMs: number | null,
  revoked: Revoked = NOBODY_REVOKED,
): HostSet {
  const body = HostSetBodyCodec.decode(signed.body);
  if (body.subnet.length !== KEY_BYTES) throw refused("the subnet's key is not 32 bytes");
  if (!isSignedBy(body.subnet, HOST_SET_DOMAIN, signed.body, signed.signature))
    throw refused("the subnet's signature does not verify");
  if (body.version >> COUNTER_SHIFT > COUNTER_MAX) throw refused("its version is absurd");
  if (body.statements.length > HOSTS_ANNOUNCED_MAX) throw refused("it names too many hosts");
  const hosts = validHosts(body, (statement) =>
    checkStatement(statement, overlay, wallMs, revoked),
  );
  refuseDisorder(hosts);
  return {
    subnet: body.subnet,
    subnetId: toBase32(body.subnet),
    generation: body.generation,
    version: body.version,
    hosts,
    peerRecord: body.peerRecord,
    signed,
  };
}

/**
 * The hosts whose statements hold: one host's expired certificate takes only that host away.
 *
 * @throws {OverlayError} or {WireError} when none of those named does
 */
function validHosts(
  body: HostSetBody,
  check: (statement: Signed) => ReturnType<typeof checkStatement>,
): SetHost[] {
  const problems: Error[] = [];
  const hosts = body.statements.flatMap((statement) => {
    try {
      const host = check(statement);
      if (isEqualBytes(host.subnet, body.subnet)) return [host];
      throw refused("a host states that it is of another subnet");
    } catch (error) {
      problems.push(error as Error);
      return [];
    }
  });
  const [problem] = problems;
  if (hosts.length === 0 && problem !== undefined) throw problem;
  return hosts;
}

function refuseDisorder(hosts: readonly SetHost[]): void {
  if (hosts.some(({ key }, i) => i > 0 && compareBytes(hosts[i - 1]!.key, key) >= 0))
    throw refused("its hosts are not in order, or one is there twice");
}

/** As many sets, in order, as fit into so many bytes; each as it was signed. */
export function fittingSets(sets: readonly HostSet[], bytesMax: number): Signed[] {
  let left = bytesMax;
  return sets.map((set) => set.signed).filter(({ body }) => (left -= body.length + 80) >= 0);
}

/** A leave is signed by the leaver, so that no packet on the link can forge one. */
export const LEAVE_DOMAIN = "causeway-leave-1";

export function leaveBody(host: Uint8Array, subnet: Uint8Array, sequence: number): Uint8Array {
  return concatBytes(host, subnet, utf8(String(sequence)));
}

function refused(problem: string): OverlayError {
  return new OverlayError("ERR_OVERLAY_REFUSED", `host set refused: ${problem}`);
}
