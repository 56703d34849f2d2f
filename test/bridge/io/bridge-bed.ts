/** Sites with bridges in one process: links, subnets and records in memory, relays on loopback. */
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startBridgeOn, type BridgeGround } from "../../../bridge/io/bridge.ts";
import type { Bridge } from "../../../bridge/types.ts";
import type { ServiceId, ZeroconfService } from "../../../bridge/zeroconf/service.ts";
import { openSealed } from "../../../overlay/identity/sealing.ts";
import { createKeyPair, type KeyPair } from "../../../overlay/identity/keys.ts";
import { toBase32 } from "../../../platform/base32.ts";
import { utf8 } from "../../../platform/bytes.ts";
import { createMetrics } from "../../../platform/io/metrics.ts";
import { createSystemClock } from "../../../platform/io/system-clock.ts";
import { SILENT } from "../../../platform/logger.ts";
import { createRandom } from "../../../platform/random.ts";
import { InMemoryLink, type InMemoryBackend } from "../in-memory-link.ts";
import { MemoryDirectory } from "./memory-directory.ts";
import { MemorySubnets } from "./memory-subnets.ts";

export interface BedHost {
  readonly id: string;
  readonly bridge: Bridge;
  readonly backend: InMemoryBackend;
  /** Dies: no goodbye in the overlay, one on the link, as Avahi gives it. */
  kill(): Promise<void>;
}

export class BridgeBed {
  readonly subnets = new MemorySubnets();
  readonly directory = new MemoryDirectory();
  readonly #links = new Map<string, InMemoryLink>();
  readonly #directories: string[] = [];
  readonly #hosts = new Map<string, BedHost>();
  /** Names of service hosts that answer no question. */
  readonly silent = new Set<string>();
  /** By name of the host: what it is told of a service that says goodbye. */
  readonly goodbyes = new Map<string, (id: ServiceId) => void>();
  #addresses = 10;

  link(site: string): InMemoryLink {
    const link = this.#links.get(site) ?? new InMemoryLink();
    this.#links.set(site, link);
    return link;
  }

  /** @param ground what of its link is to be otherwise */
  async start(
    site: string,
    name: string,
    stateDir?: string,
    ground: Partial<BridgeGround> = {},
  ): Promise<BedHost> {
    const keys = keysOf(name);
    const overlay = this.subnets.add(keys.id, subnetOf(site));
    const backend = this.link(site).open();
    // Test files run side by side, and relays want the same ports.
    const address = `127.77.${process.env["VITEST_WORKER_ID"] ?? 1}.${this.#addresses++}`;
    const state = stateDir ?? this.stateDir();
    const bridge = await startBridgeOn(
      {
        openBackend: async () => backend,
        openLoopback: async () => this.link(`${name} alone`).open(),
        readLink: () => ({ name: "lo", addresses: [{ address, prefixBits: 8 }] }),
        listen: async (_, onGoodbye) => {
          this.goodbyes.set(name, onGoodbye);
          return async () => {};
        },
        isHostThere: async (host) => !this.silent.has(host),
        ...ground,
      },
      { stateDir: state, backend: "auto", configured: [] },
      {
        overlay: {
          ...overlay,
          subnet: overlay.subnet,
          status: () =>
            ({
              host: { id: keys.id, name },
              link: { interface: "lo", addresses: [address] },
            }) as never,
          directory: this.directory.of(keys.id),
          unseal: (box) => openSealed(keys.seed, box),
        },
        clock: createSystemClock({ wallOffsetFile: null }),
        random: createRandom(this.#addresses),
        log: SILENT,
        metrics: createMetrics(),
      },
    );
    const kill = async (): Promise<void> => {
      this.subnets.kill(keys.id);
      await backend.close();
      this.#hosts.delete(name);
      // What a dead process would do no longer.
      void bridge.stop();
    };
    const host = { id: keys.id, bridge, backend, kill };
    this.#hosts.set(name, host);
    return host;
  }

  stateDir(): string {
    const directory = mkdtempSync(join(tmpdir(), "causeway-bridge-"));
    this.#directories.push(directory);
    return directory;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#hosts.values()].map(({ bridge }) => bridge.stop()));
    for (const directory of this.#directories.splice(0)) rmSync(directory, { recursive: true });
  }
}

export function keysOf(name: string): KeyPair {
  return createKeyPair(new Uint8Array(createHash("sha256").update(name).digest()));
}

export function subnetOf(site: string): string {
  return toBase32(new Uint8Array(createHash("sha256").update(`subnet ${site}`).digest()));
}

export function aService(given: Partial<ZeroconfService> = {}): ZeroconfService {
  return {
    instance: "Tom's Music v1.2",
    type: "_daap._tcp",
    subtypes: [],
    host: ["toms-mac", "local"],
    port: 3689,
    txt: [utf8("Version=1")],
    addresses: ["127.77.0.1"],
    ...given,
  };
}

/** Waits until it holds. @throws when it does not in time */
export async function eventually<T>(
  look: () => T | undefined | false,
  timeoutMs = 4000,
): Promise<T> {
  for (const endMs = performance.now() + timeoutMs; ;) {
    const seen = look();
    if (seen !== undefined && seen !== false) return seen;
    if (performance.now() > endMs)
      throw new Error(`not seen in ${timeoutMs} ms: ${look.toString()}`);
    await new Promise((done) => setTimeout(done, 10));
  }
}
