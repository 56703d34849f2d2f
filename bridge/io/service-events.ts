/** The services of the link as a stream of changes, for programs that read them. */
import { EventQueue } from "../../platform/event-queue.ts";
import { matchesGlob, parseGlob } from "../rules/glob.ts";
import { ALL_TYPES } from "../rules/rule.ts";
import { parseServiceType } from "../rules/service-type.ts";
import type { ServiceEvent } from "../types.ts";
import { serviceKey, type ZeroconfService } from "../zeroconf/service.ts";
import type { ExportSide } from "./export-side.ts";

/**
 * @param serviceType `_http._tcp`, `http` or `all`
 * @param name        a glob
 * @throws {BridgeError} ERR_BRIDGE_RULE when one of the two is malformed
 */
export async function* readServices(
  side: Pick<ExportSide, "read" | "services">,
  serviceType: string,
  name: string,
  signal: AbortSignal,
): AsyncGenerator<ServiceEvent> {
  const type = parseServiceType(serviceType);
  const glob = parseGlob(name);
  const queue = new EventQueue<ServiceEvent>();
  const known = new Map<string, { readonly service: ZeroconfService; readonly text: string }>();
  const compare = (): void => {
    const present = new Set<string>();
    for (const { service } of side.services) {
      const isOfType = type === ALL_TYPES || service.type === type;
      if (!isOfType || !matchesGlob(glob, service.instance)) continue;
      const key = serviceKey(service);
      const text = textOf(service);
      present.add(key);
      if (known.get(key)?.text === text) continue;
      known.set(key, { service, text });
      queue.push({ event: "add", service });
    }
    for (const [key, { service }] of known) {
      if (present.has(key)) continue;
      known.delete(key);
      queue.push({ event: "remove", id: { instance: service.instance, type: service.type } });
    }
  };
  const reading = side.read(type, compare);
  try {
    compare();
    yield* queue.read(signal);
  } finally {
    reading.close();
  }
}

function textOf(service: ZeroconfService): string {
  const txt = service.txt.map((one) => Buffer.from(one).toString("latin1"));
  const { subtypes, addresses } = service;
  const sorted = { subtypes: subtypes.toSorted(), addresses: addresses.toSorted() };
  return JSON.stringify({ ...service, ...sorted, txt });
}
