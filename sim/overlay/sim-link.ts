/** Multicast DNS of one host: the real link machine on the simulated link. */
import { toBase32 } from "../../platform/base32.ts";
import { driveMachine, type Driver } from "../../platform/driver.ts";
import type { Random } from "../../platform/random.ts";
import {
  hostTagOf,
  LinkMachine,
  type LinkAction,
  type LinkEvent,
  type LinkPeer,
} from "../../overlay/cores.ts";
import type { HostTime } from "./host-time.ts";
import type { Network, Place } from "./network.ts";

const MDNS_PORT = 5353;
const ASK_TIMEOUT_MS = 250;
const PREFIX_BITS = 24;

export interface SimLinkParts {
  readonly network: Network;
  readonly place: Place;
  readonly time: HostTime;
  readonly random: Random;
  /** All places of the network. */
  places(): Iterable<Place>;
  /** Whether this host keeps something under a key question's label. */
  holds(label: string): boolean;
  onPeer(peer: LinkPeer): void;
  onPeerGone(hostTag: string): void;
}

type Announcement = Extract<LinkEvent, { type: "announce" }>["announcement"];

export class SimLink {
  readonly #parts: SimLinkParts;
  readonly #machine: LinkMachine;
  readonly #driver: Driver<LinkEvent>;
  readonly #asks = new Map<number, (hostTags: readonly string[]) => void>();
  readonly #stopListening: () => void;
  #asked = 0;

  constructor(parts: SimLinkParts) {
    this.#parts = parts;
    const { network, place, time, random } = parts;
    this.#machine = new LinkMachine(random);
    this.#driver = driveMachine(this.#machine, time, time, (action) => this.#perform(action));
    this.#stopListening = network.listen(place, (bytes, from) => {
      time.whenRunning(() => {
        if (!time.isOver) this.#driver.feed({ type: "packet", bytes, from, port: MDNS_PORT });
      });
    });
    const addresses = [{ address: place.ip, prefixBits: PREFIX_BITS }];
    const link = { name: "eth0", addresses };
    this.#driver.feed({ type: "start", link, announcement: null });
  }

  peer(hostTag: string): LinkPeer | undefined {
    return this.#machine.peers().find((peer) => peer.announcement.hostTag === hostTag);
  }

  announce(announcement: Announcement): void {
    this.#driver.feed({ type: "announce", announcement });
  }

  confirm(hostId: string): void {
    this.#driver.feed({ type: "confirm", hostTag: hostTagOf(hostId) });
  }

  /** Ids of those among some hosts that say they hold a key. */
  async askHosts(key: Uint8Array, hosts: () => readonly string[]): Promise<readonly string[]> {
    const { promise, resolve } = Promise.withResolvers<readonly string[]>();
    const id = this.#asked++;
    this.#asks.set(id, resolve);
    this.#driver.feed({ type: "ask", id, label: toBase32(key), timeoutMs: ASK_TIMEOUT_MS });
    const heard = await promise;
    return hosts().filter((host) => heard.includes(hostTagOf(host)));
  }

  /** @param isGraceful with a goodbye */
  stop(isGraceful: boolean): void {
    if (isGraceful) this.#driver.feed({ type: "stop" });
    this.#driver.stop();
    this.#stopListening();
  }

  #perform(action: LinkAction): void {
    const { network, place, places, holds, onPeer, onPeerGone } = this.#parts;
    switch (action.type) {
      case "send":
        return network.multicast(place, places(), action.bytes, action.to?.address ?? null);
      case "peer-found":
      case "peer-changed":
        return onPeer(action.peer);
      case "peer-gone":
        return onPeerGone(action.peer.announcement.hostTag);
      case "question-heard":
        if (holds(action.label)) this.#driver.feed({ type: "hold", label: action.label });
        return;
      case "asked":
        this.#asks.get(action.id)?.(action.hostTags);
        this.#asks.delete(action.id);
        return;
      case "answer-heard":
    }
  }
}
