/** Services for tests. */
import type { ZeroconfService } from "../../../bridge/zeroconf/service.ts";

export function serviceOf(changes: Partial<ZeroconfService> = {}): ZeroconfService {
  return {
    instance: "Tom's Music v1.2",
    type: "_http._tcp",
    subtypes: [],
    host: ["remote-203-0-113-7", "local"],
    port: 80,
    txt: [Uint8Array.of(0x61, 0x3d, 0x31)],
    addresses: ["203.0.113.7"],
    ...changes,
  };
}
