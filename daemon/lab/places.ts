/**
 * Where the hosts of a lab are now: `places.json` names those that are not as the file has them.
 *
 * Read anew each time, since any number of processes may look at a lab and change it.
 */
import { join } from "node:path";
import { underLock } from "./file-lock.ts";
import {
  findHost,
  labDirectory,
  labHosts,
  readJson,
  writeJson,
  type HostRecord,
  type LabRecord,
  type SiteRecord,
} from "./record.ts";

/** What may change of a host while the lab runs. */
export interface Place {
  /** `null` for none; kept while the host has no interface to be there by. */
  readonly site: string | null;
  readonly addresses: readonly string[];
  /** Port number at the switch; above all numbers of hosts that are at home. */
  readonly seat: number;
  /** Whether the host has its `eth0` at all. */
  readonly hasInterface: boolean;
}

type Places = Readonly<Record<string, Place>>;

export function placeOf(lab: LabRecord, host: string): Place {
  return readPlaces(lab)[host] ?? homePlace(findHost(lab, host));
}

/** As the file has it. */
function homePlace({ home, number, addresses }: HostRecord): Place {
  return { site: home, addresses, seat: number, hasInterface: true };
}

/** @throws {ConfigError} naming the hosts there are */
export function hostNow(lab: LabRecord, name: string): HostRecord {
  const host = findHost(lab, name);
  return placed(host, readPlaces(lab)[name]);
}

export function hostsNow(lab: LabRecord): readonly HostRecord[] {
  const places = readPlaces(lab);
  return labHosts(lab).map((host) => placed(host, places[host.name]));
}

/** A site with the hosts that are plugged into it, visitors last. */
export function siteNow(lab: LabRecord, site: SiteRecord): SiteRecord {
  const hosts = hostsNow(lab).filter((host) => host.site === site.name);
  const isAway = (host: HostRecord): number => (host.home === site.name ? 0 : 1);
  return { ...site, hosts: hosts.toSorted((a, b) => isAway(a) - isAway(b)) };
}

/** Places of all hosts that are in a site, by host name. */
export function placesAt(lab: LabRecord, site: string): ReadonlyMap<string, Place> {
  const all = labHosts(lab).map(({ name }) => [name, placeOf(lab, name)] as const);
  return new Map(all.filter(([, place]) => place.site === site));
}

/**
 * Changes the place of a host while nobody else changes one.
 *
 * @param work makes it so and gives the new place
 */
export async function changePlace(
  lab: LabRecord,
  host: string,
  work: (before: Place) => Promise<Place>,
): Promise<HostRecord> {
  const file = join(labDirectory(lab.name), "places");
  return underLock(`${file}.lock`, async () => {
    const after = await work(placeOf(lab, host));
    writeJson(`${file}.json`, { ...readPlaces(lab), [host]: after });
    return hostNow(lab, host);
  });
}

function readPlaces(lab: LabRecord): Places {
  return (readJson(join(labDirectory(lab.name), "places.json")) ?? {}) as Places;
}

function placed(host: HostRecord, place: Place | undefined): HostRecord {
  if (place === undefined) return host;
  const { site, addresses, hasInterface } = place;
  return { ...host, site: hasInterface ? (site ?? undefined) : undefined, addresses };
}
