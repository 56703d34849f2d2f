/** Names and ports that a service of another link may have here, beside those that are here already. */
import { fromBase32 } from "../../platform/base32.ts";
import type { ServiceRecord } from "../exchange/service-record.ts";
import { choosePorts } from "../relay/port-choice.ts";
import { serviceKey } from "../zeroconf/service.ts";
import { nameCandidates } from "./instance-names.ts";

/** What a service got on this link. */
export interface Place {
  readonly instance: string;
  readonly port: number;
}

export function isSamePlace(a: Partial<Place>, b: Partial<Place>): boolean {
  return a.instance === b.instance && a.port === b.port;
}

/** The link's own services, as far as this host browses them. */
export interface HomeLink {
  /** Whether the link has a service of its own by that `serviceKey`. */
  isAtHome(key: string): boolean;
  /**
   * Monotonic time from which on that is known of a type: later than now while its browsing has just
   * begun. Who browses cannot rely on probing (see `freeNames`); who does not, can.
   */
  isKnownFromMs(type: string): number;
}

/** Another imported service. */
export interface Neighbour {
  readonly originId: string;
  readonly record: ServiceRecord;
  /** Absent: it is still to be shown. */
  readonly place: Place | undefined;
  /** The name that this host is about to give it. */
  readonly awaited: string | undefined;
}

/**
 * Probing would tell of names that are taken, if Avahi answered each probe: it does not for 0.7 s after
 * it heard the same host ask with the answer known, as one does that browses (seen with 0.8).
 *
 * @param remembered the name it had here before, which comes first
 * @param isAtHome   whether the link has a service of its own by that `serviceKey`
 * @returns names to try, best first: not those that another service of the type has
 */
export function freeNames(
  record: ServiceRecord,
  remembered: string | undefined,
  neighbours: readonly Neighbour[],
  isAtHome: (key: string) => boolean,
): readonly string[] {
  const { type } = record;
  const taken = new Set(
    neighbours
      .filter((one) => one.record.type === type)
      .map(({ place, awaited }) => place?.instance ?? awaited),
  );
  const all = nameCandidates(record.instance, record.site, remembered);
  const free = all.filter(
    (instance) => !taken.has(instance) && !isAtHome(serviceKey({ instance, type })),
  );
  return free.length > 0 ? free : all;
}

/**
 * Ports to try, best first, such that all hosts of a crew can listen on the one that is got.
 *
 * The hosts choose for different services at the same time, so the origin's number goes to the least
 * origin id of those that are to be shown and have it.
 */
export function freePorts(
  originId: string,
  record: ServiceRecord,
  neighbours: readonly Neighbour[],
): readonly number[] {
  const taken = new Set(neighbours.flatMap(({ place }) => (place ? [place.port] : [])));
  const isFirst = neighbours.every(
    (one) => one.place !== undefined || one.record.port !== record.port || originId < one.originId,
  );
  if (!isFirst) taken.add(record.port);
  const all = choosePorts(fromBase32(originId), record.port);
  const free = all.filter((port) => !taken.has(port));
  return free.length > 0 ? free : all;
}
