/** Where records lie: on disk when they are acknowledged, in all their places once all is mended. */
import {
  compareDistance,
  placeInSubnet,
  positionOf,
  slotIdOf,
  type SignedRecord,
} from "../../../overlay/cores.ts";
import { fromBase32 } from "../../../platform/base32.ts";
import type { PutOperation } from "../history.ts";
import type { SimHost } from "../sim-host.ts";
import type { Violation } from "../violation.ts";
import { keyBytes } from "../workload.ts";
import { nameOf } from "./record-rules.ts";

/**
 * A put is acknowledged when each subnet named in the answer has it on a disk at least.
 *
 * @param lastIn subnet that a host is in, or was in last
 */
export function checkDurable(
  put: PutOperation,
  publisher: SimHost,
  storedOn: readonly string[],
  hosts: readonly SimHost[],
  lastIn: ReadonlyMap<SimHost, string>,
  atMs: number,
): Violation[] {
  if (put.invokedMs + put.ttlMs < atMs) return []; // it is over, and off the disk
  const slotId = slotOf(put, publisher);
  return storedOn.flatMap((subnetId) => {
    const members = hosts.filter((host) => lastIn.get(host) === subnetId && !host.isRetired);
    if (members.length === 0 || members.some(({ disk }) => disk.holds(slotId, put.version)))
      return [];
    const what = `${nameOf(put)} is acknowledged by ${subnetId.slice(0, 8)} and on no disk there`;
    return [{ promise: "durable" as const, atMs, what }];
  });
}

/** Every closest subnet keeps a record, on as many hosts as its policy says. */
export function checkCopies(
  puts: readonly PutOperation[],
  publisherOf: (put: PutOperation) => SimHost,
  hosts: readonly SimHost[],
  replicas: number,
  atMs: number,
): Violation[] {
  const bySubnet = Map.groupBy(hosts, ({ session }) => session?.subnetId ?? "");
  bySubnet.delete("");
  return puts.flatMap((put) => {
    const slotId = slotOf(put, publisherOf(put));
    const closest = closestTo(put.key, [...bySubnet.keys()]).slice(0, replicas);
    return closest.flatMap((subnetId) => {
      const members = bySubnet.get(subnetId)!;
      const problem = lackOf(put, slotId, members);
      if (problem === undefined) return [];
      const what = `${nameOf(put)}: ${problem} in ${subnetId.slice(0, 8)}, one of its ${replicas} closest`;
      return [{ promise: "copies" as const, atMs, what }];
    });
  });
}

function lackOf(
  put: PutOperation,
  slotId: string,
  members: readonly SimHost[],
): string | undefined {
  const holders = members.filter((host) => {
    const held = host.process?.records.store.getSlot(slotId);
    return held !== undefined && held.record.version >= put.version;
  });
  if (holders.length === 0) return "no host keeps it";
  const record = holders[0]!.process!.records.store.getSlot(slotId)!.record;
  const ids = members.map(({ key }) => key.id);
  const places = placeInSubnet(record, ids) ?? [];
  const lacking = members.filter((host) => places.includes(host.key.id) && !holders.includes(host));
  return lacking.length === 0 ? undefined : `${lacking.map(({ name }) => name).join(" ")} lacks it`;
}

function closestTo(key: string, subnets: readonly string[]): string[] {
  const target = positionOf(keyBytes(key));
  const placed = subnets.map((id) => ({ id, position: positionOf(fromBase32(id)) }));
  placed.sort((a, b) => compareDistance(target, a.position, b.position));
  return placed.map(({ id }) => id);
}

function slotOf({ key, slot }: PutOperation, publisher: SimHost): string {
  const fields = { key: keyBytes(key), publisher: publisher.key.publicKey, slot };
  return slotIdOf(fields as SignedRecord);
}
